"""DICOM to a peer: are you there, and take this (PS3.4, annexes A and B).

Nothing is decoded on its way: the bytes of a data set go as they stand in the file, in the
transfer syntax they are in.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import PeerAnsweredWrong, PeerUnreachable
from medibloc_py.errors.plain import plain
from medibloc_py.pacs.association import MOST_CONTEXTS, associated, hang_up, meaning
from medibloc_py.pacs.model import MOST_INSTANCE_BYTES, DicomPeer, Outcome, Outgoing, Sent, refused

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import C_STORE

_TRIES: Final = 2
_PAUSE_S: Final = 0.5
_LOW: Final = 2
"""Priority of C-STORE: nobody waits for us."""
_DEFLATED: Final = (
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.95",
    "1.2.840.10008.1.2.4.205",
)
"""Transfer syntaxes whose data sets are deflated as a whole (PS3.6, A-1)."""
_MOST_MESSAGES: Final = 1 << 16
_POLL_S: Final = 0.0001


def echo(peer: DicomPeer) -> None:
    """Asks a peer whether it is there, and knows us (C-ECHO).

    Raises:
        ExtraMissing: pynetdicom is not installed.
        PeerRefused: it does not want to talk to us.
        PeerUnreachable: it does not answer, or hangs up.
    """
    with associated(peer, []) as association:
        try:
            answer = association.send_c_echo()
        except (RuntimeError, ValueError) as error:
            raise PeerUnreachable(url=peer.url, reason=plain(error)) from error
        if answer.get("Status") != 0:
            raise PeerUnreachable(url=peer.url, reason="it did not answer C-ECHO")


def store(peer: DicomPeer, files: Sequence[Outgoing]) -> Iterator[Sent]:
    """Sends instances by C-STORE and tells what the peer said to each.

    Each goes in the transfer syntax it is in; who does not take that refuses it. What is refused
    does not stop the rest. Where the connection breaks, the instance in its way goes again: to
    store one twice does no harm. More kinds of instances than an association has room for need
    several, and come in another order then.

    Args:
        peer: who takes them.
        files: what to send; each is read when it is its turn, and held in memory until it is
            answered.

    Yields:
        For each file, once, what became of it.

    Raises:
        ExtraMissing: pynetdicom is not installed.
        PeerAnsweredWrong: it answers something else than was asked.
        PeerRefused: it does not want to talk to us.
        PeerUnreachable: it does not answer any more; what was told before stays true.
    """
    for batch in _batches(files):
        yield from _store_all(peer, deque(batch))


def _batches(files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Files that have room in one association each, by their kinds."""
    kinds = list(dict.fromkeys(map(_kind, files)))
    for start in range(0, len(kinds), MOST_CONTEXTS):
        together = set(kinds[start : start + MOST_CONTEXTS])
        yield [file for file in files if _kind(file) in together]


def _kind(file: Outgoing) -> tuple[str, str]:
    return file.sop_class, file.transfer_syntax


def _store_all(peer: DicomPeer, waiting: deque[Outgoing]) -> Iterator[Sent]:
    """Sends what waits, over as many associations as it takes."""
    stuck: Outgoing | None = None
    unreached = broken = 0
    while waiting:
        try:
            yield from _store_some(peer, waiting)
            unreached = 0
        except PeerUnreachable:
            unreached += 1
            if unreached == _TRIES:
                raise
        if waiting and not unreached:
            broken = broken + 1 if waiting[0] is stuck else 1
            stuck = waiting[0]
            if broken == _TRIES:
                yield refused(waiting.popleft(), f"it hung up on it {_TRIES} times")
        if waiting:
            time.sleep(_PAUSE_S)


def _store_some(peer: DicomPeer, waiting: deque[Outgoing]) -> Iterator[Sent]:
    """Sends what waits over one association, as long as that stands."""
    kinds = list(dict.fromkeys(map(_kind, waiting)))
    with associated(peer, kinds) as association:
        taken = {
            (str(each.abstract_syntax), str(each.transfer_syntax[0])): int(each.context_id or 0)
            for each in association.accepted_contexts
        }
        for number in _numbers():
            if not waiting:
                return
            file = waiting[0]
            if file.size_bytes > MOST_INSTANCE_BYTES:
                sent = refused(file, f"it has more than {MOST_INSTANCE_BYTES:,} bytes")
            elif _is_cut(file):
                sent = refused(file, "it ends in the middle of something: its length is odd")
            elif (context := taken.get(_kind(file))) is None:
                sent = refused(file, "it does not take this SOP class in this transfer syntax")
            else:
                answer = _send(association, context, number, file)
                if answer is None:
                    hang_up(association)
                    return
                sent = _judged(peer, file, number, answer)
            waiting.popleft()
            yield sent


def _is_cut(file: Outgoing) -> bool:
    """Whether a data set cannot be whole: if not deflated, its length is even (PS3.5, 7.1)."""
    return (file.size_bytes - file.body) % 2 == 1 and file.transfer_syntax not in _DEFLATED


def _data_set(file: Outgoing) -> BytesIO:
    """A data set as it stands in its file; a deflated one is made even (PS3.5, A.5)."""
    data = BytesIO(memoryview(file.read())[file.body :])
    if data.seek(0, SEEK_END) % 2:
        data.write(b"\0")
    return data


def _numbers() -> Iterator[int]:
    """Message IDs, each free again long before it comes again."""
    while True:
        yield from range(1, _MOST_MESSAGES)


def _send(association: Association, context: int, number: int, file: Outgoing) -> C_STORE | None:
    """Sends one instance as it is; None if the connection broke.

    `Association.send_c_store` decodes a data set and encodes it again, or wants a file on the
    disk. So what it does besides is done here: its thread pauses, so that it does not take the
    answer away.
    """
    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID = number
    request.Priority = _LOW
    request.AffectedSOPClassUID = file.sop_class
    request.AffectedSOPInstanceUID = file.sop_instance
    request.DataSet = _data_set(file)
    if not association.is_established:
        return None
    association._reactor_checkpoint.clear()
    try:
        while not association._is_paused:
            time.sleep(_POLL_S)
        association.dimse.send_msg(request, context)
        _, answer = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()
    return answer  # type: ignore[return-value]  # `_judged` looks


def _judged(peer: DicomPeer, file: Outgoing, number: int, answer: object) -> Sent:
    """What an answer says of a file.

    Raises:
        PeerAnsweredWrong: it is none to this request.
    """
    from pynetdicom.dimse_primitives import C_STORE
    from pynetdicom.status import code_to_category

    if (
        not isinstance(answer, C_STORE)
        or not answer.is_valid_response
        or answer.MessageIDBeingRespondedTo != number
    ):
        raise PeerAnsweredWrong(url=peer.url, reason="what it sent is no answer to C-STORE")
    status = int(answer.Status or 0)
    comment = plain(getattr(answer, "ErrorComment", None) or "")
    said = ": ".join(filter(None, (meaning(status), comment)))
    if code_to_category(status) not in ("Success", "Warning"):
        return refused(file, said or f"status {status:#06x}", status)
    return Sent(file.name, file.sop_instance, Outcome.STORED, status, said if status else "")
