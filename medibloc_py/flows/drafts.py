"""Drafts: what is sealed and not yet published, so that no crash leaves an orphan.

While a publication goes on, its issuer's vault holds a document for each study, written
before the store keeps the blob and removed when all is done. The same publication again
goes on from there; one that is given up is let go of, blobs and keys.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from medibloc_py.crypto import keys
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import BlobMissing, Corrupted, TransactionPending, WorkUnderway
from medibloc_py.flows import papers
from medibloc_py.flows.held import forget_record, held_record, holds_record, id_of
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import LOCK, Exchange, Identity
from medibloc_py.model import Address, RecordId, Root
from medibloc_py.storage import Store
from medibloc_py.storage.locks import sole

KIND: Final = "draft"
_PREFIX: Final = "draft-"
_NAME_BYTES: Final = 16
_MOST_WAIT_S = 180.0
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Draft:
    """A study that is sealed and waits to be published.

    Attributes:
        chain_id, contract: the deployment where it will be registered.
        source: where it comes from, for people.
        edition: what its content was known by when it was sealed.
        begun_at: when that was, by this machine's clock; unix seconds.
        kept: whether the store answered for the blob; else it may have kept it, or not.
        record: the record file, still without root and proof.
    """

    chain_id: int
    contract: Address
    source: str
    edition: Bytes32
    begun_at: int
    kept: bool
    record: bytes = field(repr=False)

    @property
    def file(self) -> RecordFile:
        """The record file."""
        return RecordFile.decode(self.record, "the draft")

    def is_of(self, exchange: Exchange) -> bool:
        """Whether it is to be registered in this deployment; another's chain tells nothing."""
        return (self.chain_id, self.contract) == (exchange.chain_id, exchange.records.address)

    def lasts(self, store: Store) -> bool:
        """Whether the store still answers for the blob."""
        file = self.file
        try:
            return self.kept and store.size(file.cid) == file.size_bytes
        except (BlobMissing, Corrupted):
            return False


class Drafts:
    """The drafts of one publication, by the place of each study in it."""

    def __init__(self, issuer: Identity, name: str) -> None:
        """Name the publication (see `publication_name`)."""
        self._issuer = issuer
        self._name = name

    @contextmanager
    def sole(self) -> Iterator[None]:
        """Keeps other processes from the same publication.

        Raises:
            WorkUnderway: another is at it.
        """
        with sole(self._issuer.vault.path(f"{LOCK}{self._name}"), "publish the same"):
            yield

    def read(self) -> dict[int, Draft]:
        """All that are there."""
        return {
            int(name.rpartition("-")[2]): _recalled(self._issuer, name)
            for name in self._issuer.kept(f"{_PREFIX}{self._name}-")
        }

    def write(self, place: int, draft: Draft) -> None:
        """Keeps a draft, in place of the one before."""
        self._issuer.keep(self._at(place), papers.write(KIND, draft))

    def let_go(self, store: Store, place: int, draft: Draft) -> None:
        """Gives one up that was never registered: blob, record file, and then the draft."""
        store.unpin(draft.file.cid)
        forget_record(self._issuer, id_of(draft.file))
        self._issuer.forget(self._at(place))

    def forget(self, count: int = 0) -> None:
        """Removes them all: what they led to is done.

        Args:
            count: how many there were, if a run may have died while it removed them.
        """
        for name in {*self._issuer.kept(f"{_PREFIX}{self._name}-"), *map(self._at, range(count))}:
            self._issuer.forget(name)

    def registered(self, exchange: Exchange, found: Mapping[int, Draft]) -> bool:
        """Whether what these drafts are of stands on chain, sent by a run that died.

        A record file is kept before its batch is sent: without one nothing was. While the
        node holds transactions of the issuer that no block has, they are waited for: one
        may be the registration.

        Raises:
            TransactionPending: they were not mined in time.
        """
        for draft in found.values():
            record = id_of(draft.file)
            if holds_record(self._issuer, record):
                root = held_record(self._issuer, record).root
                return _stands(exchange, self._issuer.address, root)
        return False

    def _at(self, place: int) -> str:
        return f"{_PREFIX}{self._name}-{place}"


def new_draft(exchange: Exchange, source: str, edition: bytes, record: RecordFile) -> Draft:
    """A draft of a blob that the store is about to keep."""
    return Draft(
        chain_id=exchange.chain_id,
        contract=exchange.records.address,
        source=source,
        edition=Bytes32(edition),
        begun_at=int(time.time()),
        kept=False,
        record=record.encode(),
    )


def publication_name(
    exchange: Exchange, issuer: Identity, studies: Sequence[tuple[Address, str]]
) -> str:
    """What a publication is known again by: where it goes, whose studies, and where they lie.

    The name stands in the open in the vault's folder. It is keyed, so that nobody else can
    try out patients and paths on it.
    """
    said = json.dumps([exchange.chain_id, exchange.records.address, studies]).encode()
    info = b"medibloc/draft/v1" + sha256(said).digest()
    return keys.hkdf(issuer.keys.root_secret, salt=b"", info=info)[:_NAME_BYTES].hex()


def waiting_drafts(issuer: Identity) -> list[Draft]:
    """All drafts of an account, publication by publication, in their order."""
    return [
        draft
        for name in _publications(issuer)
        for _, draft in sorted(Drafts(issuer, name).read().items())
    ]


def drop_drafts(exchange: Exchange, issuer: Identity) -> list[Draft]:
    """Lets go of all drafts in this deployment: blobs are unpinned, keys forgotten.

    Of a publication that stands on chain only the drafts go: its records were published.
    Each must be let go of with the store that it was sealed into.

    Returns:
        What was let go of.

    Raises:
        WorkUnderway: a publication goes on in another process; all others were dropped.
        TransactionPending: one may have been sent, and was not mined in time.
    """
    dropped: list[Draft] = []
    busy: WorkUnderway | None = None
    for name in _publications(issuer):
        drafts = Drafts(issuer, name)
        try:
            with drafts.sole():
                found = drafts.read()
                if not all(draft.is_of(exchange) for draft in found.values()):
                    continue
                if not drafts.registered(exchange, found):
                    for place, draft in found.items():
                        drafts.let_go(exchange.store, place, draft)
                        dropped.append(draft)
                drafts.forget()
        except WorkUnderway as error:
            busy = error
    if busy is not None:
        raise busy
    return dropped


def forget_draft_of(exchange: Exchange, issuer: Identity, record: RecordId) -> None:
    """Forgets the draft of a record that is about to be shredded: it holds the same secret.

    The drafts of what stands on chain go together, as `drop_drafts` lets them go; of what
    does not, this one alone.

    Raises:
        WorkUnderway: its publication goes on in another process.
        TransactionPending: it may have been sent, and was not mined in time.
    """
    for name in _publications(issuer):
        drafts = Drafts(issuer, name)
        found = drafts.read().values()
        if not any(id_of(each.file) == record and each.is_of(exchange) for each in found):
            continue
        with drafts.sole():
            waiting = drafts.read()
            if drafts.registered(exchange, waiting):
                drafts.forget()
                continue
            for place, draft in waiting.items():
                if id_of(draft.file) == record:
                    drafts.let_go(exchange.store, place, draft)


def _publications(issuer: Identity) -> list[str]:
    return sorted({name.split("-")[1] for name in issuer.kept(_PREFIX)})


def _recalled(issuer: Identity, name: str) -> Draft:
    return papers.read(KIND, Draft, issuer.recall(name), f"the vault of {issuer.address}")


def _stands(exchange: Exchange, issuer: Address, root: Root) -> bool:
    give_up = time.monotonic() + _MOST_WAIT_S
    while True:
        waiting = exchange.network.unmined(issuer)  # first: it may be mined between the two
        if exchange.records.batch(issuer, root).registered_at:
            return True
        if not waiting:
            return False
        if time.monotonic() > give_up:
            raise TransactionPending(
                transaction=f"of {issuer}, perhaps a registration,", timeout_s=int(_MOST_WAIT_S)
            )
        time.sleep(_PAUSE_S)
