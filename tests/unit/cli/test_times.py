"""Times, spans, amounts and ids as people write them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medibloc_py.cli.times import (
    read_amount,
    read_bytes32,
    read_span,
    read_time,
    show_amount,
)
from medibloc_py.errors import InvalidValue

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW + 30),
        ("90m", NOW + 5_400),
        ("12h", NOW + 43_200),
        ("30d", NOW + 30 * 86_400),
        ("+2w", NOW + 14 * 86_400),
        ("1y", NOW + 365 * 86_400),
        ("0", 0),
        ("1900000000", 1_900_000_000),
        ("2027-12-31", 1_830_211_200),
        ("2027-12-31T12:00:00", 1_830_254_400),
        ("2027-12-31T12:00:00Z", 1_830_254_400),
        ("2027-12-31T12:00:00+02:00", 1_830_247_200),
        (str(2**40 - 1), 2**40 - 1),
    ],
)
def test_read_time(text: str, expected: int) -> None:
    assert read_time(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", "soon", "30 d", "-1d", "1.5d", "²", "٣d", "2027-13-01", "1969-12-31", "99999999d",
     str(2**40), "9" * 14, "9" * 5_000, "9" * 5_000 + "d", "0001-01-01", "\x00"],
)  # fmt: skip
def test_read_time_refuses(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_time(text, NOW)
    assert caught.value.values["given"] == text


@pytest.mark.parametrize(("text", "expected"), [("10m", 600), ("24h", 86_400), ("30d", 2_592_000)])
def test_read_span(text: str, expected: int) -> None:
    assert read_span(text) == expected


@pytest.mark.parametrize("text", ["", "10", "2027-12-31", "1h30m", "-1h", "9" * 5_000 + "h"])
def test_read_span_refuses(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_span(text)


@pytest.mark.parametrize(
    ("text", "decimals", "expected"),
    [
        ("1200.50", 6, 1_200_500_000),
        ("0.000001", 6, 1),
        ("1.5000000000", 1, 15),
        ("7", 0, 7),
        ("7.0", 0, 7),
        ("79228162514264337593543950335", 0, 2**96 - 1),
        ("79228162514.264337593543950335", 18, 2**96 - 1),
    ],
)
def test_read_amount(text: str, decimals: int, expected: int) -> None:
    assert read_amount(text, decimals) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0", "-1", "+1", "1e3", "1E+999999", "1,200", "1_000", "0.0000001", ".5", "5.",
     "NaN", "Infinity", "1/3", "٣", "79228162514264337593544", "9" * 5_000, "0." + "1" * 5_000],
)  # fmt: skip
def test_read_amount_refuses(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_amount(text, 6)
    assert caught.value.values["given"] == text


@given(st.integers(1, 2**96 - 1), st.integers(0, 255))
@example(2**96 - 1, 6)
def test_an_amount_shown_reads_back(units: int, decimals: int) -> None:
    text = show_amount(units, decimals).replace(",", "")
    if len(text.partition(".")[0]) <= 30:
        assert read_amount(text, decimals) == units


@pytest.mark.parametrize(
    ("units", "decimals", "expected"),
    [
        (0, 6, "0.000000"),
        (1_200_500_000, 6, "1,200.500000"),
        (-1, 6, "-0.000001"),
        (-1_200_000_000, 6, "-1,200.000000"),
        (7, 0, "7"),
        (2**104 - 1, 6, "20,282,409,603,651,670,423,947,251.286015"),
    ],
)
def test_show_amount(units: int, decimals: int, expected: str) -> None:
    assert show_amount(units, decimals) == expected


def test_read_bytes32_takes_hex_with_and_without_its_mark() -> None:
    assert read_bytes32("0x" + "aB" * 32, "record") == b"\xab" * 32
    assert read_bytes32("ab" * 32, "record") == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "0x", "ab" * 31, "ab" * 33, "zz" * 32, "0x0x" + "ab" * 31])
def test_read_bytes32_refuses(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_bytes32(text, "record")
    assert caught.value.values["name"] == "record"


readers: list[Callable[[str], object]] = [
    lambda text: read_time(text, NOW),
    read_span,
    lambda text: read_amount(text, 6),
    lambda text: read_bytes32(text, "id"),
]


@given(st.sampled_from(readers), st.text() | st.from_regex(r"[0-9.+dhm:TZ-]{1,40}", fullmatch=True))
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    with suppress(InvalidValue):
        read(text)
