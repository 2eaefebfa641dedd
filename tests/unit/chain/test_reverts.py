from __future__ import annotations

import string

import pytest
from eth_abi import encode as encode_abi
from eth_hash.auto import keccak

from medibloc_py import errors
from medibloc_py.chain import artifacts
from medibloc_py.chain.reverts import refusal, snake_case
from medibloc_py.errors import ContractRefusal

ALICE = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
ROOMS = ("Consents", "Grants", "Market", "Records")
TOKEN_ERRORS = {"ERC20InsufficientAllowance", "ERC20InsufficientBalance"}
# OpenZeppelin's EIP712 checks its name and version in the constructor: ours are constants.
CONSTRUCTOR_ERRORS = {"InvalidShortString", "StringTooLong"}

CLASSES = {
    name: known
    for name, known in vars(errors).items()
    if isinstance(known, type)
    and issubclass(known, ContractRefusal)
    and known is not ContractRefusal
}


def custom_errors() -> dict[str, list[str]]:
    """Every custom error that a user can meet: its name and its parameters in snake_case."""
    found = {}
    for room in (*ROOMS, "TestToken"):
        for name, item in artifacts.load(room).errors.items():
            if (room == "TestToken") != (name in TOKEN_ERRORS) or name in CONSTRUCTOR_ERRORS:
                continue
            found[name] = [snake_case(param["name"]) for param in item["inputs"]]
    return found


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def encoded(signature: str, kinds: list[str], values: list[object]) -> bytes:
    return keccak(signature.encode())[:4] + encode_abi(kinds, values)


def test_every_custom_error_has_its_class_and_every_class_its_error():
    assert set(custom_errors()) == set(CLASSES)


@pytest.mark.parametrize(("name", "parameters"), sorted(custom_errors().items()))
def test_a_class_tells_of_the_parameters_of_its_error(name, parameters):
    known = CLASSES[name]
    assert fields(known.what) | fields(known.fix) <= set(parameters)
    assert str(known(**dict.fromkeys(parameters, 1)))


def test_no_two_errors_share_a_selector():
    items = {
        (item["name"], artifacts.hash_of(item)[:4])
        for name in artifacts.names()
        for item in artifacts.load(name).errors.values()
    }
    assert len({selector for _, selector in items}) == len(items)


def test_a_custom_error_becomes_its_class():
    error = refusal(
        encoded(
            "PurposeDenied(bytes32,uint64,uint8,uint8)",
            ["bytes32", "uint64", "uint8", "uint8"],
            [b"\x11" * 32, 64, 0, 46],
        )
    )
    assert type(error) is errors.PurposeDenied
    assert error.values == {"listing": b"\x11" * 32, "purpose": 64, "answer": 0, "bit": 46}
    assert "0x1111" in str(error)


def test_addresses_come_checksummed():
    error = refusal(encoded("NotAccreditor(address)", ["address"], [ALICE]))
    assert type(error) is errors.NotAccreditor
    assert error.values == {"caller": ALICE}


def test_an_error_without_a_class_is_told_by_its_name():
    error = refusal(encoded("ERC20InvalidReceiver(address)", ["address"], [ALICE]))
    assert type(error) is ContractRefusal
    assert error.values == {"detail": f"ERC20InvalidReceiver(receiver={ALICE})"}
    error = refusal(encoded("ECDSAInvalidSignatureS(bytes32)", ["bytes32"], [b"\x22" * 32]))
    assert error.values == {"detail": "ECDSAInvalidSignatureS(s=0x" + "22" * 32 + ")"}


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "it gave no reason"),
        (encoded("Error(string)", ["string"], ["no"]), '"no"'),
        (encoded("Error(string)", ["string"], ["a\n\x1b[2Jb"]), '"a��[2Jb"'),
        (encoded("Error(string)", ["string"], ["x" * 500]), '"' + "x" * 200 + '"'),
        (encoded("Panic(uint256)", ["uint256"], [0x11]), "it panicked with code 0x11"),
        (encoded("Unheard(uint8)", ["uint8"], [1])[:4], "unknown error 0x"),
        (b"\x01\x02", "unknown error 0x0102"),
        (keccak(b"NotAccreditor(address)")[:4] + b"\xff" * 32, "unknown error 0x"),
        (keccak(b"Error(string)")[:4] + b"\xff" * 32, "unknown error 0x08c379a0ff"),
    ],
)
def test_other_reverts_are_told_as_far_as_can_be(data, detail):
    error = refusal(data)
    assert type(error) is ContractRefusal
    assert str(error.values["detail"]).startswith(detail)


def test_a_long_revert_is_cut():
    assert len(str(refusal(b"\x99" * 10_000))) < 600


@pytest.mark.parametrize(
    ("given", "expected"),
    [("closedAt", "closed_at"), ("recordId", "record_id"), ("a", "a"), ("p256Key", "p256_key")],
)
def test_snake_case(given, expected):
    assert snake_case(given) == expected
