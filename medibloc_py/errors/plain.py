"""What a stranger said, fit to be shown: nothing in it commands a terminal or feigns a line."""

from __future__ import annotations

MOST_CHARS = 200
"""As much of a stranger's words as an error repeats."""
SIGN = "\N{REPLACEMENT CHARACTER}"
"""In place of each character that cannot be printed."""


def plain(said: object, most: int | None = MOST_CHARS) -> str:
    """What a stranger said, on one line, without signs that move a cursor or turn a text round.

    Args:
        said: the words.
        most: characters that are kept; None for all.
    """
    return "".join(char if char.isprintable() else SIGN for char in str(said)[:most])
