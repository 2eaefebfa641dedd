from __future__ import annotations

import pytest
from eth_abi import encode as encode_abi
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.chain import abi, parse_address
from medibloc_py.errors import InvalidAddress, InvalidValue

ALICE = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def param(kind: str, **more: object) -> abi.Param:
    return {"name": "value", "type": kind, **more}


POINT = [param("uint96"), param("address")]


def test_parse_address_takes_a_checksummed_address():
    assert parse_address(ALICE) == ALICE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "alice",
        ALICE.lower(),
        ALICE.upper(),
        ALICE[:-1],
        ALICE + "0",
        ALICE[2:],
        ALICE.replace("E5F", "e5f"),
        "0x" + "g" * 40,
        f" {ALICE}",
        ALICE + "\n",
        None,
        bytes(20),
    ],
)
def test_parse_address_refuses_all_else(given):
    with pytest.raises(InvalidAddress):
        parse_address(given)


@given(number=st.integers(0, 2**96 - 1), items=st.lists(st.binary(min_size=32, max_size=32)))
def test_what_is_encoded_decodes_to_the_same(number, items):
    params = [param("tuple", components=POINT), param("bytes32[]"), param("string")]
    values = ((number, ALICE), tuple(items), "so")
    assert abi.decode(params, abi.encode(params, values, "test")) == values


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint96", 2**96),
        ("uint96", -1),
        ("uint96", True),
        ("uint96", "1"),
        ("uint96", 1.0),
        ("int8", 128),
        ("int8", -129),
        ("bool", 1),
        ("bytes32", b"short"),
        ("bytes32", bytes(33)),
        ("bytes32", "0x" + "00" * 32),
        ("bytes", "text"),
        ("string", b"bytes"),
        ("bytes32[]", b"\x00" * 32),
        ("bytes32[]", [b"short"]),
        ("uint8[2]", [1]),
    ],
)
def test_encode_refuses_what_does_not_fit(kind, value):
    with pytest.raises(InvalidValue, match="value of here"):
        abi.encode([param(kind)], [value], "here")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int8", -128), ("bytes3", b"abc"), ("uint8[2]", (1, 2)), ("bool", False), ("bytes", b"")],
)
def test_encode_takes_what_fits(kind, value):
    assert abi.decode([param(kind)], abi.encode([param(kind)], [value], "here")) == (value,)


@pytest.mark.parametrize("value", [(1,), (1, ALICE, 2), 1, (1, ALICE.lower())])
def test_encode_refuses_a_struct_of_another_shape(value):
    with pytest.raises((InvalidValue, InvalidAddress)):
        abi.encode([param("tuple", components=POINT)], [value], "here")


def test_encode_refuses_another_number_of_arguments():
    with pytest.raises(InvalidValue, match="2 arguments"):
        abi.encode([param("bool")], [True, True], "here")


def test_decode_refuses_short_bytes():
    with pytest.raises(abi.Undecodable):
        abi.decode([param("uint256")], bytes(31))


def test_decode_refuses_bytes_after_the_end_when_exact():
    data = encode_abi(["uint256"], [1]) + b"\x00"
    assert abi.decode([param("uint256")], data, exact=False) == (1,)
    with pytest.raises(abi.Undecodable):
        abi.decode([param("uint256")], data)


def test_decode_refuses_text_that_is_none():
    data = encode_abi(["bytes"], [b"\xff\xfe"])
    with pytest.raises(abi.Undecodable):
        abi.decode([param("string")], data, exact=False)


def test_decode_refuses_an_array_longer_than_its_bytes():
    data = (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")
    with pytest.raises(abi.Undecodable):
        abi.decode([param("bytes32[]")], data)


def test_signature_writes_structs_as_tuples():
    item = {"name": "f", "inputs": [param("tuple[2]", components=POINT), param("bytes")]}
    assert abi.signature(item) == "f((uint96,address)[2],bytes)"
