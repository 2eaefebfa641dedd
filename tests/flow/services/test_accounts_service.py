from __future__ import annotations

import pytest

from medibloc_py.errors import (
    EvidenceInvalid,
    ExpiryInPast,
    KeyBundleInvalid,
    NotAccreditor,
    OwnableUnauthorizedAccount,
)
from medibloc_py.model import Accreditation, PublishedKey, Role
from medibloc_py.purpose import HAS_IRB, HMB
from tests.flow.services.house import House

BUNDLE = b"\x01" + b"\x42" * 1248


def test_governance_passes_on_in_two_steps(house: House):
    accounts, heir = house.accounts, house.stranger
    assert accounts.governance() == house.governance.address
    accounts.transfer_governance(house.governance, heir.address)
    assert accounts.governance() == house.governance.address
    accounts.accept_governance(heir)
    assert accounts.governance() == heir.address
    with pytest.raises(OwnableUnauthorizedAccount) as caught:
        accounts.transfer_governance(house.governance, heir.address)
    assert caught.value.values == {"account": house.governance.address}


def test_governance_is_not_taken(house: House):
    with pytest.raises(OwnableUnauthorizedAccount):
        house.accounts.accept_governance(house.stranger)


def test_set_accreditor_gives_and_takes_the_right(house: House):
    accounts, account = house.accounts, house.stranger.address
    receipt = accounts.set_accreditor(house.governance, account, True)
    assert receipt.events[0].args == {"account": account, "allowed": True}
    assert accounts.is_accreditor(account)
    accounts.set_accreditor(house.governance, account, False)
    assert not accounts.is_accreditor(account)


def test_set_accreditor_is_the_governances_alone(house: House):
    with pytest.raises(OwnableUnauthorizedAccount):
        house.accounts.set_accreditor(house.stranger, house.stranger.address, True)


def test_accredit_and_take_it_away(house: House):
    accounts, account, until = house.accounts, house.reader.address, house.in_days(30)
    accounts.accredit(house.governance, account, Role.CLINICIAN, until)
    expected = Accreditation(account, Role.CLINICIAN, until, 0)
    assert accounts.accreditation(account, Role.CLINICIAN) == expected
    assert accounts.is_accredited(account, Role.CLINICIAN)
    assert not accounts.is_accredited(account, Role.ISSUER)
    accounts.accredit(house.governance, account, Role.CLINICIAN, 0)
    assert not accounts.is_accredited(account, Role.CLINICIAN)


def test_an_accreditation_ends_after_its_last_second(house: House):
    accounts, account = house.accounts, house.reader.address
    until = house.network.now() + 1_000
    accounts.accredit(house.governance, account, Role.CLINICIAN, until)
    house.chain.set_time(until + 1)
    assert not accounts.is_accredited(account, Role.CLINICIAN)


def test_accredit_refuses_strangers_and_the_past(house: House):
    account = house.reader.address
    with pytest.raises(NotAccreditor) as caught:
        house.accounts.accredit(house.stranger, account, Role.ISSUER, house.in_days(1))
    assert caught.value.values == {"caller": house.stranger.address}
    with pytest.raises(ExpiryInPast):
        house.accounts.accredit(house.governance, account, Role.ISSUER, 1)


def test_a_refusal_is_foreseen_by_the_clock_of_the_next_block(house: House):
    until = house.network.now() + 1_000
    house.network.rpc.ask("evm_increaseTime", 2_000)  # and no block is mined
    with pytest.raises(ExpiryInPast):
        house.accounts.accredit(house.governance, house.reader.address, Role.ISSUER, until)


def test_attest_vouches_for_evidence(house: House):
    account = house.researcher.address
    house.accounts.attest(house.governance, account, HAS_IRB)
    assert house.accounts.accreditation(account, Role.RESEARCHER).evidence == HAS_IRB
    with pytest.raises(EvidenceInvalid) as caught:
        house.accounts.attest(house.governance, account, HMB)
    assert caught.value.values == {"evidence": HMB}


def test_an_account_without_a_key_has_version_0(house: House):
    account = house.reader.address
    assert house.accounts.published_key(account) == PublishedKey(account, b"", 0)


def test_the_newest_key_is_the_published_one(house: House):
    accounts, reader = house.accounts, house.reader
    accounts.publish_key(reader, BUNDLE)
    assert accounts.published_key(reader.address) == PublishedKey(reader.address, BUNDLE, 1)
    newer = BUNDLE[:-1] + b"\x43"
    accounts.publish_key(reader, newer)
    assert accounts.published_key(reader.address) == PublishedKey(reader.address, newer, 2)


@pytest.mark.parametrize("bundle", [b"", BUNDLE[:-1], b"\x02" + BUNDLE[1:]])
def test_publish_key_refuses_another_size_or_suite(house: House, bundle):
    with pytest.raises(KeyBundleInvalid) as caught:
        house.accounts.publish_key(house.reader, bundle)
    assert caught.value.values == {"size": len(bundle)}
