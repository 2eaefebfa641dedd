"""What a stranger said never commands a terminal, in an error or in print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.errors.plain import MOST_CHARS, SIGN, plain


def test_text_of_any_language_stays_and_commands_do_not() -> None:
    assert plain("Zürich 東京 1,200.50") == "Zürich 東京 1,200.50"
    assert plain("a\x1b[2J\x07b\u202e\nc") == f"a{SIGN}[2J{SIGN}b{SIGN}{SIGN}c"
    assert plain(ValueError("a\tb")) == f"a{SIGN}b"


def test_it_is_not_of_any_length() -> None:
    assert plain("x" * 10_000) == "x" * MOST_CHARS
    assert plain("x" * 10_000, 16) == "x" * 16
    assert plain("x" * 10_000, None) == "x" * 10_000


@given(st.text())
def test_whatever_it_is_can_be_printed(said: str) -> None:
    assert plain(said, None).isprintable()
    assert len(plain(said, None)) == len(said)
