"""Patients whose account is a contract: what it answers counts, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from medibloc_py import acts, purpose
from medibloc_py.chain import Signer
from medibloc_py.model import GENERAL
from support.clock import YEAR, now
from support.expect import emits, reverts_with
from support.plain import plain
from support.words import word

OWNER = Signer.from_key(b"\x07" * 32)
FORM = bytes(32)
UNDEPLOYED = bytes.fromhex("6492") * 16
MANNERS = 9


def said(consents: Any, wallet: Any, until: int) -> tuple[str, int, bytes]:
    """The owner's signature, as the wallet's word."""
    values = {"patient": str(wallet), "record": GENERAL, "terms": purpose.GRU}
    values |= {"expiresAt": until, "form": FORM, "version": 1}
    _, deadline, signature = word(consents, acts.CONSENT, OWNER, now() + 1000, values)
    return str(wallet), deadline, signature


def test_setFor_is_taken_from_a_wallet(consents: Any, TestWallet: Any, stranger: Any) -> None:
    wallet = TestWallet.deploy(OWNER.address, {"from": stranger})
    until = now() + YEAR
    by = said(consents, wallet, until)
    done = consents.setFor(wallet, GENERAL, purpose.GRU, until, FORM, by, {"from": stranger})
    emits(
        done,
        consents,
        "ConsentSet",
        patient=wallet,
        record=GENERAL,
        terms=purpose.GRU,
        expiresAt=until,
        version=1,
        form=FORM,
        by=wallet,
    )
    with reverts_with("SignatureInvalid", wallet):
        consents.setFor(wallet, GENERAL, purpose.GRU, until, FORM, by, {"from": stranger})


def test_a_wallet_sends_by_itself(consents: Any, TestWallet: Any, stranger: Any) -> None:
    wallet = TestWallet.deploy(stranger, {"from": stranger})
    call = consents.set.encode_input(GENERAL, purpose.GRU, now() + YEAR, FORM)
    wallet.send(consents, call, {"from": stranger})
    assert plain(consents.consentOf(wallet, GENERAL))[2] == 1


@pytest.mark.parametrize("manner", range(MANNERS))
def test_setFor_reverts_when_the_wallet_does_not_agree(
    consents: Any, RudeWallet: Any, stranger: Any, manner: int
) -> None:
    wallet = RudeWallet.deploy(manner, {"from": stranger})
    until = now() + YEAR
    by = said(consents, wallet, until)
    sender = {"from": stranger, "gas_limit": 1_000_000}
    with reverts_with("SignatureInvalid", wallet):
        consents.setFor(wallet, GENERAL, purpose.GRU, until, FORM, by, sender)


def test_setFor_reverts_when_the_wallet_is_not_deployed(consents: Any, stranger: Any) -> None:
    nobody = "0x00000000000000000000000000000000DeaDBeef"
    until = now() + YEAR
    by = (nobody, now() + 1000, bytes(96) + UNDEPLOYED)
    with reverts_with("SignerUndeployed", nobody):
        consents.setFor(nobody, GENERAL, purpose.GRU, until, FORM, by, {"from": stranger})
