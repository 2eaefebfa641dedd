"""DICOMweb to a server: take this (STOW-RS; PS3.18, 10.5).

A body is made while it is sent: one instance is in memory at a time. Its boundary is random, so
no instance can hold it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import PeerAnsweredWrong, PeerUnreachable
from medibloc_py.pacs.association import meaning
from medibloc_py.pacs.http import session, translated
from medibloc_py.pacs.model import (
    MOST_INSTANCE_BYTES,
    Outcome,
    Outgoing,
    Sent,
    WebPeer,
    count_of,
    refused,
)
from medibloc_py.pacs.web import is_data_set, values

if TYPE_CHECKING:
    import requests

_BATCH_FILES: Final = 100
_BATCH_BYTES: Final = 64 << 20
_JSON: Final = "application/dicom+json"
_OK: Final = 200
_TAKEN: Final = (_OK, 202)
"""Statuses of a store that kept all, or some (PS3.18, table 10.5.3-1)."""
_FAILED, _KEPT, _WHICH = "00081198", "00081199", "00081155"
"""Failed SOP Sequence, Referenced SOP Sequence, Referenced SOP Instance UID."""
_FAILURE, _WARNING = "00081197", "00081196"
"""Failure Reason, Warning Reason."""


def stow(peer: WebPeer, files: Sequence[Outgoing]) -> Iterator[Sent]:
    """Sends instances by STOW-RS, in batches, and tells what the server said to each.

    What is refused does not stop the rest. A batch whose answer does not come is sent once more:
    to store an instance twice does no harm.

    Args:
        peer: who takes them.
        files: what to send; each is read when it is its turn, and one is held in memory.

    Yields:
        For each file, once, what became of it.

    Raises:
        ExtraMissing: what speaks DICOMweb is not installed.
        PeerAnsweredWrong: it answers something else.
        PeerRefused: it does not want us, or takes no instances.
        PeerUnreachable: it does not answer; what was told before stays true.
    """
    with session(peer) as opened:
        for batch in _batches(files):
            yield from _store(peer, opened, batch)


def _store(peer: WebPeer, opened: requests.Session, batch: Sequence[Outgoing]) -> Iterator[Sent]:
    if batch[0].size_bytes > MOST_INSTANCE_BYTES:  # it goes alone
        yield refused(batch[0], f"it has more than {MOST_INSTANCE_BYTES:,} bytes")
        return
    answer = _stored(peer, opened, batch)
    if answer.is_silent and len(batch) > 1:  # one that it cannot read hides all others
        for file in batch:
            yield from _store(peer, opened, [file])
    else:
        yield from _judged(batch, answer)


def _batches(files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Files that go together: not too many, and not too long; one that is too long goes alone."""
    batch: list[Outgoing] = []
    size = 0
    for file in files:
        if batch and (len(batch) == _BATCH_FILES or size + file.size_bytes > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size_bytes
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server said to a batch, by SOP Instance UID: why not, and with what warning."""

    status: int
    failed: dict[str, int]
    kept: dict[str, int]

    @property
    def is_silent(self) -> bool:
        """Whether it refuses, and names no instance."""
        return self.status not in _TAKEN and not self.failed and not self.kept


class _Body:
    """The body of one store, which is made while it is read; its length is known before."""

    def __init__(self, files: Sequence[Outgoing]) -> None:
        self.boundary = secrets.token_hex(16)
        self._files = files
        self._head = f"--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._end = f"--{self.boundary}--\r\n".encode()

    def __len__(self) -> int:
        parts = sum(len(self._head) + file.size_bytes + len(b"\r\n") for file in self._files)
        return parts + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        for file in self._files:
            yield self._head
            yield file.read()
            yield b"\r\n"
        yield self._end


def _stored(peer: WebPeer, opened: requests.Session, batch: Sequence[Outgoing]) -> _Answer:
    """What the server answers to a batch; asked once more if no answer came."""
    try:
        return _post(peer, opened, batch)
    except PeerUnreachable:
        return _post(peer, opened, batch)


def _post(peer: WebPeer, opened: requests.Session, batch: Sequence[Outgoing]) -> _Answer:
    body = _Body(batch)
    kind = f'multipart/related; type="application/dicom"; boundary={body.boundary}'
    headers = {"Accept": _JSON, "Content-Type": kind}
    # To `requests` it is a body: it has a length, and gives pieces.
    with translated(peer), opened.post(f"{peer.url}/studies", body, headers=headers) as answer:
        said = json.loads(answer.content) if _is_json(answer) else {}
    if not isinstance(said, dict):
        raise PeerAnsweredWrong(url=peer.url, reason="it sent no data set")
    return _Answer(answer.status_code, _told(said, _FAILED, _FAILURE), _told(said, _KEPT, _WARNING))


def _is_json(answer: requests.Response) -> bool:
    return "json" in answer.headers.get("Content-Type", "") and bool(answer.content)


def _told(said: dict[str, Any], sequence: str, reason: str) -> dict[str, int]:
    """The instances that a sequence names, each with a reason; 0 where it has none."""
    told = {}
    for item in values(said, sequence):
        if is_data_set(item) and (uid := next(iter(values(item, _WHICH)), None)):
            told[str(uid)] = count_of(next(iter(values(item, reason)), 0))
    return told


def _judged(batch: Sequence[Outgoing], answer: _Answer) -> Iterator[Sent]:
    """What an answer says of each file."""
    all_went_well = answer.status == _OK and not answer.failed and not answer.kept
    for file in batch:
        uid = file.sop_instance
        if (status := answer.failed.get(uid)) is not None:
            yield refused(file, f"{meaning(status)} (failure reason {status:#06x})", status)
        elif uid in answer.kept or all_went_well:
            status = answer.kept.get(uid, 0)
            yield Sent(file.name, uid, Outcome.STORED, status, meaning(status))
        else:
            yield refused(file, f"it says {answer.status}, and nothing of this one")
