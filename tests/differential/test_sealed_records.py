"""The reader in JavaScript against the one in Python: both open the same, and refuse the same."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.crypto.envelope import RecordReader, SourceFile, seal_record
from medibloc_py.crypto.manifest import Manifest, ManifestEntry
from medibloc_py.crypto.stream import CHUNK_BYTES, sealed_size
from medibloc_py.errors import Corrupted, InvalidValue, MediBlocError

SCRIPT = Path(__file__).with_name("read_sealed.mjs")
MANIFESTS, RECORDS, RANGES = 4_000, 60, 6

FOLDING = "aAbBßẞſSsKk\u212aıIiİΣσςﬁﬆᏸᏰꭰᎠ/. 1"
BLOCKS = (
    *((0x20, 0x250), (0x370, 0x590), (0x10A0, 0x1100), (0x13A0, 0x1400), (0x1C80, 0x1C90)),
    *((0x1E00, 0x2070), (0x2120, 0x2190), (0xA640, 0xA7C0), (0xAB30, 0xABC0), (0xFB00, 0xFB20)),
    *((0x300, 0x370), (0x10400, 0x10450), (0x1E900, 0x1E944)),
)
LETTERS = [
    letter
    for first, end in BLOCKS
    for letter in map(chr, range(first, end))
    if unicodedata.category(letter) != "Cn"
]
DEVICES = ("con", "COM1", "lpt9.x", "nul", "prn.a/b", "aux", "conx", "com", "COM¹")


def answers_of(folder: Path, **cases: Any) -> dict[str, Any]:
    """What the reader in JavaScript makes of these cases."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is not on PATH: `make differential` puts it there")
    path = folder / "cases.json"
    path.write_text(json.dumps({"manifests": [], "records": [], **cases}))
    ran = subprocess.run([node, SCRIPT, path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, Any] = json.loads(ran.stdout)
    return answers


# Manifests.


def name_of(draw: random.Random) -> str:
    """A name: often one that folds in an odd way, or is a device, or is no name."""
    kind = draw.random()
    if kind < 0.1:
        return draw.choice(DEVICES)
    letters = FOLDING if kind < 0.5 else LETTERS
    return "".join(draw.choice(letters) for _ in range(draw.randint(0, 5)))


def like(name: str, draw: random.Random) -> str:
    """A name that may meet another one on a disk."""
    changes: tuple[Callable[[str], str], ...] = (
        *(str.lower, str.upper, str.title, str.casefold, lambda text: f"{text}/x"),
        *(partial(unicodedata.normalize, form) for form in ("NFC", "NFD")),
    )
    return draw.choice(changes)(name)


def manifest_of(draw: random.Random) -> bytes:
    """A manifest of up to three files, half of them well made."""
    names = [name_of(draw) for _ in range(draw.randint(1, 3))]
    if len(names) > 1 and draw.random() < 0.5:
        names[1] = like(names[0], draw)
    entries, offset = [], 0
    for name in names:
        size = draw.choice((0, 1, 8, 1_000, 16_376, 1 << 20, 1 << 40, (1 << 48) - 1))
        meta = draw.choice(({}, {"rows": 512}, {"least": -(2**64), "yes": True}))
        entries.append(ManifestEntry(name, offset, sealed_size(size), size, meta))
        offset += sealed_size(size)
    data = Manifest(draw.choice((1, 1, 1, 2**32 - 1)), tuple(entries)).encode()
    return changed(data, draw) if draw.random() < 0.5 else data


def changed(data: bytes, draw: random.Random) -> bytes:
    """The same with a bit flipped, a byte lost or a byte too many."""
    at = draw.randrange(len(data))
    way = draw.random()
    if way < 0.6:
        return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
    return data[:at] + (draw.randbytes(1) if way < 0.8 else b"") + data[at + (way >= 0.8) :]


def end_of(manifest: bytes) -> int | None:
    """Where the last file of a manifest ends; None if it is refused."""
    try:
        return Manifest.decode(manifest, lambda reason: Corrupted(name="", reason=reason)).end
    except Corrupted:
        return None


def test_manifests_are_taken_or_refused_alike(draw: random.Random, tmp_path: Path) -> None:
    drawn = [manifest_of(draw) for _ in range(MANIFESTS)]
    expected = [end_of(manifest) for manifest in drawn]
    cases = [
        {"manifest": manifest.hex(), "end": end or 0}
        for manifest, end in zip(drawn, expected, strict=True)
    ]
    given = answers_of(tmp_path, manifests=cases)["manifests"]
    assert given == expected
    assert MANIFESTS // 10 < sum(end is not None for end in expected) < MANIFESTS


# Records.


def record_of(draw: random.Random) -> dict[str, Any]:
    """A sealed record, its keys, and ranges to open; two of three are damaged."""
    around = (0, 8, 100, 1_000, CHUNK_BYTES, 2 * CHUNK_BYTES, 5 * CHUNK_BYTES)
    sizes = [
        max(draw.choice(around) - 8 + draw.randint(-1, 1), 0) for _ in range(draw.randint(1, 3))
    ]
    files = [
        SourceFile(f"{index}.dcm", size, partial(io.BytesIO, draw.randbytes(size)))
        for index, size in enumerate(sizes)
    ]
    cek, salt = draw.randbytes(32), draw.randbytes(32)
    meta: dict[str, str | int] = {"deidentification": "x" * draw.randint(0, 4096)}
    record = b"".join(seal_record(files, cek, salt, draw.choice((1, 2)), meta))
    if draw.random() < 0.66:
        record = changed(record, draw)
    if draw.random() < 0.1:
        cek = draw.randbytes(32)
    ranges = []
    for _ in range(RANGES):
        index = draw.randrange(len(sizes))
        offset = draw.randint(0, sizes[index])
        ranges.append((index, offset, draw.randint(0, sizes[index] - offset + 1)))
    return {"record": record.hex(), "cek": cek.hex(), "salt": salt.hex(), "ranges": ranges}


def outcome(opening: Callable[[], Iterator[bytes]]) -> str:
    """The hash of what opens, or the name of the error."""
    digest = sha256()
    try:
        for piece in opening():
            digest.update(piece)
    except (Corrupted, InvalidValue) as error:
        return type(error).__name__
    return digest.hexdigest()


def outcomes_of(case: dict[str, Any]) -> dict[str, list[str]] | str:
    """What the reader in Python makes of a record."""
    record, cek, salt = (bytes.fromhex(case[key]) for key in ("record", "cek", "salt"))
    reader = RecordReader(
        lambda offset, length: iter([record[offset : offset + length]]), len(record), cek, salt
    )
    try:
        files = range(len(reader.manifest.files))
    except MediBlocError as error:
        return type(error).__name__
    return {
        "files": [outcome(partial(reader.stream, index)) for index in files],
        "ranges": [outcome(partial(reader.open_range, *each)) for each in case["ranges"]],
    }


def test_records_open_or_fail_alike(draw: random.Random, tmp_path: Path) -> None:
    drawn = [record_of(draw) for _ in range(RECORDS)]
    expected = [outcomes_of(case) for case in drawn]
    assert answers_of(tmp_path, records=drawn)["records"] == expected
    assert any(isinstance(each, str) for each in expected)
    assert any(isinstance(each, dict) for each in expected)
