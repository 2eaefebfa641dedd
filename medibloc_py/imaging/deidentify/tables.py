"""The tables of the standard beside this module, as lookups."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_NEEDS: Final = {"1": 1, "1C": 1, "2": 2, "2C": 2}
_WHERE: Final = {"top": "00000000", "record": "00041220"}
# Repeating groups of PS3.6: every second group from here, sixteen of them.
_REPEATING: Final = {0x50: "50xx", 0x60: "60xx"}


class Rule(NamedTuple):
    """What the profile says of one attribute, or of one content item.

    Attributes:
        basic: action of the Basic Profile, such as `X/Z`.
        options: action by the column of an option, where it has one.
    """

    basic: str
    options: dict[str, str]


@cache
def profile() -> dict[int, Rule]:
    """PS3.15 table E.1-1 by tag, without its repeating groups: those go whole."""
    return {
        int(row.pop("tag"), 16): _rule(row, {"keyword"})
        for row in _rows("profile.csv")
        if "x" not in row["tag"]
    }


@cache
def content_items() -> dict[tuple[str, str, str], Rule]:
    """PS3.15 table E.3.4-1 by coding scheme and code of the concept name, and value type."""
    return {
        (row["scheme"], row["code"], row["value_type"]): _rule(
            row, {"scheme", "code", "value_type", "meaning"}
        )
        for row in _rows("content.csv")
    }


@cache
def safe_private() -> dict[tuple[str, int, int], str]:
    """PS3.15 table E.3.10-1: VR by private creator, group and place in its block."""
    return {
        (row["creator"], int(row["group"], 16), int(row["element"], 16)): row["vr"]
        for row in _rows("private.csv")
    }


@cache
def kept() -> frozenset[int]:
    """Tags with text or bytes that stay, reviewed one by one."""
    from pydicom.datadict import tag_for_keyword

    tags = (tag_for_keyword(row["keyword"]) for row in _rows("kept.csv"))
    return frozenset(tag for tag in tags if tag is not None)


@cache
def required() -> dict[tuple[str, int], int]:
    """1 or 2, the type an attribute has in a module or in a sequence (its tag in hex).

    An attribute that is there met its condition, so 1C counts as 1 and 2C as 2.
    """
    rows = (*_rows("required.csv"), *_rows("directory.csv"))
    return {
        (_WHERE.get(row["where"], row["where"]), int(row["tag"], 16)): _NEEDS[row["type"]]
        for row in rows
        if row["type"]
    }


@cache
def directory() -> dict[tuple[str, int], str]:
    """What becomes of the attributes of group 0004, by the sequence they are in and their tag."""
    return {
        (_WHERE[row["where"]], int(row["tag"], 16)): row["action"]
        for row in _rows("directory.csv")
        if row["action"]
    }


@cache
def modules(sop_class: str) -> tuple[str, ...]:
    """The modules of a storage class; of one that PS3.3 does not know, all."""
    return _modules().get(sop_class) or tuple(sorted({where for where, _ in required()}))


@cache
def _modules() -> dict[str, tuple[str, ...]]:
    return {row["sop_class"]: tuple(row["modules"].split()) for row in _rows("iods.csv")}


def _rule(row: dict[str, str], other: set[str]) -> Rule:
    options = {name: cell for name, cell in row.items() if cell and name not in other | {"basic"}}
    return Rule(row["basic"], options)


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files(__package__) / "tables" / name).read_text(encoding="utf-8")
    return csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def in_repeating_group(tag: int) -> bool:
    """Whether a tag is one of a curve or of an overlay plane."""
    return tag >> 24 in _REPEATING
