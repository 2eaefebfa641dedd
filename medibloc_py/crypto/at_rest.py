"""What waits or is cached on a disk: sealed, and named by what only the key can compute."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, cast

from medibloc_py.crypto import keys
from medibloc_py.crypto.cbor import Refusal
from medibloc_py.crypto.ranges import RangeFile, SealedRanges
from medibloc_py.crypto.stream import Buffers, open_stream, seal_stream
from medibloc_py.errors import Corrupted, StudyUnreadable

_CONTEXT: Final = b"medibloc/spool/v1/"
"""Named by its first user; what lies on disks was sealed under it, so it stays."""


class AtRestCipher:
    """Seals contents under one key of this machine, and names what must be known again."""

    def __init__(self, secret: bytes) -> None:
        """Derives the keys from the secret, 32 bytes."""
        self._seal_key = keys.hkdf(secret, salt=b"", info=_CONTEXT + b"seal")
        self._tag_key = keys.hkdf(secret, salt=b"", info=_CONTEXT + b"tag")
        self._local = threading.local()

    def tag(self, *parts: str) -> bytes:
        """What texts are known again by, 32 bytes; nobody without the key can try texts on it."""
        return self.digest(json.dumps(parts).encode())

    def digest(self, *data: bytes | memoryview) -> bytes:
        """A keyed hash, 32 bytes: no hash of a plaintext stands on the disk."""
        plain = sha256()
        for part in data:
            plain.update(part)
        return keys.hkdf(self._tag_key, salt=b"", info=plain.digest())

    def pieces(self, content: bytes, name: str) -> Iterator[memoryview]:
        """Seals a content under a name; each piece holds until the next is asked for."""
        buffers = getattr(self._local, "buffers", None) or Buffers()
        self._local.buffers = buffers
        fill = io.BytesIO(content).readinto
        return seal_stream(fill, len(content), self._seal_key, _context(name), buffers)

    def seal(self, content: bytes, name: str) -> bytes:
        """Seals a short content under a name."""
        return b"".join(self.pieces(content, name))

    def open(self, sealed: bytes, name: str) -> bytes:
        """Opens what was sealed under this name.

        Raises:
            Corrupted: it was changed, or sealed under another name or key.
        """
        refuse = _refusal(name)
        return b"".join(open_stream([sealed], self._seal_key, _context(name), None, refuse))

    def open_file(self, path: Path, size_bytes: int, name: str) -> BinaryIO:
        """Opens a sealed file as a seekable one of plaintext, which never is on the disk.

        Args:
            path: of the sealed file.
            size_bytes: length of the content.
            name: it was sealed under.

        Raises:
            StudyUnreadable: it is not there or cannot be read.
            Corrupted: here or while reading: it was changed.
        """
        try:
            sealed = path.open("rb")
        except OSError as error:
            raise StudyUnreadable(path=name, reason=error.strerror or "unknown") from None
        try:
            read = partial(_read_at, sealed, name)
            ranges = SealedRanges(
                read, 0, size_bytes, self._seal_key, _context(name), _refusal(name)
            )
        except BaseException:
            sealed.close()
            raise
        return cast("BinaryIO", _SealedFile(sealed, ranges, size_bytes))


class _SealedFile(RangeFile):
    """A file of plaintext that closes the sealed one below it."""

    def __init__(self, sealed: BinaryIO, ranges: SealedRanges, size_bytes: int) -> None:
        super().__init__(ranges.open, size_bytes)
        self._sealed = sealed

    def close(self) -> None:
        """Closes both."""
        self._sealed.close()
        super().close()


def _read_at(sealed: BinaryIO, name: str, offset: int, length: int) -> Iterator[bytes]:
    try:
        sealed.seek(offset)
        data = sealed.read(length)
    except OSError as error:
        raise StudyUnreadable(path=name, reason=error.strerror or "unknown") from None
    if len(data) < length:
        raise Corrupted(name=name, reason="it is shorter than it was")
    yield data


def _context(name: str) -> bytes:
    return _CONTEXT + name.encode()


def _refusal(name: str) -> Refusal:
    return lambda reason: Corrupted(name=name, reason=reason)
