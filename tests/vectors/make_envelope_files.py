"""Writes envelope/: sealed records that open, records that must not, and index.json.

Nothing is drawn: the folder is made again byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bad_manifests
import dag_cbor
import frame_files
from make_ids import some
from plain_sealer import (
    CEK,
    CHUNK,
    HEADER,
    META,
    SALT,
    SEALED_CHUNK,
    TAG,
    TWO,
    content,
    content_of,
    draft,
    padded,
    seal,
    seal_file,
    seal_manifest,
)

from medibloc_py.crypto.keys import file_key, manifest_key

FOLDER = Path(__file__).with_name("envelope")
CHUNKED = "chunked.dcm"
CHUNKS = draft([(CHUNKED, 17_000, META), ("b.dcm", 100, META)])
"""A full chunk, and a short one with 400 bytes of padding."""
FULL = draft([(CHUNKED, 32_760, META)])
"""Two full chunks, and the empty one that ends the stream."""


@dataclass(frozen=True)
class Good:
    """A record that opens.

    Attributes:
        name: of the vector and its file.
        shows: what a reader learns to do by it.
        files: name, size or content, and meta of each file.
        kind: kind of record.
        frames: file, frame, and what the decoder takes, or the error that a reader must give.
    """

    name: str
    shows: str
    files: Sequence[tuple[str, int | bytes, dict[str, Any]]]
    kind: int = 1
    frames: Sequence[tuple[int, int, bytes | str]] = ()


@dataclass(frozen=True)
class Bad:
    """A record that must not open.

    Attributes:
        kind: kind of failure.
        name: what was done to it; unique.
        record: its bytes, or the name of a vector that has them.
        opens: the files that open all the same; None when not even the manifest does.
        error: what a reader must raise.
        ranges: file, offset, length, and whether this range opens.
        cek: key that the reader is given.
        salt: salt that the reader is given.
    """

    kind: str
    name: str
    record: bytes | str
    opens: Sequence[int] | None = None
    error: str = "Corrupted"
    ranges: Sequence[tuple[int, int, int, bool]] = ()
    cek: bytes = CEK
    salt: bytes = SALT


# Records that open.


def good() -> list[Good]:
    """All records that open."""
    odd = [
        *("série/図.dcm", ".hidden", "a b", "console", "com10", "x" * 255, "é" * 127),
        *("/".join("a" * 16), "🩻.dcm", "ı", "i", "ﬆ", "ς/z", "d/e", "d/f", "d.e"),
    ]
    whole = {"": "", "most": 2**64 - 1, "least": -(2**64), "odd": 2**53 + 1, "minus": -1}
    plain = {"yes": True, "no": False, "long": "x" * 4096, "🩻" * 256: "é"}
    return [
        Good("one-empty-file", "the least record", [("0001.dcm", 0, {})]),
        Good(
            "chunk-borders",
            "padding that fills a chunk, an empty last chunk, one byte more",
            [(f"{size}.dcm", size, META) for size in (1, 16_376, 16_377)],
        ),
        Good(
            "two-leaves",
            "more than 1 MiB, and a chunk that is padding only",
            [("large.dcm", 1_048_569, META)],
        ),
        Good(
            "many-files",
            "a manifest of more than one chunk",
            [(f"{index:02}" * 120, 0, {}) for index in range(60)],
        ),
        Good(
            "names-and-meta",
            "names and meta as odd as they may be",
            [(name, 3 * at, whole | plain if at == 1 else {}) for at, name in enumerate(odd)],
            kind=2**32 - 1,
        ),
        Good(
            "frames",
            "where frames lie; places that are not in the file, or hold no frame",
            frame_files.files(),
            frames=frame_files.frames(),
        ),
    ]


# Records that must not.


def flipped(data: bytes, at: int) -> bytes:
    """The data with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def keys() -> Iterator[Bad]:
    """Wrong keys and contexts."""
    other = some("another")
    yield Bad("wrong key", "another-cek", "two-files", None, "WrongKey", cek=other)
    yield Bad("wrong key", "another-salt", "two-files", None, "WrongKey", salt=other)
    cut = TWO.record()[:-1]
    yield Bad("wrong key", "another-cek-of-a-cut-record", cut, None, "WrongKey", cek=other)
    ours = (content("a.dcm", 100), *file_key(CEK, SALT, 0))
    theirs = seal(padded(ours[0]), file_key(other, SALT, 0)[0], ours[2], "x")
    record = replace(TWO, files=[theirs, TWO.files[1]]).record()
    yield Bad("wrong key", "a-file-under-another-key", record, [1], ranges=[(0, 0, 1, False)])

    plain, key = dag_cbor.encode(TWO.document), manifest_key(CEK, SALT)[0]
    strange = seal(padded(plain), key, b"medibloc/envelope/v2/manifest" + SALT, "x")
    both = replace(TWO, sealed_manifest=strange)
    yield Bad("wrong context", "the-manifest", both.record())
    moved = seal(padded(ours[0]), ours[1], file_key(CEK, SALT, 1)[1], "x")
    record = replace(TWO, files=[moved, TWO.files[1]]).record()
    yield Bad("wrong context", "a-file", record, [1], ranges=[(0, 99, 1, False)])
    record = replace(both, files=[moved, TWO.files[1]]).record()
    yield Bad("wrong context", "the-manifest-and-file-0", record, None, "WrongKey")


def lengths() -> Iterator[Bad]:
    """Bytes that are missing, too many or exchanged."""
    record, start = TWO.record(), TWO.start
    for left in (0, 167, len(record) // 2, len(record) - 8, len(record) - 1):
        yield Bad("truncated", f"to-{left}-bytes", record[:left])
    short = replace(TWO, files=[TWO.files[0], TWO.files[1][:-1]])
    yield Bad("truncated", "a-byte-of-a-file", short.record())
    full = draft([(CHUNKED, 16_376, META)])
    short = replace(full, files=[full.files[0][:-TAG]])
    yield Bad("truncated", "the-empty-last-chunk", short.record())
    yield Bad("truncated", "the-first-file", record[len(TWO.files[0]) :])

    yield Bad("extended", "before", b"\0" + record)
    yield Bad("extended", "after", record + b"\0")
    yield Bad("extended", "between", replace(TWO, between=b"\0").record())
    yield Bad("extended", "twice", record + record)
    longer = replace(TWO, sealed_manifest=record[start:-8] + b"\0")
    yield Bad("extended", "a-byte-in-the-manifest", longer.record())

    first, rest = FULL.files[0][:HEADER], FULL.files[0][HEADER:]
    one, two, end = rest[:SEALED_CHUNK], rest[SEALED_CHUNK:-TAG], rest[-TAG:]
    exchanged = replace(FULL, files=[first + two + one + end]).record()
    outside = ((0, 0, 1, False), (0, 16_376, 1, False), (0, 16_375, 2, False))
    yield Bad("reordered", "chunks", exchanged, [], ranges=outside)
    repeated = replace(FULL, files=[first + one + one + end]).record()
    inside = ((0, 0, 16_376, True), (0, 16_376, 1, False), (0, 16_375, 2, False))
    yield Bad("reordered", "a-chunk-repeated", repeated, [], ranges=inside)
    swapped = replace(TWO, files=TWO.files[::-1]).record()
    yield Bad("reordered", "files", swapped, [], ranges=[(0, 0, 1, False), (1, 0, 1, False)])
    last = record[start:-8] + b"".join(TWO.files) + record[-8:]
    yield Bad("reordered", "the-manifest-first", last, None, "WrongKey")


def bits() -> Iterator[Bad]:
    """Flipped bits."""
    record, start = TWO.record(), TWO.start
    none_of_0 = [(0, 0, 1, False), (0, 99, 1, False), (1, 0, 100, True)]
    yield Bad("flipped header", "salt-of-a-file", flipped(record, 3), [1], ranges=none_of_0)
    yield Bad("flipped header", "commitment-of-a-file", flipped(record, 30), [1], ranges=none_of_0)
    yield Bad("flipped header", "salt-of-the-manifest", flipped(record, start))
    yield Bad("flipped header", "commitment-of-the-manifest", flipped(record, start + 55))
    both = flipped(flipped(record, 40), start + 40)
    yield Bad("flipped header", "manifest-and-file-0", both, None, "WrongKey")
    yield Bad("flipped chunk", "of-the-manifest", flipped(record, start + HEADER + 9))
    tag = flipped(record, len(TWO.files[0]) - 1)
    yield Bad("flipped chunk", "a-tag", tag, [1], ranges=none_of_0)

    record = CHUNKS.record()
    first = [(0, 0, 1, False), (0, 16_376, 600, True), (0, 16_375, 2, False), (1, 0, 9, True)]
    last = [(0, 0, 16_376, True), (0, 16_376, 1, False), (0, 16_000, 1_000, False)]
    yield Bad("flipped chunk", "the-first", flipped(record, HEADER + 20), [1], ranges=first)
    at = HEADER + SEALED_CHUNK + 700
    yield Bad("flipped chunk", "sealed-padding", flipped(record, at), [1], ranges=last)


def paddings() -> Iterator[Bad]:
    """Paddings and lengths that only a sealer who has the key can make."""
    data = content(CHUNKED, 17_000)
    sealed = seal_file(0, padded(data)[:-1] + b"\x80", "padding")
    record = replace(CHUNKS, files=[sealed, CHUNKS.files[1]]).record()
    ranges = [(0, 0, 16_376, True), (0, 16_376, 1, False), (0, 16_999, 1, False)]
    yield Bad("bad padding", "not-zero-in-a-file", record, [1], ranges=ranges)
    manifest = dag_cbor.encode(TWO.document)
    for name, plain in {
        "not-zero-in-the-manifest": padded(manifest, fill=b"\1"),
        "too-much-in-the-manifest": padded(manifest, extra=1),
        "a-chunk-too-much-in-the-manifest": padded(manifest, extra=CHUNK),
        "none-in-the-manifest": len(manifest).to_bytes(8, "big") + manifest,
    }.items():
        record = replace(TWO, sealed_manifest=seal_manifest(plain)).record()
        yield Bad("bad padding", name, record)

    for name, length in {"less": 99, "more": 101, "most": 2**64 - 1}.items():
        sealed = seal_file(0, padded(content("a.dcm", 100), length), name)
        record = replace(TWO, files=[sealed, TWO.files[1]]).record()
        ranges = [(0, 0, 1, False), (0, 99, 1, False), (1, 0, 100, True)]
        yield Bad("bad length", f"{name}-in-a-file", record, [1], ranges=ranges)
    sealed = seal_file(0, padded(data, 16_999), "length")
    record = replace(CHUNKS, files=[sealed, CHUNKS.files[1]]).record()
    ranges = [(0, 16_375, 2, False), (0, 16_376, 624, True)]
    yield Bad("bad length", "not-seen-from-the-second-chunk", record, [1], ranges=ranges)
    for name, length in {"less": len(manifest) - 1, "none": 0, "most": 2**64 - 1}.items():
        sealed = seal_manifest(padded(manifest, length))
        yield Bad(
            "bad length", f"{name}-in-the-manifest", replace(TWO, sealed_manifest=sealed).record()
        )
    tight = replace(TWO, document=TWO.document | {"meta": {"a": "x" * _room_in_manifest()}})
    manifest = dag_cbor.encode(tight.document)
    assert len(padded(manifest)) == 8 + len(manifest)
    sealed = seal_manifest(padded(manifest, len(manifest) + 1))
    record = replace(tight, sealed_manifest=sealed).record()
    yield Bad("bad length", "more-than-a-manifest-without-padding-has", record)
    size = len(TWO.record()) - TWO.start - 8
    for name, said in {
        "trailer-0": 0,
        "trailer-79": 79,
        "trailer-1-less": size - 1,
        "trailer-1-more": size + 1,
        "trailer-the-whole": size + TWO.start,
        "trailer-most": 2**64 - 1,
    }.items():
        yield Bad("bad length", name, replace(TWO, trailer=said.to_bytes(8, "big")).record())


def _room_in_manifest() -> int:
    """How long a text in meta leaves no padding after the manifest."""

    def padding(room: int) -> int:
        plain = dag_cbor.encode(TWO.document | {"meta": {"a": "x" * room}})
        return len(padded(plain)) - 8 - len(plain)

    return next(room for room in range(24) if padding(room) == 0)


def manifests() -> Iterator[Bad]:
    """Manifests that are not well made, sealed as they should be."""
    for name, made in bad_manifests.drafts().items():
        yield Bad("bad manifest", name, made.record())


# The folder.


def bad() -> list[Bad]:
    """All records that must not open."""
    return [*keys(), *lengths(), *bits(), *paddings(), *manifests()]


def build() -> dict[str, bytes]:
    """Every file of the folder, by name."""
    files: dict[str, bytes] = {}
    index: dict[str, Any] = _keys(CEK, SALT) | {"good": [], "bad": []}
    base = [("a.dcm", 100, META), ("b.dcm", 100, META)]
    for case in [Good("two-files", "the base of most bad ones", base), *good()]:
        made = draft(case.files, case.kind)
        path = f"good.{case.name}.sealed"
        files[path] = made.record()
        entries = [
            entry | {"sha256": _digest(content_of(name, given))}
            for entry, (name, given, _) in zip(made.document["files"], case.files, strict=True)
        ]
        said = {"name": case.name, "shows": case.shows, "path": path, "kind": case.kind}
        told = {"frames": [_frame(*each) for each in case.frames]} if case.frames else {}
        index["good"].append(said | {"files": _exact(entries)} | told)
    for case in bad():
        path = f"good.{case.record}.sealed"
        if not isinstance(case.record, str):
            path = f"bad.{case.kind.replace(' ', '-')}.{case.name}.sealed"
            assert path not in files
            files[path] = case.record
        said = {"kind": case.kind, "name": case.name, "path": path, "error": case.error}
        step = "manifest" if case.opens is None else "file"
        ranges = [
            {"file": file, "offset": offset, "length": length, "opens": opens}
            for file, offset, length, opens in case.ranges
        ]
        outcome = {"step": step, "opens": list(case.opens or ()), "ranges": ranges}
        shown = _keys(case.cek, case.salt)
        own = {key: value for key, value in shown.items() if value != index[key]}
        index["bad"].append(said | own | outcome)
    files["index.json"] = _json(index)
    files["folding.json"] = _json(folding())
    return files


def folding() -> dict[str, Any]:
    """Every character of Unicode 14 that full case folding changes, and what it becomes."""
    letters = (chr(code) for code in range(sys.maxunicode + 1))
    fold = {letter: letter.casefold() for letter in letters if letter != letter.casefold()}
    return {"unicode": unicodedata.unidata_version, "fold": fold}


def _frame(file: int, frame: int, outcome: bytes | str) -> dict[str, Any]:
    error = {"error": outcome} if isinstance(outcome, str) else {"sha256": _digest(outcome)}
    return {"file": file, "frame": frame} | error


def _digest(data: bytes) -> str:
    return "0x" + hashlib.sha256(data).hexdigest()


def _keys(cek: bytes, salt: bytes) -> dict[str, str]:
    return {"cek": "0x" + cek.hex(), "salt": "0x" + salt.hex()}


def _exact(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Integers of meta as texts marked by their type: JSON readers round large ones."""

    def shown(value: Any) -> Any:
        return {"int": str(value)} if type(value) is int else value

    return [
        entry | {"meta": {key: shown(value) for key, value in entry["meta"].items()}}
        for entry in entries
    ]


def _json(lists: dict[str, Any]) -> bytes:
    """JSON of a map, with a line for each item of a list."""

    def shown(value: Any) -> str:
        if not isinstance(value, list):
            return json.dumps(value, ensure_ascii=False)
        return "[\n" + ",\n".join("  " + shown(item) for item in value) + "\n ]"

    body = ",\n".join(f' "{key}": {shown(value)}' for key, value in lists.items())
    return f"{{\n{body}\n}}\n".encode()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.sealed"):
        old.unlink()
    for name, data in build().items():
        (FOLDER / name).write_bytes(data)
