"""Content ids of the profile `unixfs-v1-2025` (IPIP-499), computed on this side.

The profile leaves one choice nowhere, so a blob has exactly one id: CIDv1,
sha2-256, raw leaves of 1 MiB, a balanced tree of at most 1024 links a node. That
is what Kubo answers under the same profile, and what a store is held to here.
"""

from __future__ import annotations

import hashlib
from base64 import b32decode, b32encode
from collections.abc import Callable, Iterator
from typing import Final

from medibloc_py.errors import InvalidValue
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage.hashing import Leaf, LeafHasher
from medibloc_py.storage.unixfs import CHUNK_BYTES, MAX_LINKS, Link, encode_node

RAW: Final = 0x55
DAG_PB: Final = 0x70
BINARY_BYTES: Final = 36
"""Length of a binary CID here: version, codec, hash name, hash length, 32 bytes of sha-256."""
_HASH_HEAD: Final = b"\x12\x20"  # sha2-256, 32 bytes
_HEADS: Final = {bytes((1, codec)) + _HASH_HEAD for codec in (RAW, DAG_PB)}
_TEXT_CHARS: Final = 59  # multibase "b" and 58 digits of base32

Emit = Callable[[bytes, bytes | memoryview], None]
"""Takes a finished block: its binary CID and its bytes, valid during the call only."""


def raw_cid(digest: bytes) -> Cid:
    """The CID of a raw leaf (a blob of at most 1 MiB) with this sha-256.

    Args:
        digest: 32 bytes.

    Raises:
        InvalidValue: `digest` has another length.
    """
    if len(digest) != hashlib.sha256().digest_size:
        raise InvalidValue(name="digest", given=digest, allowed="32 bytes of sha-256")
    return cid_text(binary_cid(RAW, digest))


def binary_cid(codec: int, digest: bytes) -> bytes:
    """The 36 bytes of a CIDv1 over a sha-256 `digest`."""
    return bytes((1, codec)) + _HASH_HEAD + digest


def cid_text(binary: bytes) -> Cid:
    """The text form of a binary CID: `b` and base32 in lower case, without padding."""
    return Cid("b" + b32encode(binary).decode("ascii").rstrip("=").lower())


def cid_bytes(cid: str) -> bytes:
    """The 36 binary bytes of a CID in text form.

    Strict: one text has one meaning, so upper case, padding, loose trailing bits,
    other bases, hashes, versions or codecs are refused.

    Raises:
        InvalidValue: not a CIDv1 in base32 with sha2-256 and codec raw or dag-pb.
    """
    binary = b""
    if len(cid) == _TEXT_CHARS and cid.isascii():
        try:
            binary = b32decode(cid[1:].upper() + "=" * 6)
        except ValueError:
            binary = b""
    if binary[:4] not in _HEADS or cid_text(binary) != cid:
        raise InvalidValue(
            name="cid", given=cid, allowed="a CIDv1 in base32 with sha2-256, raw or dag-pb"
        )
    return binary


def digest_of(cid: str) -> bytes:
    """The sha-256 inside a CID, 32 bytes.

    Raises:
        InvalidValue: `cid` is not one (see `cid_bytes`).
    """
    return cid_bytes(cid)[4:]


class CidBuilder:
    """Computes a blob's CID from its stream, and cuts the blob into its blocks.

    Memory is constant: a few leaves, and at most 1024 links a level of the tree. Leaves
    are hashed on every core this process may use; the threads end with `finish`, and
    with `close` or the block of a `with` where it does not come to that.

    Attributes:
        size_bytes: bytes written so far.
        dag_bytes: sum of the sizes of all blocks; set by `finish`.
    """

    def __init__(self, emit: Emit | None = None, cores: int | None = None) -> None:
        """Start a blob.

        Args:
            emit: called with every block, children before parents, in the thread that
                calls `write` or `finish`.
            cores: how many to use; None for all that this process may.
        """
        self.size_bytes = 0
        self.dag_bytes = 0
        self._emit = emit
        self._hasher = LeafHasher(cores)
        self._leaf = self._start_leaf()
        self._levels: list[list[Link]] = [[]]

    def __enter__(self) -> CidBuilder:
        """Itself; the end of the block is `close`."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`, of any length. It is not copied, so a view must not change while held."""
        view = memoryview(data)
        self.size_bytes += len(view)
        while view:
            if self._leaf.size_bytes == CHUNK_BYTES:
                self._link_all(self._hasher.end(self._leaf))
                self._leaf = self._start_leaf()
            piece = view[: CHUNK_BYTES - self._leaf.size_bytes]
            self._leaf.take(piece)
            view = view[len(piece) :]

    def finish(self) -> StoredBlob:
        """End the blob and tell its CID and size. The builder is spent afterwards."""
        self._link_all(self._hasher.end_last(self._leaf))
        self.close()
        level = 0
        while level + 1 < len(self._levels) or len(self._levels[level]) > 1:
            self._close_node(level)
            level += 1
        root = self._levels[-1][0]
        self.dag_bytes = root.dag_bytes
        return StoredBlob(cid=cid_text(root.cid), size_bytes=self.size_bytes)

    def close(self) -> None:
        """Give up the blob, if it was not finished."""
        self._hasher.close()

    def _start_leaf(self) -> Leaf:
        return self._hasher.start(kept=self._emit is not None)

    def _link_all(self, leaves: Iterator[tuple[Leaf, bytes]]) -> None:
        for leaf, digest in leaves:
            cid = binary_cid(RAW, digest)
            if self._emit is not None:
                self._emit(cid, leaf.block())
            self._append(0, Link(cid, leaf.size_bytes, leaf.size_bytes))

    def _append(self, level: int, link: Link) -> None:
        # A full node is closed by its successor, not by its last child: only then
        # is it known that it is not the root.
        if len(self._levels[level]) == MAX_LINKS:
            self._close_node(level)
        self._levels[level].append(link)

    def _close_node(self, level: int) -> None:
        links, self._levels[level] = self._levels[level], []
        block = encode_node(links)
        cid = binary_cid(DAG_PB, hashlib.sha256(block).digest())
        if self._emit is not None:
            self._emit(cid, block)
        if level + 1 == len(self._levels):
            self._levels.append([])
        size_bytes = sum(link.size_bytes for link in links)
        dag_bytes = len(block) + sum(link.dag_bytes for link in links)
        self._append(level + 1, Link(cid, size_bytes, dag_bytes))
