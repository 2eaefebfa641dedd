"""What a sealed record holds: the manifest's shape, checked on both sides.

The files lie one after the other from the start of the record, so an entry's place
follows from the sizes before it; a manifest that says otherwise is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medibloc_py.crypto import cbor
from medibloc_py.crypto.cbor import Fields, Refusal
from medibloc_py.crypto.stream import sealed_size

MOST_FILES = 50_000
MOST_MANIFEST_BYTES = 16 << 20
_SIZE_BITS = 48  # a file is below 256 TiB
_MOST_META = 64
_MOST_NAME_BYTES = 1024
_MOST_PARTS = 16
# Listed, not asked of `unicodedata`: a format must not change with the version of Unicode.
# Controls, what Windows forbids, invisible and direction-changing characters, surrogates.
_FORBIDDEN = re.compile(
    r'[\x00-\x1f\x7f-\x9f\\:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]'
)
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file of a sealed record.

    Attributes:
        name: relative path, `/` between its parts.
        offset: where its sealed stream begins in the record.
        sealed_bytes: length of its sealed stream.
        size_bytes: length of its content.
        meta: short facts about it, such as modality or rows.
    """

    name: str
    offset: int
    sealed_bytes: int
    size_bytes: int
    meta: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of a record's files, in their order.

    Attributes:
        kind: kind of record, see `model.KIND_DICOM_STUDY`.
        files: one or more entries.
        meta: short facts about the record.
    """

    kind: int
    files: tuple[ManifestEntry, ...]
    meta: Mapping[str, str | int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Encodes as canonical DAG-CBOR."""
        return cbor.encode(self._document())

    def encode_to_read(self, refuse: Refusal) -> bytes:
        """Encodes what `decode` takes, and refuses the rest.

        To decode it again would show the same, and take twice as long.

        Args:
            refuse: makes the error for what a reader would not take.
        """
        document = self._document()
        data = cbor.encode(document)
        if len(data) > MOST_MANIFEST_BYTES:
            raise refuse(f"it has more than {MOST_MANIFEST_BYTES} bytes")
        self._read(Fields(document, "the document", refuse), refuse)
        return data

    def _document(self) -> dict[str, Any]:
        return {
            "v": 1,
            "kind": self.kind,
            "files": [
                {
                    "name": entry.name,
                    "offset": entry.offset,
                    "sealed": entry.sealed_bytes,
                    "size": entry.size_bytes,
                    "meta": dict(entry.meta),
                }
                for entry in self.files
            ],
            "meta": dict(self.meta),
        }

    @classmethod
    def decode(cls, data: bytes, refuse: Refusal) -> Manifest:
        """Decodes, and checks names, sizes and that the files lie one after the other.

        Args:
            data: canonical DAG-CBOR.
            refuse: makes the error for bad input out of a reason.
        """
        return cls._read(cbor.decode(data, refuse, MOST_MANIFEST_BYTES), refuse)

    @classmethod
    def _read(cls, fields: Fields, refuse: Refusal) -> Manifest:
        fields.constant("v", 1)
        manifest = cls(
            fields.uint("kind", 32, least=1),
            fields.maps("files", MOST_FILES, _entry),
            fields.plain("meta", _MOST_META),
        )
        fields.end()
        if reason := _why_names_fail([entry.name for entry in manifest.files]):
            raise refuse(reason)
        offset = 0
        for entry in manifest.files:
            if entry.offset != offset or entry.sealed_bytes != sealed_size(entry.size_bytes):
                raise refuse("its files do not lie one after the other")
            offset += entry.sealed_bytes
        return manifest

    @property
    def end(self) -> int:
        """Where the last file's sealed stream ends, in bytes from the record's start."""
        last = self.files[-1]
        return last.offset + last.sealed_bytes


def _why_names_fail(names: Sequence[str]) -> str:
    """Says why these names cannot be the files of one record; empty when they can.

    A name is a relative path that means one and the same file wherever it is
    written: no empty, `.` or `..` part, nothing a file system or a terminal treats
    specially, and no two that differ by case or Unicode form only.
    """
    if not 0 < len(names) <= MOST_FILES:
        return f"a record holds from 1 to {MOST_FILES} files"
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    if len(folded) != len(names):
        return "two of its files have one name"
    if not all(_name_is_safe(name) for name in names):
        return "the name of a file is not a plain relative path"
    # A name must not be the folder of another one.
    if any(name[:at] in folded for name in folded for at in _slashes(name)):
        return "one of its files is the folder of another"
    return ""


def _slashes(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "/"]


def _name_is_safe(name: str) -> bool:
    if _FORBIDDEN.search(name):
        return False
    parts = name.split("/")
    if len(parts) > _MOST_PARTS:
        return False
    # Some file systems drop a trailing dot or blank, which also covers "." and "..".
    return len(name.encode()) <= _MOST_NAME_BYTES and all(
        part and part[-1] not in ". " and len(part.encode()) <= 255 and not _DEVICE.fullmatch(part)
        for part in parts
    )


def _entry(fields: Fields) -> ManifestEntry:
    return ManifestEntry(
        fields.text("name", _MOST_NAME_BYTES),
        fields.uint("offset"),
        fields.uint("sealed"),
        fields.uint("size", _SIZE_BITS),
        fields.plain("meta", _MOST_META),
    )
