"""Bytes as numbered lines of letters and digits that survive paper and typing.

    12  ABCD EFGH JKMN PQRS TVWX YZ01 2345 6789  K3F0ZQ

A line holds 20 bytes in Crockford's base32, which has no I, L, O or U, and six check
characters of the code of BIP 350 over its number and its text: up to four wrong
characters are found, two exchanged neighbours among them. So an error is told by its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from medibloc_py.errors import SheetUnreadable

LINE_BYTES = 20
MOST_LINES = 999
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys("-\N{EN DASH}\N{EM DASH}"))
_DATA, _CHECK, _GROUP = 32, 6, 4
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)  # BIP 173
_REST = 0x2BC830A3  # BIP 350
_HEAD, _DIGEST = 3, 8
_SHORTEST_WORD = 4
MOST_BODY = MOST_LINES * LINE_BYTES - _HEAD - _DIGEST


@dataclass(frozen=True, slots=True)
class SheetText:
    """What stands on a sheet: bytes by the number of their line, and words in their order."""

    lines: Mapping[int, bytes]
    words: tuple[str, ...]


def head_of(kind: int, body_bytes: int) -> bytes:
    """The first 3 bytes of a sheet: its kind, and the length of its body."""
    return bytes([kind]) + body_bytes.to_bytes(2, "big")


def write_lines(kind: int, body: bytes) -> list[str]:
    """Writes a body as lines.

    Args:
        kind: what the body is, 0 to 255.
        body: at most `MOST_BODY` bytes.
    """
    data = head_of(kind, len(body)) + body
    data += sha256(data).digest()[:_DIGEST]
    pieces = [data[at : at + LINE_BYTES] for at in range(0, len(data), LINE_BYTES)]
    return [
        _line(number, piece.ljust(LINE_BYTES, b"\0"))
        for number, piece in enumerate(pieces, start=1)
    ]


def _line(number: int, piece: bytes) -> str:
    bits = int.from_bytes(piece, "big")
    values = [bits >> 5 * place & 31 for place in reversed(range(_DATA))]
    rest = _polymod([*divmod(number, 32), *values, *[0] * _CHECK]) ^ _REST
    check = [rest >> 5 * place & 31 for place in reversed(range(_CHECK))]
    text = "".join(_ALPHABET[value] for value in values)
    groups = " ".join(text[at : at + _GROUP] for at in range(0, _DATA, _GROUP))
    return f"{number:3}  {groups}  {''.join(_ALPHABET[value] for value in check)}"


def _polymod(values: Iterable[int]) -> int:
    """The rest of a polynomial over GF(32), as in BIP 173."""
    rest = 1
    for value in values:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for place, part in enumerate(_GENERATOR):
            rest ^= part if top >> place & 1 else 0
    return rest


def read_text(text: str, path: object) -> SheetText:
    """Reads the lines and words of a sheet, as printed, scanned or typed.

    Lines that begin with `#` are for people. Small letters, blanks and dashes are forgiven,
    and O for 0, I or L for 1.

    Args:
        text: of the sheet, or a part of it.
        path: what to call it in errors.

    Raises:
        SheetUnreadable: lines do not hold, all of them named; or one is neither kind.
    """
    lines: dict[int, bytes] = {}
    words: list[str] = []
    wrong: list[str] = []
    for written in text.splitlines():
        tokens = written.split()
        if not tokens or tokens[0].startswith("#"):
            continue
        if all(len(token) >= _SHORTEST_WORD and token.isalpha() for token in tokens):
            words += [token.lower() for token in tokens]
            continue
        number, piece = _read_line(tokens, path)
        if piece is None or lines.get(number, piece) != piece:
            wrong.append(str(number))
        else:
            lines[number] = piece
    if wrong:
        raise SheetUnreadable(
            path=path,
            reason=f"line {', '.join(wrong)} does not hold: a character is wrong, missing, one "
            "too many or in another's place",
        )
    return SheetText(lines, tuple(words))


def _read_line(tokens: list[str], path: object) -> tuple[int, bytes | None]:
    """Gives a line's number, and its bytes unless its check characters do not hold."""
    first, *rest = (token.upper().translate(_MISREAD) for token in tokens)
    digits = first.rstrip(".:)").lstrip("0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_LINES))):
        raise SheetUnreadable(
            path=path, reason=f"{tokens[0][:20]!r} stands where a line's number must"
        )
    number, text = int(digits), "".join(rest)
    if len(text) != _DATA + _CHECK or not set(text) <= _VALUES.keys():
        return number, None
    values = [_VALUES[character] for character in text]
    if _polymod([*divmod(number, 32), *values]) != _REST:
        return number, None
    bits = 0
    for value in values[:_DATA]:
        bits = bits << 5 | value
    return number, bits.to_bytes(LINE_BYTES, "big")


def join_lines(lines: Mapping[int, bytes], path: object) -> tuple[int, bytes]:
    """Puts the lines of a sheet together.

    Returns:
        Its kind and its body.

    Raises:
        SheetUnreadable: a line is missing or too many, or they are not of one sheet.
    """

    def refuse(reason: str) -> SheetUnreadable:
        return SheetUnreadable(path=path, reason=reason)

    if 1 not in lines:
        raise refuse("line 1 is missing")
    end = _HEAD + int.from_bytes(lines[1][1:_HEAD], "big")
    count = -(-(end + _DIGEST) // LINE_BYTES)
    if missing := [str(number) for number in range(1, count + 1) if number not in lines]:
        raise refuse(f"line {', '.join(missing)} of {count} is missing")
    if len(lines) > count:
        raise refuse(f"line {max(lines)} is too many: it has {count}")
    data = b"".join(lines[number] for number in range(1, count + 1))
    digest, padding = data[end : end + _DIGEST], data[end + _DIGEST :]
    if sha256(data[:end]).digest()[:_DIGEST] != digest or any(padding):
        raise refuse("every line holds, but they are not of one sheet")
    return data[0], data[_HEAD:end]
