"""Manifests that a reader must refuse, each in a record that is else as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dag_cbor
from multiformats import CID
from plain_sealer import TWO, Draft


def drafts() -> dict[str, Draft]:
    """Records whose manifest is not well made, by what is wrong with it."""
    raw = {name: replace(TWO, manifest=plain) for name, plain in _encodings().items()}
    return {**_places(), **_values(), **_names(), **raw}


def _places() -> dict[str, Draft]:
    second = len(TWO.files[0])
    gap = [TWO.files[0], b"\0", TWO.files[1]]
    entries = TWO.document["files"]
    return {
        "gap": replace(TWO, files=gap).with_file(1, offset=second + 1),
        "overlap": TWO.with_file(1, offset=0),
        "offset-before": TWO.with_file(1, offset=second - 1),
        "offset-most": TWO.with_file(1, offset=2**63 - 1),
        "offset-past-2-to-63": TWO.with_file(1, offset=2**64 - 1),
        "offset-negative": TWO.with_file(0, offset=-1),
        "files-listed-in-another-order": _with_files(TWO, entries[::-1]),
        "last-file-not-listed": _with_files(TWO, entries[:1]),
        "file-listed-twice": _with_files(TWO, [*entries, entries[1]]),
        "no-files": replace(TWO, files=[bytes(80)], document=TWO.document | {"files": []}),
        "sealed-does-not-fit-the-size": TWO.with_file(1, sealed=entries[1]["sealed"] - 1),
        "size-does-not-fit-the-sealed": TWO.with_file(1, size=2_000),
        "size-past-2-to-48": TWO.with_file(1, size=2**48),
    }


def _with_files(made: Draft, entries: Sequence[dict[str, Any]]) -> Draft:
    return replace(made, document=made.document | {"files": list(entries)})


def _values() -> dict[str, Draft]:
    top = {
        "extra-key": {"more": 1},
        "version-2": {"v": 2},
        "version-true": {"v": True},
        "version-text": {"v": "1"},
        "kind-0": {"kind": 0},
        "kind-negative": {"kind": -1},
        "kind-past-2-to-32": {"kind": 2**32},
        "files-are-a-map": {"files": {}},
        "a-file-is-a-list": {"files": [[]]},
        "meta-null": {"meta": None},
        "meta-of-bytes": {"meta": {"a": b""}},
        "meta-nested": {"meta": {"a": {}}},
        "meta-with-a-float": {"meta": {"a": 1.5}},
        "meta-of-65": {"meta": {f"{n:02}": n for n in range(65)}},
        "meta-text-too-long": {"meta": {"a": "x" * 4097}},
        "meta-name-too-long": {"meta": {"x" * 257: 1}},
        "meta-with-a-cid": {"meta": {"a": CID("base32", 1, "raw", ("sha2-256", bytes(32)))}},
    }
    made = {name: replace(TWO, document=TWO.document | change) for name, change in top.items()}
    less = {key: value for key, value in TWO.document.items() if key != "meta"}
    return {
        **made,
        "key-missing": replace(TWO, document=less),
        "file-extra-key": TWO.with_file(0, sha256=bytes(32)),
        "file-key-missing": TWO.with_file(0, size=None),
        "file-size-a-float": TWO.with_file(0, size=100.0),
        "file-size-a-boolean": TWO.with_file(0, offset=False),
        "file-name-bytes": TWO.with_file(0, name=b"a.dcm"),
    }


def _names() -> dict[str, Draft]:
    alone = {
        "empty": "",
        "dot-dot": "../a",
        "dot": "a/./b",
        "absolute": "/a",
        "ends-in-a-slash": "a/",
        "empty-part": "a//b",
        "backslash": "a\\b",
        "drive": "c:a",
        "control": "a\nb",
        "c1-control": "a\x85b",
        "question-mark": "a?",
        "right-to-left": "a\u202eb",
        "invisible": "a\u200bb",
        "byte-order-mark": "\ufeffa",
        "trailing-dot": "a.",
        "trailing-blank": "a /b",
        "device": "x/NUL.dcm",
        "device-with-number": "com0",
        "part-of-256-bytes": "é" * 128,
        "17-parts": "/".join("a" * 17),
        "1025-bytes": "/".join(["x" * 204] * 5) + "x",
    }
    pairs = {
        "equal": ("a", "a"),
        "equal-but-for-case": ("a.dcm", "A.DCM"),
        "equal-when-folded": ("straße", "STRASSE"),
        "equal-when-folded-sigma": ("ας", "ΑΣ"),
        "equal-when-composed": ("é", "e\u0301"),
        "folder-of-another": ("a", "A/b"),
    }
    made = {f"name-{name}": TWO.with_file(0, name=value) for name, value in alone.items()}
    for name, (first, second) in pairs.items():
        made[f"names-{name}"] = TWO.with_file(0, name=first).with_file(1, name=second)
    return made


def _map(*pairs: tuple[str, bytes]) -> bytes:
    """A CBOR map of fewer than 24 pairs, exactly in this order."""
    head = bytes([5 << 5 | len(pairs)])
    return head + b"".join(dag_cbor.encode(key) + value for key, value in pairs)


def _encodings() -> dict[str, bytes]:
    """Encodings other than the one canonical form."""
    document = TWO.document
    v, kind, meta, files = ((key, dag_cbor.encode(document[key])) for key in _ORDER)
    canonical = _map(v, kind, meta, files)
    assert canonical == dag_cbor.encode(document)
    deep = b"\x81" * 5_000 + b"\0"
    return {
        "empty": b"",
        "cut": canonical[:-1],
        "a-list": dag_cbor.encode([document]),
        "trailing-bytes": canonical + b"\0",
        "duplicate-key": _map(v, v, kind, meta, files),
        "keys-in-another-order": _map(kind, v, meta, files),
        "a-key-that-is-no-text": b"\xa4\x01\x01" + canonical[4:],
        "integer-longer-than-needed": _map((v[0], b"\x18\x01"), kind, meta, files),
        "length-longer-than-needed": b"\xb8\x04" + canonical[1:],
        "map-without-end": b"\xbf" + canonical[1:] + b"\xff",
        "text-in-pieces": _map(v, kind, ("meta", b"\xa1\x61a\x7f\x61b\xff"), files),
        "text-that-is-no-utf-8": _map(v, kind, ("meta", b"\xa1\x61a\x61\xff"), files),
        "text-with-a-surrogate": _map(v, kind, ("meta", b"\xa1\x61a\x63\xed\xa0\x80"), files),
        "float-of-16-bits": _map(v, kind, ("meta", b"\xa1\x61a\xf9\x3c\x00"), files),
        "float-that-is-none": _map(v, kind, ("meta", b"\xa1\x61a\xfb\x7f\xf8" + bytes(6)), files),
        "undefined": _map(v, kind, ("meta", b"\xa1\x61a\xf7"), files),
        "another-tag": _map(v, kind, ("meta", b"\xa1\x61a\xc1\x00"), files),
        "length-past-the-end": _map(v, kind, ("meta", b"\xbb" + b"\xff" * 8), files),
        "nested-5000-deep": _map(v, kind, ("meta", b"\xa1\x61a" + deep), files),
    }


_ORDER = ("v", "kind", "meta", "files")
