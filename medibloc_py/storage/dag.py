"""Reading a blob out of blocks that nobody vouches for.

A block counts only once its bytes hash to the CID that was asked for, and a node
only once it has the very shape a blob of its size must have. A read touches the
nodes above its range and the leaves in it, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from medibloc_py.errors import Corrupted, InvalidValue
from medibloc_py.model import Cid
from medibloc_py.storage.cid import DAG_PB, RAW, binary_cid, cid_bytes, cid_text
from medibloc_py.storage.unixfs import CHUNK_BYTES, Link, child_sizes, decode_node, depth_of

Fetch = Callable[[bytes], bytes]
"""Gives the bytes of the block with this binary CID, or what pretends to be."""


class Blob:
    """A blob in a store, seen through its blocks.

    Attributes:
        size_bytes: bytes of the blob, as its verified root says.
    """

    def __init__(self, cid: Cid, fetch: Fetch) -> None:
        """Fetch and verify the root.

        Raises:
            InvalidValue: `cid` is not a CID.
            Corrupted: the root is not what `cid` names, or no tree of the profile.
        """
        self._name = cid
        self._fetch = fetch
        binary = cid_bytes(cid)
        self._block = self._verified(binary)
        if binary[1] == RAW:
            self.size_bytes = dag_bytes = len(self._block)
        else:
            links = self._links(self._block)
            self.size_bytes = sum(link.size_bytes for link in links)
            dag_bytes = len(self._block) + sum(link.dag_bytes for link in links)
            if self.size_bytes <= CHUNK_BYTES:
                raise self._corrupted("its root is a node where a leaf would do")
        self._root = Link(binary, self.size_bytes, dag_bytes)

    def read(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, `length` of them or all that follow, in pieces.

        Yields:
            Verified pieces of at most 1 MiB.

        Raises:
            InvalidValue: the range does not lie within the blob.
            Corrupted: a block in the way is not what its CID names.
        """
        stop = self.size_bytes if length is None else offset + length
        if not 0 <= offset <= stop <= self.size_bytes:
            raise InvalidValue(
                name="range",
                given=f"{offset} to {stop}",
                allowed=f"within the {self.size_bytes} bytes of {self._name}",
            )
        if offset < stop:
            depth = depth_of(self.size_bytes)
            yield from self._within(self._root, self._block, depth, offset, stop)

    def _within(
        self, link: Link, block: bytes, depth: int, start: int, stop: int
    ) -> Iterator[bytes]:
        if depth == 0:
            if len(block) != link.size_bytes:
                raise self._corrupted("a leaf has another length than its parent says")
            yield block[start:stop]
            return
        position = 0
        for child in self._children(link, block, depth):
            end = position + child.size_bytes
            if start < end and position < stop:
                yield from self._within(
                    child,
                    self._verified(child.cid),
                    depth - 1,
                    max(start, position) - position,
                    min(stop, end) - position,
                )
            position = end

    def _children(self, link: Link, block: bytes, depth: int) -> list[Link]:
        children = self._links(block)
        if [child.size_bytes for child in children] != child_sizes(link.size_bytes, depth):
            raise self._corrupted("a node has not the shape a blob of its size must have")
        if link.dag_bytes != len(block) + sum(child.dag_bytes for child in children):
            raise self._corrupted("a node has another total than its parent says")
        codec = RAW if depth == 1 else DAG_PB
        for child in children:
            if child.cid != binary_cid(codec, child.cid[4:]):
                raise self._corrupted("a node links to what cannot be its child")
            if depth == 1 and child.dag_bytes != child.size_bytes:
                raise self._corrupted("a leaf has another total than its length")
        return children

    def _links(self, block: bytes) -> list[Link]:
        try:
            return decode_node(block)
        except ValueError as error:
            raise self._corrupted(f"an inner block is unusable: {error}") from error

    def _verified(self, cid: bytes) -> bytes:
        block = self._fetch(cid)
        if len(block) > CHUNK_BYTES:
            raise self._corrupted("a block is longer than any of this profile")
        if hashlib.sha256(block).digest() != cid[4:]:
            raise self._corrupted(f"what was given for block {cid_text(cid)} is something else")
        return block

    def _corrupted(self, reason: str) -> Corrupted:
        return Corrupted(name=self._name, reason=reason)
