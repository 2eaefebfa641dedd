"""A hostile store can withhold, never mislead: every way to lie about blocks."""

from __future__ import annotations

import hashlib
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.errors import Corrupted, InvalidValue
from medibloc_py.model import Cid
from medibloc_py.storage.cid import CidBuilder, binary_cid, cid_bytes, cid_text
from medibloc_py.storage.dag import Blob
from medibloc_py.storage.unixfs import Link, decode_node, encode_node
from tests.unit.storage.blobs import CHUNK, some_bytes

RAW, DAG_PB = 0x55, 0x70
DATA = some_bytes(2 * CHUNK + 5)


class Blocks(dict[bytes, bytes]):
    """Blocks by binary CID, and which of them were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def put(self, block: bytes, codec: int = DAG_PB) -> bytes:
        cid = binary_cid(codec, hashlib.sha256(block).digest())
        self[cid] = block
        return cid

    def leaf(self, data: bytes) -> Link:
        return Link(self.put(data, RAW), len(data), len(data))

    def node(self, *links: Link) -> Link:
        block = encode_node(links)
        return Link(
            self.put(block),
            sum(link.size_bytes for link in links),
            len(block) + sum(link.dag_bytes for link in links),
        )

    def fetch(self, cid: bytes) -> bytes:
        self.asked.append(cid)
        return self[cid]

    def read(self, root: bytes, offset: int = 0, length: int | None = None) -> bytes:
        return b"".join(Blob(cid_text(root), self.fetch).read(offset, length))


@pytest.fixture
def blocks() -> Blocks:
    return Blocks()


def stored(blocks: Blocks, data: bytes = DATA) -> Cid:
    builder = CidBuilder(lambda cid, block: blocks.update({cid: bytes(block)}))
    builder.write(data)
    return builder.finish().cid


def test_read_touches_only_the_blocks_it_needs(blocks: Blocks) -> None:
    root = cid_bytes(stored(blocks))
    leaves = [link.cid for link in decode_node(blocks[root])]
    for offset, length, needed in [
        (0, 0, []),
        (0, 1, leaves[:1]),
        (CHUNK - 1, 1, leaves[:1]),
        (CHUNK, 1, leaves[1:2]),
        (CHUNK - 1, 2, leaves[:2]),
        (2 * CHUNK, 5, leaves[2:]),
        (0, None, leaves),
    ]:
        blocks.asked.clear()
        blocks.read(root, offset, length)
        assert blocks.asked == [root, *needed]


def test_read_fetches_no_block_before_it_is_asked_for(blocks: Blocks) -> None:
    pieces = Blob(stored(blocks), blocks.fetch).read()
    assert len(blocks.asked) == 1
    next(pieces)
    assert len(blocks.asked) == 2


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 3), at=st.integers(0, CHUNK), bit=st.integers(0, 7))
def test_read_reverts_when_any_bit_of_any_block_is_flipped(which: int, at: int, bit: int) -> None:
    blocks = Blocks()
    root = stored(blocks)
    cid = list(blocks)[which]
    block = bytearray(blocks[cid])
    block[at % len(block)] ^= 1 << bit
    blocks[cid] = bytes(block)
    with pytest.raises(Corrupted) as caught:
        blocks.read(cid_bytes(root))
    assert caught.value.values["name"] == root


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("answer", ["empty", "cut", "longer", "another", "huge"])
def test_read_reverts_when_a_block_is_not_the_one_asked_for(
    blocks: Blocks, which: int, answer: str
) -> None:
    root = stored(blocks)
    cid, other = list(blocks)[which], list(blocks)[(which + 1) % 4]
    blocks[cid] = {
        "empty": b"",
        "cut": blocks[cid][:-1],
        "longer": blocks[cid] + b"\0",
        "another": blocks[other],  # hashes to its own CID, which is not the one asked for
        "huge": bytes(4 * CHUNK),
    }[answer]
    with pytest.raises(Corrupted):
        blocks.read(cid_bytes(root))


def test_what_was_yielded_before_a_bad_block_was_right(blocks: Blocks) -> None:
    root = stored(blocks)
    blocks[list(blocks)[1]] = b"lie"
    pieces = Blob(root, blocks.fetch).read()
    assert next(pieces) == DATA[:CHUNK]
    with pytest.raises(Corrupted):
        next(pieces)


# Roots whose maker is hostile: every hash is right, the tree is not.


def chunk(blocks: Blocks, number: int = 0) -> Link:
    return blocks.leaf(some_bytes(CHUNK + number)[number:])


def reverts(blocks: Blocks, root: Link) -> None:
    with pytest.raises(Corrupted):
        blocks.read(root.cid)


def test_reverts_when_a_leaf_is_shorter_than_promised(blocks: Blocks) -> None:
    short = blocks.leaf(b"short")
    reverts(blocks, blocks.node(chunk(blocks), Link(short.cid, 7, 7)))


def test_reverts_when_a_leaf_is_longer_than_promised(blocks: Blocks) -> None:
    leaf = blocks.leaf(b"a long one")
    reverts(blocks, blocks.node(chunk(blocks), Link(leaf.cid, 3, 3)))


def test_reverts_when_sizes_contradict_the_total(blocks: Blocks) -> None:
    block = bytearray(encode_node([chunk(blocks), blocks.leaf(b"12345")]))
    at = block.index(b"\x08\x02\x18") + 3
    block[at] ^= 1  # filesize is no longer the sum of blocksizes
    with pytest.raises(Corrupted):
        blocks.read(blocks.put(bytes(block)))


def test_reverts_when_a_leaf_promises_another_total(blocks: Blocks) -> None:
    leaf = blocks.leaf(b"12345")
    reverts(blocks, blocks.node(chunk(blocks), Link(leaf.cid, 5, 6)))


def test_reverts_when_a_node_promises_another_total(blocks: Blocks) -> None:
    full = blocks.node(*[chunk(blocks)] * 1024)
    rest = blocks.node(chunk(blocks))
    blocks.read(blocks.node(full, rest).cid, 1024 * CHUNK - 1, 2)
    lie = Link(rest.cid, rest.size_bytes, rest.dag_bytes + 1)
    with pytest.raises(Corrupted):
        blocks.read(blocks.node(full, lie).cid, 1024 * CHUNK - 1, 2)


@pytest.mark.parametrize("sizes", [[CHUNK], [5], [], [CHUNK - 1, CHUNK], [0, CHUNK, 1], [1] * 9])
def test_reverts_when_the_shape_is_not_that_of_the_size(blocks: Blocks, sizes: list[int]) -> None:
    reverts(blocks, blocks.node(*[blocks.leaf(some_bytes(size)) for size in sizes]))


def test_reverts_when_a_chain_of_nodes_makes_it_deep(blocks: Blocks) -> None:
    link = blocks.node(chunk(blocks), blocks.leaf(b"end"))
    for _ in range(2000):
        link = blocks.node(link)
    reverts(blocks, link)
    assert len(blocks.asked) == 1


def test_reverts_when_a_node_has_too_many_links(blocks: Blocks) -> None:
    reverts(blocks, blocks.node(*[chunk(blocks)] * 1025))


def test_reverts_when_a_leaf_stands_where_a_node_must(blocks: Blocks) -> None:
    full = blocks.node(*[chunk(blocks)] * 1024)
    leaf = chunk(blocks)
    reverts(blocks, blocks.node(full, leaf))


def test_reverts_when_a_node_stands_where_a_leaf_must(blocks: Blocks) -> None:
    node = blocks.node(blocks.leaf(b"x"))
    reverts(blocks, blocks.node(chunk(blocks), Link(node.cid, 1, 1)))


@pytest.mark.parametrize("head", [b"\x00\x55\x12\x20", b"\x01\x71\x12\x20", b"\x01\x55\x13\x20"])
def test_reverts_when_a_child_has_another_kind_of_cid(blocks: Blocks, head: bytes) -> None:
    leaf = blocks.leaf(b"12345")
    reverts(blocks, blocks.node(chunk(blocks), Link(head + leaf.cid[4:], 5, 5)))


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x12",
        b"\x0a\x02\x08\x01",  # a directory
        b"\x0a\x04\x08\x02\x18\x00",  # an empty file, as a node
        bytes(100),
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length without end
    ],
)
def test_reverts_when_the_root_is_no_file_node(blocks: Blocks, block: bytes) -> None:
    with pytest.raises(Corrupted):
        blocks.read(blocks.put(block))


def test_reverts_when_an_inner_node_is_no_file_node(blocks: Blocks) -> None:
    full = blocks.node(*[chunk(blocks)] * 1024)
    junk = blocks.put(b"junk")
    with pytest.raises(Corrupted):
        blocks.read(blocks.node(full, Link(junk, 1, 10)).cid, 1024 * CHUNK)


def test_a_blob_without_end_is_read_as_far_as_asked_and_no_further(blocks: Blocks) -> None:
    """Five blocks that stand for a petabyte: who reads decides when to stop."""
    link = chunk(blocks)
    for _ in range(3):
        link = blocks.node(*[link] * 1024)
    blob = Blob(cid_text(link.cid), blocks.fetch)
    assert blob.size_bytes == CHUNK << 30
    assert sum(len(piece) for piece in islice(blob.read(), 5)) == 5 * CHUNK
    assert len(b"".join(blob.read(blob.size_bytes - 1, 1))) == 1
    assert len(blocks.asked) < 20


def test_blob_reverts_when_the_cid_is_none(blocks: Blocks) -> None:
    with pytest.raises(InvalidValue):
        Blob(Cid("bafy"), blocks.fetch)
    assert not blocks.asked
