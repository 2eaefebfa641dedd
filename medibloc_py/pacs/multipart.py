"""Multipart bodies as they come (RFC 2046, RFC 2387): one part at a time, none too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from enum import Enum, auto
from typing import Final

_MOST_HEADER_BYTES: Final = 16 << 10
_MOST_BOUNDARY: Final = 256
"""Allowed are 70 (RFC 2046, 5.1.1); Orthanc sends 73."""
_LINE_END: Final = b"\r\n"


class Malformed(Exception):
    """A body that is not what its head says; `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its media type in small letters, without parameters, and its content."""

    media_type: str
    content: bytes


def boundary_of(content_type: str) -> str:
    """The boundary of a `multipart/related` of `application/dicom`.

    Raises:
        Malformed: it is of another type, or has no boundary.
    """
    head = Message()
    head["content-type"] = content_type
    if head.get_content_type() != "multipart/related":
        raise Malformed(415, "the body must be multipart/related")
    if str(head.get_param("type", "application/dicom")).lower() != "application/dicom":
        raise Malformed(415, "the parts must be application/dicom")
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= _MOST_BOUNDARY:
        raise Malformed(400, "the body has no boundary")
    return boundary


class _At(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()
    HEADERS = auto()
    CONTENT = auto()
    END = auto()


class MultipartReader:
    """Cuts a body into its parts while it comes; holds one part at a time."""

    def __init__(self, boundary: str, most_bytes: int) -> None:
        """Begins a body.

        Args:
            boundary: of the body.
            most_bytes: most that the content of a part may have.

        Raises:
            Malformed: the boundary cannot stand in a body.
        """
        try:
            self._delimiter = _LINE_END + b"--" + boundary.encode("ascii")
        except UnicodeEncodeError:
            raise Malformed(400, "the boundary is not ASCII") from None
        self._most = {_At.CONTENT: most_bytes, _At.END: 0}
        self._buffer = bytearray(_LINE_END)  # the first delimiter may stand at the very start
        self._searched = 0
        self._at = _At.PREAMBLE
        self._media_type = ""

    def feed(self, data: bytes) -> Iterator[Part]:
        """Takes the next bytes; gives the parts that end in them.

        Raises:
            Malformed: something is too long, or has no end.
        """
        if self._at is _At.END:  # whatever stands behind the end says nothing
            return
        self._buffer += data
        while (found := self._step()) is not None:
            if isinstance(found, Part):
                yield found
        self._require_room()

    def close(self) -> None:
        """Ends the body.

        Raises:
            Malformed: it was cut off.
        """
        if self._at is not _At.END:
            raise Malformed(400, "the body is cut off")

    def _step(self) -> Part | bool | None:
        """One step further; None if more bytes are needed."""
        if self._at in (_At.PREAMBLE, _At.CONTENT):
            return self._content()
        if self._at is _At.DELIMITER:
            return self._behind_delimiter()
        return self._headers() if self._at is _At.HEADERS else None

    def _content(self) -> Part | bool | None:
        # What was put before it, see below, is no part of it.
        content = self._up_to(self._delimiter, skip=len(_LINE_END))
        if content is None:
            return None
        before, self._at = self._at, _At.DELIMITER
        if before is _At.PREAMBLE:
            return True
        if len(content) > self._most[_At.CONTENT]:
            raise Malformed(413, "a part is too long")
        return Part(self._media_type, content)

    def _behind_delimiter(self) -> bool | None:
        if len(self._buffer) < len(b"--"):
            return None
        if self._buffer.startswith(b"--"):
            self._at = _At.END
            self._buffer.clear()
            return True
        padding = self._up_to(_LINE_END)
        if padding is None:
            return None
        if padding.strip(b" \t"):
            raise Malformed(400, "a boundary goes on")
        # An empty block of headers is a line's end, too.
        self._buffer[:0] = _LINE_END
        self._at = _At.HEADERS
        return True

    def _headers(self) -> bool | None:
        block = self._up_to(2 * _LINE_END)
        if block is None:
            return None
        self._media_type = ""
        for line in block.split(_LINE_END):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-type":
                self._media_type = value.partition(b";")[0].strip().lower().decode("latin-1")
        self._at = _At.CONTENT
        self._buffer[:0] = _LINE_END  # an empty content is followed by the delimiter at once
        return True

    def _up_to(self, mark: bytes, skip: int = 0) -> bytes | None:
        """What stands before a mark, which is taken with it; None if it has not come yet."""
        place = self._buffer.find(mark, self._searched)
        if place < 0:
            self._searched = max(len(self._buffer) - len(mark) + 1, 0)
            return None
        found = bytes(memoryview(self._buffer)[skip:place])
        del self._buffer[: place + len(mark)]
        self._searched = 0
        return found

    def _require_room(self) -> None:
        most = self._most.get(self._at, _MOST_HEADER_BYTES) + len(self._delimiter)
        if len(self._buffer) > most:
            raise Malformed(413 if self._at is _At.CONTENT else 400, "a part is too long")
