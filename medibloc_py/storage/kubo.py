"""An IPFS daemon as a store, and not a trusted one.

The CID is computed here while the blob is sent, and compared after. Blobs are read
block by block, each verified, so the daemon can withhold but not lie.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import (
    BlobMissing,
    CidMismatch,
    InvalidValue,
    MediBlocError,
    StoreFailed,
    StoreUnreachable,
)
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage.answers import AnswerLimits
from medibloc_py.storage.cid import CidBuilder, cid_bytes, cid_text
from medibloc_py.storage.dag import Blob, Fetch
from medibloc_py.storage.port import Announce, unannounced
from medibloc_py.storage.unixfs import CHUNK_BYTES, MAX_LINKS

if TYPE_CHECKING:
    from ipfshttpclient import Client

_SEARCH_PART: Final = 0.8  # of the timeout: the daemon gives up, and says so, before we do
_NOT_THERE: Final = ("not found", "not find", "deadline exceeded")
_NOT_PINNED: Final = "not pinned"
_PIN_ANSWER_BYTES: Final = 16 * CHUNK_BYTES  # two days of progress
_GC_ANSWER_BYTES: Final = 1 << 30  # a line for each block that goes
_REASON_CHARS: Final = 200


class KuboStore:
    """Blobs in a Kubo daemon, through its RPC."""

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        """Name the daemon; nothing is sent yet.

        Args:
            url: multiaddr of the RPC, such as `/ip4/127.0.0.1/tcp/5001`.
            timeout_s: how long the daemon may be silent, or search for one block.
        """
        self._url = url
        self._timeout_s = timeout_s

    def put(
        self,
        chunks: Iterable[bytes],
        expected: Cid | None = None,
        announce: Announce = unannounced,
    ) -> StoredBlob:
        """Send a blob, and pin it once the daemon's answer is right (see `Store.put`)."""
        builder = CidBuilder()
        upload = _Upload(chunks, builder)
        with self._client() as client:
            try:
                with self._translated():
                    answer = client.add(
                        upload,
                        pin=False,
                        cid_version=1,
                        raw_leaves=True,
                        chunker=f"size-{CHUNK_BYTES}",
                        opts={"max-file-links": str(MAX_LINKS), "fast-provide-root": "false"},
                    )
                    claim = _plain(answer["Hash"]), int(answer["Size"])
            except MediBlocError:
                if upload.failure is not None:
                    raise upload.failure from None
                raise
        if not upload.ended:
            # An answer to a part of the blob, however right, is none.
            raise StoreFailed(url=self._url, reason="it answered before it had the whole blob")
        blob = builder.finish()
        if expected is not None and blob.cid != expected:
            raise CidMismatch(actual=blob.cid, expected=expected)
        if claim != (blob.cid, builder.dag_bytes):
            # The blocks' total tells a cut or padded upload from another choice of CID.
            raise CidMismatch(
                actual=f"{claim[0]} ({claim[1]} bytes)",
                expected=f"{blob.cid} ({builder.dag_bytes} bytes)",
            )
        announce(blob)
        self._pin(blob.cid)
        return blob

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range (see `Store.get`)."""
        with self._client() as client:
            yield from Blob(cid, self._blocks(client)).read(offset, length)

    def size(self, cid: Cid) -> int:
        """Bytes of a blob (see `Store.size`)."""
        with self._client() as client:
            return Blob(cid, self._blocks(client)).size_bytes

    def has(self, cid: Cid) -> bool:
        """Whether the daemon itself holds the root (see `Store.has`)."""
        cid_bytes(cid)
        try:
            with self._client() as client, self._translated(cid):
                client.block.stat(cid, offline=True)
        except BlobMissing:
            return False
        return True

    def pin(self, cid: Cid) -> None:
        """Have the daemon fetch and keep the whole blob (see `Store.pin`)."""
        self.size(cid)  # a blob nobody has would be searched for ever
        self._pin(cid)

    def unpin(self, cid: Cid) -> None:
        """Let the daemon drop the blob when it next collects garbage (see `Store.unpin`)."""
        cid_bytes(cid)
        try:
            with self._client() as client, self._translated():
                client.pin.rm(cid)
        except StoreFailed as error:
            if _NOT_PINNED not in error.message:
                raise

    def collect(self) -> None:
        """Have the daemon collect its garbage now (see `Store.collect`)."""
        limits = AnswerLimits(self._url, most_bytes=_GC_ANSWER_BYTES)
        with self._client(limits) as client, self._translated():
            # Errors as lines: in a trailer they would not be seen.
            for line in client.repo.gc(opts={"stream-errors": "true"}, stream=True):
                if reason := line.get("Error"):
                    raise StoreFailed(url=self._url, reason=f"it says: {_plain(reason)}")

    def _pin(self, cid: Cid) -> None:
        # To fetch may take hours. With progress the daemon speaks twice a second, so
        # that silence still means a daemon that hangs, and a standstill is seen.
        limits = AnswerLimits(self._url, most_bytes=_PIN_ANSWER_BYTES)
        with self._client(limits) as client, self._translated(cid):
            pins: list[str] = []
            fetched, since = None, time.monotonic()
            options = {"progress": "true", "fast-provide-root": "false"}
            for line in client.pin.add(cid, opts=options, stream=True):
                pins += line.get("Pins", ())
                if line.get("Progress") != fetched:
                    fetched, since = line.get("Progress"), time.monotonic()
                elif time.monotonic() - since > self._timeout_s:
                    raise StoreUnreachable(url=self._url, reason="it stopped fetching the blob")
            if cid not in pins:
                # What went wrong stands in a trailer that no library here reads.
                raise StoreFailed(url=self._url, reason="it did not pin the blob")

    @contextmanager
    def _client(self, limits: AnswerLimits | None = None) -> Iterator[Client]:
        """One session with the daemon: one connection, however many blocks it fetches."""
        # Imported late: it costs a fifth of a second.
        import ipfshttpclient

        # Of ipfshttpclient to urllib3, and nothing a user could mend.
        warnings.filterwarnings("ignore", "The 'strict' parameter", FutureWarning)
        if limits is None:
            limits = AnswerLimits(self._url, CHUNK_BYTES, self._timeout_s)
        try:
            client = ipfshttpclient.Client(
                self._url, chunk_size=CHUNK_BYTES, timeout=self._timeout_s, auth=limits
            )
        except ipfshttpclient.exceptions.AddressError as error:
            raise InvalidValue(
                name="store", given=self._url, allowed="a multiaddr like /ip4/127.0.0.1/tcp/5001"
            ) from error
        with client:
            # A daemon on the loopback is not reached through a proxy for the internet, nor is
            # a proxy to see what goes there; ipfshttpclient has no public way to say so.
            client._client._session.trust_env = False
            yield client

    def _blocks(self, client: Client) -> Fetch:
        def fetch(block: bytes) -> bytes:
            cid = cid_text(block)
            with self._translated(cid):
                return bytes(client.block.get(cid, opts=self._search()))

        return fetch

    def _search(self) -> dict[str, str]:
        return {"timeout": f"{self._timeout_s * _SEARCH_PART:.3f}s"}

    @contextmanager
    def _translated(self, cid: Cid | None = None) -> Iterator[None]:
        """Translate whatever goes wrong on the way to the daemon and back.

        Args:
            cid: what is asked for, if the daemon may not have it.
        """
        from ipfshttpclient import exceptions

        try:
            yield
        except exceptions.ErrorResponse as error:
            reason = _plain(error)
            if cid is not None and any(words in reason for words in _NOT_THERE):
                raise BlobMissing(cid=cid) from error
            raise StoreFailed(url=self._url, reason=f"it says: {reason}") from error
        except (
            exceptions.ConnectionError,
            exceptions.ProtocolError,
            exceptions.TimeoutError,
            OSError,  # what requests raises once the answer has begun
        ) as error:
            raise StoreUnreachable(url=self._url, reason=_plain(_root_of(error))) from error
        except (
            exceptions.Error,
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            # The last six: ipfshttpclient and we trip over JSON no Kubo would send.
            raise StoreFailed(
                url=self._url, reason=f"no daemon answers like this: {_plain(error)}"
            ) from error


class _Upload:
    """A blob's stream as the file-like object that ipfshttpclient reads.

    Attributes:
        name: what the daemon is told the file is called; without one, a path of ours would be.
        ended: whether the source was read to its end.
        failure: what the source raised, kept apart from failures of the transport.
    """

    name: Final = "blob"

    def __init__(self, chunks: Iterable[bytes], builder: CidBuilder) -> None:
        self.ended = False
        self.failure: BaseException | None = None
        self._chunks = iter(chunks)
        self._builder = builder

    def read(self, _size: int) -> bytes:
        """The next piece, of any length; empty at the end."""
        try:
            chunk = next((chunk for chunk in self._chunks if chunk), b"")
            self._builder.write(chunk)
            self.ended = not chunk
        except BaseException as error:
            self.failure = error
            raise
        return chunk


def _root_of(error: BaseException) -> BaseException:
    """The failure at the bottom: that of the socket, not of three libraries above it."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


def _plain(said: object) -> str:
    """What a daemon said, without control characters and not at any length."""
    return "".join(char for char in str(said)[:_REASON_CHARS] if char.isprintable())
