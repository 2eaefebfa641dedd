"""The steward's ledger: whatever dies, lies or repeats, no secret is lost or used twice."""

from __future__ import annotations

import errno
import hashlib
import hmac
import multiprocessing
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from medibloc_py.chain import Signer
from medibloc_py.crypto import curve, sale
from medibloc_py.crypto.ids import address_bytes
from medibloc_py.crypto.keys import EncryptionKeys
from medibloc_py.errors import (
    InvalidValue,
    LedgerBehind,
    LedgerDamaged,
    MediBlocError,
    SecretReused,
    StoreFailed,
    WrongKey,
)
from medibloc_py.flows.entries import (
    Book,
    Entry,
    Impossible,
    ListingDrawn,
    ListingSent,
    QuoteDrawn,
    QuoteHandedOut,
    Settled,
    SettleDecided,
    Stamped,
    pack,
    shown,
    unpack,
)
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.parties import Identity
from medibloc_py.model import ZERO_ADDRESS, Address, Listing, ListingId, OrderId, Root
from medibloc_py.storage import Vault

SLOT = 256
MARKET = Address("0x" + "11" * 20)
BUYER = Address("0x" + "22" * 20)
LISTING = ListingId(b"L" * 32)
ORDER = OrderId(b"O" * 32)
TRANSACTION = "0x" + "ab" * 32
TERMS = Listing(
    steward=ZERO_ADDRESS,
    root=Root(bytes(32)),
    token=ZERO_ADDRESS,
    price=1,
    total_weight=1,
    terms=1,
    fee_bps=0,
    issuer_bps=0,
    issuers=Root(bytes(32)),
    bond=0,
    closes_at=2_000_000_000,
    salt=b"s" * 8,
)


def steward_at(home: Path) -> Identity:
    return Identity(Signer.generate(), EncryptionKeys.generate(), Vault(home / "vault"))


@pytest.fixture
def steward(tmp_path: Path) -> Identity:
    return steward_at(tmp_path)


def draw_listing(ledger: Ledger, listing: ListingId = LISTING) -> int:
    return ledger.draw_listing(31337, MARKET, listing, TERMS)


def draw_offer(ledger: Ledger) -> sale.Offer:
    return ledger.draw_offer(LISTING, BUYER, 7, 1_900_000_000)


def whole_life(steward: Identity) -> Ledger:
    """A ledger with an entry of each kind."""
    ledger = Ledger(steward)
    draw_listing(ledger)
    ledger.listing_sent(LISTING, TRANSACTION)
    lock = sale.lock_of(draw_offer(ledger).k)
    ledger.handing_out(lock, b"q" * 32)
    ledger.decide(ORDER, lock)
    ledger.settled(ORDER, TRANSACTION)
    return ledger


def entries(ledger: Ledger) -> list[Entry]:
    return [stamped.entry for stamped in ledger.book().entries]


# What was acknowledged is there.


def test_a_ledger_says_what_was_written_into_it(steward: Identity) -> None:
    whole_life(steward)
    reading = Ledger(steward).check()
    kinds = [type(stamped.entry) for stamped in reading.book.entries]
    assert kinds == [
        ListingDrawn, ListingSent, QuoteDrawn, QuoteHandedOut, SettleDecided, Settled,
    ]  # fmt: skip
    assert reading.torn_bytes == 0
    drawn, sent, quoted, handed, decided, settled = entries(Ledger(steward))
    assert isinstance(drawn, ListingDrawn)
    assert (drawn.chain_id, drawn.market, drawn.listing) == (31337, MARKET, LISTING)
    assert (drawn.salt, drawn.closes_at) == (TERMS.salt, TERMS.closes_at)
    assert isinstance(quoted, QuoteDrawn)
    assert (quoted.buyer, quoted.purpose, quoted.deadline) == (BUYER, 7, 1_900_000_000)
    assert handed == QuoteHandedOut(quoted.lock, b"q" * 32)
    assert decided == SettleDecided(ORDER, quoted.lock)
    for entry in (sent, settled):
        assert isinstance(entry, ListingSent | Settled)
        assert entry.transaction.hex() == TRANSACTION[2:]


def test_what_became_of_it_is_told_once(steward: Identity) -> None:
    ledger = whole_life(steward)
    before = ledger.path.read_bytes()
    ledger.listing_sent(LISTING, None)
    ledger.decide(ORDER, next(iter(ledger.book().quotes)))
    ledger.settled(ORDER, None)
    ledger.settled(OrderId(b"other".ljust(32)), None)  # this ledger never decided it
    assert ledger.path.read_bytes() == before


def test_reading_where_there_is_no_ledger_makes_none(steward: Identity) -> None:
    assert Ledger(steward).check().book.entries == []
    assert not Ledger(steward).path.exists()


def test_a_ledger_is_private_and_holds_no_secret_in_the_clear(steward: Identity) -> None:
    before = os.umask(0)
    try:
        ledger = Ledger(steward)
        d = draw_listing(ledger)
        k = draw_offer(ledger).k
    finally:
        os.umask(before)
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
    data = ledger.path.read_bytes()
    told = repr([(stamped, shown(stamped)) for stamped in ledger.book().entries])
    for secret in (d, k):
        assert curve.scalar_bytes(secret) not in data
        assert str(secret) not in told
        assert curve.scalar_bytes(secret).hex() not in told
    assert LISTING not in data
    assert address_bytes(BUYER) not in data


def test_it_opens_after_the_encryption_key_was_rotated(steward: Identity) -> None:
    whole_life(steward)
    rotated = replace(steward, keys=steward.keys.rotated())
    assert len(Ledger(rotated).check().book.entries) == 6
    draw_offer(Ledger(rotated))


def test_it_opens_for_nobody_else(steward: Identity) -> None:
    whole_life(steward)
    for other in (
        replace(steward, signer=Signer.generate()),
        replace(steward, keys=EncryptionKeys.generate()),
    ):
        with pytest.raises(WrongKey):
            Ledger(other).read()
        with pytest.raises(WrongKey):
            draw_listing(Ledger(other), ListingId(b"M" * 32))
    assert len(entries(Ledger(steward))) == 6


# Secrets are drawn once.


def test_a_listing_has_one_secret(steward: Identity) -> None:
    ledger = Ledger(steward)
    assert draw_listing(ledger) == draw_listing(ledger)
    assert draw_listing(ledger) != draw_listing(ledger, ListingId(b"M" * 32))
    assert len(entries(ledger)) == 2


def test_a_quote_has_a_secret_of_its_own(steward: Identity) -> None:
    ledger = Ledger(steward)
    d = draw_listing(ledger)
    offers = [draw_offer(ledger) for _ in range(20)]
    assert len({offer.k for offer in offers} | {d}) == 21
    assert all((d + offer.k) % curve.ORDER == offer.z for offer in offers)


def test_nothing_is_quoted_of_a_listing_it_does_not_know(steward: Identity) -> None:
    with pytest.raises(LedgerBehind):
        draw_offer(Ledger(steward))


def test_a_machine_whose_randomness_repeats_draws_nothing(
    steward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a snapshot of a virtual machine was restored."""
    ledger = Ledger(steward)
    d = draw_listing(ledger)
    k = draw_offer(ledger).k
    before = ledger.path.read_bytes()
    for again in (d, k):
        monkeypatch.setattr(curve, "random_scalar", lambda again=again: again)
        with pytest.raises(SecretReused, match="randomness repeats"):
            draw_listing(ledger, ListingId(b"M" * 32))
        with pytest.raises(SecretReused):
            draw_offer(ledger)
    assert ledger.path.read_bytes() == before


def test_a_lock_that_stands_on_the_chain_is_not_drawn_again(
    steward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger went back in time, and the machine's randomness with it."""
    ledger = Ledger(steward)
    draw_listing(ledger)
    monkeypatch.setattr(curve, "random_scalar", lambda: 12345)
    with pytest.raises(SecretReused):
        ledger.draw_offer(LISTING, BUYER, 7, 1, seen=[sale.lock_of(12345)])
    assert len(entries(ledger)) == 1


def test_equal_nonces_show_no_secret(steward: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two futures of one snapshot: under the same nonce, frames still differ throughout."""
    draw_listing(ledger := Ledger(steward))
    past = ledger.path.read_bytes()
    monkeypatch.setattr(secrets, "token_bytes", lambda size: b"r" * size)
    futures = []
    for buyer in (BUYER, MARKET):
        ledger.path.write_bytes(past)
        ledger.draw_offer(LISTING, buyer, 7, 1)
        futures.append(ledger.path.read_bytes()[len(past) + 12 : len(past) + 240])
    same = sum(a == b for a, b in zip(*futures, strict=True))
    assert same < 16  # of 228; with plain GCM all but the fields that differ would agree


# Crashes.


def test_an_append_that_was_cut_off_anywhere_is_not_there(steward: Identity) -> None:
    ledger = whole_life(steward)
    before = ledger.path.read_bytes()
    draw_offer(ledger)
    after = ledger.path.read_bytes()
    assert len(after) == len(before) + SLOT
    for cut in range(1, SLOT):
        ledger.path.write_bytes(after[:-cut])
        reading = ledger.read()
        assert len(reading.book.entries) == 6
        assert reading.torn_bytes == SLOT - cut
        assert ledger.path.read_bytes() == after[:-cut], "reading writes nothing"
    offer = draw_offer(ledger)
    assert ledger.path.read_bytes()[: len(before)] == before
    assert ledger.book().quotes[sale.lock_of(offer.k)].k == offer.k
    assert ledger.read().torn_bytes == 0


@pytest.mark.parametrize("there", [0, 1, 100, 239, 240])
def test_an_append_whose_end_is_zeros_is_not_there(steward: Identity, there: int) -> None:
    """A file system may lengthen a file before it writes the bytes."""
    ledger = whole_life(steward)
    before = ledger.path.read_bytes()
    draw_offer(ledger)
    slot = ledger.path.read_bytes()[-SLOT:]
    ledger.path.write_bytes(before + slot[:there].ljust(SLOT, b"\0"))
    assert ledger.read().torn_bytes == SLOT
    draw_offer(ledger)
    assert len(entries(ledger)) == 7


def test_a_head_that_was_cut_off_is_written_again(steward: Identity) -> None:
    draw_listing(Ledger(steward))
    path = Ledger(steward).path
    head = path.read_bytes()[:SLOT]
    for torn in (b"", head[:7], head[:-1], head[:-16], bytes(SLOT)):
        path.write_bytes(torn)
        draw_listing(Ledger(steward))
        assert len(entries(Ledger(steward))) == 1


@pytest.mark.parametrize("step", ["ftruncate", "write", "fsync"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_full_disk_takes_nothing_away(
    steward: Identity, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    ledger = whole_life(steward)
    real, calls = getattr(os, step), []

    def full(*given: object) -> object:
        calls.append(given)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        if call <= {"ftruncate": 1, "write": 2, "fsync": 3}[step]:
            with pytest.raises(StoreFailed, match="No space left"):
                draw_offer(ledger)
        else:
            draw_offer(ledger)
    draw_offer(ledger)
    book = Ledger(steward).check().book
    assert 8 <= len(book.entries) + 1 <= 9  # one that was not acknowledged may stand there


def test_short_writes_make_whole_entries(
    steward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:7]))
    whole_life(steward)
    assert len(Ledger(steward).check().book.entries) == 6


# Changed files.


def test_no_bit_changes_unseen(steward: Identity) -> None:
    ledger = whole_life(steward)
    data = ledger.path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        ledger.path.write_bytes(changed)
        with pytest.raises((LedgerDamaged, WrongKey)):
            ledger.read()
    ledger.path.write_bytes(data[:-SLOT] + bytes([data[-SLOT] ^ 1]) + data[-SLOT + 1 :])
    with pytest.raises(LedgerDamaged, match="entry 6 is not what was written there"):
        draw_offer(ledger)


Change = Callable[[list[bytes], list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    "change",
    [
        lambda mine, _: [mine[0], *mine[2:]],
        lambda mine, _: [*mine[:3], *mine[4:]],
        lambda mine, _: [mine[0], mine[2], mine[1], *mine[3:]],
        lambda mine, _: [*mine, mine[-1]],
        lambda mine, _: [*mine[:2], mine[1], *mine[2:]],
        lambda mine, other: [*mine[:3], other[3], *mine[4:]],
        lambda mine, other: [*mine, other[-1]],
        lambda mine, other: [mine[0], *other[1:]],
        lambda mine, other: [other[0], *mine[1:]],
        lambda mine, _: mine[1:],
        lambda mine, _: [mine[0][:240] + bytes(16), *mine[1:]],
        lambda mine, _: [*mine[:3], mine[3][:240] + bytes(16), *mine[4:]],
        lambda mine, _: [*mine[:3], bytes(SLOT), *mine[4:]],
        lambda mine, _: [*mine, bytes(SLOT), bytes(SLOT)],
    ],
    ids=[
        "without the first", "without one", "two exchanged", "the last again", "one twice",
        "one of another ledger", "one more of another ledger", "under another head",
        "under this head", "no head", "head unmarked", "one unmarked", "one blank", "two blanks",
    ],
)  # fmt: skip
def test_entries_stand_where_they_were_written(steward: Identity, change: Change) -> None:
    """The other ledger is the same steward's, in another home folder."""
    ledger = whole_life(steward)
    elsewhere = replace(steward, vault=Vault(ledger.path.parent / "elsewhere"))
    other = whole_life(elsewhere)
    mine, others = (slots(each.path) for each in (ledger, other))
    ledger.path.write_bytes(b"".join(change(mine, others)))
    before = ledger.path.read_bytes()
    for act in (ledger.read, lambda: draw_listing(ledger, ListingId(b"M" * 32))):
        with pytest.raises(LedgerDamaged):
            act()
    assert ledger.path.read_bytes() == before


def slots(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[at : at + SLOT] for at in range(0, len(data), SLOT)]


def test_an_older_copy_cannot_be_told_from_the_newest_by_the_file_alone(
    steward: Identity,
) -> None:
    """What the chain tells of it is in test_stewards_ledger.py; docs/ledger-v1.md says more."""
    ledger = whole_life(steward)
    data = ledger.path.read_bytes()
    ledger.path.write_bytes(data[: 3 * SLOT])
    assert [type(entry) for entry in entries(ledger)] == [ListingDrawn, ListingSent]


def test_a_link_is_not_followed(steward: Identity, tmp_path: Path) -> None:
    ledger = whole_life(steward)
    shutil.move(ledger.path, tmp_path / "target")
    ledger.path.symlink_to(tmp_path / "target")
    for act in (ledger.read, lambda: draw_offer(ledger)):
        with pytest.raises(StoreFailed):
            act()


# Several at once.


def _draw_many(steward: Identity, count: int) -> None:
    for _ in range(count):
        draw_offer(Ledger(steward))


def test_processes_wait_for_each_other(steward: Identity) -> None:
    draw_listing(Ledger(steward))
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_draw_many, args=(steward, 15)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    book = Ledger(steward).check().book
    assert len(book.entries) == 61
    assert len(book.quotes) == 60


def test_an_entry_goes_into_the_file_that_has_the_name(steward: Identity, tmp_path: Path) -> None:
    """Somebody puts a backup back while another waits for the lock."""
    ledger = whole_life(steward)
    shutil.copy(ledger.path, tmp_path / "backup")
    waiting = threading.Thread(target=draw_offer, args=(ledger,))
    with ledger._log.appending():
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        os.replace(tmp_path / "backup", ledger.path)
    waiting.join(30)
    assert len(entries(ledger)) == 7


# The book.

DRAWN = ListingDrawn(1, MARKET, LISTING, b"s" * 8, 9, sale.lock_of(5), 5)
QUOTED = QuoteDrawn(LISTING, BUYER, 7, 9, sale.lock_of(6), 6)
SENT, HANDED = ListingSent(LISTING, bytes(32)), QuoteHandedOut(QUOTED.lock, bytes(32))
DECIDED, SETTLED = SettleDecided(ORDER, QUOTED.lock), Settled(ORDER, bytes(32))
LIFE: list[Entry] = [DRAWN, SENT, QUOTED, HANDED, DECIDED, SETTLED]


@pytest.mark.parametrize(
    ("before", "impossible"),
    [
        ([], SENT), ([], QUOTED), ([DRAWN], HANDED), ([DRAWN], DECIDED), ([DRAWN, QUOTED], SETTLED),
        *[(LIFE, entry) for entry in LIFE],
        ([DRAWN], replace(DRAWN, listing=ListingId(b"M" * 32))),
        ([DRAWN], replace(QUOTED, lock=DRAWN.point, k=DRAWN.d)),
        ([DRAWN, QUOTED], replace(DRAWN, listing=ListingId(b"M" * 32), point=QUOTED.lock, d=6)),
    ],
)  # fmt: skip
def test_the_book_takes_nothing_that_cannot_follow(before: list[Entry], impossible: Entry) -> None:
    book = Book()
    for entry in before:
        book.take(Stamped(1, entry))
    with pytest.raises(Impossible):
        book.take(Stamped(2, impossible))


def test_a_lock_can_be_shown_for_two_orders() -> None:
    """A buyer may order twice with one quote; once shown, the secret takes both payments."""
    book = Book()
    for entry in (*LIFE, SettleDecided(OrderId(b"P" * 32), QUOTED.lock)):
        book.take(Stamped(1, entry))
    assert set(book.decided) == {ORDER, OrderId(b"P" * 32)}


@pytest.mark.parametrize("entry", LIFE, ids=lambda entry: type(entry).__name__)
def test_an_entry_reads_as_it_was_written(entry: Entry) -> None:
    content = pack(Stamped(123, entry))
    assert unpack(content) == Stamped(123, entry)
    with pytest.raises(Impossible, match="more than its fields"):
        unpack(content[:-1] + b"\x01")
    for kind in (0, 7, 255):
        with pytest.raises(Impossible, match="does not know"):
            unpack(bytes([kind]) + content[1:])


@pytest.mark.parametrize(
    "changed",
    [
        {"salt": b"s" * 9}, {"salt": b"s" * 7}, {"closes_at": 2**64}, {"closes_at": -1},
        {"listing": ListingId(b"L" * 31)}, {"chain_id": 2**256}, {"d": 0}, {"d": curve.ORDER},
    ],
)  # fmt: skip
def test_what_could_not_be_read_again_is_not_written(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        pack(Stamped(1, replace(DRAWN, **changed)))


def test_an_entry_whose_secret_is_no_scalar_is_refused() -> None:
    content = pack(Stamped(1, QUOTED)).replace(curve.scalar_bytes(6), bytes(32))
    with pytest.raises(Impossible, match="no scalar"):
        unpack(content)


def test_check_computes_every_point_again(
    steward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(steward)
    draw_listing(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(sale, "lock_of", lambda _: MARKET)
        draw_offer(ledger)
    assert len(ledger.read().book.entries) == 2
    with pytest.raises(LedgerDamaged, match="entry 2 names another lock"):
        ledger.check()


# A stranger.


def test_a_stranger_reads_a_ledger_from_the_page_alone(steward: Identity) -> None:
    """docs/ledger-v1.md, with hash functions and AES-GCM-SIV and nothing of ours."""
    whole_life(steward)
    head, *frames = slots(Ledger(steward).path)
    assert {slot[240:] for slot in (head, *frames)} == {b"medibloc/kept/v1"}
    assert head[:16] == b"medibloc-ledger\x01"
    info = b"medibloc/ledger/v1" + bytes.fromhex(steward.address[2:])
    extracted = hmac.digest(head[16:48], steward.keys.root_secret, "sha256")
    key = hmac.digest(extracted, info + b"\x01", "sha256")
    check = hmac.digest(extracted, key + info + b"\x02", "sha256")[:16]
    assert head[48:64] == check
    assert not any(head[64:240])
    link, contents = hashlib.sha256(head[:240]).digest(), []
    for number, frame in enumerate(frames, 1):
        place = b"medibloc/ledger/frame/v1" + number.to_bytes(8, "big") + link
        contents.append(AESGCMSIV(key).decrypt(frame[:12], frame[12:240], place))
        link = hashlib.sha256(frame[:240]).digest()
    assert [content[0] for content in contents] == [1, 2, 3, 4, 5, 6]
    drawn, _, quoted, _, decided, settled = (content[9:] for content in contents)
    assert int.from_bytes(drawn[:32], "big") == 31337
    assert drawn[32:52] == bytes.fromhex(MARKET[2:])
    assert (drawn[52:84], drawn[84:92]) == (LISTING, TERMS.salt)
    assert int.from_bytes(drawn[92:100], "big") == TERMS.closes_at
    lock = Address(sale.lock_of(int.from_bytes(drawn[120:152], "big")))
    assert drawn[100:120] == bytes.fromhex(lock[2:])
    assert quoted[32:52] == bytes.fromhex(BUYER[2:])
    assert (decided[:32], settled[:32]) == (ORDER, ORDER)
    assert decided[32:52] == quoted[68:88]
    assert settled[32:64].hex() == TRANSACTION[2:]


def test_every_failure_is_typed_and_names_the_file(steward: Identity) -> None:
    ledger = whole_life(steward)
    ledger.path.write_bytes(secrets.token_bytes(5 * SLOT))
    with pytest.raises(MediBlocError) as caught:
        ledger.read()
    assert str(ledger.path) in caught.value.message
    assert "newest copy" in caught.value.advice
