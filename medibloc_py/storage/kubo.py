"""An IPFS daemon as a store, and not a trusted one.

The CID is computed here while the blob is sent, and compared after. Blobs are read
block by block, each verified, so the daemon can withhold but not lie.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any, Final

from medibloc_py.errors import (
    BlobMissing,
    CidMismatch,
    InvalidValue,
    MediBlocError,
    StoreFailed,
    StoreUnreachable,
)
from medibloc_py.errors.plain import plain
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage.again import again
from medibloc_py.storage.car import lacking
from medibloc_py.storage.cid import CidBuilder, cid_bytes, cid_text, raw_cid
from medibloc_py.storage.dag import Blob, Fetch, Nodes
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.port import Announce, unannounced
from medibloc_py.storage.rpc import Rpc, Upload, said
from medibloc_py.storage.unixfs import CHUNK_BYTES, MAX_LINKS

_SEARCH_PART: Final = 0.8  # of the timeout: the daemon gives up, and says so, before we do
_NOT_THERE: Final = ("not found", "not find", "deadline exceeded")
_NOT_PINNED: Final = "not pinned"
_PIN_ANSWER_BYTES: Final = 16 * CHUNK_BYTES  # two days of progress
_LIST_ANSWER_BYTES: Final = 1 << 30  # a line for each block or pin
_PROFILE: Final[dict[str, object]] = {
    "cid-version": 1,
    "hash": "sha2-256",
    "raw-leaves": True,
    "chunker": f"size-{CHUNK_BYTES}",
    "max-file-links": MAX_LINKS,
    # What the daemon's configuration could say otherwise.
    "trickle": False,
    "inline": False,
    "wrap-with-directory": False,
    "fast-provide-root": False,
}


class KuboStore:
    """Blobs in a Kubo daemon, through its RPC."""

    def __init__(self, url: str, timeout_s: float = 60.0, *, offline: bool = False) -> None:
        """Name the daemon; nothing is sent yet.

        Args:
            url: multiaddr of the RPC, such as `/ip4/127.0.0.1/tcp/5001`.
            timeout_s: how long the daemon may be silent, or search for one block.
            offline: read what the daemon has itself, and nothing that it would get of its peers.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._offline = offline
        self._nodes = Nodes()

    def put(
        self,
        chunks: Iterable[bytes | memoryview],
        expected: Cid | None = None,
        announce: Announce = unannounced,
    ) -> StoredBlob:
        """Send a blob, which the daemon pins once it has its end (see `Store.put`).

        Its CID is known here before the daemon is told that it was the end. So what must
        not be kept is never ended, and what will be kept is announced before.
        """
        ended: list[StoredBlob] = []

        def checked(builder: CidBuilder) -> Iterator[bytes | memoryview]:
            for chunk in chunks:
                if chunk:
                    builder.write(chunk)
                    yield chunk
            blob = builder.finish()
            if expected is not None and blob.cid != expected:
                raise CidMismatch(actual=blob.cid, expected=expected)
            announce(blob)
            ended.append(blob)

        # In this thread alone: the daemon is slower than it, and has use for the other cores.
        with CidBuilder(cores=1) as builder:
            claim = _claim_of(
                self._send("add", checked(builder), {"pin": True} | _PROFILE), self._url
            )
        (blob,) = ended
        if claim != (blob.cid, str(builder.dag_bytes)):
            # The blocks' total tells a cut or padded upload from another choice of CID.
            raise CidMismatch(
                actual=f"{plain(claim[0])} ({plain(claim[1])} bytes)",
                expected=f"{blob.cid} ({builder.dag_bytes} bytes)",
            )
        return blob

    def take_over(self, chunks: Iterable[bytes], cid: Cid) -> None:
        """Keep a blob that another store had; what the daemon has from a try that died stays.

        Blocks go in order, so those that it has are the first ones. Where it has none, `put`
        is faster.

        Args:
            chunks: the blob in order, leaf by leaf.
            cid: of the blob.

        Raises:
            CidMismatch: the blob has another CID; what was sent of it is not kept.
            StoreFailed, StoreUnreachable: as `put`.
        """
        pieces = iter(chunks)
        first = next(pieces, b"")
        with self._rpc() as asking:
            if not _holds(asking, raw_cid(hashlib.sha256(first).digest())):
                self.put(chain([first], pieces), expected=cid)
                return
            blocks = lacking(chain([first], pieces), cid, lambda block: _holds(asking, block))
            self._send("dag/import", blocks, {"pin-roots": False, "fast-provide-root": False})
        self.pin(cid)

    def offline(self) -> KuboStore:
        """The same daemon, asked only for what it has itself."""
        return KuboStore(self._url, self._timeout_s, offline=True)

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range (see `Store.get`)."""
        nodes = None if length is None else self._nodes  # read to its end, all is read anew
        with self._rpc() as rpc:
            yield from Blob(cid, self._blocks(rpc), nodes).read(offset, length)

    def size(self, cid: Cid) -> int:
        """Bytes of a blob (see `Store.size`)."""
        with self._rpc() as rpc:
            return Blob(cid, self._blocks(rpc)).size_bytes

    def has(self, cid: Cid) -> bool:
        """Whether the daemon itself holds the root (see `Store.has`)."""
        cid_bytes(cid)
        with self._rpc() as rpc:
            return again(lambda: _holds(rpc, cid), self._timeout_s)

    def pin(self, cid: Cid) -> None:
        """Have the daemon fetch and keep the whole blob (see `Store.pin`)."""
        self.size(cid)  # a blob nobody has would be searched for ever
        # To fetch may take hours. With progress the daemon speaks twice a second, so
        # that silence still means a daemon that hangs, and a standstill is seen.
        pinned = False
        fetched, since = None, time.monotonic()
        with (
            self._rpc() as rpc,
            _missing(cid),
            rpc.ask(
                "pin/add",
                {"progress": True, "fast-provide-root": False, "arg": cid},
                most_bytes=_PIN_ANSWER_BYTES,
            ) as answer,
        ):
            for line in answer.lines():
                pins = line.get("Pins")
                pinned |= isinstance(pins, list) and cid in pins
                if line.get("Progress") != fetched:
                    fetched, since = line.get("Progress"), time.monotonic()
                elif time.monotonic() - since > self._timeout_s:
                    raise StoreUnreachable(url=self._url, reason="it stopped fetching the blob")
        if not pinned:
            raise StoreFailed(url=self._url, reason="it did not pin the blob")

    def unpin(self, cid: Cid) -> None:
        """Let the daemon drop the blob when it next collects garbage (see `Store.unpin`)."""
        cid_bytes(cid)
        try:
            with self._rpc() as rpc:
                rpc.value("pin/rm", {"arg": cid})
        except StoreFailed as error:
            if _NOT_PINNED not in error.message:
                raise

    def pins(self) -> Iterator[Cid]:
        """The blobs that the daemon was told to keep (see `Store.pins`)."""
        with (
            self._rpc() as rpc,
            rpc.ask(
                "pin/ls", {"type": "recursive", "stream": True}, most_bytes=_LIST_ANSWER_BYTES
            ) as answer,
        ):
            for line in answer.lines():
                # Pins of others, in other shapes, are none of ours.
                with suppress(InvalidValue):
                    cid = str(line.get("Cid"))
                    cid_bytes(cid)
                    yield Cid(cid)

    def collect(self) -> None:
        """Have the daemon collect its garbage now (see `Store.collect`)."""
        with (
            self._rpc() as rpc,
            rpc.ask("repo/gc", {"stream-errors": True}, most_bytes=_LIST_ANSWER_BYTES) as answer,
        ):
            for line in answer.lines():
                if reason := line.get("Error"):
                    raise StoreFailed(url=self._url, reason=said(reason))

    def _send(
        self, command: str, chunks: Iterable[bytes | memoryview], options: dict[str, object]
    ) -> list[dict[str, Any]]:
        """What the daemon answers to an upload; errors of its source pass through."""
        upload = Upload(chunks)
        try:
            with self._rpc() as rpc, rpc.ask(command, options, upload=upload) as answer:
                lines = list(answer.lines())
        except MediBlocError:
            if upload.failure is not None:
                raise upload.failure from None
            raise
        if not upload.ended:
            # An answer to a part of the upload, however right, is none.
            raise StoreFailed(url=self._url, reason="it answered before it had the whole blob")
        return lines

    def _rpc(self) -> Rpc:
        return Rpc(parse_endpoint(self._url), self._timeout_s)

    def _blocks(self, rpc: Rpc) -> Fetch:
        # A daemon that restarts is asked for that block again, and for no other.
        return lambda block: again(lambda: self._block(rpc, cid_text(block)), self._timeout_s)

    def _block(self, rpc: Rpc, cid: Cid) -> bytes:
        options: dict[str, object] = {"timeout": f"{self._timeout_s * _SEARCH_PART:.3f}s"}
        if self._offline:
            options["offline"] = True
        asked = rpc.ask(
            "block/get",
            options | {"arg": cid},
            most_bytes=CHUNK_BYTES,
            patience_s=self._timeout_s,
        )
        with _missing(cid), asked as answer:
            return b"".join(answer.pieces())


def _claim_of(lines: list[dict[str, Any]], url: str) -> tuple[str, str]:
    """CID and total of all blocks, as the daemon claims them."""
    if len(lines) == 1:
        cid, size = lines[0].get("Hash"), lines[0].get("Size")
        if isinstance(cid, str) and isinstance(size, str):
            return cid, size
    raise StoreFailed(url=url, reason="no daemon answers like this: no hash and size")


def _holds(rpc: Rpc, cid: Cid) -> bool:
    """Whether the daemon itself has a block."""
    try:
        with _missing(cid):
            rpc.value("block/stat", {"offline": True, "arg": cid})
    except BlobMissing:
        return False
    return True


@contextmanager
def _missing(cid: Cid) -> Iterator[None]:
    """Tell a daemon that does not have `cid` from one that fails."""
    try:
        yield
    except StoreFailed as error:
        if any(words in error.message for words in _NOT_THERE):
            raise BlobMissing(cid=cid) from error
        raise
