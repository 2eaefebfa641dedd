"""From a DICOM file to a paid sale, with the scripts where a patient and a lab use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from brownie import network
from pydicom.data import get_testdata_file

from medibloc_py.chain import Network, dev_accounts
from medibloc_py.flows import keyring
from medibloc_py.flows.deidentified import pseudonym_key
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.deidentify import Pseudonyms
from medibloc_py.imaging.release import release
from medibloc_py.model import OrderState, Role
from medibloc_py.services import AccountsService, TokenService
from support.workshop import said, succeeded

PASSWORD = "correct horse"
PEOPLE = {"hospital": 2, "lab": 4, "alice": 5, "doctor": 6}
TERMS, REQUEST = "HMB+NCU", "HMB+NONCOMMERCIAL"
YEAR = 31_536_000


@pytest.fixture
def exchange(workshop: Any, node: Network) -> Any:
    """The workshop with a deployment, and people who have keys, roles and tokens."""
    succeeded(workshop.run("deploy", network.show_active()))
    deployment = workshop.deployment(node.chain_id)
    governance = dev_accounts()[0]
    accounts = AccountsService(node, deployment.contracts["Records"], 0)
    home = workshop.home / ".medibloc"
    for name, number in PEOPLE.items():
        key = dev_accounts()[number].export_key().hex()
        keyring.import_account(home, name, key, PASSWORD, work=2**12)
        workshop.client(name, PASSWORD).publish_key()
    until = node.now() + YEAR
    for name, role in (("hospital", Role.ISSUER), ("lab", Role.RESEARCHER)):
        person = keyring.known_account(home, name).address
        accounts.accredit(governance, person, role, until)
    lab = keyring.known_account(home, "lab").address
    token = TokenService(node, deployment.contracts["TestToken"])
    token.mint(governance, lab, 10_000_000)
    return workshop


@pytest.fixture
def record(exchange: Any) -> Any:
    """Alice's record: published by the hospital, taken over by Alice."""
    hospital, alice = (exchange.client(name, PASSWORD) for name in ("hospital", "alice"))
    study = Path(get_testdata_file("CT_small.dcm"))
    published = hospital.publish([StudyToPublish(study, alice.me.address)])
    paper = hospital.hand_over(published.root)
    return alice.import_record(paper, "alice.record")


def released(exchange: Any) -> bytes:
    """What the hospital made of the study before it was sealed."""
    key = pseudonym_key(exchange.client("hospital", PASSWORD).me)
    return release(Path(get_testdata_file("CT_small.dcm")), Pseudonyms(key)).data


def person(exchange: Any, name: str) -> Any:
    return keyring.known_account(exchange.home / ".medibloc", name).address


def test_grant_access_lets_the_reader_open(exchange: Any, record: Any) -> None:
    told = succeeded(
        exchange.run(
            "grant_access",
            network.show_active(),
            MEDIBLOC_ACCOUNT="alice",
            MEDIBLOC_PASSWORD=PASSWORD,
            MEDIBLOC_RECORD="0x" + record.hex(),
            MEDIBLOC_READER=person(exchange, "doctor"),
            MEDIBLOC_UNTIL="2d",
        )
    )
    assert f"may read 0x{record.hex()} for TREATMENT until" in told
    doctor = exchange.client("doctor", PASSWORD)
    opened = doctor.open_granted(record)
    assert opened.read(0) == released(exchange)
    granted = doctor.exchange.access.grant_of(record, doctor.me.address)
    assert granted.expires_at <= doctor.exchange.network.now() + 2 * 86_400


def test_grant_access_says_what_is_wrong(exchange: Any, record: Any) -> None:
    named = {
        "MEDIBLOC_ACCOUNT": "alice",
        "MEDIBLOC_PASSWORD": PASSWORD,
        "MEDIBLOC_RECORD": "0x" + record.hex(),
        "MEDIBLOC_READER": person(exchange, "doctor"),
    }
    for changed, error in (
        ({"MEDIBLOC_RECORD": ""}, "InvalidValue: MEDIBLOC_RECORD is not set"),
        ({"MEDIBLOC_PASSWORD": "wrong"}, "WrongPassword"),
        ({"MEDIBLOC_PURPOSE": REQUEST}, "PurposeNotPermitted"),
    ):
        done = exchange.run("grant_access", network.show_active(), **{**named, **changed})
        assert done.returncode in {3, 4, 6}, said(done)
        assert error in done.stderr
        assert "Traceback" not in said(done)


def test_purchase_dataset_locks_the_price(exchange: Any, record: Any) -> None:
    alice, hospital = (exchange.client(name, PASSWORD) for name in ("alice", "hospital"))
    until = alice.exchange.network.now() + YEAR
    token = alice.exchange.deployment.contracts["TestToken"]
    alice.set_consent(TERMS, until, "I agree. (en)")
    signed = alice.contribute(
        record,
        steward=hospital.me.address,
        token=token,
        terms=TERMS,
        min_price=1,
        max_fee_bps=1000,
        max_total_weight=1,
        expires_at=until,
    )
    listed = hospital.list_dataset([signed], price=2_500_000, fee_bps=500, closes_at=until)
    lab = person(exchange, "lab")
    deadline = alice.exchange.network.now() + 86_400
    quote = exchange.home / "lab.quote"
    quote.write_bytes(hospital.quote(listed.listing_id, lab, REQUEST, deadline))
    named = {
        "MEDIBLOC_ACCOUNT": "lab",
        "MEDIBLOC_PASSWORD": PASSWORD,
        "MEDIBLOC_QUOTE": str(quote),
        "MEDIBLOC_PURPOSE": REQUEST,
    }
    low = exchange.run("purchase_dataset", network.show_active(), **named, MEDIBLOC_AMOUNT="2.4")
    assert low.returncode == 4, said(low)
    assert "PaymentBelowPrice" in low.stderr
    told = succeeded(exchange.run("purchase_dataset", network.show_active(), **named))
    assert "2.500000 tUSD are locked" in told
    market = hospital.exchange.market
    ((order_id, order),) = market.purchases(listing=listed.listing_id)
    assert f"Order 0x{order_id.hex()} of 1 records." in told
    assert (order.buyer, market.order_state(order_id)) == (lab, OrderState.OPEN)
    hospital.settle(order_id)
    opened = exchange.client("lab", PASSWORD).open_dataset(order_id)
    assert opened.record(0).read(0) == released(exchange)
