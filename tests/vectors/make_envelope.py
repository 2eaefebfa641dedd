"""Writes envelope.json: sizes, stream keys and whole sealed records.

Derived from fixed labels, except `frozen`: Cobblestone draws its own salt, so the
sealed records were made once and are only opened ever since. Bytes are hex with 0x.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from make_ids import shown, some

from medibloc_py.crypto import envelope, keys, stream

PATH = Path(__file__).with_name("envelope.json")
LENGTHS = (
    *(0, 1, 2, 7, 8, 9, 100, 999, 1000, 1001, 4088, 8192, 16375, 16376, 16377, 16384),
    *(65536, 1 << 20, (1 << 20) + 1, 5 << 20, 10**9, 1 << 40),
)
RECORDS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("0001.dcm", 0),),
    (("0001.dcm", 1), ("0002.dcm", 300), ("série/0003.dcm", 17_000)),
)


def content(name: str, size: int) -> bytes:
    """The fixed content of a file."""
    return (some(f"content {name}") * (size // 32 + 1))[:size]


def sources(files: Sequence[tuple[str, int]]) -> list[envelope.SourceFile]:
    """Files to seal."""
    return [
        envelope.SourceFile(
            name,
            size,
            partial(io.BytesIO, content(name, size)),
            {"modality": "CT", "rows": 512, "has_pixels": True},
        )
        for name, size in files
    ]


def freeze() -> list[dict[str, Any]]:
    """Seals anew; run only when the format changes."""
    cek, salt = some("cek"), some("salt")
    return [
        {
            "cek": cek,
            "salt": salt,
            "record": b"".join(envelope.seal_record(sources(files), cek, salt)),
        }
        for files in RECORDS
    ]


def build() -> dict[str, Any]:
    """All that does not depend on luck."""
    cek, salt = some("cek"), some("salt")
    manifest_key, manifest_context = keys.manifest_key(cek, salt)
    streams = [(index, *keys.file_key(cek, salt, index)) for index in (0, 1, 2**32 - 1)]
    return {
        "sizes": [
            {
                "length": str(length),
                "padme": str(stream.padme(length)),
                "sealed": str(stream.sealed_size(length)),
            }
            for length in LENGTHS
        ],
        "keys": shown(
            {
                "cek": cek,
                "salt": salt,
                "manifest": {"key": manifest_key, "context": manifest_context},
                "files": [
                    {"index": index, "key": key, "context": context}
                    for index, key, context in streams
                ],
            }
        ),
    }


if __name__ == "__main__":
    frozen = shown(freeze()) if "--freeze" in sys.argv else json.loads(PATH.read_text())["frozen"]
    PATH.write_text(json.dumps(build() | {"frozen": frozen}, indent=1) + "\n")
