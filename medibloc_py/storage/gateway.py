"""An IPFS gateway as a store: read only, and believed nothing.

The Trustless Gateway specification: a range of a blob is asked for as a CAR whose
blocks stand in the order of a walk (`order=dfs; dups=y`), so each is verified as it
comes and forgotten, and memory is constant. A gateway that knows no such CAR is asked
block by block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NoReturn

from medibloc_py.errors import BlobMissing, Corrupted, StoreFailed, StoreReadOnly, StoreUnreachable
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage.again import again, resumed
from medibloc_py.storage.cid import BINARY_BYTES, cid_bytes, cid_text
from medibloc_py.storage.dag import Blob, Fetch
from medibloc_py.storage.http import Answer, Http
from medibloc_py.storage.port import Announce, unannounced
from medibloc_py.storage.unixfs import CHUNK_BYTES, read_uvarint

_CAR: Final = "application/vnd.ipld.car"
_RAW: Final = "application/vnd.ipld.raw"
_WALK: Final = {"version": "1", "order": "dfs", "dups": "y"}
_ACCEPT_WALK: Final = "; ".join([_CAR, *(f"{name}={value}" for name, value in _WALK.items())])
_OK: Final = 200
_NOT_THERE: Final = (404, 410, 412, 504)
"""Statuses for a block that the gateway has not, or did not find in its time."""
_NO_WALK: Final = (400, 406, 415, 501)
"""Statuses for a CAR that the gateway cannot give, or for a range beyond the blob."""
_MOST_HEADER_BYTES: Final = 4096
_UVARINT_BYTES: Final = 9


class GatewayStore:
    """Blobs behind an HTTP gateway, every block verified up to the root."""

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        """Name the gateway; nothing is sent yet.

        Args:
            url: of the gateway, such as `https://gateway.example`.
            timeout_s: how long it may be silent, or take for one block.

        Raises:
            InvalidValue: `url` is not http(s).
        """
        self._http = Http(url, timeout_s)

    def put(
        self,
        chunks: Iterable[bytes | memoryview],  # noqa: ARG002
        expected: Cid | None = None,  # noqa: ARG002
        announce: Announce = unannounced,  # noqa: ARG002
    ) -> StoredBlob:
        """Refuse: a gateway keeps nothing for us (see `Store.put`).

        Raises:
            StoreReadOnly: always.
        """
        self._refuse("put a blob")

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range (see `Store.get`); what is cut off goes on where it was."""
        return resumed(partial(self._pieces, cid), offset, length, self._http.timeout_s)

    def size(self, cid: Cid) -> int:
        """Bytes of a blob (see `Store.size`)."""
        return again(lambda: Blob(cid, self._block).size_bytes, self._http.timeout_s)

    def has(self, cid: Cid) -> bool:
        """Whether the gateway says it has the root at hand (see `Store.has`)."""
        cid_bytes(cid)
        at_hand = {"Cache-Control": "only-if-cached"}
        return again(lambda: self._says_it_has(cid, at_hand), self._http.timeout_s)

    def pin(self, cid: Cid) -> None:
        """Refuse (see `Store.pin`).

        Raises:
            StoreReadOnly: always, unless `cid` is no CID.
        """
        cid_bytes(cid)
        self._refuse("pin a blob")

    def unpin(self, cid: Cid) -> None:
        """Refuse (see `Store.unpin`).

        Raises:
            StoreReadOnly: always, unless `cid` is no CID.
        """
        cid_bytes(cid)
        self._refuse("let go of a blob")

    def pins(self) -> Iterator[Cid]:
        """Refuse (see `Store.pins`).

        Raises:
            StoreReadOnly: always.
        """
        self._refuse("list what is kept")

    def collect(self) -> None:
        """Refuse (see `Store.collect`).

        Raises:
            StoreReadOnly: always.
        """
        self._refuse("collect what nothing keeps")

    def _refuse(self, verb: str) -> NoReturn:
        raise StoreReadOnly(url=self._http.url, verb=verb)

    def _pieces(self, cid: Cid, offset: int, length: int | None) -> Iterator[bytes]:
        cid_bytes(cid)  # what is not a CID is sent nowhere
        if offset < 0 or (length is not None and length <= 0):
            # No range of a CAR; the root tells whether it is one of the blob.
            yield from Blob(cid, self._block).read(offset, length)
            return
        last = "*" if length is None else offset + length - 1
        path = f"/ipfs/{cid}?format=car&dag-scope=entity&entity-bytes={offset}:{last}"
        with self._http.ask("GET", path, {"Accept": _ACCEPT_WALK}) as answer:
            fetch: Fetch = self._block
            if answer.status == _OK and _is_walk(answer.header("Content-Type")):
                fetch = _Walk(answer, partial(self._undelivered, cid)).next
            elif answer.status not in (_OK, *_NO_WALK):
                self._fail(cid, answer)
            yield from Blob(cid, fetch).read(offset, length)

    def _block(self, block: bytes) -> bytes:
        cid = cid_text(block)
        with self._http.ask("GET", f"/ipfs/{cid}?format=raw", {"Accept": _RAW}) as answer:
            if answer.status != _OK:
                self._fail(cid, answer)
            if _told(answer.header("Content-Type"))[0] != _RAW:
                raise StoreFailed(url=self._http.url, reason="no trustless gateway answers so")
            return answer.whole(CHUNK_BYTES)

    def _says_it_has(self, cid: Cid, headers: Mapping[str, str]) -> bool:
        accept = {"Accept": _RAW, **headers}
        with self._http.ask("HEAD", f"/ipfs/{cid}?format=raw", accept) as answer:
            if answer.status not in (_OK, *_NOT_THERE):
                self._fail(cid, answer)
            return answer.status == _OK

    def _undelivered(self, cid: Cid, block: bytes, fault: str, *, ended: bool) -> NoReturn:
        """Name what is wrong with a CAR that does not go on with the block that is due.

        A gateway that finds out too late that it lacks a block ends the CAR, or writes
        words into it. So it is asked whether it has that block.
        """
        due = cid_text(block)
        if not self._says_it_has(due, {}):
            raise BlobMissing(cid=due)
        if ended:
            raise StoreUnreachable(url=self._http.url, reason=f"its CAR ends before block {due}")
        raise Corrupted(name=cid, reason=f"where block {due} was due, the gateway gave {fault}")

    def _fail(self, cid: Cid, answer: Answer) -> NoReturn:
        if answer.status in _NOT_THERE:
            raise BlobMissing(cid=cid)
        raise StoreFailed(url=self._http.url, reason=answer.reason())


class _Walk:
    """The blocks of a CAR, each where the walk over the blob wants it."""

    def __init__(self, answer: Answer, undelivered: partial[NoReturn]) -> None:
        self._answer = answer
        self._undelivered = undelivered
        self._begun = False

    def next(self, block: bytes) -> bytes:
        """The bytes that stand in the CAR for the block that is due; not yet verified.

        Raises:
            BlobMissing: the gateway lacks the block.
            Corrupted: something else stands there.
            StoreUnreachable: the CAR ends there.
        """
        if not self._begun:
            header = self._length(block)
            if not 0 < header <= _MOST_HEADER_BYTES:
                self._undelivered(block, "no CAR", ended=False)
            self._take(block, header)  # its roots are specified nowhere
            self._begun = True
        length = self._length(block)
        if not BINARY_BYTES <= length <= BINARY_BYTES + CHUNK_BYTES:
            self._undelivered(block, "a section of an impossible length", ended=False)
        section = self._take(block, length)
        if section[:BINARY_BYTES] != block:
            self._undelivered(block, "another", ended=False)
        return section[BINARY_BYTES:]

    def _length(self, block: bytes) -> int:
        digits = b""
        while len(digits) < _UVARINT_BYTES:
            digits += self._take(block, 1)
            if digits[-1] < 0x80:
                return read_uvarint(digits, 0)[0]
        return -1

    def _take(self, block: bytes, count: int) -> bytes:
        taken = self._answer.take(count)
        if len(taken) < count:
            self._undelivered(block, "nothing", ended=True)
        return taken


def _told(content_type: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters; one in a longer notation is none of those looked for."""
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return kind, {name.strip(): value.strip(' "') for name, _, value in pairs}


def _is_walk(content_type: str) -> bool:
    """Whether a CAR's blocks are said to stand in the order of a walk, repeated ones too."""
    kind, parameters = _told(content_type)
    return kind == _CAR and _WALK.items() <= parameters.items()
