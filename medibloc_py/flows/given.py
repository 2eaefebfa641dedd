"""What readers were given: each one's grant objects, in the vault of who wrapped them.

An object is on the list from before the store keeps it, so that none is ever kept unknown.
Beside it stand its locator and what it is bound to, and whether its grant was sent or signed:
what a run that died left is taken up by the same grant, or let go of if the chain never saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from medibloc_py.crypto.ids import checksum_address
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import Address, Cid, Locator, RecordId
from medibloc_py.storage import Store

_PREFIX = "granted-"
_OUT = "out"


@dataclass(frozen=True, slots=True)
class _Note:
    """What is known of a grant object.

    Attributes:
        locator: where the chain says that it is; empty if a version before this one noted it.
        bound: digest of what its wrapping is bound to; empty likewise.
        out: whether its grant was sent or signed.
    """

    locator: bytes = b""
    bound: bytes = b""
    out: bool = True

    @classmethod
    def parse(cls, words: list[str]) -> _Note:
        """Reads what stands behind a CID."""
        locator, bound = (bytes.fromhex(word) for word in (*words[:2], "", "")[:2])
        return cls(locator, bound, out=not locator or _OUT in words)

    def __str__(self) -> str:
        words = (self.locator.hex(), self.bound.hex(), _OUT if self.out else "")
        return " ".join(word for word in words if word)


class Given:
    """The grant objects that one actor made for one reader of one record.

    Attributes:
        record: which.
        reader: whose.
    """

    def __init__(self, actor: Identity, record: RecordId, reader: Address) -> None:
        self.record = record
        self.reader = reader
        self._actor = actor
        self._name = f"{_PREFIX}{record.hex()}-{reader.lower()}"

    def objects(self) -> list[Cid]:
        """Where they are stored, oldest first."""
        return list(self._read())

    def storing(self, cid: Cid, locator: Locator, bound: bytes) -> None:
        """Notes an object that the store is about to keep, and a digest of what it is bound to."""
        self._write(self._read() | {cid: _Note(bytes(locator), bound, out=False)})

    def begun(self, exchange: Exchange, bound: bytes) -> tuple[Cid, Locator] | None:
        """The object that a run which died made for the same grant, if the store has it."""
        sent = exchange.network.run.sent
        for cid, note in reversed(self._read().items()):
            taken_up = note.bound == bound and (not note.out or sent(note.locator))
            if taken_up and exchange.store.has(cid):
                return cid, Locator.of(note.locator)
        return None

    def handed_out(self, exchange: Exchange, cid: Cid) -> None:
        """Notes that an object's grant was sent or signed, and lets go of what never was.

        While transactions of the actor wait in the node, nothing is let go of: one may be
        the grant of an object that seems to be left over.
        """
        noted = self._read()
        noted[cid] = replace(noted.get(cid, _Note()), out=True)
        left_over = {other: note for other, note in noted.items() if not note.out}
        if left_over and not exchange.network.unmined(self._actor.address):
            on_chain = self._locators(exchange)
            for other, note in left_over.items():
                if note.locator in on_chain:
                    noted[other] = replace(note, out=True)
                else:
                    exchange.store.unpin(other)
                    del noted[other]
        self._write(noted)

    def let_go_of(self, store: Store, locators: Set[bytes]) -> None:
        """Lets the store drop those with these locators, and forgets them."""
        noted = self._read()
        over = [cid for cid, note in noted.items() if note.locator in locators]
        for cid in over:
            store.unpin(cid)
            del noted[cid]
        if over and noted:
            self._write(noted)
        elif over:
            self._actor.forget(self._name)

    def let_go(self, store: Store) -> None:
        """Lets the store drop them all, and forgets the list."""
        for cid in self._read():
            store.unpin(cid)
        self._actor.forget(self._name)

    def _locators(self, exchange: Exchange) -> set[bytes]:
        access, place = exchange.access, (self.record, self.reader)
        granted = {each.locator for each in access.grants(*place)}
        return granted | {each.locator for each in access.deliveries(*place)}

    def _read(self) -> dict[Cid, _Note]:
        if not self._actor.vault.has(self._name):
            return {}
        lines = self._actor.recall(self._name).decode().splitlines()
        return {Cid(cid): _Note.parse(words) for cid, *words in map(str.split, lines)}

    def _write(self, noted: Mapping[Cid, _Note]) -> None:
        lines = (f"{cid} {note}".rstrip() for cid, note in noted.items())
        self._actor.keep(self._name, "\n".join(lines).encode())


def given_of(actor: Identity, record: RecordId | None = None) -> list[Given]:
    """What an actor gave of a record, or of all: one for each reader of each."""
    names = actor.kept(_PREFIX + (f"{record.hex()}-" if record else ""))
    parts = (name.removeprefix(_PREFIX).split("-0x") for name in names)
    return [
        Given(actor, RecordId(bytes.fromhex(of)), checksum_address(bytes.fromhex(reader)))
        for of, reader in parts
    ]


def forget_given(actor: Identity, record: RecordId) -> None:
    """Forgets what an actor gave of a record; its stores were told to let go of it."""
    for name in actor.kept(f"{_PREFIX}{record.hex()}-"):
        actor.forget(name)


def let_go_of_the_past(exchange: Exchange, custodian: Identity) -> None:
    """Lets the store drop the grant objects of emergencies that are over, as the chain says."""
    access, now = exchange.access, exchange.network.now()
    for given in given_of(custodian):
        current = access.grant_of(given.record, given.reader)
        over = {
            each.locator
            for each in access.deliveries(given.record, given.reader)
            if each.custodian == custodian.address
            and (each.epoch != current.epoch or current.expires_at < now)
        }
        given.let_go_of(exchange.store, over)
