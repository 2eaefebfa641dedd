"""Errors: each says what happened and what to do, with the values it is raised with."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import medibloc_py
from medibloc_py import errors
from medibloc_py.chain import artifacts
from medibloc_py.chain.reverts import snake_case
from medibloc_py.errors import (
    ContractRefusal,
    InputError,
    IntegrityError,
    InvalidAddress,
    MediBlocError,
    OrderNotOpen,
    PurposeDenied,
    RefusedError,
    RootUnknown,
    SecretError,
    TransportError,
    words,
)

PACKAGE = Path(medibloc_py.__file__).parent
CATEGORIES = {InputError: 3, RefusedError: 4, TransportError: 5, SecretError: 6, IntegrityError: 7}
CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, MediBlocError)
]
CONCRETE = [cls for cls in CLASSES if cls is not MediBlocError and cls not in CATEGORIES]


def fields(cls: type[MediBlocError]) -> set[str]:
    parts = [*Formatter().parse(cls.what), *Formatter().parse(cls.fix)]
    return {name for _, name, _, _ in parts if name}


def abi_errors() -> dict[str, set[str]]:
    """Parameters of every custom error of every contract, by its name."""
    return {
        name: {snake_case(each["name"]) for each in item["inputs"]}
        for contract in artifacts.names()
        for name, item in artifacts.load(contract).errors.items()
    }


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """Every place that makes an error of ours: where, its class, the values it gives."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = {word.arg for word in node.keywords if word.arg is not None}
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                yield where, node.func.id, given


def test_every_class_is_public_and_the_list_is_sorted() -> None:
    assert errors.__all__ == sorted(cls.__name__ for cls in CLASSES)


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_a_class_says_what_happened_and_what_to_do(cls: type[MediBlocError]) -> None:
    assert cls.__doc__
    error = cls(**{name: f"<{name}>." for name in fields(cls)})
    for voice in (error.message, error.advice):
        assert voice.endswith("."), voice
        assert "{" not in voice
    assert all(f"<{name}>." in str(error) for name in fields(cls))
    assert cls.exit_code in CATEGORIES.values()


def test_each_category_has_an_exit_code_of_its_own() -> None:
    assert {category: category.exit_code for category in CATEGORIES} == CATEGORIES
    assert MediBlocError.exit_code == 1


def test_an_error_is_raised_with_the_values_its_words_need() -> None:
    known = {cls.__name__: fields(cls) for cls in CONCRETE}
    wrong = [
        f"{where} {name}: {sorted(given)}, not {sorted(known[name])}"
        for where, name, given in raised()
        if name in known and not known[name] <= given
    ]
    assert not wrong


def test_no_error_is_an_orphan() -> None:
    used = {name for _, name, _ in raised()} | set(abi_errors()) | {"ContractRefusal"}
    assert [cls.__name__ for cls in CONCRETE if cls.__name__ not in used] == []


def test_a_refusal_by_a_contract_has_the_name_and_the_parameters_of_the_custom_error() -> None:
    custom = abi_errors()
    refusals = [cls for cls in CONCRETE if issubclass(cls, ContractRefusal)]
    for cls in refusals:
        if cls is not ContractRefusal:
            assert fields(cls) <= custom[cls.__name__], cls.__name__


def test_no_two_errors_say_the_same() -> None:
    said = defaultdict(list)
    for cls in CONCRETE:
        said[cls.what].append(cls.__name__)
    assert [names for names in said.values() if len(names) > 1] == []


def test_bytes_are_shown_in_hex() -> None:
    error = RootUnknown(issuer="0xA", root=b"\x01\x02")
    assert error.message == "0xA has not registered the root 0x0102."
    assert str(error) == f"{error.message} {error.advice}"


def test_as_json_is_for_machines() -> None:
    error = RootUnknown(issuer="0xA", root=b"\x01")
    assert error.as_json() == {
        "error": "RootUnknown",
        "message": error.message,
        "advice": error.advice,
        "values": {"issuer": "0xA", "root": "0x01"},
    }
    assert ContractRefusal(detail=7).as_json()["values"] == {"detail": 7}


def test_a_value_with_braces_is_shown_as_it_is() -> None:
    assert InvalidAddress(given="{0} {x}").message.startswith("{0} {x} is not")


# Numbers, in words.


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (0, "never"),
        (-1, "before the year 1970"),
        (1_830_254_400, "2027-12-31 12:00:00Z"),
        (253_402_300_799, "9999-12-31 23:59:59Z"),
        (253_402_300_800, "after the year 9999"),
        (2**256 - 1, "after the year 9999"),
    ],
)
def test_a_time_of_any_size_is_shown(timestamp: int, expected: str) -> None:
    assert words.time(timestamp) == expected


def test_numbers_of_the_contracts_are_shown_by_their_names() -> None:
    assert [words.role(n) for n in (0, 1, 2, 9)] == ["issuer", "clinician", "researcher", "9"]
    states = ["unknown", "open", "settled", "refunded", "9"]
    assert [words.order_state(n) for n in (0, 1, 2, 3, 9)] == states
    assert [words.answer(n) for n in (0, 1, 2, 9)] == [
        "denied", "permitted", "for a person to decide", "9",
    ]  # fmt: skip
    assert [words.bit(n) for n in (6, 46, 49, 63, 255, -1)] == [
        "HMB", "NCU", "NONCOMMERCIAL", "TREATMENT", "no single term", "no single term",
    ]  # fmt: skip
    assert words.terms(1 << 42 | 1 << 46) == "GRU+NCU"
    assert words.request(0) == "none"


def test_a_message_reads_in_words_and_its_values_stay_numbers() -> None:
    error = PurposeDenied(listing=b"\x01", purpose=1 << 6 | 1 << 60, answer=0, bit=46)
    assert error.message == (
        "The terms of listing 0x01 do not permit the purpose HMB+COMMERCIAL (denied; NCU decided)."
    )
    assert error.as_json()["values"] == {
        "listing": "0x01", "purpose": 1 << 6 | 1 << 60, "answer": 0, "bit": 46,
    }  # fmt: skip
    assert OrderNotOpen(order=b"\x01", state=2).message == (
        "The order 0x01 is not open: it is settled."
    )


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_a_message_takes_numbers_of_any_size(cls: type[MediBlocError]) -> None:
    for number in (0, -1, 2**64, 2**256 - 1):
        assert str(cls(**dict.fromkeys(fields(cls), number)))
