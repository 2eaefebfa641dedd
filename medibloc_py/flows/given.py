"""What readers were given: each one's grant objects, in the vault of who wrapped them.

An object is on the list from before the store keeps it, so that none is ever kept unknown.
Its locator stands beside it until its grant was sent or signed: what a run that died left
with a locator, and the chain never saw, is let go of.
"""

from __future__ import annotations

from collections.abc import Mapping

from medibloc_py.crypto.ids import checksum_address
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import Address, Cid, Locator, RecordId
from medibloc_py.storage import Store

_PREFIX = "granted-"
_HANDED_OUT = b""


class Given:
    """The grant objects that one actor made for one reader of one record."""

    def __init__(self, actor: Identity, record: RecordId, reader: Address) -> None:
        self._actor = actor
        self._record = record
        self._reader = reader
        self._name = f"{_PREFIX}{record.hex()}-{reader.lower()}"

    def objects(self) -> list[Cid]:
        """Where they are stored, oldest first."""
        return list(self._read())

    def storing(self, cid: Cid, locator: Locator) -> None:
        """Notes an object that the store is about to keep."""
        self._write(self._read() | {cid: bytes(locator)})

    def handed_out(self, exchange: Exchange, cid: Cid) -> None:
        """Notes that an object's grant was sent or signed, and lets go of what never was.

        While transactions of the actor wait in the node, nothing is let go of: one may be
        the grant of an object that seems to be left over.
        """
        noted = self._read() | {cid: _HANDED_OUT}
        left_over = {other: locator for other, locator in noted.items() if locator}
        if left_over and not exchange.network.unmined(self._actor.address):
            on_chain = self._locators(exchange)
            for other, locator in left_over.items():
                if locator in on_chain:
                    noted[other] = _HANDED_OUT
                else:
                    exchange.store.unpin(other)
                    del noted[other]
        self._write(noted)

    def let_go(self, store: Store) -> None:
        """Lets the store drop them all, and forgets the list."""
        for cid in self._read():
            store.unpin(cid)
        self._actor.forget(self._name)

    def _locators(self, exchange: Exchange) -> set[bytes]:
        access, place = exchange.access, (self._record, self._reader)
        granted = {each.locator for each in access.grants(*place)}
        return granted | {each.locator for each in access.deliveries(*place)}

    def _read(self) -> dict[Cid, bytes]:
        """The locator of each object whose grant was neither sent nor signed; else nothing."""
        if not self._actor.vault.has(self._name):
            return {}
        lines = self._actor.recall(self._name).decode().splitlines()
        parts = (line.partition(" ") for line in lines)
        return {Cid(cid): bytes.fromhex(locator) for cid, _, locator in parts}

    def _write(self, noted: Mapping[Cid, bytes]) -> None:
        lines = (f"{cid} {locator.hex()}".rstrip() for cid, locator in noted.items())
        self._actor.keep(self._name, "\n".join(lines).encode())


def given_of(actor: Identity, record: RecordId) -> list[Given]:
    """What an actor gave of a record: one for each reader."""
    names = actor.kept(f"{_PREFIX}{record.hex()}-")
    readers = (bytes.fromhex(name.rpartition("0x")[2]) for name in names)
    return [Given(actor, record, checksum_address(reader)) for reader in readers]


def forget_given(actor: Identity, record: RecordId) -> None:
    """Forgets what an actor gave of a record; its stores were told to let go of it."""
    for name in actor.kept(f"{_PREFIX}{record.hex()}-"):
        actor.forget(name)
