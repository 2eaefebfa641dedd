"""What is left of an original in a de-identified file, counted the same way for every tool."""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR

from benchmarks.canary import TABLE
from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging import arrays
from medibloc_py.imaging.verify.parse import Parsed, Value, parse

DCIODVFY = shutil.which("dciodvfy")
_PUBLIC = b"1.2.840.10008."
_PIXELS = 0x7FE00010


@dataclass
class Score:
    """What one file, or all of a tool's files together, got.

    Attributes:
        values: values of table E.1-1 that had to change: not empty, no sequence, no UID.
        values_left: those that are the same in the same place.
        uids: UIDs of instances, different ones in each file.
        uids_left: those that stand anywhere in the output's bytes.
        private_left: private attributes of the output, at any depth.
        pixels_changed: 1 if Pixel Data is not the same, byte by byte, and neither are its values.
    """

    values: int = 0
    values_left: int = 0
    uids: int = 0
    uids_left: int = 0
    private_left: int = 0
    pixels_changed: int = 0

    def add(self, other: Score) -> None:
        """Counts another file in."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)


def score(original: bytes, output: bytes) -> Score:
    """Compares one file with its original."""
    before, after = parse(original), parse(output)
    now = {each.path: _bytes(after, each) for each in after.values}
    then = [(each, _bytes(before, each)) for each in before.values]
    values = [(each.path, value) for each, value in then if _must_change(each, value)]
    uids = {uid for each, value in then if _names_an_instance(each) for uid in _uids(value)}
    return Score(
        len(values),
        sum(now.get(path) == value for path, value in values),
        len(uids),
        sum(_stands_in(uid, after.data) for uid in uids),
        sum(each.tag >> 16 & 1 for each in after.values),
        int(_pixels(before) != _pixels(after) and not _same_values(original, output)),
    )


def _same_values(original: bytes, output: bytes) -> bool:
    """Whether all pixels decode to the same: comments in compressed frames are none."""
    try:
        return np.array_equal(arrays(original, ""), arrays(output, ""))
    except PixelsUnreadable:
        return False


def errors_of(path: Path) -> int:
    """How many errors dciodvfy finds in a file."""
    assert DCIODVFY
    done = subprocess.run([DCIODVFY, str(path)], capture_output=True, timeout=120, check=False)
    return sum(line.startswith(b"Error") for line in done.stderr.splitlines())


@cache
def _table() -> frozenset[int]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return frozenset(int(row["tag"], 16) for row in rows if "x" not in row["tag"])


def _bytes(file: Parsed, value: Value) -> bytes:
    return file.data[value.start : value.end].strip(b"\0 ")


def _vr(value: Value) -> str:
    if value.vr not in ("", "UN"):
        return value.vr
    return dictionary_VR(value.tag) if dictionary_has_tag(value.tag) else "UN"


def _must_change(value: Value, data: bytes) -> bool:
    # Zeros are what a dummy looks like too.
    return value.tag in _table() and _vr(value) not in ("UI", "SQ") and bool(data.strip(b"0.\0"))


def _names_an_instance(value: Value) -> bool:
    if _vr(value) != "UI":
        return False
    known = dictionary_has_tag(value.tag)
    return not (known and dictionary_keyword(value.tag).endswith(("ClassUID", "SyntaxUID")))


def _uids(data: bytes) -> list[bytes]:
    parts = [part.strip(b"\0 ") for part in data.split(b"\\")]
    return [part for part in parts if b"." in part and not part.startswith(_PUBLIC)]


def _stands_in(uid: bytes, data: bytes) -> bool:
    """Whether a UID stands somewhere by itself, not within a longer one."""
    at = -1
    while (at := data.find(uid, at + 1)) >= 0:
        around = data[max(at - 1, 0) : at] + data[at + len(uid) :][:1]
        if not any(char in b"0123456789." for char in around):
            return True
    return False


def _pixels(file: Parsed) -> list[bytes]:
    found = (each for each in file.values if each.path == (_PIXELS,))
    return [file.data[each.start : each.end] for each in found]
