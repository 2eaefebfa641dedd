"""Several acts in one transaction: all or none, or all that can be."""

from __future__ import annotations

import pytest

from medibloc_py import purpose
from medibloc_py.chain import Call, Signer
from medibloc_py.errors import (
    ConsentMissing,
    InvalidValue,
    SignatureInvalid,
    TermsInvalid,
)
from medibloc_py.model import GENERAL, Role, Signed
from tests.flow.services.house import FORM, House


def consents(house: House, patients: list[Signer], terms: int = purpose.HMB) -> list[Call]:
    """The signed consents of several patients."""
    until, deadline = house.in_days(365), house.network.now() + 3_600
    service, calls = house.consent, []
    for patient in patients:
        by = service.sign_consent(patient, patient.address, terms, until, FORM, deadline)
        calls.append(service.set_for.call(patient.address, terms, until, FORM, by))
    return calls


def given(house: House, patients: list[Signer]) -> list[int]:
    return [house.consent.consent_of(patient.address).version for patient in patients]


def test_a_relay_sends_the_consents_of_many(house: House):
    patients = [Signer.generate() for _ in range(30)]
    done = house.consent.multicall(house.relay, consents(house, patients))
    assert done.refused == {}
    assert len(done.receipt.events) == 30
    assert {event.args["by"] for event in done.receipt.events} == {p.address for p in patients}
    assert given(house, patients) == [1] * 30


def test_atomic_is_all_or_none(house: House):
    patients = [Signer.generate() for _ in range(4)]
    calls = consents(house, patients)
    house.consent.set_for(house.relay, patients[2].address, *rest(calls[2]))
    with pytest.raises(SignatureInvalid) as caught:
        house.consent.multicall(house.relay, calls)
    assert caught.value.values == {"signer": patients[2].address}
    assert given(house, patients) == [0, 0, 1, 0]


def rest(call: Call) -> tuple[object, ...]:
    """The arguments of a signed consent, as the service takes them."""
    _, _, terms, expires_at, form, by = call.arguments
    return terms, expires_at, form, Signed(*by)  # type: ignore[misc]


def test_not_atomic_leaves_out_what_is_refused_and_says_why(house: House):
    patients = [Signer.generate() for _ in range(6)]
    calls = consents(house, patients)
    for used in (0, 3):  # these were sent by somebody else meanwhile
        house.consent.set_for(house.relay, patients[used].address, *rest(calls[used]))
    calls.insert(2, house.consent.revoke_for.call(house.stranger.address, word(house), GENERAL))
    bad = [Signer.generate()]
    calls += consents(house, bad, terms=purpose.HMB | purpose.GRU)
    done = house.consent.multicall(house.relay, calls, atomic=False)
    assert {place: type(why) for place, why in done.refused.items()} == {
        0: SignatureInvalid,
        2: ConsentMissing,
        4: SignatureInvalid,
        7: TermsInvalid,
    }
    assert done.refused[0].values == {"signer": patients[0].address}
    assert done.refused[7].values == {"terms": purpose.HMB | purpose.GRU}
    assert given(house, patients + bad) == [1] * 6 + [0]


def word(house: House) -> Signed:
    """A revocation where there is nothing to revoke."""
    deadline = house.network.now() + 3_600
    return house.consent.sign_revocation(house.stranger, house.stranger.address, deadline)


def test_none_that_can_be_made_is_no_failure(house: House):
    patients = [Signer.generate() for _ in range(3)]
    calls = consents(house, patients)
    house.consent.multicall(house.relay, calls)
    done = house.consent.multicall(house.relay, calls, atomic=False)
    assert [type(why) for why in done.refused.values()] == [SignatureInvalid] * 3
    assert given(house, patients) == [1] * 3


def test_own_acts_go_together_too(house: House):
    accounts, until = house.accounts, house.in_days(9)
    people = (house.stranger, house.guardian)
    calls = [accounts.accredit.call(each.address, Role.ISSUER, until) for each in people]
    calls.append(accounts.attest.call(house.stranger.address, purpose.HAS_IRB))
    done = accounts.multicall(house.governance, calls)
    assert [event.name for event in done.receipt.events] == ["Accredited"] * 2 + ["Attested"]
    assert all(accounts.is_accredited(each.address, Role.ISSUER) for each in people)


def test_multicall_refuses_none_and_those_of_another_contract(house: House):
    foreign = house.market.refund.call(house.purchase(house.list())[1])
    for calls in ([], [foreign], [*consents(house, [house.patient]), foreign]):
        with pytest.raises(InvalidValue, match="all to the Consents at"):
            house.consent.multicall(house.relay, calls)


def test_what_is_sent_alone_is_what_is_sent_with_others(house: House):
    house.consent.revoke(house.patient, house.record)
    call = house.consent.revoke.call(house.record)
    assert (call.contract, call.function) == (house.consent.address, "revoke")
    assert call.arguments == (house.record,)
    with pytest.raises(ConsentMissing):  # it is barred already
        house.consent.multicall(house.patient, [call])
