"""How deep a hostile document is nested, told before a recursive parser sees it.

Parsers of JSON and CBOR recurse. Python's recursion limit stops them, but it is one
number for the whole process that any library may raise (py_ecc does, a hundredfold):
then a few kilobytes of brackets exhaust the stack or the memory. So depth is
measured here, without recursion, wherever a document comes from outside.
"""

from __future__ import annotations

import re

MOST_DEPTH = 64
"""Levels that any document of ours or of a node may have."""
MOST_TEXT_BYTES = 1 << 16
"""Bytes that a text may have in JSON that comes in pieces."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_BYTES, _TEXT, _LIST, _MAP, _TAG = 2, 3, 4, 5, 6


def require_shallow_json(data: bytes, most: int = MOST_DEPTH) -> None:
    """Raises ValueError if JSON is nested deeper than `most` levels; judges nothing else."""
    _climb(data, 0, most)


class JsonStream:
    """Measures JSON that comes in pieces, as far as a parser could have read it."""

    def __init__(self, most: int = MOST_DEPTH) -> None:
        self._most = most
        self._level = 0
        self._open_string = b""

    def feed(self, piece: bytes) -> None:
        """Raises ValueError once what came so far is nested deeper, or has a text too long."""
        text = _STRING.sub(b"", self._open_string + piece)
        text, quote, rest = text.partition(b'"')
        self._open_string = quote + rest
        if len(self._open_string) > MOST_TEXT_BYTES:
            raise ValueError("one text without end")
        self._level = _climb(text, self._level, self._most)


def _climb(text: bytes, level: int, most: int) -> int:
    for byte in _STRING.sub(b"", text).translate(None, _NO_BRACKETS):
        level += 1 if byte in b"[{" else -1
        if level > most:
            raise ValueError("nested too deeply")
    return level


def require_shallow_cbor(data: bytes, most: int = MOST_DEPTH) -> None:
    """Raises ValueError if CBOR (RFC 8949) is nested deeper than `most`; judges nothing else.

    It stops where a parser would stop, too: at what is malformed or of indefinite length.
    """
    left = [1]  # items still to come, for each level
    at = 0
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        if at >= len(data):
            return
        major, info = data[at] >> 5, data[at] & 31
        at += 1
        value = info
        if info >= 24:
            if info > 27:
                return
            width = 1 << (info - 24)
            value = int.from_bytes(data[at : at + width], "big")
            at += width
        if major in (_BYTES, _TEXT):
            at += value
        elif major in (_LIST, _MAP, _TAG):
            left.append({_LIST: value, _MAP: 2 * value, _TAG: 1}[major])
            if len(left) > most:
                raise ValueError("nested too deeply")
