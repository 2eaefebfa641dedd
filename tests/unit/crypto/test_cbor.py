"""DAG-CBOR from a hostile sender: a document or one typed error, nothing else."""

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import cbor
from medibloc_py.errors import DocumentInvalid, InvalidValue

REFUSE = cbor.invalid_document("test", "here")

HOSTILE = {
    "nothing": b"",
    "deep nesting": b"\x81" * 5000,
    "deep maps": b"\xa1\x61a" * 3000,
    "a length of 2^64": b"\x5b" + b"\xff" * 8,
    "a list of 2^64": b"\x9b" + b"\xff" * 8,
    "a map of 2^64": b"\xbb" + b"\xff" * 8,
    "an empty CID": b"\xd8\x2a\x40",
    "a cut CID": b"\xd8\x2a\x43\x00\x01\x02",
    "another tag": b"\xc1\x00",
    "an integer in nine bytes": b"\xa1\x61a\x1b" + bytes(8),
    "keys out of order": b"\xa2\x61b\x00\x61a\x00",
    "a key twice": b"\xa2\x61a\x00\x61a\x00",
    "a key that is no text": b"\xa1\x00\x00",
    "an endless map": b"\xbf\xff",
    "not a number": b"\xa1\x61a\xfb\x7f\xf8" + bytes(6),
    "bad UTF-8": b"\xa1\x61\xff\x00",
    "bytes after the end": b"\xa0\x00",
    "a list": b"\x80",
    "null": b"\xf6",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_decode_reverts_when_hostile(data):
    with pytest.raises(DocumentInvalid) as caught:
        cbor.decode(data, REFUSE)
    assert caught.value.values["kind"] == "test"


@given(st.binary(max_size=200))
def test_decode_of_any_bytes_is_typed(data):
    try:
        fields = cbor.decode(data, REFUSE)
    except DocumentInvalid:
        return
    assert isinstance(fields, cbor.Fields)


def test_decode_reverts_when_too_long():
    with pytest.raises(DocumentInvalid, match="more than 10 bytes"):
        cbor.decode(cbor.encode({"a": bytes(10)}), REFUSE, most=10)


@pytest.mark.parametrize("value", [{1}, "\ud800", 2**64, float("nan"), {1: 2}])
def test_encode_reverts_when_there_is_no_form(value):
    with pytest.raises(InvalidValue):
        cbor.encode({"a": value})


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.sampled_from([23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, b"x" * 300, "y" * 70_000]),
    lambda below: (
        st.lists(below, max_size=30) | st.dictionaries(st.text(max_size=30), below, max_size=30)
    ),
    max_leaves=40,
)


@given(st.dictionaries(st.text(max_size=300), VALUES, max_size=5))
def test_encode_gives_what_dag_cbor_gives(document):
    assert cbor.encode(document) == dag_cbor.encode(document)


def test_encode_takes_bytes_that_look_like_a_cid_for_bytes():
    looks = b"\x01\x55\x12\x20" + bytes(32)
    assert dag_cbor.decode(cbor.encode({"a": looks})) == {"a": looks}


def fields(value):
    return cbor.decode(dag_cbor.encode(value), REFUSE)


@pytest.mark.parametrize(
    ("value", "take"),
    [
        ({}, lambda f: f.uint("a")),
        ({"a": -1}, lambda f: f.uint("a")),
        ({"a": 256}, lambda f: f.uint("a", 8)),
        ({"a": 0}, lambda f: f.uint("a", least=1)),
        ({"a": True}, lambda f: f.uint("a")),
        ({"a": 1.0}, lambda f: f.uint("a")),
        ({"a": "1"}, lambda f: f.uint("a")),
        ({"a": 2}, lambda f: f.constant("a", 1)),
        ({"a": b"12"}, lambda f: f.octets("a", 3)),
        ({"a": "123"}, lambda f: f.octets("a", 3)),
        ({"a": None}, lambda f: f.octets("a", 0)),
        ({"a": "four"}, lambda f: f.text("a", 3)),
        ({"a": b"abc"}, lambda f: f.text("a", 3)),
        ({"a": bytes(19)}, lambda f: f.address("a")),
        ({"a": [bytes(32)] * 2}, lambda f: f.hashes("a", 1)),
        ({"a": [bytes(31)]}, lambda f: f.hashes("a", 1)),
        ({"a": ["x" * 32]}, lambda f: f.hashes("a", 1)),
        ({"a": {}}, lambda f: f.hashes("a", 1)),
        ({"a": [0]}, lambda f: f.flags("a", 1)),
        ({"a": [True, True]}, lambda f: f.flags("a", 1)),
        ({"a": [1]}, lambda f: f.maps("a", 1, lambda g: g.uint("b"))),
        ({"a": [{"b": 1, "c": 2}]}, lambda f: f.maps("a", 1, lambda g: g.uint("b"))),
        ({"a": []}, lambda f: f.map("a", lambda g: g.uint("b"))),
        ({"a": []}, lambda f: f.plain("a", 1)),
        ({"a": {"b": 1, "c": 1}}, lambda f: f.plain("a", 1)),
        ({"a": {"b": b""}}, lambda f: f.plain("a", 1)),
        ({"a": {"b": None}}, lambda f: f.plain("a", 1)),
        ({"a": {"b": 1.5}}, lambda f: f.plain("a", 1)),
        ({"a": {"b": {}}}, lambda f: f.plain("a", 1)),
        ({"a": {"b" * 257: 1}}, lambda f: f.plain("a", 1)),
        ({"a": {"b": "c" * 4097}}, lambda f: f.plain("a", 1)),
        ({"a": 1}, lambda f: f.end()),
    ],
)
def test_fields_revert_when_a_value_is_not_as_it_must_be(value, take):
    with pytest.raises(DocumentInvalid):
        take(fields(value))


def test_fields_take_each_key_once():
    held = fields({"a": 1, "b": [True, False], "c": {"d": "e", "f": True}})
    assert held.has("a")
    assert held.uint("a") == 1
    assert not held.has("a")
    with pytest.raises(DocumentInvalid):
        held.uint("a")
    assert held.flags("b", 2) == (True, False)
    assert held.plain("c", 2) == {"d": "e", "f": True}
    held.end()
