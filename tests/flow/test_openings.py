"""Who opened a record, as its reader signed: written, kept, told by an audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.errors import DocumentInvalid, GrantNotFound
from medibloc_py.flows import openings
from medibloc_py.flows.openings import (
    Opening,
    SignedOpening,
    keep_opening,
    kept_openings,
    read_opening,
    sign_opening,
    write_opening,
)
from medibloc_py.flows.parties import Identity
from medibloc_py.purpose import GRU, TREATMENT
from tests.flow.house import House
from tests.flow.test_glass import CLINICIAN, CUSTODIAN, break_glass, entrust
from tests.flow.world import World


def signed_by(reader: Identity, opening: Opening) -> bytes:
    """A paper that a reader signs by hand, whatever it says."""
    _, signature = reader.signer.sign_typed(*openings._typed(opening))
    return write_opening(SignedOpening(opening, signature))


@pytest.fixture
def opening(world: World) -> Opening:
    """What the clinic signs, to whom Alice granted her record."""
    record = world.records["alice"]
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    return sign_opening(world.exchange, world.me("clinic"), record, 1).opening


def test_a_reader_signs_what_stands(world: World, opening: Opening) -> None:
    assert (opening.patient, opening.reader) == (world.address("alice"), world.address("clinic"))
    (grant,) = world.exchange.access.grants(record=opening.record, grantee=opening.reader)
    assert (opening.purpose, opening.until) == (TREATMENT, grant.expires_at)
    assert opening.block == world.exchange.network.block_number()
    with pytest.raises(GrantNotFound):
        sign_opening(world.exchange, world.me("rival"), opening.record, 1)


def test_a_paper_is_kept_once(world: World, opening: Opening) -> None:
    paper, alice = signed_by(world.me("clinic"), opening), world.me("alice")
    assert read_opening(paper, "paper") == opening
    for _ in range(2):
        assert keep_opening(world.exchange, alice, paper, "paper") == opening
    assert kept_openings(alice) == [opening]
    assert kept_openings(world.me("bob")) == []


def test_in_an_emergency_too(world: World) -> None:
    card = entrust(world)
    record, clinician = world.records["alice"], world.me(CLINICIAN)
    break_glass(world, card)
    world[CUSTODIAN].deliver(record, clinician.address)
    signed = sign_opening(world.exchange, clinician, record, 1)
    assert signed.opening.purpose == TREATMENT
    kept = keep_opening(world.exchange, world.me("alice"), write_opening(signed), "paper")
    assert kept.reader == clinician.address


@pytest.mark.parametrize(
    "change",
    ["reader", "patient", "until", "purpose", "record", "late", "chain_id", "contract"],
)
def test_a_paper_of_a_right_that_nobody_had_is_refused(
    world: World, opening: Opening, change: str
) -> None:
    rival = world.me("rival")
    others = {
        "reader": replace(opening, reader=rival.address),
        "patient": replace(opening, patient=world.address("bob")),
        "until": replace(opening, until=opening.until + 1),
        "purpose": replace(opening, purpose=GRU),
        "record": replace(opening, record=world.records["bob"]),
        "late": replace(opening, at=opening.until + 1),
        "chain_id": replace(opening, chain_id=opening.chain_id + 1),
        "contract": replace(opening, contract=world.exchange.market.address),
    }
    other = others[change]
    reader = rival if change == "reader" else world.me("clinic")
    with pytest.raises(DocumentInvalid, match=r"never saw|another deployment"):
        keep_opening(world.exchange, world.me("alice"), signed_by(reader, other), "paper")
    with pytest.raises(DocumentInvalid, match="did not sign"):
        read_opening(signed_by(world.me("bob"), other), "paper")
    assert kept_openings(world.me("alice")) == []


def test_the_commands(house: House) -> None:
    world, record = house.world, house.world.records["alice"]
    reader = world.address("clinic")
    world["alice"].grant(record, reader, "TREATMENT", world.in_days(7))
    opening = ("access", "open", "0x" + record.hex(), "--as", "clinic", "--opening")
    Path("mine.txt").write_text("mine", encoding="utf-8")
    house.run(*opening, "mine.txt", "--out", "first", code=3)
    assert Path("mine.txt").read_text(encoding="utf-8") == "mine"
    assert not Path("first").exists()
    done = house.run(*opening, "opening.json", "--out", "first", "--json").json
    assert done["opening"] == "opening.json"
    house.run(*opening, "opening.json", "--out", "second")  # an own one is replaced
    house.run("audit", "keep", "mine.txt", "--as", "alice", code=3)
    house.run("audit", "keep", "opening.json", "--as", "alice")
    asked = ("audit", "record", "0x" + record.hex(), "--json")
    (line,) = (
        each for each in house.run(*asked, "--as", "alice").json["lines"] if each["by"] == reader
    )
    assert (line["event"], line["source"], line["to"]) == (
        "Opened", "receipt", world.address("alice")
    )  # fmt: skip
    assert all(each["source"] == "chain" for each in house.run(*asked).json["lines"])
