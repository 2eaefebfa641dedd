"""The audit: a whole story told from the chain, from the index, and on a page that is signed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from medibloc_py.chain import Scanner
from medibloc_py.errors import DocumentInvalid
from medibloc_py.flows.audit import ACCOUNT, LISTING, PATIENT, RECORD, Audit, audit, sign
from medibloc_py.flows.audit_page import check_page, page_of
from medibloc_py.flows.following import Follower, mark_of
from medibloc_py.flows.history import ChainHistory
from medibloc_py.flows.transfer_paper import write_paper
from medibloc_py.flows.transfer_words import RECEIVER
from medibloc_py.index import EventLog
from medibloc_py.model import Role
from tests.flow.house import House
from tests.flow.test_glass import CLINICIAN, CUSTODIAN, REVIEWER, break_glass, entrust
from tests.flow.world import DAY, PRICE, PURPOSE, World


def from_chain(world: World) -> ChainHistory:
    deployment = world.exchange.deployment
    return ChainHistory(Scanner(world.exchange.network, deployment.contracts), deployment.block)


def from_index(world: World) -> EventLog:
    exchange = world.exchange
    at = exchange.deployment.contracts
    source = Scanner(exchange.network, at)
    log = EventLog.make("sqlite://", mark_of(source, exchange.chain_id, at, 0))
    Follower(log, source).catch_up()
    return log


def says(answer: Audit) -> list[tuple[str, str, str]]:
    return [(line.event, line.by, line.to) for line in answer.lines]


def test_grants_are_told_with_their_end(world: World) -> None:
    alice, clinic, record = world["alice"], world.address("clinic"), world.records["alice"]
    alice.grant(record, clinic, "TREATMENT", world.in_days(7))
    alice.grant(record, clinic, "TREATMENT", world.in_days(9))
    alice.revoke_grant(record, clinic)
    alice.grant(record, world.address("rival"), "TREATMENT", world.in_days(1))
    world.chain.increase_time(2 * DAY)
    alice.grant(record, clinic, "TREATMENT", world.in_days(3))
    answers = [
        audit(world.exchange, history, kind, subject)
        for history in (from_chain(world), from_index(world))
        for kind, subject in ((PATIENT, world.address("alice")), (RECORD, "0x" + record.hex()))
    ]
    for answer in answers:
        assert [(each.reader, each.state) for each in answer.accesses] == [
            (clinic, "replaced"),
            (clinic, "revoked"),
            (world.address("rival"), "expired"),
            (clinic, "stands"),
        ]
        assert {each.purpose for each in answer.accesses} == {"TREATMENT"}
        assert all(each.since < each.until for each in answer.accesses)
        assert answer.accesses[1].ended_at > 0
        assert answer.block == world.exchange.network.block_number()
    # The same from the index as from the chain; and a record's audit tells the general consent.
    assert answers[0] == answers[2]
    assert answers[1] == answers[3]
    assert "ConsentSet" in {event for event, *_ in says(answers[1])}


def test_an_emergency_is_told_to_its_end(world: World) -> None:
    card = entrust(world)
    record, clinician = world.records["alice"], world.address(CLINICIAN)
    break_glass(world, card)
    world[CUSTODIAN].deliver(record, clinician)
    world[REVIEWER].review(card, "card", clinician, False, "no need was shown")
    answer = audit(world.exchange, from_chain(world), PATIENT, world.address("alice"))
    told = {line.event: line for line in answer.lines}
    assert told["CustodianNamed"].to == told["GlassDelivered"].by == world.address(CUSTODIAN)
    assert told["GlassReviewed"].terms == "not justified"
    (emergency,) = (each for each in answer.accesses if each.emergency)
    assert (emergency.reader, emergency.purpose) == (clinician, "TREATMENT")


def test_a_sale_is_told_with_what_was_paid(world: World) -> None:
    listed = world.list_dataset()
    buyer, steward = world.address("researcher"), world.address("hospital")
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    order = world["researcher"].purchase(checked).order_id
    world["hospital"].settle(order)
    world["alice"].claim(world.claim_file(listed, "alice"), "claim")
    world["hospital"].claim_fee(listed.listing)
    listing = "0x" + listed.listing_id.hex()
    history = from_chain(world)
    answer = audit(world.exchange, history, LISTING, listing)
    told = {line.event: line for line in answer.lines}
    assert list(told) == ["Listed", "Purchased", "Settled", "Claimed", "FeeClaimed"]
    assert (told["Listed"].by, told["Listed"].amount) == (steward, str(PRICE))
    assert (told["Purchased"].by, told["Purchased"].amount) == (buyer, str(PRICE))
    assert told["Purchased"].terms == PURPOSE
    assert told["Settled"].about == "0x" + order.hex()
    share, fee = int(told["Claimed"].amount), int(told["FeeClaimed"].amount)
    assert (share, fee) == (PRICE * 95 // 100 * 3 // 4, PRICE * 5 // 100)
    # A patient is told of the listing that paid, and not of what others were paid.
    world["bob"].claim(world.claim_file(listed, "bob"), "claim")
    of_alice = audit(world.exchange, from_chain(world), PATIENT, world.address("alice"))
    assert {"Listed", "Purchased", "Settled", "Claimed"} <= {line.event for line in of_alice.lines}
    paid = [line.to for line in of_alice.lines if line.event == "Claimed"]
    assert paid == [world.address("alice")]
    of_buyer = audit(world.exchange, from_chain(world), ACCOUNT, buyer)
    assert {"Accredited", "Attested", "KeyPublished", "Purchased"} <= {
        line.event for line in of_buyer.lines
    }


def test_who_signed_to_have_opened_is_told_to_those_who_keep_the_receipt(world: World) -> None:
    record, receiver = world.records["alice"], world["clinic"]
    world.accredit("clinic", Role.ISSUER, world.in_days(30))
    world["alice"].grant(record, receiver.me.address, "TREATMENT", world.in_days(7))
    sent = world["hospital"].send_record(record, receiver.me.address)
    paper = receiver.receive_record(write_paper(sent), "paper", lambda *_: None)
    assert paper.word(RECEIVER) is not None
    history = from_chain(world)
    subject = "0x" + record.hex()
    (line,) = (
        each
        for each in audit(world.exchange, history, RECORD, subject, receiver.me).lines
        if each.source == "receipt"
    )
    assert (line.event, line.by, line.to) == (
        "Opened", receiver.me.address, world.address("alice")
    )  # fmt: skip
    without = audit(world.exchange, history, RECORD, subject, world.me("stranger"))
    assert all(each.source == "chain" for each in without.lines)


def test_a_page_shows_what_was_signed_and_nothing_else(world: World) -> None:
    me = world.me("alice")
    answer = audit(world.exchange, from_chain(world), PATIENT, me.address, me)
    page = page_of(sign(me.signer, answer))
    assert check_page(page, "page") == answer
    seen, _, _ = page.partition(b'<script type="application/json"')
    assert b"<script" not in seen
    assert b"http" not in seen
    tampered = [
        page.replace(b"gave consent", b"took consent back", 1),  # what is seen
        page.replace(b"gave consent", b"took consent back"),  # and what was signed
        page.replace(me.address.encode(), world.address("bob").encode()),
        page + b"<p>more</p>",
        page[:-20],
        b"<html></html>",
    ]
    for other in tampered:
        assert other != page
        with pytest.raises(DocumentInvalid):
            check_page(other, "page")
    by_another = page_of(sign(world.me("bob").signer, answer))
    with pytest.raises(DocumentInvalid, match="did not sign"):
        check_page(by_another, "page")


def test_the_commands(house: House) -> None:
    world = house.world
    told = house.run("audit", "patient", "alice")
    assert "gave consent" in told.out
    house.run("index", "run", "--once")
    again = house.run("audit", "patient", "alice")
    assert again.out == told.out
    # The index is brought up to date first.
    world["alice"].grant(
        world.records["alice"], world.address("clinic"), "TREATMENT", world.in_days(2)
    )
    data = house.run("audit", "record", "0x" + world.records["alice"].hex(), "--json").json
    assert [each["state"] for each in data["accesses"]] == ["stands"]
    rows = list(csv.DictReader(io.StringIO(house.run("audit", "account", "clinic", "--csv").out)))
    assert [row["event"] for row in rows] == ["KeyPublished", "Granted"]
    assert rows[1]["time_utc"].endswith("Z")
    page = Path("alice.html")
    house.run("audit", "patient", "alice", "--html", str(page), code=3)  # nobody signs it
    house.run("audit", "patient", "alice", "--html", str(page), "--as", "alice")
    checked = json.loads(house.run("audit", "check", str(page), "--json").out)
    assert (checked["kind"], checked["maker"]) == ("patient", world.address("alice"))
    assert len(checked["lines"]) == 3
    house.run("audit", "patient", "alice", "--html", str(page), "--as", "alice", code=3)
    page.write_bytes(page.read_bytes().replace(b"TREATMENT", b"GRU", 1))
    assert house.run("audit", "check", str(page), code=3).out == ""
    none = house.run("audit", "listing", "0x" + "ab" * 32, "--json").json
    assert (none["lines"], none["accesses"]) == ([], [])
