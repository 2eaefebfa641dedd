"""A steward's ledger: every secret d and k, before it is used, and what became of it.

One append-only file for each account and home folder, sealed under the account's root
secret (docs/ledger-v1.md). A secret is on the disk before anything is made with it, and
its point is compared with all that were drawn before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medibloc_py.crypto import sale
from medibloc_py.crypto.frames import FRAME_BYTES, FrameChain, new_head
from medibloc_py.errors import Corrupted, LedgerBehind, LedgerDamaged, SecretReused
from medibloc_py.flows.entries import (
    UNSEEN,
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
    require_points,
    unpack,
)
from medibloc_py.flows.parties import LEDGER, Exchange, Identity
from medibloc_py.model import Address, Listing, ListingId, OrderId
from medibloc_py.storage import AppendLog
from medibloc_py.storage.append_log import Contents


@dataclass(frozen=True, slots=True)
class Reading:
    """A ledger as it was read: what it says, and the bytes of an append that a crash cut off."""

    path: Path
    book: Book
    torn_bytes: int


class Ledger:
    """The ledger of one steward in one home folder."""

    def __init__(self, steward: Identity) -> None:
        self.path = steward.vault.path(LEDGER)
        self._log = AppendLog(self.path, FRAME_BYTES)
        self._root_secret = steward.keys.root_secret
        self._owner = steward.address

    # Reading.

    def read(self) -> Reading:
        """Reads and checks every frame and every entry; nothing is written.

        Raises:
            LedgerDamaged: a frame is not what was written there.
            WrongKey: the file is another account's, or was begun under other keys.
            StoreFailed: it cannot be read.
        """
        with self._told():
            contents = self._log.read()
            _, book = self._opened(contents)
        return Reading(self.path, book, contents.torn_bytes)

    def book(self) -> Book:
        """What the ledger says; raises as `read`."""
        return self.read().book

    def check(self) -> Reading:
        """Reads it all, and computes the point of every secret again; raises as `read`."""
        reading = self.read()
        for number, stamped in enumerate(reading.book.entries, 1):
            with self._told(number):
                require_points(stamped.entry)
        return reading

    # Drawing.

    def draw_listing(
        self, chain_id: int, market: Address, listing_id: ListingId, listing: Listing
    ) -> int:
        """Draws the secret d of a new listing.

        Returns:
            The secret, which is on the disk by now; the same as before if one was drawn for
            this very listing and it was not seen on the chain.

        Raises:
            SecretReused: this machine drew the secret before.
            MediBlocError: as `read`.
        """
        with self._writing() as (book, write):
            drawn = book.listings.get(listing_id)
            if drawn is None:
                d = sale.new_listing_secret()
                point = self._fresh(d, book.points, "a listing")
                drawn = ListingDrawn(
                    chain_id, market, listing_id, listing.salt, listing.closes_at, point, d
                )
                write(drawn)
        return drawn.d

    def draw_offer(
        self,
        listing_id: ListingId,
        buyer: Address,
        purpose: int,
        deadline: int,
        seen: Collection[Address] = (),
    ) -> sale.Offer:
        """Draws the secret k of a new quote.

        Args:
            listing_id: the listing; its d stands in the ledger.
            buyer: whom the quote is for.
            purpose: what for.
            deadline: of the order.
            seen: locks of orders on the chain, which a new lock cannot be among.

        Returns:
            The offer, whose secret is on the disk by now.

        Raises:
            LedgerBehind: no d of that listing stands in the ledger.
            SecretReused: this machine drew the secret before.
            MediBlocError: as `read`.
        """
        with self._writing() as (book, write):
            drawn = book.listings.get(listing_id)
            if drawn is None:
                raise LedgerBehind(path=self.path, listing=listing_id)
            offer = sale.make_offer(drawn.d)
            lock = self._fresh(offer.k, book.points | set(seen), "a quote")
            write(QuoteDrawn(listing_id, buyer, purpose, deadline, lock, offer.k))
        return offer

    def _fresh(self, secret: int, taken: Collection[Address], purpose: str) -> Address:
        point = sale.lock_of(secret)
        if point in taken:
            raise SecretReused(purpose=purpose)
        return point

    # What became of it. Each is told once; to tell it again changes nothing.

    def listing_sent(self, listing_id: ListingId, transaction: str | None) -> None:
        """Notes that a listing stands on the chain; without its transaction if that was lost."""
        with self._writing() as (book, write):
            if listing_id not in book.sent:
                write(ListingSent(listing_id, _hash(transaction)))

    def handing_out(self, lock: Address, digest: bytes) -> None:
        """Notes that a quote is about to leave; `digest` is the SHA-256 of its file."""
        with self._writing() as (_, write):
            write(QuoteHandedOut(lock, digest))

    def decide(self, order_id: OrderId, lock: Address) -> None:
        """Notes that the secret of a lock is about to be shown for an order."""
        with self._writing() as (book, write):
            if order_id not in book.decided:
                write(SettleDecided(order_id, lock))

    def settled(self, order_id: OrderId, transaction: str | None) -> None:
        """Notes that an order was settled, if this ledger decided it."""
        with self._writing() as (book, write):
            if order_id in book.decided and order_id not in book.settled:
                write(Settled(order_id, _hash(transaction)))

    # The file.

    @contextmanager
    def _writing(self) -> Iterator[tuple[Book, Callable[[Entry], None]]]:
        """The book under an exclusive lock, and how to write the next entry into it."""
        with self._told(), self._log.appending() as appender:
            contents = appender.contents
            if not contents.payloads:
                head = new_head(self._root_secret, self._owner)
                appender.append(head)
                contents = Contents((head,))
            chain, book = self._opened(contents)

            def write(entry: Entry) -> None:
                stamped = Stamped(int(time.time()), entry)
                content = pack(stamped)
                book.take(stamped)
                appender.append(chain.seal(content))

            yield book, write

    def _opened(self, contents: Contents) -> tuple[FrameChain, Book]:
        book = Book()
        head, *frames = contents.payloads or (new_head(self._root_secret, self._owner),)
        chain = FrameChain(self._root_secret, self._owner, head, self.path)
        for number, frame in enumerate(frames, 1):
            with self._told(number):
                book.take(unpack(chain.open(frame)))
        return chain, book

    @contextmanager
    def _told(self, number: int | None = None) -> Iterator[None]:
        """Whatever is not as it was written becomes `LedgerDamaged`."""
        try:
            yield
        except Corrupted as error:
            raise LedgerDamaged(path=self.path, reason=error.values["reason"]) from None
        except Impossible as error:
            raise LedgerDamaged(path=self.path, reason=f"entry {number} {error}") from None


def require_complete(exchange: Exchange, steward: Identity, ledger: Ledger) -> None:
    """Raises `LedgerBehind` if the chain shows a listing of the steward that the ledger lacks.

    That is what can be seen of a ledger that went back in time: a backup, a snapshot.
    """
    known = ledger.book().listings
    for listing_id, *_ in exchange.market.listings(steward.address):
        if listing_id not in known:
            raise LedgerBehind(path=ledger.path, listing=listing_id)


def _hash(transaction: str | None) -> bytes:
    return bytes.fromhex(transaction[2:]) if transaction else UNSEEN
