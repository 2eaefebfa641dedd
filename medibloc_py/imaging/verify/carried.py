"""Texts that travel within compressed images and colour profiles, for the check to look for."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

_ITEM: Final = b"\xfe\xff\x00\xe0"
_HEAD_BYTES: Final = 1 << 16
# Comments and applications' segments of JPEG and JPEG-LS; comments of JPEG 2000.
_JPEG: Final = re.compile(rb"\xff[\xe0-\xef\xfe](..)", re.DOTALL)
_J2K: Final = re.compile(rb"\xff\x64(..)", re.DOTALL)
_SCAN, _TILE, _END = b"\xff\xda", b"\xff\x90", b"\xff\xd9"
_RUN: Final = re.compile(rb"[\x20-\x7e]{8,}")
_BOX: Final = re.compile(rb"(\0...)(?:xml |uuid)", re.DOTALL)
_LETTERS: Final = re.compile(rb"[A-Za-z]{4}")
_ENCODER: Final = re.compile(rb"(Created by |Creator: )?[A-Za-z/]{6,16}[A-Za-z -]{0,12}[0-9.]+")
# Texts of profiles: of version 2 in one byte a character, of version 4 in two.
_TEXT_TAG: Final = re.compile(rb"(?:text\0{4}|desc\0{4}.{4})([\x20-\x7e]{4,})", re.DOTALL)
_WIDE_TAG: Final = re.compile(rb"mluc\0{4}(.{4})\0{3}\x0c", re.DOTALL)
_RECORD: Final = struct.Struct(">4xII")
_MOST_RECORDS: Final = 100


def comments(pixels: bytes) -> Iterator[bytes]:
    """Texts of comments in an encapsulated value, and behind the images in it."""
    for frame in _fragments(pixels):
        if frame.startswith(b"\xff\xd8"):
            areas = _segments(_JPEG, frame, _SCAN)
        elif frame.startswith(b"\xff\x4f"):
            areas = _segments(_J2K, frame, _TILE)
        elif frame.startswith(b"\0\0\0\x0cjP  "):
            areas = [
                frame[found.end() : found.start() + int.from_bytes(found[1])]
                for found in _BOX.finditer(frame)
            ]
            yield from profile_texts(frame[:_HEAD_BYTES])
        else:
            continue
        end = frame.rfind(_END)
        if end >= 0:
            areas.append(frame[end:])
        for area in areas:
            yield from (
                run
                for run in _RUN.findall(area)
                if _LETTERS.search(run) and not _ENCODER.fullmatch(run)
            )


def profile_texts(profile: bytes) -> Iterator[bytes]:
    """What a colour profile says in words."""
    yield from _TEXT_TAG.findall(profile)
    for found in _WIDE_TAG.finditer(profile):
        for number in range(min(int.from_bytes(found[1]), _MOST_RECORDS)):
            at = found.start() + 16 + number * _RECORD.size
            if at + _RECORD.size <= len(profile):
                length, offset = _RECORD.unpack_from(profile, at)
                wide = profile[found.start() + offset :][:length]
                yield wide.decode("utf-16-be", "replace").encode(errors="replace")


def _fragments(pixels: bytes) -> Iterator[bytes]:
    at = 0
    while pixels[at : at + 4] == _ITEM and at + 8 <= len(pixels):
        (length,) = struct.unpack_from("<L", pixels, at + 4)
        yield pixels[at + 8 : at + 8 + length]
        at += 8 + length


def _segments(marker: re.Pattern[bytes], frame: bytes, stop: bytes) -> list[bytes]:
    head = frame[: max(frame.find(stop, 0, _HEAD_BYTES), 0)]
    return [
        head[found.end() : found.start() + 2 + int.from_bytes(found[1])]
        for found in marker.finditer(head)
    ]
