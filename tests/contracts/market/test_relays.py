"""Acts that someone else sends: by a signature, a permit, or several at once."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from medibloc_py.chain import Signer
from medibloc_py.crypto import ids, sale
from medibloc_py.model import WHOLE_BPS, Address, Role
from support.clock import YEAR, next_block_at, now
from support.desk import FEE_BPS, PRICE, PURPOSE, WINDOW_S, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain

PATIENT = Signer.from_key(b"\x01" * 32)
PAYEE = Signer.from_key(b"\x02" * 32)
PERMIT = (
    ("address", "owner"),
    ("address", "spender"),
    ("uint256", "value"),
    ("uint256", "nonce"),
    ("uint256", "deadline"),
)
SHARED = PRICE - PRICE * FEE_BPS // WHOLE_BPS


@pytest.fixture
def joined(desk: Desk) -> Dataset:
    """A dataset of one contribution, whose patient and payee have keys of their own, sold once."""
    terms = desk.agreed(PATIENT, payee=PAYEE.address)
    signature = desk.signature(PATIENT, "Contribution", *astuple(terms))
    dataset = desk.joined(terms, signature)
    desk.sold(dataset)
    return dataset


def test_withdrawFor_emits_Withdrawn(
    market: Any, desk: Desk, stranger: Any, joined: Dataset
) -> None:
    found, deadline = desk.listing_id(joined), now() + 1000
    said = desk.signature(PATIENT, "Withdrawal", found, joined.leaf(), deadline)
    word = (PATIENT.address, deadline, said)
    at = next_block_at(now() + 10)
    done = market.withdrawFor(*joined.member(), word, {"from": stranger})
    emits(
        done,
        market,
        "Withdrawn",
        listing=found,
        leaf=joined.leaf(),
        patient=PATIENT.address,
        caller=PATIENT.address,
    )
    assert market.withdrawnAt(joined.leaf()) == at
    with reverts_with("AlreadyWithdrawn", found, joined.leaf()):
        market.withdrawFor(*joined.member(), word, {"from": stranger})


def test_withdrawFor_reverts_when_word_is_late_or_anothers(
    market: Any, desk: Desk, stranger: Any, joined: Dataset
) -> None:
    found, deadline = desk.listing_id(joined), now() + 1000
    said = desk.signature(PAYEE, "Withdrawal", found, joined.leaf(), deadline)
    with reverts_with("SignatureInvalid", PATIENT.address):
        market.withdrawFor(*joined.member(), (PATIENT.address, deadline, said), {"from": stranger})
    with reverts_with("MandateMissing", PATIENT.address, PAYEE.address, 4):
        market.withdrawFor(*joined.member(), (PAYEE.address, deadline, said), {"from": stranger})
    next_block_at(deadline + 1)
    with reverts_with("SignatureExpired", PATIENT.address, deadline):
        market.withdrawFor(*joined.member(), (PATIENT.address, deadline, said), {"from": stranger})


def test_claimTo_emits_Claimed(
    market: Any, token: Any, desk: Desk, hospital: Any, stranger: Any, joined: Dataset
) -> None:
    found, deadline = desk.listing_id(joined), now() + 1000
    said = desk.signature(
        PAYEE, "Claim", found, joined.leaf(), Address(hospital.address), 0, deadline
    )
    word = (PAYEE.address, deadline, said)
    with reverts_with("SignatureInvalid", PAYEE.address):
        market.claimTo(*joined.member(), stranger, word, {"from": stranger})
    done = market.claimTo(*joined.member(), hospital, word, {"from": stranger})
    emits(
        done,
        market,
        "Claimed",
        listing=found,
        leaf=joined.leaf(),
        payee=hospital,
        amount=SHARED,
    )
    assert token.balanceOf(hospital) == SHARED
    with reverts_with("SignatureInvalid", PAYEE.address):
        market.claimTo(*joined.member(), hospital, word, {"from": stranger})


def test_claimTo_reverts_when_signer_is_not_the_payee(
    market: Any, stranger: Any, joined: Dataset
) -> None:
    with reverts_with("NotPayee", stranger, PAYEE.address):
        market.claimTo(*joined.member(), stranger, (stranger, 0, b""), {"from": stranger})


def test_claimMany_pays_by_what_is_due(
    market: Any, token: Any, desk: Desk, payee: Any, stranger: Any
) -> None:
    sold, unsold = desk.listed(), desk.listed()
    desk.sold(sold)
    claims = [sold.member(0), unsold.member(0), sold.member(2), sold.member(0)]
    done = market.claimMany(claims, {"from": stranger})
    assert done.return_value == SHARED // 6 + SHARED * 3 // 6 == token.balanceOf(payee)
    with reverts_with("NothingToClaim", bytes(32), bytes(32)):
        market.claimMany(claims, {"from": stranger})


def test_purchaseWithPermit_needs_no_approval(
    market: Any, token: Any, accounts: Any, accreditor: Any, desk: Desk, stranger: Any
) -> None:
    """A buyer that never approved: one signature, one transaction, sent by its own key."""
    from brownie import accounts as people

    key = Signer.from_key(b"\x03" * 32)
    buyer = people.add("0x" + "03" * 32)
    stranger.transfer(buyer, 10**18)
    accounts.accredit(buyer, Role.RESEARCHER, now() + YEAR, {"from": accreditor})
    token.mint(buyer, PRICE, {"from": stranger})
    dataset, deadline = desk.listed(), now() + 1000
    domain = {
        "name": "Test USD",
        "version": "1",
        "chainId": desk.typed("Withdrawal", bytes(32), bytes(32), 0)[0]["chainId"],
        "verifyingContract": token.address,
    }
    values = (key.address, Address(market.address), PRICE, 0, deadline)
    message = dict(zip((name for _, name in PERMIT), values, strict=True))
    signature = key.sign_typed(domain, {"Permit": PERMIT}, "Permit", message)[1]
    permit = (deadline, signature[64], signature[:32], signature[32:64])
    terms = (PURPOSE, sale.lock_of(9), now() + WINDOW_S)
    done = market.purchaseWithPermit(dataset.struct, *terms, permit, {"from": buyer})
    order = desk.order(dataset, buyer=key.address, lock=terms[1], deadline=terms[2])
    assert plain(done.return_value) == desk.order_id(order)
    assert token.balanceOf(market) == PRICE
    assert token.allowance(buyer, market) == 0
    assert ids.address_bytes(key.address) == bytes.fromhex(buyer.address[2:])
