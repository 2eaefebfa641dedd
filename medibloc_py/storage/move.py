"""Whole stores: every blob read anew, or moved to another store. No id changes on the way."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from medibloc_py.errors import BlobMissing, Corrupted, InvalidValue, StoreFailed
from medibloc_py.model import Cid
from medibloc_py.storage.kubo import KuboStore
from medibloc_py.storage.port import Store

Progress = Callable[[str, int, int], None]
"""What is done, how many bytes of it, of how many."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading every block of some blobs showed.

    Attributes:
        whole: CIDs of the blobs whose every block is what its CID names.
        damaged: why it is not, by CID.
        size_bytes: of the whole ones.
    """

    whole: list[Cid]
    damaged: dict[Cid, str]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What went from one store to another.

    Attributes:
        moved: CIDs that were sent.
        there: CIDs that the target had kept before.
        size_bytes: of all of them.
    """

    moved: list[Cid]
    there: list[Cid]
    size_bytes: int


def verify(store: Store, cids: Iterable[Cid], progress: Progress) -> Verified:
    """Reads blobs block by block, and computes every hash here.

    Args:
        store: who has them; a daemon shows what it has itself, not what its peers would give.
        cids: of the blobs.
        progress: told of bytes.

    Raises:
        StoreUnreachable: the store does not answer.
    """
    store = _alone(store)
    sizes: dict[Cid, int] = {}
    damaged: dict[Cid, str] = {}
    for cid in cids:
        with _noting(damaged, cid):
            sizes[cid] = store.size(cid)
    done, total = 0, sum(sizes.values())
    for cid, size_bytes in sizes.items():
        with _noting(damaged, cid):
            at = done
            for piece in store.get(cid):
                at += len(piece)
                progress("read and hash", at, total)
        done += size_bytes
    whole = [cid for cid in sizes if cid not in damaged]
    return Verified(whole, damaged, sum(sizes[cid] for cid in whole))


def move(source: Store, target: Store, *, keep: bool, progress: Progress) -> Moved:
    """Brings every blob of a store into another, and then lets go of it in the first.

    A blob is let go of only once the target has given back every block of it, and each hash
    was computed here. After a crash the same call goes on: blobs that the target keeps are
    not sent again, nor the blocks that a daemon has of one that was under way.

    Args:
        source: has the blobs.
        target: is to have them.
        keep: let go of nothing.
        progress: told of bytes; each blob counts twice, sent and read back.

    Raises:
        InvalidValue: both are one store.
        Corrupted, BlobMissing: a blob of the source is damaged; it stays, as do all after it.
        CidMismatch, StoreFailed, StoreUnreachable: as `Store.put` and `Store.get`.
    """
    _require_apart(source, target)
    source = _alone(source)
    kept = set(target.pins())
    sizes = {cid: source.size(cid) for cid in source.pins()}
    total = 2 * sum(sizes.values())
    moved, there, done = [], [], 0

    def counted(pieces: Iterable[bytes], step: str) -> Iterator[bytes]:
        nonlocal done
        for piece in pieces:
            yield piece
            done += len(piece)
            progress(step, done, total)

    for cid, size_bytes in sizes.items():
        if cid in kept:
            there.append(cid)
            done += size_bytes
        else:
            _hand_over(target, counted(source.get(cid), "move"), cid)
            moved.append(cid)
        for _ in counted(_alone(target).get(cid), "move"):
            pass  # every hash is computed on the way
        if not keep:
            source.unpin(cid)
    if not keep:
        source.collect()
    return Moved(moved, there, sum(sizes.values()))


@contextmanager
def _noting(damaged: dict[Cid, str], cid: Cid) -> Iterator[None]:
    try:
        yield
    except (BlobMissing, Corrupted, StoreFailed) as error:
        damaged[cid] = error.message


def _hand_over(target: Store, pieces: Iterable[bytes], cid: Cid) -> None:
    if isinstance(target, KuboStore):
        target.take_over(pieces, cid)
    else:
        target.put(pieces, expected=cid)


def _alone(store: Store) -> Store:
    """The store without what others would give it."""
    return store.offline() if isinstance(store, KuboStore) else store


def _require_apart(source: Store, target: Store) -> None:
    """Refuses two names of one store: what was moved would be deleted.

    Folders have many paths and daemons many addresses, so a blob tells that nobody else has. It
    goes into the target, which needs room anyway: a full disk may be why the source moves.
    """
    mark = target.put([secrets.token_bytes(32)]).cid
    try:
        if source.has(mark):
            raise InvalidValue(name="target", given="the source itself", allowed="another store")
    finally:
        target.unpin(mark)
