"""Lines on paper: what four slips of a pen or an eye do to them, and what is forgiven."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import sheet
from medibloc_py.errors import SheetUnreadable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LINE = sheet.write_lines(1, bytes(range(100, 109)))[0]
BYTES = sheet.read_text(LINE, "paper").lines[1]


def line_reads(number: str, text: str) -> bool:
    try:
        read = sheet.read_text(f"{number} {text}", "paper").lines
    except SheetUnreadable:
        return False
    return bool(read)


def characters(line: str) -> tuple[str, list[str]]:
    number, *groups = line.split()
    return number, list("".join(groups))


@given(kind=st.integers(0, 255), body=st.binary(max_size=500))
def test_a_body_comes_back_from_its_lines(kind: int, body: bytes) -> None:
    lines = sheet.write_lines(kind, body)
    assert sheet.join_lines(sheet.read_text("\n".join(lines), "paper").lines, "paper") == (
        kind,
        body,
    )


@pytest.mark.parametrize("size", [0, 1, 8, 9, 10, 28, 29, 30, sheet.MOST_BODY])
def test_a_body_of_any_length_fills_whole_lines(size: int) -> None:
    lines = sheet.write_lines(2, b"x" * size)
    assert len(lines) == -(-(size + 11) // sheet.LINE_BYTES) <= sheet.MOST_LINES
    read = sheet.read_text("\n".join(lines), "paper").lines
    assert sheet.join_lines(read, "paper") == (2, b"x" * size)


def test_the_letters_are_crockfords() -> None:
    """RFC 4648 encodes the same bits with other letters."""
    rfc = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)
    _, text = characters(LINE)
    assert "".join(text[:32]) == base64.b32encode(BYTES).decode().translate(rfc)


def test_the_checksum_is_that_of_bip_350() -> None:
    """Bech32m over the values, its human-readable part and all: 'A1LQFN3A' has no data."""
    values = [*[ord("a") >> 5, 0, ord("a") & 31], *[0] * 6]
    rest = sheet._polymod(values) ^ sheet._REST
    bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    assert "".join(bech32[rest >> 5 * n & 31] for n in reversed(range(6))) == "lqfn3a"


def test_every_single_wrong_character_is_found() -> None:
    number, text = characters(LINE)
    for place, right in enumerate(text):
        for wrong in ALPHABET.replace(right, ""):
            assert not line_reads(number, "".join([*text[:place], wrong, *text[place + 1 :]]))


def test_every_exchange_of_neighbours_is_found() -> None:
    number, text = characters(sheet.write_lines(1, bytes(range(200, 209)))[0])
    exchanged = 0
    for place in range(len(text) - 1):
        if text[place] != text[place + 1]:
            other = [*text[:place], text[place + 1], text[place], *text[place + 2 :]]
            assert not line_reads(number, "".join(other))
            exchanged += 1
    assert exchanged > 25


@given(st.data())
def test_four_wrong_characters_are_found(data: st.DataObject) -> None:
    number, text = characters(LINE)
    places = data.draw(st.lists(st.integers(0, len(text) - 1), min_size=2, max_size=4, unique=True))
    for place in places:
        text[place] = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    assert not line_reads(number, "".join(text))


def test_a_character_missing_or_doubled_is_found() -> None:
    number, text = characters(LINE)
    for place in range(len(text)):
        assert not line_reads(number, "".join(text[:place] + text[place + 1 :]))
        assert not line_reads(number, "".join(text[: place + 1] + text[place:]))


def test_a_line_holds_under_its_own_number_only() -> None:
    _, text = characters(LINE)
    held = [n for n in range(1, sheet.MOST_LINES + 1) if line_reads(str(n), "".join(text))]
    assert held == [1]


@pytest.mark.parametrize(
    "typed",
    [
        LINE.lower(),
        LINE.replace(" ", "   "),
        LINE.replace("1", "l").replace("0", "o"),
        LINE.replace("1", "I").replace("0", "O"),
        "01. " + "-".join(LINE.split()[1:]),
        "1: " + "".join(LINE.split()[1:]),
        f"# read out over the telephone\n\n{LINE}\n{LINE}\n",
    ],
)
def test_what_eyes_and_keyboards_do_is_forgiven(typed: str) -> None:
    assert sheet.read_text(typed, "paper").lines == {1: BYTES}


def test_all_lines_that_do_not_hold_are_named_at_once() -> None:
    lines = sheet.write_lines(1, bytes(100))
    lines[1] = lines[1].replace("0000", "000U", 1)
    lines[4] = lines[4][:-1]
    with pytest.raises(SheetUnreadable, match=r"sheet\.txt .* line 2, 5 does not hold"):
        sheet.read_text("\n".join(lines), "sheet.txt")


@pytest.mark.parametrize(
    "typed",
    ["0 ABCD", "1000 ABCD", "x ABCD", "AB CD", "\u00b2 ABCD", "-", "1" * 5000, "0" * 5000],
)
def test_a_line_without_its_number_is_refused(typed: str) -> None:
    with pytest.raises(SheetUnreadable, match="stands where a line's number must"):
        sheet.read_text(typed, "paper")


def test_two_lines_of_one_number_are_refused() -> None:
    other = sheet.write_lines(1, b"another")[0]
    with pytest.raises(SheetUnreadable, match="line 1"):
        sheet.read_text(f"{LINE}\n{other}", "paper")


def test_missing_and_foreign_lines_are_told() -> None:
    def join(lines: dict[int, bytes]) -> object:
        return sheet.join_lines(lines, "paper")

    whole = dict(sheet.read_text("\n".join(sheet.write_lines(1, b"a" * 90)), "paper").lines)
    with pytest.raises(SheetUnreadable, match="line 1 is missing"):
        join({})
    with pytest.raises(SheetUnreadable, match="line 2, 4 of 6 is missing"):
        join({n: line for n, line in whole.items() if n not in (2, 4)})
    with pytest.raises(SheetUnreadable, match="line 7 is too many"):
        join(whole | {7: bytes(20)})
    with pytest.raises(SheetUnreadable, match="they are not of one sheet"):
        join(whole | {3: b"b" * 20})
    with pytest.raises(SheetUnreadable, match="they are not of one sheet"):
        join(whole | {6: whole[6][:-1] + b"\1"})


@given(st.text(max_size=200))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    with suppress(SheetUnreadable):
        read = sheet.read_text(text, "paper")
        assert sheet.join_lines(read.lines, "paper")
