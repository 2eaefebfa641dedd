"""Acts that anyone sends: taken once, in time, as signed, for this contract and this chain."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from brownie import chain

from medibloc_py import acts, purpose
from medibloc_py.acts import Act
from medibloc_py.chain import Signer
from medibloc_py.crypto import ids
from medibloc_py.model import Blind, RecordId, Scope
from support.clock import next_block_at, now
from support.expect import emits, reverts_with
from support.locators import parts
from support.words import Word, word

PATIENT = Signer.from_key(b"\x05" * 32)
DELEGATE = Signer.from_key(b"\x06" * 32)
BUNDLE = b"\x01" + secrets.token_bytes(1248)
LOCATOR = secrets.token_bytes(80)
FORM = secrets.token_bytes(32)
BLIND = Blind(secrets.token_bytes(32))
RECORD = RecordId(ids.record_id(PATIENT.address, BLIND))
UNTIL = 2**40 - 1
VALID_S = 1000


@dataclass(frozen=True)
class House:
    """The rooms, and who takes part without a word."""

    accounts: Any
    consents: Any
    grants: Any
    hospital: Any
    reader: Any

    def patient(self, **more: Any) -> dict[str, Any]:
        return {"patient": PATIENT.address, **more}

    def record(self, **more: Any) -> dict[str, Any]:
        return self.patient(record=RECORD, **more)

    def given(self, **more: Any) -> dict[str, Any]:
        """The fields of a grant that every word on it names."""
        return self.record(grantee=self.reader.address, **more)

    def request(self) -> tuple[Any, ...]:
        opening = self.hospital, BLIND, ()
        return *opening, self.reader, purpose.TREATMENT, UNTIL, parts(LOCATOR)


@dataclass(frozen=True)
class Case:
    """One act that can be signed.

    Attributes:
        room: the contract that takes it.
        function: its name there.
        act: what is signed.
        arguments: of the function, but for the word.
        values: of the struct, but for the deadline.
        event: name and arguments of what is emitted by the patient's own word.
        after: the act that must be made before.
        scope: what a delegate must be allowed; None where delegates have no say.
    """

    room: str
    function: str
    act: Act
    arguments: Callable[[House], tuple[Any, ...]]
    values: Callable[[House], Mapping[str, Any]]
    event: Callable[[House], tuple[str, Mapping[str, Any]]]
    after: str | None = None
    scope: Scope | None = None

    def word(self, house: House, signer: Signer, **other: Any) -> Word:
        """The word of `signer`, for this contract unless for another."""
        contract = other.pop("contract", getattr(house, self.room))
        return word(contract, self.act, signer, now() + VALID_S, self.values(house), **other)

    def send(self, house: House, by: Word, sender: Any) -> Any:
        function = getattr(getattr(house, self.room), self.function)
        return function(*self.arguments(house), by, {"from": sender})


TERMS = {"terms": purpose.GRU, "expiresAt": UNTIL, "form": FORM}
SAID = {"by": PATIENT.address}
CASES = {
    "publish a key": Case(
        room="accounts",
        function="publishKeyFor",
        act=acts.ENCRYPTION_KEY,
        arguments=lambda house: (BUNDLE,),
        values=lambda house: {"account": PATIENT.address, "bundle": BUNDLE, "version": 1},
        event=lambda house: (
            "KeyPublished",
            {"account": PATIENT.address, "version": 1, "bundle": BUNDLE},
        ),
    ),
    "set": Case(
        room="consents",
        function="setFor",
        act=acts.CONSENT,
        arguments=lambda house: (PATIENT.address, RECORD, *TERMS.values()),
        values=lambda house: house.record(**TERMS, version=1),
        event=lambda house: ("ConsentSet", house.record(**TERMS, version=1, **SAID)),
        scope=Scope.CONSENT,
    ),
    "revoke": Case(
        room="consents",
        function="revokeFor",
        act=acts.REVOCATION,
        arguments=lambda house: (PATIENT.address, RECORD),
        values=lambda house: house.record(version=1),
        event=lambda house: ("ConsentRevoked", house.record(version=1, **SAID)),
        scope=Scope.CONSENT,
    ),
    "lift": Case(
        room="consents",
        function="liftFor",
        act=acts.LIFT,
        arguments=lambda house: (PATIENT.address, RECORD),
        values=lambda house: house.record(version=2),
        event=lambda house: ("ConsentLifted", house.record(version=2, **SAID)),
        after="revoke",
        scope=Scope.CONSENT,
    ),
    "name a delegate": Case(
        room="consents",
        function="setDelegateFor",
        act=acts.MANDATE,
        arguments=lambda house: (DELEGATE.address, Scope(7), UNTIL),
        values=lambda house: house.patient(
            delegate=DELEGATE.address, scope=7, until=UNTIL, version=1
        ),
        event=lambda house: (
            "DelegateSet",
            house.patient(delegate=DELEGATE.address, scope=7, until=UNTIL, version=1),
        ),
    ),
    "grant": Case(
        room="grants",
        function="grantFor",
        act=acts.GRANT,
        arguments=lambda house: (PATIENT.address, house.request()),
        values=lambda house: house.given(
            purpose=purpose.TREATMENT, expiresAt=UNTIL, locator=LOCATOR, epoch=1
        ),
        event=lambda house: (
            "Granted",
            {
                "recordId": RECORD,
                "patient": PATIENT.address,
                "grantee": house.reader,
                "purpose": purpose.TREATMENT,
                "expiresAt": UNTIL,
                "epoch": 1,
                "locator": parts(LOCATOR),
                **SAID,
            },
        ),
        scope=Scope.GRANT,
    ),
    "revoke a grant": Case(
        room="grants",
        function="revokeFor",
        act=acts.GRANT_REVOCATION,
        arguments=lambda house: (PATIENT.address, BLIND, house.reader),
        values=lambda house: house.given(epoch=1),
        event=lambda house: (
            "GrantRevoked",
            {
                "recordId": RECORD,
                "patient": PATIENT.address,
                "grantee": house.reader,
                "epoch": 1,
                **SAID,
            },
        ),
        after="grant",
        scope=Scope.GRANT,
    ),
    "name a custodian": Case(
        room="grants",
        function="nameCustodianFor",
        act=acts.CUSTODIAN,
        arguments=lambda house: (PATIENT.address, house.reader, UNTIL),
        values=lambda house: house.patient(custodian=house.reader.address, until=UNTIL, version=1),
        event=lambda house: (
            "CustodianNamed",
            house.patient(custodian=house.reader, until=UNTIL, version=1),
        ),
        scope=Scope.GRANT,
    ),
}
DELEGABLE = [name for name, case in CASES.items() if case.scope]


@pytest.fixture
def house(accounts: Any, consents: Any, grants: Any, hospital: Any, researcher: Any) -> House:
    accounts.register(RECORD, 1, {"from": hospital})
    return House(accounts, consents, grants, hospital, researcher)


@pytest.fixture
def case(request: pytest.FixtureRequest, house: House, steward: Any) -> Case:
    """An act of which everything that must come before has been made."""
    found = CASES[request.param]
    if found.after:
        before = CASES[found.after]
        before.send(house, before.word(house, PATIENT), steward)
    return found


every = pytest.mark.parametrize("case", CASES, indirect=True)
delegable = pytest.mark.parametrize("case", DELEGABLE, indirect=True)


@every
def test_act_is_taken_once(house: House, case: Case, stranger: Any, steward: Any) -> None:
    by = case.word(house, PATIENT)
    done = case.send(house, by, stranger)
    name, arguments = case.event(house)
    emits(done, getattr(house, case.room), name, **arguments)
    for sender in (stranger, steward):
        with reverts_with("SignatureInvalid", PATIENT.address):
            case.send(house, by, sender)


@every
def test_act_is_taken_through_the_last_second(house: House, case: Case, stranger: Any) -> None:
    by = case.word(house, PATIENT)
    next_block_at(by[1])
    case.send(house, by, stranger)


@every
def test_act_reverts_when_word_is_late(house: House, case: Case, stranger: Any) -> None:
    by = case.word(house, PATIENT)
    next_block_at(by[1] + 1)
    with reverts_with("SignatureExpired", PATIENT.address, by[1]):
        case.send(house, by, stranger)


@every
def test_act_reverts_when_word_is_foreign(
    house: House, case: Case, market: Any, stranger: Any
) -> None:
    elsewhere = case.word(house, PATIENT, chain_id=chain.id + 1)
    for by in (elsewhere, case.word(house, PATIENT, contract=market)):
        with reverts_with("SignatureInvalid", PATIENT.address):
            case.send(house, by, stranger)


@every
def test_act_reverts_when_another_signed(house: House, case: Case, stranger: Any) -> None:
    _, deadline, signature = case.word(house, DELEGATE)
    for said in (signature, b"", signature[:64]):
        with reverts_with("SignatureInvalid", PATIENT.address):
            case.send(house, (PATIENT.address, deadline, said), stranger)


@delegable
def test_act_is_taken_from_a_delegate(house: House, case: Case, stranger: Any) -> None:
    by = case.word(house, DELEGATE)
    with reverts_with("MandateMissing", PATIENT.address, DELEGATE.address, case.scope):
        case.send(house, by, stranger)
    mandate = {"delegate": DELEGATE.address, "scope": int(case.scope), "until": UNTIL}
    allowed = word(
        house.consents,
        acts.MANDATE,
        PATIENT,
        now() + VALID_S,
        house.patient(**mandate, version=1),
    )
    house.consents.setDelegateFor(*mandate.values(), allowed, {"from": stranger})
    done = case.send(house, by, stranger)
    name, arguments = case.event(house)
    said = {"by": DELEGATE.address} if "by" in arguments else {}
    emits(done, getattr(house, case.room), name, **{**arguments, **said})
    with reverts_with("SignatureInvalid", DELEGATE.address):
        case.send(house, by, stranger)


@delegable
def test_act_reverts_when_the_delegate_was_removed(house: House, case: Case, stranger: Any) -> None:
    by = case.word(house, DELEGATE)
    for version, scope in enumerate((case.scope, 0), start=1):
        mandate = {"delegate": DELEGATE.address, "scope": int(scope), "until": UNTIL}
        said = house.patient(**mandate, version=version)
        allowed = word(house.consents, acts.MANDATE, PATIENT, now() + VALID_S, said)
        house.consents.setDelegateFor(*mandate.values(), allowed, {"from": stranger})
    with reverts_with("MandateMissing", PATIENT.address, DELEGATE.address, case.scope):
        case.send(house, by, stranger)
