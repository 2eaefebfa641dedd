"""CIDs: golden values, one text for one id, and the builder against a plain reference."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.errors import InvalidValue
from medibloc_py.storage import CidBuilder, cid_bytes, digest_of, raw_cid
from medibloc_py.storage import unixfs as unixfs_module
from medibloc_py.storage.cid import binary_cid, cid_text
from medibloc_py.storage.unixfs import Link, child_sizes, decode_node, depth_of, encode_node
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cids.json").read_text())
RAW, DAG_PB, DAG_CBOR = 0x55, 0x70, 0x71
HELLO = VECTORS["texts"][0]["cid"]


def keystream(seed: str, size: int) -> Iterator[bytes]:
    encryptor = Cipher(ChaCha20(hashlib.sha256(seed.encode()).digest(), bytes(16)), None)
    update = encryptor.encryptor().update
    for start in range(0, size, 4 * CHUNK):
        yield update(bytes(min(4 * CHUNK, size - start)))


@pytest.mark.parametrize("vector", VECTORS["texts"], ids=lambda vector: vector["text"])
def test_cid_of_a_text_is_golden(vector: dict[str, str]) -> None:
    assert cid_of(vector["text"].encode()) == vector["cid"]


STREAMS = [vector for vector in VECTORS["streams"] if vector["size_bytes"] < 4 * CHUNK]
"""The short ones; those of a gibibyte are in `tests/flow/test_long_streams.py`."""


@pytest.mark.parametrize("vector", STREAMS, ids=lambda vector: str(vector["size_bytes"]))
def test_cid_of_a_stream_is_golden_and_memory_constant(vector: dict[str, str | int]) -> None:
    check_stream(vector)


def check_stream(vector: dict[str, str | int]) -> None:
    size = int(vector["size_bytes"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    builder = CidBuilder()
    for piece in keystream(str(vector["seed"]), size):
        builder.write(piece)
    blob = builder.finish()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (blob.cid, blob.size_bytes) == (vector["cid"], size)
    if sys.platform == "linux":  # elsewhere the unit differs
        assert grown < 32 * CHUNK


# Text and binary form.


@given(digest=st.binary(min_size=32, max_size=32), codec=st.sampled_from([RAW, DAG_PB]))
def test_cid_text_and_bytes_are_inverse(digest: bytes, codec: int) -> None:
    cid = cid_text(binary_cid(codec, digest))
    assert cid_bytes(cid) == binary_cid(codec, digest)
    assert digest_of(cid) == digest


@given(digest=st.binary(min_size=32, max_size=32))
def test_raw_cid_is_that_of_a_single_leaf(digest: bytes) -> None:
    assert cid_bytes(raw_cid(digest)) == b"\x01\x55\x12\x20" + digest


def test_raw_cid_reverts_when_the_digest_is_no_sha256() -> None:
    with pytest.raises(InvalidValue):
        raw_cid(bytes(31))


def test_digest_of_is_that_of_the_block() -> None:
    assert digest_of(HELLO) == hashlib.sha256(b"hello world").digest()


def in_base32(binary: bytes) -> str:
    return cid_text(binary)


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "b",
        HELLO.upper(),
        "B" + HELLO[1:].upper(),
        HELLO + "=",
        HELLO[:-1],
        HELLO + "a",
        " " + HELLO,
        HELLO + "\n",
        "z" + HELLO[1:],
        HELLO[:-1] + "f",  # the two bits past the last byte are not zero
        HELLO.replace("i", "1"),
        HELLO[:-1] + "é",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        in_base32(b"\x01\x71\x12\x20" + bytes(32)),  # dag-cbor
        in_base32(b"\x02\x55\x12\x20" + bytes(32)),  # version 2
        in_base32(b"\x01\x55\x13\x20" + bytes(32)),  # sha2-512
        in_base32(b"\x01\x55\x12\x1f" + bytes(32)),  # another length
        in_base32(b"\x01\x55\x00\x20" + bytes(32)),  # identity
    ],
)
def test_cid_bytes_reverts_when_it_is_no_cid_of_ours(cid: str) -> None:
    with pytest.raises(InvalidValue):
        cid_bytes(cid)


@given(text=st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=58, max_size=58))
def test_cid_bytes_accepts_one_text_per_id(text: str) -> None:
    try:
        binary = cid_bytes("b" + text)
    except InvalidValue:
        return
    assert cid_text(binary) == "b" + text


# The builder.


def slow_cid(data: bytes, chunk: int, links: int) -> bytes:
    """The definition, recursively: leaves under as few levels as hold them."""

    def node(part: bytes, depth: int) -> Link:
        if depth == 0:
            return Link(binary_cid(RAW, hashlib.sha256(part).digest()), len(part), len(part))
        span = chunk * links ** (depth - 1)
        below = [node(part[at : at + span], depth - 1) for at in range(0, len(part), span)]
        block = encode_node(below)
        cid = binary_cid(DAG_PB, hashlib.sha256(block).digest())
        return Link(cid, len(part), len(block) + sum(link.dag_bytes for link in below))

    depth = 0
    while chunk * links**depth < len(data):
        depth += 1
    return node(data, depth).cid


@settings(max_examples=150, deadline=None)
@given(size=st.integers(0, 600), cuts=st.lists(st.integers(0, 600), max_size=5))
def test_cid_builder_agrees_with_the_definition(size: int, cuts: list[int]) -> None:
    """With chunks of 4 bytes and 3 links a node, so that trees grow deep."""
    data = some_bytes(size)
    ends = sorted({min(cut, size) for cut in cuts} | {0, size})
    with pytest.MonkeyPatch.context() as patch:
        for module in ("medibloc_py.storage.cid", unixfs_module.__name__):
            patch.setattr(f"{module}.CHUNK_BYTES", 4)
            patch.setattr(f"{module}.MAX_LINKS", 3)
        blocks: dict[bytes, bytes] = {}
        builder = CidBuilder(lambda cid, block: blocks.update({cid: bytes(block)}))
        for start, stop in pairwise(ends):
            builder.write(data[start:stop])
        blob = builder.finish()
        root = cid_bytes(blob.cid)
        assert root == slow_cid(data, 4, 3)
        assert blob.size_bytes == size

        def total(cid: bytes) -> int:
            below = decode_node(blocks[cid]) if cid[1] == DAG_PB else []
            return len(blocks[cid]) + sum(total(link.cid) for link in below)

        assert builder.dag_bytes == total(root)
        if size > 4:
            sizes = [link.size_bytes for link in decode_node(blocks[root])]
            assert sizes == child_sizes(size, depth_of(size))


def test_cid_builder_emits_children_first_and_the_root_last() -> None:
    order: list[bytes] = []
    builder = CidBuilder(lambda cid, _: order.append(cid))
    builder.write(some_bytes(2 * CHUNK + 1))
    root = builder.finish().cid
    assert [cid[1] for cid in order] == [RAW, RAW, RAW, DAG_PB]
    assert cid_text(order[-1]) == root


def test_cid_builder_takes_an_empty_blob() -> None:
    assert cid_of(b"") == raw_cid(hashlib.sha256(b"").digest())


# Nodes.

LINKS = st.builds(
    Link,
    st.binary(min_size=32, max_size=32).map(lambda digest: binary_cid(RAW, digest)),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
)


@given(links=st.lists(LINKS, max_size=5))
def test_decode_node_gives_what_was_encoded(links: list[Link]) -> None:
    assert decode_node(encode_node(links)) == links


@settings(max_examples=300)
@given(links=st.lists(LINKS, min_size=1, max_size=3), data=st.data())
def test_decode_node_accepts_nothing_but_what_encodes(
    links: list[Link], data: st.DataObject
) -> None:
    block = bytearray(encode_node(links))
    at = data.draw(st.integers(0, len(block) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "insert"])):
        case "flip":
            block[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del block[at : at + data.draw(st.integers(1, 8))]
        case _:
            block[at:at] = data.draw(st.binary(min_size=1, max_size=8))
    try:
        decoded = decode_node(bytes(block))
    except ValueError:
        return
    assert encode_node(decoded) == block


@given(block=st.binary(max_size=200))
def test_decode_node_never_fails_untyped(block: bytes) -> None:
    try:
        decoded = decode_node(block)
    except ValueError:
        return
    assert encode_node(decoded) == block


@given(size=st.integers(1, 2**62))
def test_child_sizes_make_up_the_blob(size: int) -> None:
    depth = depth_of(size)
    assert depth <= 5
    if depth:
        sizes = child_sizes(size, depth)
        assert sum(sizes) == size
        assert 2 <= len(sizes) <= 1024
        assert max(depth_of(child) for child in sizes) == depth - 1
