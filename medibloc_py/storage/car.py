"""CARv1: the blocks of one blob in one file, as `ipfs dag import` takes it.

header   uvarint length, dag-cbor {"roots": [CID], "version": 1}
section  uvarint length, binary CID, block      (one per block, leaves first, root last)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final

from medibloc_py.errors import CidMismatch
from medibloc_py.model import Cid
from medibloc_py.storage.cid import BINARY_BYTES, CidBuilder, cid_bytes, cid_text, raw_cid
from medibloc_py.storage.files import write_all
from medibloc_py.storage.unixfs import CHUNK_BYTES, read_uvarint, uvarint

_HEAD_BYTES: Final = 10 + BINARY_BYTES  # of a section: longest length, then the CID


class CarWriter:
    """Writes a CAR whose root is known only at its end, so the header comes last."""

    def __init__(self, descriptor: int) -> None:
        """Start at the beginning of an empty file."""
        self._descriptor = descriptor
        os.lseek(descriptor, header_bytes(), os.SEEK_SET)

    def block(self, cid: bytes, block: bytes | memoryview) -> None:
        """Append a section.

        Raises:
            OSError: it could not be written.
        """
        write_all(self._descriptor, uvarint(len(cid) + len(block)) + cid)
        write_all(self._descriptor, block)

    def finish(self, root: Cid) -> None:
        """Write the header.

        Raises:
            OSError: it could not be written.
        """
        os.pwrite(self._descriptor, header(root), 0)


@cache
def header_bytes() -> int:
    """Length of every header: it holds one CID, and all have the same length."""
    return len(header(raw_cid(bytes(32))))


def header(root: Cid) -> bytes:
    """The header of a CAR with this one root, its length first."""
    # Imported late: with the multiformats behind it, it costs a tenth of a second.
    import dag_cbor
    from multiformats import CID

    body = dag_cbor.encode({"roots": [CID.decode(cid_bytes(root))], "version": 1})
    return uvarint(len(body)) + body


def block_places(descriptor: int, root: Cid) -> dict[bytes, tuple[int, int]]:
    """Where each block stands: offset and length by binary CID.

    Nothing is believed but the framing; who reads a block has to verify it.

    Args:
        descriptor: an open CAR.
        root: the root its header must name.

    Raises:
        OSError: it cannot be read.
        ValueError: another header, or sections that this profile cannot have.
    """
    size_bytes = os.fstat(descriptor).st_size
    expected = header(root)
    if os.pread(descriptor, len(expected), 0) != expected:
        raise ValueError("its header names something else")
    places: dict[bytes, tuple[int, int]] = {}
    most = 2 * (size_bytes // CHUNK_BYTES) + 2  # all leaves but one are whole chunks
    at = len(expected)
    while at < size_bytes:
        head = os.pread(descriptor, _HEAD_BYTES, at)
        length, start = read_uvarint(head, 0)
        if not BINARY_BYTES <= length <= BINARY_BYTES + CHUNK_BYTES:
            raise ValueError("a section has an impossible length")
        cid = head[start : start + BINARY_BYTES]
        places[cid] = at + start + BINARY_BYTES, length - BINARY_BYTES
        at += start + length
        if len(places) > most:
            raise ValueError("it has more blocks than its blob can have")
    if at != size_bytes:
        raise ValueError("its last section is cut off")
    return places


def lacking(chunks: Iterable[bytes], root: Cid, holds: Callable[[Cid], bool]) -> Iterator[bytes]:
    """A CAR of a blob, in pieces, without the first blocks that its reader holds already.

    Args:
        chunks: the blob in order.
        root: the CID it must have.
        holds: whether the reader holds a block; not asked again after its first no.

    Raises:
        CidMismatch: it has another; its root was not given then.
    """
    waiting: list[bytes] = []
    held = True

    def emit(cid: bytes, block: bytes | memoryview) -> None:
        nonlocal held
        held = held and holds(cid_text(cid))
        if not held:
            waiting.extend((uvarint(len(cid) + len(block)) + cid, bytes(block)))

    yield header(root)
    with CidBuilder(emit) as builder:
        for chunk in chunks:
            builder.write(chunk)
            yield from waiting
            waiting.clear()
        blob = builder.finish()
    if blob.cid != root:
        raise CidMismatch(actual=blob.cid, expected=root)
    yield from waiting
