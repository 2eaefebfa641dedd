"""Files whose manifest says where their frames lie, rightly or not.

What stands in them is no DICOM: a reader of frames looks at nothing but the manifest and the
place it names.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plain_sealer import content

CORRUPTED, INVALID = "Corrupted", "InvalidValue"
HEAD = content("a header", 200)
LENGTHS_OF_A_TEXT = 768


@dataclass(frozen=True)
class File:
    """A file, and what reading its frames gives.

    Attributes:
        outcomes: by frame, what the decoder takes or the error.
        meta: besides that it has pixels.
    """

    name: str
    data: bytes
    outcomes: dict[int, bytes | str]
    meta: dict[str, Any]


def pixels(label: str, size: int) -> bytes:
    """Bytes of a frame."""
    return content(f"frame {label}", size)


def item(data: bytes) -> bytes:
    """An item of encapsulated pixels (PS3.5 A.4)."""
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data


def lengths(frames: Sequence[bytes]) -> dict[str, Any]:
    """Meta of frames that are not of one length."""
    texts = [frames[at : at + LENGTHS_OF_A_TEXT] for at in range(0, len(frames), LENGTHS_OF_A_TEXT)]
    packed = [struct.pack(f">{len(text)}I", *map(len, text)) for text in texts]
    return {f"frame_lengths_{at}": b64encode(each).decode() for at, each in enumerate(packed)}


def right() -> list[File]:
    """Places that are right."""
    native = [pixels(f"native {number}", 16_400) for number in range(3)]
    equal = [pixels(f"equal {number}", 90) for number in range(2)]
    pieces = [[pixels("one", 100)], [pixels("two", 50), b"", pixels("three", 7)], [pixels("4", 2)]]
    parts = [b"".join(map(item, fragments)) for fragments in pieces]
    many = [pixels(f"many {number}", 2 + 2 * (number % 3)) for number in range(770)]
    at, coded = {"pixels_at": len(HEAD)}, {"pixels_at": len(HEAD), "encapsulated": 1}
    return [
        File(
            "native.dcm",
            HEAD + b"".join(native) + content("a trailer", 40),
            {0: native[0], 1: native[1], 2: native[2], 3: INVALID},
            at | {"frames": 3, "frame_bytes": 16_400},
        ),
        File(
            "items-of-one-length.dcm",
            HEAD + b"".join(map(item, equal)),
            dict(enumerate(equal)),
            coded | {"frames": 2, "frame_bytes": 98},
        ),
        File(
            "items.dcm",
            HEAD + b"".join(parts),
            {number: b"".join(fragments) for number, fragments in enumerate(pieces)},
            coded | {"frames": 3} | lengths(parts),
        ),
        File(
            "two-texts-of-lengths.dcm",
            HEAD + b"".join(map(item, many)),
            {number: many[number] for number in (0, 767, 768, 769)} | {770: INVALID},
            coded | {"frames": 770} | lengths([item(each) for each in many]),
        ),
        File("no-pixels.dcm", HEAD, {0: INVALID}, {"frames": 0}),
        File("untold.dcm", HEAD + native[0], {0: INVALID}, {"frames": 1}),
    ]


def wrong() -> list[File]:
    """Places that only a sealer who has the key can write."""
    frame = pixels("lie", 100)
    at = {"pixels_at": len(HEAD)}
    cases: dict[str, tuple[dict[int, bytes | str], dict[str, Any]]] = {
        "past-the-end": ({0: frame, 1: CORRUPTED}, {"frames": 2, "frame_bytes": 100}),
        "longer-than-the-file": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 101}),
        "of-no-bytes": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 0}),
        "of-negative-length": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": -100}),
        "length-a-text": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": "100"}),
        "length-most": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 2**64 - 1}),
        "place-most": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 1, "pixels_at": 2**64 - 1}),
        "place-negative": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 1, "pixels_at": -1}),
        "product-past-2-to-64": (
            {2**31: CORRUPTED},
            {"frames": 2**32, "frame_bytes": 2**40},
        ),
        "no-length": ({0: CORRUPTED}, {"frames": 1}),
        "too-few-lengths": ({0: frame, 1: CORRUPTED}, {"frames": 2} | lengths([frame])),
        "lengths-that-are-no-base64": ({0: CORRUPTED}, {"frames": 1, "frame_lengths_0": "%%%%"}),
        "no-item": ({0: CORRUPTED}, {"frames": 1, "frame_bytes": 100, "encapsulated": 1}),
    }
    files = [
        File(f"{name}.dcm", HEAD + frame, outcomes, at | meta)
        for name, (outcomes, meta) in cases.items()
    ]
    whole = item(frame[:30]) + item(frame[30:])
    cut = {"frames": 1, "frame_bytes": len(whole) - 1, "encapsulated": 1}
    return [*files, File("item-cut.dcm", HEAD + whole, {0: CORRUPTED}, at | cut)]


def files() -> list[tuple[str, int | bytes, dict[str, Any]]]:
    """Name, content and meta of each file."""
    return [(each.name, each.data, each.meta) for each in (*right(), *wrong())]


def frames() -> list[tuple[int, int, bytes | str]]:
    """File, frame, and what reading it gives."""
    return [
        (place, frame, outcome)
        for place, each in enumerate((*right(), *wrong()))
        for frame, outcome in each.outcomes.items()
    ]
