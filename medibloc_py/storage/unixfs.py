"""The one file tree of the profile `unixfs-v1-2025`: its nodes in dag-pb, and its shape.

A node is dag-pb (links before data) around a UnixFS file header. Encoding is
deterministic and decoding accepts nothing but what encoding gives; the shape of the
tree follows from the blob's size alone. So bytes and CIDs stand one to one, and a
hostile tree (cycles, chains, sizes that contradict) has no room to exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CHUNK_BYTES: Final = 1 << 20
"""Bytes of a leaf; only the last may be shorter. No block is longer."""
MAX_LINKS: Final = 1024
_CID_BYTES: Final = 36
_MAX_UVARINT_BYTES: Final = 9  # the multiformats limit: 63 bits


@dataclass(frozen=True, slots=True)
class Link:
    """A child: its binary CID, the bytes of blob below it, the bytes of blocks below it."""

    cid: bytes
    size_bytes: int
    dag_bytes: int


def uvarint(number: int) -> bytes:
    """`number` as an unsigned LEB128, 7 bits a byte."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_uvarint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and the position after it.

    Raises:
        ValueError: cut off, or longer than 9 bytes.
    """
    number = 0
    for index, byte in enumerate(data[at : at + _MAX_UVARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, at + index + 1
    raise ValueError("a number is cut off or too long")


def encode_node(links: Sequence[Link]) -> bytes:
    """A file node over `links` as dag-pb, canonical form."""
    out = bytearray()
    for link in links:
        # PBLink: 1 Hash, 2 Name (empty), 3 Tsize
        body = b"\x0a\x24" + link.cid + b"\x12\x00\x18" + uvarint(link.dag_bytes)
        out += b"\x12" + uvarint(len(body)) + body
    # UnixFS Data: 1 Type = File, 3 filesize, 4 blocksizes
    data = b"\x08\x02\x18" + uvarint(sum(link.size_bytes for link in links))
    data += b"".join(b"\x20" + uvarint(link.size_bytes) for link in links)
    return bytes(out) + b"\x0a" + uvarint(len(data)) + data


def decode_node(block: bytes) -> list[Link]:
    """The children of a file node.

    Only the numbers and CIDs are read off; that every other byte is as it must be
    is what encoding them again proves.

    Raises:
        ValueError: not exactly what `encode_node` gives.
    """
    heads: list[tuple[bytes, int]] = []
    at = 0
    while block[at : at + 1] == b"\x12":
        _, at = read_uvarint(block, at + 1)
        cid = block[at + 2 : at + 2 + _CID_BYTES]
        dag_bytes, at = read_uvarint(block, at + 2 + _CID_BYTES + 3)
        heads.append((cid, dag_bytes))
    _, at = read_uvarint(block, at + 1)
    _, at = read_uvarint(block, at + 3)
    links = []
    for cid, dag_bytes in heads:
        size_bytes, at = read_uvarint(block, at + 1)
        links.append(Link(cid, size_bytes, dag_bytes))
    if encode_node(links) != block:
        raise ValueError("not a file node in canonical form")
    return links


def depth_of(size_bytes: int) -> int:
    """How many nodes stand between the root and a leaf's bytes; 0 for a single leaf."""
    depth, span = 0, CHUNK_BYTES
    while span < size_bytes:
        depth, span = depth + 1, span * MAX_LINKS
    return depth


def child_sizes(size_bytes: int, depth: int) -> list[int]:
    """Bytes below each child of a node of this size and depth, which is at least 1."""
    span = CHUNK_BYTES * MAX_LINKS ** (depth - 1)
    whole, rest = divmod(size_bytes, span)
    return [span] * whole + [rest] * (rest > 0)
