"""Reading a blob out of blocks that nobody vouches for.

A block counts only once its bytes hash to the CID that was asked for, and a node
only once it has the very shape a blob of its size must have. A read touches the
nodes above its range and the leaves in it, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from medibloc_py.errors import Corrupted, InvalidValue
from medibloc_py.model import Cid
from medibloc_py.storage.cid import DAG_PB, RAW, binary_cid, cid_bytes, cid_text
from medibloc_py.storage.recent import Recent
from medibloc_py.storage.unixfs import CHUNK_BYTES, Link, child_sizes, decode_node, depth_of

Fetch = Callable[[bytes], bytes]
"""Gives the bytes of the block with this binary CID, or what pretends to be."""

_KEPT_NODES: Final = 16


@dataclass(frozen=True, slots=True)
class Node:
    """A verified inner block, decoded."""

    links: Sequence[Link]
    block_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of blob below it."""
        return sum(link.size_bytes for link in self.links)

    @property
    def dag_bytes(self) -> int:
        """Bytes of blocks, its own and those below it."""
        return self.block_bytes + sum(link.dag_bytes for link in self.links)


class Nodes(Recent[bytes, Node]):
    """Inner nodes read lately, by binary CID: named by their hash, they do not go stale."""

    def __init__(self) -> None:
        """Hold as many as lead to one place of the largest blob, and some of their neighbours."""
        super().__init__(_KEPT_NODES)


class Blob:
    """A blob in a store, seen through its blocks.

    Attributes:
        size_bytes: bytes of the blob, as its verified root says.
    """

    def __init__(self, cid: Cid, fetch: Fetch, nodes: Nodes | None = None) -> None:
        """Fetch and verify the root.

        Args:
            cid: of the blob.
            fetch: gives its blocks.
            nodes: inner nodes that need not be fetched again.

        Raises:
            InvalidValue: `cid` is not a CID.
            Corrupted: the root is not what `cid` names, or no tree of the profile.
        """
        self._name = cid
        self._fetch = fetch
        self._nodes = nodes or Nodes()
        self._only_leaf = b""
        binary = cid_bytes(cid)
        if binary[1] == RAW:
            self._only_leaf = self._verified(binary)
            self.size_bytes = dag_bytes = len(self._only_leaf)
        else:
            root = self._node(binary)
            self.size_bytes, dag_bytes = root.size_bytes, root.dag_bytes
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
            yield from self._within(self._root, depth_of(self.size_bytes), offset, stop)

    def _within(self, link: Link, depth: int, start: int, stop: int) -> Iterator[bytes]:
        if depth == 0:
            yield self._leaf(link)[start:stop]
            return
        position = 0
        for child in self._children(link, depth):
            end = position + child.size_bytes
            if start < end and position < stop:
                first, last = max(start, position) - position, min(stop, end) - position
                yield from self._within(child, depth - 1, first, last)
            position = end

    def _leaf(self, link: Link) -> bytes:
        block = self._only_leaf or self._verified(link.cid)
        if len(block) != link.size_bytes:
            raise self._corrupted("a leaf has another length than its parent says")
        return block

    def _children(self, link: Link, depth: int) -> Sequence[Link]:
        node = self._node(link.cid)
        if [child.size_bytes for child in node.links] != child_sizes(link.size_bytes, depth):
            raise self._corrupted("a node has not the shape a blob of its size must have")
        if link.dag_bytes != node.dag_bytes:
            raise self._corrupted("a node has another total than its parent says")
        codec = RAW if depth == 1 else DAG_PB
        for child in node.links:
            if child.cid != binary_cid(codec, child.cid[4:]):
                raise self._corrupted("a node links to what cannot be its child")
            if depth == 1 and child.dag_bytes != child.size_bytes:
                raise self._corrupted("a leaf has another total than its length")
        return node.links

    def _node(self, cid: bytes) -> Node:
        return self._nodes.get(cid, lambda: self._decoded(self._verified(cid)))

    def _decoded(self, block: bytes) -> Node:
        try:
            return Node(decode_node(block), len(block))
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
