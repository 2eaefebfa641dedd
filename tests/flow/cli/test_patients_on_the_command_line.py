"""A patient's decisions as people type them: consents, delegates, signed acts, reviewers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medibloc_py.flows.parties import fingerprint_of
from medibloc_py.imaging.samples import sample
from medibloc_py.model import GENERAL, Role
from medibloc_py.purpose import GRU, HMB, NCU
from tests.flow.cli.conftest import Medibloc
from tests.flow.world import World


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


@pytest.fixture
def record(world: World) -> str:
    return hexed(world.records["alice"])


# Consents.


def test_a_record_has_its_own_consent(world: World, medibloc: Medibloc, record: str) -> None:
    medibloc("consent", "set", "HMB+NCU", "--as", "alice", "--record", record, "--until", "9d")
    shown = medibloc("consent", "show", "alice", "--record", record, "--for", "HMB", "--json").json
    assert (shown["terms"], shown["answer"]) == ("HMB+NCU", "DENY")
    shown = medibloc("consent", "show", "alice", "--for", "HMB", "--json").json
    assert (shown["terms"], shown["answer"]) == ("GRU", "PERMIT")
    assert [each["record"] for each in shown["records"]] == [record]
    assert f"record   {record} has its own: HMB+NCU" in medibloc("consent", "show", "alice").out

    medibloc("consent", "revoke", "--as", "alice", "--record", record)
    assert "terms    barred" in medibloc("consent", "show", "alice", "--record", record).out
    assert "has its own: barred" in medibloc("consent", "show", "alice").out
    medibloc("consent", "lift", "--as", "alice", "--record", record)
    assert "has its own" not in medibloc("consent", "show", "alice").out
    argv = ("consent", "lift", "--as", "alice", "--record", record, "--json")
    assert medibloc(*argv, code=4).json["error"] == "OverrideMissing"


def test_a_record_id_is_read_strictly(medibloc: Medibloc) -> None:
    done = medibloc("consent", "show", "alice", "--record", "0x12", "--json", code=3)
    assert done.json["values"]["name"] == "record"


# Delegates.


def test_a_guardian_acts_until_coming_of_age(world: World, medibloc: Medibloc, record: str) -> None:
    said = medibloc(
        "consent", "delegate", "bob", "--as", "alice", "--scope", "consent,grant", "--until", "30d"
    ).out
    assert "may act in consent+grant until" in said
    listed = medibloc("consent", "delegates", "alice", "--json").json
    assert [(each["mandate"]["delegate"], each["holds"]) for each in listed] == [
        (world.address("bob"), True)
    ]
    assert world.address("alice") in medibloc("consent", "delegates", "--to", "bob").out

    on = ("--as", "bob", "--on-behalf-of", "alice")
    medibloc("consent", "set", "HMB", *on, "--until", "29d")
    assert world.exchange.consent.consent_of(world.address("alice")).terms == HMB
    too_long = medibloc("consent", "set", "HMB", *on, "--until", "31d", "--json", code=4).json
    assert too_long["error"] == "MandateTooShort"

    grant = ("access", "grant", record, *on, "--to", "clinic", "--until", "7d")
    assert medibloc(*grant, "--json", code=4).json["error"] == "RecordNotHeld"
    handed = medibloc(
        "record", "hand-over", record, "--as", "hospital", "--to", "bob", "--out", "h", "--json"
    ).json
    medibloc("record", "import", handed["file"], "--as", "bob")
    medibloc(*grant)
    medibloc("access", "open", record, "--as", "clinic", "--out", "opened")
    assert Path("opened/0001.dcm").read_bytes() == world.released("CT_small.dcm")
    medibloc("access", "revoke", record, *on, "--to", "clinic")
    medibloc("access", "open", record, "--as", "clinic", "--out", "again", code=4)

    medibloc("consent", "dismiss", "bob", "--as", "alice")
    done = medibloc("consent", "revoke", *on, "--json", code=4)
    assert done.json["error"] == "MandateMissing"
    assert medibloc("consent", "delegates", "alice", "--json").json[0]["holds"] is False


def test_delegates_of_whom(medibloc: Medibloc) -> None:
    assert medibloc("consent", "delegates", "--json", code=3).json["error"] == "InvalidValue"
    mandate = ("consent", "delegate", "bob", "--as", "alice", "--until", "9d")
    medibloc(*mandate, code=2)
    done = medibloc(*mandate, "--scope", "consent,read", "--json", code=3)
    assert done.json["values"]["given"] == "read"


# Signed acts.


def test_a_patient_signs_and_another_sends(world: World, medibloc: Medibloc, record: str) -> None:
    signed = medibloc(
        "consent", "set", "HMB+NCU", "--as", "alice", "--until", "30d",
        "--sign", "consent.json", "--valid-for", "2d", "--json",
    ).json  # fmt: skip
    assert signed["files"] == ["consent.json"]
    assert signed["deadline"] == pytest.approx(world.in_days(2), abs=60)
    assert world.exchange.consent.consent_of(world.address("alice")).terms == GRU
    medibloc("account", "publish-key", "--as", "alice", "--rotate", "--sign", "key.json")
    medibloc("access", "grant", record, "--as", "alice", "--to", "clinic", "--sign", "grant.json")
    medibloc("access", "custodian", "rival", "--as", "alice", "--sign", "custodian.json")
    medibloc(
        "consent", "delegate", "bob", "--as", "alice", "--scope", "sell", "--until", "9d",
        "--sign", "mandate.json",
    )  # fmt: skip
    files = [Path(f"{each}.json") for each in ("consent", "key", "grant", "custodian", "mandate")]

    text = medibloc("relay", "show", *files).out
    assert "consent.json: set a consent (Consents.setFor)" in text
    assert "HMB+NCU" in text
    assert world.address("alice") in text
    shown = medibloc("relay", "show", *files, "--json").json
    assert [each["function"] for each in shown] == [
        "setFor", "publishKeyFor", "grantFor", "nameCustodianFor", "setDelegateFor",
    ]  # fmt: skip
    assert shown[2]["terms"]["request.grantee"] == world.address("clinic")
    assert [each["refused"] for each in shown] == [None] * 5
    assert text.count("the contract would take it") == 5

    before = world.exchange.network.balance(world.address("alice"))
    done = medibloc("relay", "send", *files, "--as", "stranger", "--json").json
    assert [each["done"] for each in done] == [True] * 5
    assert done[0]["receipt"]["sender"] == world.address("stranger")
    assert world.exchange.network.balance(world.address("alice")) == before
    assert world.exchange.consent.consent_of(world.address("alice")).terms == HMB | NCU
    assert world.exchange.accounts.published_key(world.address("alice")).version == 2
    medibloc("access", "open", record, "--as", "clinic", "--out", "opened")

    assert "refused: " in medibloc("relay", "show", files[0]).out
    again = medibloc("relay", "send", *files, "--as", "stranger", "--json", code=4)
    reported = json.loads(again.out)
    assert {each["error"]["error"] for each in reported} == {"SignatureInvalid"}
    assert "SignatureInvalid" in medibloc("relay", "send", files[0], "--as", "bob", code=4).out


def test_what_cannot_be_relayed_is_told(world: World, medibloc: Medibloc) -> None:
    medibloc("consent", "revoke", "--as", "alice", "--sign", "revoke.json")
    Path("none.json").write_text("{}")
    assert medibloc("relay", "show", "none.json", "--json", code=3).json["error"] == (
        "DocumentInvalid"
    )
    done = medibloc("relay", "send", "none.json", "revoke.json", "--as", "bob", "--json", code=3)
    first, second = json.loads(done.out)
    assert (first["done"], first["error"]["error"]) == (False, "DocumentInvalid")
    assert second["done"] is True
    medibloc("consent", "set", "HMB", "--as", "alice")
    medibloc("consent", "revoke", "--as", "alice", "--sign", "own.json")
    done = medibloc("relay", "send", "own.json", "--as", "alice", "--json", code=4)
    assert json.loads(done.out)[0]["error"]["error"] == "ActOfSender"
    assert world.exchange.consent.consent_of(world.address("alice"), GENERAL).terms == HMB


def test_signing_several_records_writes_several_files(world: World, medibloc: Medibloc) -> None:
    done = medibloc(
        "record", "publish", f"alice={sample('MR_small.dcm')}", "--as", "hospital",
        "--out", "handed", "--json",
    ).json  # fmt: skip
    medibloc("record", "import", done["records"][0]["file"], "--as", "alice")
    both = (hexed(world.records["alice"]), done["records"][0]["record"])
    grant = ("access", "grant", *both, "--as", "alice", "--to", "clinic")
    signed = medibloc(*grant, "--sign", "acts/grant.json", "--json").json
    assert signed["files"] == ["acts/grant.json", "acts/grant-2.json"]
    medibloc("relay", "send", *signed["files"], "--as", "stranger")
    made = medibloc(*grant, "--json").json
    assert made["records"] == list(both)
    assert len(made["grant_objects"]) == 2


# Keys that a node might invent.


def test_a_fingerprint_names_the_key(world: World, medibloc: Medibloc, record: str) -> None:
    right = hexed(fingerprint_of(world.me("clinic").keys.current.bundle))
    assert medibloc("account", "fingerprint", "clinic").out.strip() == right
    assert medibloc("account", "show", "clinic", "--json").json["key_fingerprint"] == right
    assert f"fingerprint   {right}" in medibloc("account", "show", "clinic").out
    assert "fingerprint" not in medibloc("account", "show", "stranger").out
    grant = ("access", "grant", record, "--as", "alice", "--to", "clinic")
    done = medibloc(*grant, "--key", "0x" + "01" * 32, "--json", code=4)
    assert done.json["error"] == "KeyMismatched"
    assert done.json["values"]["found"] == right
    assert medibloc(*grant, "--key", right[:10], "--json", code=3).json["error"] == "InvalidValue"
    medibloc(*grant, "--key", right)
    medibloc("consent", "delegate", "clinic", "--as", "alice", "--scope", "grant", "--until", "9d")
    hand = ("record", "hand-over", record, "--as", "alice", "--to", "clinic", "--out", "h")
    medibloc(*hand, "--key", "0x" + "01" * 32, code=4)
    medibloc(*hand, "--key", right)


# Emergencies.


def test_an_emergency(world: World, medibloc: Medibloc, record: str) -> None:
    world.accredit("clinic", Role.CLINICIAN, world.in_days(1))
    world.accredit("researcher", Role.REVIEWER, world.in_days(1))
    medibloc("access", "custodian", "rival", "--as", "alice", "--until", "365d")
    assert (
        f"custodian     {world.address('rival')} until" in medibloc("account", "show", "alice").out
    )
    medibloc("access", "grant", record, "--as", "alice", "--to", "rival", "--until", "365d")
    medibloc("access", "card", record, "--as", "alice", "--out", "card.json")

    broke = ("access", "break-glass", "card.json", "--as", "clinic")
    assert medibloc(*broke, "--json", code=4).json["error"] == "ReasonMissing"
    Path("reason.txt").write_text("Unconscious; cannot be asked.")
    broken = medibloc(*broke, "--reason-file", "reason.txt", "--json").json
    assert broken["emergency"]["custodian"] == world.address("rival")
    done = medibloc("access", "open", record, "--as", "clinic", "--out", "early", "--json", code=4)
    assert done.json["error"] == "KeyNotDelivered"
    assert "open" in medibloc("access", "emergencies", "--custodian", "rival").out

    medibloc("access", "deliver", record, "--as", "rival", "--to", "clinic")
    medibloc("access", "open", record, "--as", "clinic", "--out", "opened")
    assert Path("opened/0001.dcm").read_bytes() == world.released("CT_small.dcm")
    (case,) = medibloc("access", "emergencies", "--patient", "alice", "--waiting", "--json").json
    assert case["state"] == "delivered"

    reason = broken["emergency"]["reason"]
    medibloc("access", "statement", reason, "--as", "clinic", "--out", "statement.json")
    assert json.loads(Path("statement.json").read_text())["text"] == (
        "Unconscious; cannot be asked."
    )
    told = medibloc(
        "access", "statement", reason, "--as", "rival", "--out", "none.json", "--json", code=3
    )
    assert told.json["values"]["name"] == "digest"

    Path("finding.txt").write_text("It had to be.")
    medibloc(
        "access", "review", "card.json", "--as", "researcher", "--clinician", "clinic",
        "--justified", "--finding", "finding.txt",
    )  # fmt: skip
    assert "reviewed: justified" in medibloc("access", "emergencies", "--clinician", "clinic").out
    assert medibloc("access", "emergencies", "--waiting", "--json").json == []
    assert medibloc("access", "emergencies", "--record", record, "--json").json

    medibloc("access", "custodian", "--remove", "--as", "alice")
    assert "custodian" not in medibloc("account", "show", "alice").out
    medibloc("access", "custodian", "--as", "alice", code=3)
    medibloc("access", "custodian", "bob", "--remove", "--as", "alice", code=3)


# Reviewers.


def test_a_reviewer_clears(world: World, medibloc: Medibloc) -> None:
    world.accredit("clinic", Role.REVIEWER, world.in_days(100))
    medibloc("consent", "set", "HMB+COL", "--as", "alice")
    ask = ("consent", "show", "alice", "--for", "HMB", "--requester", "rival", "--json")
    assert medibloc(*ask).json["answer"] == "REFER"
    clear = (
        "consent", "clear", "--as", "clinic", "--patient", "alice", "--requester", "rival",
        "--purpose", "HMB",
    )  # fmt: skip
    made = medibloc(*clear, "--until", "9d", "--json").json
    assert made["clearance"]["reviewer"] == world.address("clinic")
    assert medibloc(*ask).json["answer"] == "PERMIT"
    listed = medibloc("consent", "clearances", "--patient", "alice", "--json").json
    assert [each["holds"] for each in listed] == [True]
    assert medibloc("consent", "clearances", "--reviewer", "rival", "--json").json == []
    assert "not cleared any more" in medibloc(*clear, "--until", "0").out
    assert medibloc(*ask).json["answer"] == "REFER"
    assert "taken back" in medibloc("consent", "clearances", "--requester", "rival").out
    denied = medibloc(*clear[:-1], "HMB+COMMERCIAL", "--json", code=4).json
    assert denied["error"] == "PurposeNotPermitted"
    medibloc(*clear, "--listing", "0x" + "01" * 32, code=3)
    medibloc("consent", "clear", "--as", "clinic", *clear[6:], code=3)


def test_a_reviewer_clears_for_a_listing(world: World, medibloc: Medibloc) -> None:
    world.accredit("clinic", Role.REVIEWER, world.in_days(100))
    listed = world.list_dataset(world.contribute("alice", terms="HMB+COL"))
    listing = hexed(listed.listing_id)
    medibloc(
        "consent", "clear", "--as", "clinic", "--listing", listing, "--requester", "rival",
        "--purpose", "HMB",
    )  # fmt: skip
    assert world.exchange.consent.is_cleared(listed.listing_id, world.address("rival"), HMB)
    listed_there = medibloc("consent", "clearances", "--listing", listing, "--json").json
    assert listed_there[0]["clearance"]["subject"] == listing
