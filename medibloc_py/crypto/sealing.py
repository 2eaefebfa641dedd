"""Sealing: files in, one sealed record out (docs/envelope-v1.md). `envelope` opens it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Protocol, cast

from medibloc_py.crypto.cbor import unwritable
from medibloc_py.crypto.keys import check_record_key, file_key, manifest_key
from medibloc_py.crypto.manifest import Manifest, ManifestEntry
from medibloc_py.crypto.stream import LENGTH_BYTES, Buffers, seal_stream, sealed_size
from medibloc_py.errors import StudyUnreadable
from medibloc_py.model import KIND_DICOM_STUDY


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to seal.

    Attributes:
        name: relative path inside the record, `/` between its parts.
        size_bytes: length of the content.
        open: opens the content as a binary file that has `readinto`; closed after it was read.
        meta: short facts about it, kept in the sealed manifest.
    """

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]
    meta: Mapping[str, str | int] = field(default_factory=dict)


class _Source(Protocol):
    """What every binary file can do, though `BinaryIO` does not say so."""

    def readinto(self, view: memoryview, /) -> int | None: ...


def seal_record(
    files: Sequence[SourceFile],
    cek: bytes,
    salt: bytes,
    kind: int = KIND_DICOM_STUDY,
    meta: Mapping[str, str | int] | None = None,
) -> Iterator[memoryview]:
    """Seals files into one record.

    Args:
        files: one or more files, read once each, in this order.
        cek: content key of the record, 32 bytes.
        salt: salt of the record, 32 bytes; a pair of key and salt is for one record only.
        kind: kind of record.
        meta: short facts about the record, kept in the sealed manifest.

    Returns:
        A generator of ciphertext in pieces of at most 257 KiB; whoever pulls sets the pace.
        A piece stays as it is for as long as it is held, then its memory is used again.

    Raises:
        InvalidValue: names, sizes, meta, key or salt cannot be used; raised at once.
        StudyUnreadable: a file cannot be read, or is not as long as it said; raised while pulling.
    """
    check_record_key(cek, salt)
    entries = []
    offset = 0
    for file in files:
        sealed = sealed_size(max(file.size_bytes, 0))
        entries.append(ManifestEntry(file.name, offset, sealed, file.size_bytes, dict(file.meta)))
        offset += sealed
    # What a reader would refuse is not sealed in the first place.
    manifest = Manifest(kind, tuple(entries), dict(meta or {})).encode_to_read(
        unwritable("the record")
    )
    return _seal_all(files, manifest, cek, salt)


def _seal_all(
    files: Sequence[SourceFile], manifest: bytes, cek: bytes, salt: bytes
) -> Iterator[memoryview]:
    buffers = Buffers()
    for index, file in enumerate(files):
        yield from _seal_file(file, *file_key(cek, salt, index), buffers)
    fill = io.BytesIO(manifest).readinto
    yield from seal_stream(fill, len(manifest), *manifest_key(cek, salt), buffers)
    yield memoryview(sealed_size(len(manifest)).to_bytes(LENGTH_BYTES, "big"))


def _seal_file(
    file: SourceFile, key: bytes, context: bytes, buffers: Buffers
) -> Iterator[memoryview]:
    """Seals a file and holds it to the length it said."""
    try:
        with file.open() as source:
            fill = partial(_fill, cast("_Source", source), file.name)
            yield from seal_stream(fill, file.size_bytes, key, context, buffers)
            if source.read(1):
                raise _changed(file.name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyUnreadable(path=file.name, reason=reason) from None


def _fill(source: _Source, name: str, view: memoryview) -> None:
    while view:
        taken = source.readinto(view)
        if not taken:
            raise _changed(name)
        view = view[taken:]


def _changed(name: str) -> StudyUnreadable:
    return StudyUnreadable(path=name, reason="its length changed while it was read")
