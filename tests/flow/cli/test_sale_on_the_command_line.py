"""Every command of a study's way, from the hospital to paid patients, as people type them."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.imaging.samples import sample
from medibloc_py.storage import LocalStore
from tests.flow.cli.conftest import Medibloc
from tests.flow.world import DAY, FEE_BPS, PRICE, PURPOSE, TERMS, World

CT = sample("CT_small.dcm")
FOR = ("--for", PURPOSE)
COMMON = ("--terms", TERMS, "--min-price", "500", "--of", "4", "--max-fee-bps", str(FEE_BPS))


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


@pytest.fixture
def contributions(world: World, medibloc: Medibloc) -> list[Path]:
    files = []
    for name, weight in (("alice", "3"), ("bob", "1")):
        files.append(Path(f"{name}.contribution.json"))
        medibloc(
            "dataset", "contribute", hexed(world.records[name]), "--as", name,
            "--steward", "hospital", *COMMON, "--weight", weight, "--out", files[-1],
        )  # fmt: skip
    return files


@pytest.fixture
def listing(contributions: list[Path], medibloc: Medibloc) -> str:
    done = medibloc(
        "dataset", "list", *contributions, "--as", "hospital", "--price", "1000",
        "--fee-bps", str(FEE_BPS), "--until", "60d", "--out", "claims", "--json",
    )  # fmt: skip
    return str(done.json["listing_id"])


def quote(medibloc: Medibloc, listing: str, *more: str) -> Path:
    medibloc(
        "dataset", "quote", listing, "--as", "hospital", "--to", "researcher",
        "--for", PURPOSE, "--out", "quote.json", *more,
    )  # fmt: skip
    return Path("quote.json")


def purchase(medibloc: Medibloc, listing: str) -> str:
    file = quote(medibloc, listing)
    done = medibloc("dataset", "purchase", file, *FOR, "--as", "researcher", "--json")
    return str(done.json["order_id"])


def claim_of(world: World, name: str) -> Path:
    (file,) = Path("claims").glob(f"*{world.address(name)}.claim.json")
    return file


# A sale.


def test_a_sale(world: World, medibloc: Medibloc, listing: str) -> None:
    assert "open" in medibloc("dataset", "list").out
    file = quote(medibloc, listing, "--window", "2h")
    held = medibloc("dataset", "check", file, *FOR, "--as", "researcher", "--json").json
    assert held["holds"] is True
    assert held["terms"] == TERMS.replace("NCU+IRB", "IRB+NCU")
    assert (held["records"], held["price"]) == (2, PRICE)
    assert (
        "The quote holds: 2 records"
        in medibloc("dataset", "check", file, *FOR, "--as", "researcher").out
    )
    bought = medibloc("dataset", "purchase", file, *FOR, "--as", "researcher", "--json").json
    order = bought["order_id"]
    assert "OPEN" in medibloc("dataset", "show", listing).out
    medibloc("dataset", "open", order, "--as", "researcher", "--out", "data", code=4)
    settled = medibloc("dataset", "settle", order, "--as", "hospital", "--json").json
    assert settled["events"][0]["name"] == "Settled"
    shown = medibloc("dataset", "show", listing, "--json").json
    assert [each["state"] for each in shown["orders"]] == ["SETTLED"]
    assert (shown["state"]["earned"], shown["state"]["paid"], shown["state"]["bond"]) == (
        PRICE,
        0,
        0,
    )

    saved = medibloc(
        "dataset", "open", order, "--as", "researcher", "--out", "data", "--arrays", "--json"
    ).json
    assert [each["record"] for each in saved] == [hexed(r) for r in world.records.values()]
    dicom, array = (Path(each["path"]) for each in saved[0]["files"])
    released = world.released(CT)
    assert dicom.read_bytes() == released
    assert saved[0]["files"][0]["sha256"] == hashlib.sha256(released).hexdigest()
    assert np.array_equal(np.load(array), imaging.arrays(CT.read_bytes(), "CT"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (dicom, array)} == {0o600}

    paid = [
        medibloc("dataset", "claim", claim_of(world, name), "--as", "stranger", "--json").json
        for name in ("alice", "bob")
    ]
    paid.append(
        medibloc("dataset", "claim", "--fee-of", listing, "--as", "stranger", "--json").json
    )
    fee = PRICE * FEE_BPS // 10_000
    assert [each["amount"] for each in paid] == [(PRICE - fee) * 3 // 4, (PRICE - fee) // 4, fee]
    assert world.token.balance(world.exchange.market.address) == 0
    medibloc("dataset", "claim", claim_of(world, "alice"), "--as", "alice", code=4)


def test_an_order_left_alone_is_refunded(world: World, medibloc: Medibloc, listing: str) -> None:
    order = purchase(medibloc, listing)
    early = medibloc("dataset", "refund", order, "--as", "researcher", "--json", code=4).json
    assert early["error"] == "DeadlineNotReached"
    world.chain.increase_time(DAY + 1)
    late = medibloc("dataset", "settle", order, "--as", "hospital", "--json", code=4).json
    assert late["error"] == "SettleTooLate"
    assert medibloc("dataset", "refund", order, "--as", "researcher", "--json").json["events"]
    assert world.token.balance(world.address("researcher")) == 3 * PRICE
    assert "REFUNDED" in medibloc("dataset", "show", listing).out


def test_a_withdrawal(world: World, medibloc: Medibloc, listing: str) -> None:
    file = quote(medibloc, listing)
    claim = claim_of(world, "alice")
    refused = medibloc("dataset", "withdraw", claim, "--as", "stranger", "--json", code=4).json
    assert refused["error"] == "WithdrawalNotAllowed"
    medibloc("dataset", "withdraw", claim, "--as", "alice")
    assert "closed" in medibloc("dataset", "list").out
    listed = medibloc("dataset", "list", "--json").json
    assert [each["open"] for each in listed] == [False]
    for command in ("check", "purchase"):
        done = medibloc("dataset", command, file, *FOR, "--as", "researcher", "--json", code=4)
        assert done.json["error"] == "ListingClosed"


def test_claim_files_are_written_once_more(world: World, medibloc: Medibloc, listing: str) -> None:
    before = {path.name: path.read_bytes() for path in Path("claims").iterdir()}
    shutil.rmtree("claims")
    again = medibloc("dataset", "claims", listing, "--as", "hospital", "--json").json
    assert {Path(path).name for path in again["claims"]} == set(before)
    assert {path.name: path.read_bytes() for path in Path("claims").iterdir()} == before
    done = medibloc("dataset", "claims", listing, "--as", "rival", "--json", code=4)
    assert done.json["error"] == "ListingUnknown"


def test_payees_and_tokens_by_name_and_address(world: World, medibloc: Medibloc) -> None:
    signed = medibloc(
        "dataset", "contribute", hexed(world.records["alice"]), "--as", "alice",
        "--steward", world.address("hospital"), *COMMON, "--payee", "stranger",
        "--token", world.token.address, "--until", "2030-01-01", "--out", "a.json", "--json",
    ).json  # fmt: skip
    assert signed["terms"]["payee"] == world.address("stranger")
    assert signed["terms"]["token"] == world.token.address
    assert signed["terms"]["expires_at"] == 1_893_456_000
    assert signed["terms"]["min_price"] == 500_000_000
    assert stat.S_IMODE(Path("a.json").stat().st_mode) == 0o600


# Refusals.


def test_a_purpose_the_buyer_did_not_mean(medibloc: Medibloc, listing: str) -> None:
    file = quote(medibloc, listing)
    for command in ("check", "purchase"):
        done = medibloc(
            "dataset", command, file, "--as", "researcher", "--for", "DS+NONCOMMERCIAL+HAS_IRB",
            "--json", code=4,
        )  # fmt: skip
        assert done.json["values"]["check"] == "purpose"


def test_purchase_below_the_price(world: World, medibloc: Medibloc, listing: str) -> None:
    file = quote(medibloc, listing)
    argv = ("dataset", "purchase", file, *FOR, "--as", "researcher", "--json", "--amount")
    assert medibloc(*argv, "999.999999", code=4).json["error"] == "PaymentBelowPrice"
    assert medibloc(*argv, "much", code=3).json["error"] == "InvalidValue"
    assert world.token.balance(world.exchange.market.address) == 0
    medibloc(*argv, "1000")


def test_purchase_twice(world: World, medibloc: Medibloc, listing: str) -> None:
    purchase(medibloc, listing)
    done = medibloc("dataset", "purchase", "quote.json", *FOR, "--as", "researcher", code=4)
    assert done.err.startswith("OrderExists: The order 0x")
    assert "medibloc dataset show" in done.err
    assert world.token.balance(world.exchange.market.address) == PRICE


def test_a_quote_for_another(medibloc: Medibloc, listing: str) -> None:
    file = quote(medibloc, listing)
    done = medibloc("dataset", "check", file, *FOR, "--as", "rival", "--json", code=6)
    assert done.json["error"] == "WrongKey"


def test_a_damaged_store(world: World, medibloc: Medibloc, listing: str) -> None:
    file = quote(medibloc, listing)
    car = world.car_of("bob")
    content = bytearray(car.read_bytes())
    content[len(content) // 2] ^= 1
    car.write_bytes(content)
    done = medibloc("dataset", "check", file, *FOR, "--as", "researcher", "--json", code=7)
    assert done.json["error"] == "Corrupted"
    car.unlink()
    done = medibloc("dataset", "check", file, *FOR, "--as", "researcher", "--json", code=5)
    assert done.json["error"] == "BlobMissing"


def test_another_store_without_the_records(
    tmp_path: Path, medibloc: Medibloc, listing: str
) -> None:
    file = quote(medibloc, listing)
    empty = tmp_path / "empty"
    done = medibloc("--store", empty, "dataset", "check", file, *FOR, "--as", "researcher", code=5)
    assert done.err.startswith("BlobMissing")


@pytest.mark.parametrize("purpose", ["HMB+COMMERCIAL+HAS_IRB", PURPOSE + "+NONPROFIT"])
def test_quote_for_what_the_market_refuses(medibloc: Medibloc, listing: str, purpose: str) -> None:
    medibloc(
        "dataset", "quote", listing, "--as", "hospital", "--to", "researcher",
        "--for", purpose, "--out", "quote.json", code=4,
    )  # fmt: skip
    assert not Path("quote.json").exists()


@pytest.mark.parametrize(
    ("window", "code"), [("9m", 4), ("31d", 4), ("soon", 3), ("2030-01-01", 3), ("99999y", 4)]
)
def test_quote_for_another_window(medibloc: Medibloc, listing: str, window: str, code: int) -> None:
    medibloc(
        "dataset", "quote", listing, "--as", "hospital", "--to", "researcher",
        "--for", PURPOSE, "--out", "quote.json", "--window", window, code=code,
    )  # fmt: skip
    assert not Path("quote.json").exists()


def test_list_from_nothing_but_files(contributions: list[Path], medibloc: Medibloc) -> None:
    done = medibloc("dataset", "list", *contributions, "--json", code=3)
    assert done.json["values"]["name"] == "--as and --price"


def test_list_from_what_are_no_contributions(world: World, medibloc: Medibloc) -> None:
    Path("bad.json").write_text('{"medibloc": "contribution", "version": 1}')
    argv = ("--as", "hospital", "--price", "1", "--json")
    done = medibloc("dataset", "list", "bad.json", *argv, code=3)
    assert done.json["error"] == "DocumentInvalid"
    done = medibloc("dataset", "list", "missing.json", *argv, code=3)
    assert done.json["error"] == "StudyUnreadable"
    assert not Path("claims").exists()
    assert world.exchange.market.listings() == []


def test_list_where_claim_files_cannot_be_written(
    world: World, contributions: list[Path], medibloc: Medibloc
) -> None:
    Path("claims").write_text("a file")
    done = medibloc(
        "dataset", "list", *contributions, "--as", "hospital", "--price", "1000", "--json", code=5
    )
    assert done.json["error"] == "StoreFailed"
    assert world.exchange.market.listings() == []


def test_claim_given_nothing_or_both(medibloc: Medibloc, listing: str) -> None:
    done = medibloc("dataset", "claim", "--as", "alice", "--json", code=3)
    assert done.json["values"]["given"] == "given 0 files"
    done = medibloc(
        "dataset", "claim", "c.json", "--fee-of", listing, "--as", "alice", "--json", code=3
    )
    assert done.json["values"]["given"] == "given 1 files and --fee-of"
    medibloc("dataset", "claim", "a.json", "b.json", "--to", "bob", "--as", "alice", code=3)


def test_a_bond_relisted_claimed_together_and_closed_out(
    world: World, medibloc: Medibloc, contributions: list[Path]
) -> None:
    world.token.mint(world.me("governance").signer, world.address("hospital"), PRICE)
    first = medibloc(
        "dataset", "list", *contributions, "--as", "hospital", "--price", "1000", "--bond", "250",
        "--fee-bps", "300", "--issuer-bps", "200", "--until", "60d", "--json",
    ).json  # fmt: skip
    assert len(first["claims"]) == 3
    shown = medibloc("dataset", "show", first["listing_id"]).out
    assert "bond     250.000000 tUSD, held" in shown
    assert "steward 300 bps, issuers 200 bps" in shown
    medibloc("dataset", "withdraw", claim_of(world, "bob"), "--as", "bob")
    shutil.rmtree("claims")
    again = medibloc(
        "dataset", "relist", first["listing_id"], "--as", "hospital", "--until", "50d", "--json"
    ).json
    assert [left["record"] for left in again["left_out"]] == [hexed(world.records["bob"])]
    order = purchase(medibloc, again["listing_id"])
    medibloc("dataset", "settle", order, "--as", "hospital")
    done = medibloc("dataset", "claim", *again["claims"], "--as", "stranger", "--json").json
    assert done["amount"] == PRICE * 9_700 // 10_000
    assert len(done["receipts"]) == 2
    listing = first["listing_id"]
    refused = medibloc("dataset", "close-out", listing, "--as", "stranger", "--json", code=4)
    assert refused.json["error"] == "CloseOutTooEarly"
    world.chain.increase_time(31 * DAY)
    assert (
        "Paid 250.000000 tUSD" in medibloc("dataset", "close-out", listing, "--as", "stranger").out
    )


def test_challenges_of_what_is_signed_are_refused(
    world: World, medibloc: Medibloc, contributions: list[Path], listing: str
) -> None:
    file = quote(medibloc, listing)
    done = medibloc("dataset", "challenge", file, "--as", "researcher", "--json", code=4)
    assert done.json["error"] == "ContributionValid"
    done = medibloc(
        "dataset", "challenge", claim_of(world, "alice"), "--evidence", contributions[0],
        "--as", "stranger", "--json", code=4,
    )  # fmt: skip
    assert done.json["error"] == "ContributionValid"


def test_a_share_goes_elsewhere_by_the_payees_word(
    world: World, medibloc: Medibloc, listing: str
) -> None:
    medibloc("dataset", "settle", purchase(medibloc, listing), "--as", "hospital")
    before = world.token.balance(world.address("rival"))
    to = ("dataset", "claim", claim_of(world, "alice"), "--to", "rival", "--json")
    assert medibloc(*to, "--as", "bob", code=4).json["error"] == "NotPayee"
    signed = ("--sign", "to.json")
    medibloc("dataset", "claim", claim_of(world, "alice"), *signed, "--as", "alice", code=3)
    medibloc(*to, *signed, "--as", "alice")
    medibloc("dataset", "withdraw", claim_of(world, "bob"), "--sign", "leave.json", "--as", "bob")
    assert "rival" not in medibloc("relay", "show", "to.json", "leave.json").out
    amount = medibloc(*to, "--as", "alice").json["amount"]
    assert world.token.balance(world.address("rival")) == before + amount


def test_ids_that_are_none(medibloc: Medibloc) -> None:
    for command in (
        ("dataset", "show", "0x12"),
        ("dataset", "settle", "order", "--as", "hospital"),
        ("dataset", "claim", "--fee-of", "x", "--as", "hospital"),
        ("record", "show", "0x", "--as", "alice"),
        ("access", "grant", "x", "--to", "clinic", "--as", "alice"),
    ):
        assert medibloc(*command, "--json", code=3).json["error"] == "InvalidValue"
    unknown = "ab" * 32
    shown = medibloc("dataset", "show", unknown, "--json", code=4).json
    assert shown["error"] == "ListingUnknown"


# Records.


def test_publish_and_hand_over(world: World, medibloc: Medibloc) -> None:
    alice = world.address("alice")
    done = medibloc(
        "record", "publish", f"alice={CT}", f"{alice}={CT}", "--as", "hospital",
        "--label", "two of alice", "--out", "files", "--json",
    ).json  # fmt: skip
    assert [each["patient"] for each in done["records"]] == [alice, alice]
    for each in done["records"]:
        record = medibloc("record", "import", each["file"], "--as", "alice", "--json").json
        assert record == {"record": each["record"], "replaces": None}
    listed = medibloc("record", "list", "--as", "hospital", "--json").json
    assert [each["label"] for each in listed].count("two of alice") == 2
    assert done["records"][0]["record"] in medibloc("record", "list", "--as", "alice").out
    shown = medibloc("record", "show", done["records"][0]["record"], "--as", "hospital", "--json")
    assert shown.json["stored"] is True
    assert shown.json["registered_at"] > 0
    text = medibloc("record", "show", done["records"][0]["record"], "--as", "hospital").out
    assert "registered  yes" in text
    assert "two of alice" in text


def test_hand_over_later(world: World, medibloc: Medibloc) -> None:
    (row,) = medibloc("record", "publish", f"stranger={CT}", "--as", "hospital", "--json").json[
        "records"
    ]
    assert row["file"] == ""
    argv = ("record", "hand-over", row["record"], "--as", "hospital", "--out", "files")
    done = medibloc(*argv, "--json", code=3)
    assert done.json["error"] == "KeyUnpublished"
    medibloc("account", "publish-key", "--as", "stranger")
    file = medibloc(*argv, "--json").json["file"]
    assert medibloc("record", "import", file, "--as", "stranger").out.startswith(row["record"])
    done = medibloc("record", "import", file, "--as", "alice", "--json", code=6)
    assert done.json["error"] == "WrongKey"


def test_publish_finds_out_first_whom_it_cannot_hand_over_to(
    world: World, medibloc: Medibloc
) -> None:
    before = sorted(world.store.iterdir())
    done = medibloc(
        "record", "publish", f"stranger={CT}", "--as", "hospital", "--out", "f", "--json", code=3
    )
    assert done.json["error"] == "KeyUnpublished"
    assert sorted(world.store.iterdir()) == before


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("alice", "InvalidValue"),
        ("alice=missing.dcm", "StudyUnreadable"),
        ("alice=.", "StudyEmpty"),
        ("nobody=x", "InvalidAddress"),
        ("0x12=x", "InvalidAddress"),
    ],
)
def test_publish_what_cannot_be(medibloc: Medibloc, given: str, error: str) -> None:
    done = medibloc("record", "publish", given, "--as", "hospital", "--json", code=3)
    assert done.json["error"] == error


def test_publish_what_is_no_dicom(medibloc: Medibloc) -> None:
    Path("letter.dcm").write_text("no DICOM")
    done = medibloc("record", "publish", "alice=letter.dcm", "--as", "hospital", code=3)
    assert done.err.startswith("NotDicom: letter.dcm cannot be read as DICOM")
    assert "export it again" in done.err


def test_publish_by_who_is_no_issuer(medibloc: Medibloc) -> None:
    done = medibloc("record", "publish", f"alice={CT}", "--as", "clinic", "--json", code=4)
    assert done.json["message"].endswith("is not accredited as issuer (accredited until: never).")


def test_a_label_is_not_taken_for_markup(world: World, medibloc: Medibloc) -> None:
    medibloc("record", "publish", f"bob={CT}", "--as", "hospital", "--label", "[/b] [red]x")
    assert "[/b] [red]x" in medibloc("record", "list", "--as", "hospital").out


def test_show_says_what_is_not_there(world: World, medibloc: Medibloc) -> None:
    record = hexed(world.records["alice"])
    done = medibloc("record", "show", record, "--as", "bob", "--json", code=4)
    assert done.json["error"] == "RecordNotHeld"
    world.car_of("alice").unlink()
    assert medibloc("record", "show", record, "--as", "alice", "--json").json["stored"] is False


# Consent and access.


def test_consent(world: World, medibloc: Medibloc) -> None:
    Path("form.txt").write_text("de: Ich willige ein.")
    medibloc("consent", "set", "hmb+ncu", "--as", "alice", "--until", "30d", "--form", "form.txt")
    shown = medibloc("consent", "show", "alice", "--for", "HMB+COMMERCIAL", "--json").json
    assert (shown["terms"], shown["answer"], shown["decided_by_bit"]) == ("HMB+NCU", "DENY", 46)
    assert shown["consent"]["version"] == 2
    text = medibloc("consent", "show", world.address("alice"), "--for", "HMB+NONCOMMERCIAL").out
    assert "HMB+NONCOMMERCIAL: PERMIT" in text
    medibloc("consent", "revoke", "--as", "alice")
    assert "never" in medibloc("consent", "show", "alice").out
    again = medibloc("consent", "revoke", "--as", "alice", "--json", code=4)
    assert again.json["error"] == "ConsentMissing"


def test_consent_that_is_none(medibloc: Medibloc) -> None:
    for terms, error in (("HMB+WORLD", "InvalidPurpose"), ("", "InvalidPurpose")):
        done = medibloc("consent", "set", terms, "--as", "alice", "--json", code=3)
        assert done.json["error"] == error
    done = medibloc("consent", "set", "GRU+HMB", "--as", "alice", "--json", code=4)
    assert done.json["error"] == "TermsInvalid"
    done = medibloc("consent", "set", "GRU", "--as", "alice", "--until", "2020-01-01", code=4)
    assert "is not after the block time" in done.err
    done = medibloc("consent", "set", "GRU", "--as", "alice", "--form", "none.txt", code=3)
    assert done.err.startswith("StudyUnreadable")
    Path("picture").write_bytes(b"\xff\xd8\xff")
    medibloc("consent", "set", "GRU", "--as", "alice", "--form", "picture", code=3)


def test_access(world: World, medibloc: Medibloc) -> None:
    record = hexed(world.records["alice"])
    argv = ("access", "open", record, "--as", "clinic", "--out", "opened")
    assert medibloc(*argv, "--json", code=4).json["error"] == "GrantNotFound"
    made = medibloc("access", "grant", record, "--as", "alice", "--to", "clinic", "--json").json
    assert made["grantee"] == world.address("clinic")
    for filters in ((), ("--to", "clinic"), ("--by", "alice")):
        listed = medibloc("access", "list", *filters, "--json").json
        assert [each["stands"] for each in listed] == [True]
    assert medibloc("access", "list", "--by", "bob", "--json").json == []
    text = medibloc("access", "list").out
    assert record in text
    assert "TREATMENT" in text
    opened = medibloc(*argv, "--arrays", "--json").json
    assert [Path(each["path"]).name for each in opened["files"]] == ["0001.dcm", "0001.npy"]
    assert Path("opened/0001.dcm").read_bytes() == world.released(CT)
    again = medibloc(*argv, "--json", code=3)
    assert again.json["error"] == "FileExists"
    medibloc("access", "revoke", record, "--as", "alice", "--to", "clinic")
    assert "no" in medibloc("access", "list", "--to", "clinic").out
    done = medibloc("access", "open", record, "--as", "clinic", "--out", "other", code=4)
    assert done.err.startswith("GrantNotFound")
    assert not Path("other").exists()


def test_access_that_never_ends_can_be_listed(world: World, medibloc: Medibloc) -> None:
    record = hexed(world.records["alice"])
    argv = ("access", "grant", record, "--as", "alice", "--to", "clinic")
    medibloc(*argv, "--until", str(2**40 - 1))
    assert "after the year 9999" in medibloc("access", "list").out
    assert (
        medibloc(*argv, "--until", "2020-01-01", "--json", code=4).json["error"] == "ExpiryInPast"
    )
    done = medibloc(*argv, "--for", "HMB+COMMERCIAL", "--json", code=4)
    assert done.json["error"] == "PurposeNotPermitted"


def test_open_leaves_no_half_file(world: World, medibloc: Medibloc) -> None:
    record = hexed(world.records["alice"])
    medibloc("access", "grant", record, "--as", "alice", "--to", "clinic")
    held = held_record(world.me("alice"), world.records["alice"])
    sealed = b"".join(LocalStore(world.home / "store").get(held.cid))
    car = world.car_of("alice")
    content = car.read_bytes()
    at = content.index(sealed[20_000:20_064])  # within the first file, past its first chunk
    car.write_bytes(content[:at] + b"\x00" * 64 + content[at + 64 :])
    done = medibloc("access", "open", record, "--as", "clinic", "--out", "opened", code=7)
    assert done.err.startswith("Corrupted")
    assert [path for path in Path("opened").rglob("*") if path.is_file()] == []
    assert id_of(held) == world.records["alice"]


def test_what_a_command_prints_as_json_is_all_it_prints(world: World, medibloc: Medibloc) -> None:
    for argv in (
        ("account", "list"),
        ("account", "show", "hospital"),
        ("access", "list"),
        ("consent", "show", "alice"),
        ("dataset", "list"),
        ("record", "list", "--as", "alice"),
    ):
        done = medibloc(*argv, "--json")
        assert json.loads(done.out) is not None
        assert done.err == ""
