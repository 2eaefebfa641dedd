"""Asking a DICOM peer what it has, and to send it somewhere (PS3.4, annex C; study root)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import PeerAnsweredWrong, PeerRefused, PeerUnreachable, StudyMissing
from medibloc_py.errors.plain import plain
from medibloc_py.pacs.association import associated
from medibloc_py.pacs.model import (
    DicomPeer,
    FoundStudy,
    Query,
    count_of,
    is_uid,
    require_aet,
    require_uid,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    _Answers = Iterator[tuple[Dataset, Dataset | None]]

MOST_ANSWERS: Final = 100_000
"""Most that one query may bring."""
_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_PLAIN: Final = "1.2.840.10008.1.2"
"""Implicit VR Little Endian, which every peer takes (PS3.5, 10.1)."""
_SUCCESS: Final = 0
_PENDING: Final = (0xFF00, 0xFF01)
_SOME_FAILED: Final = 0xB000
_PATIENCE_S: Final = 600.0
_MOST_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class Moved:
    """What a peer says it sent: instances, by how it ended."""

    completed: int
    failed: int


def find_studies(peer: DicomPeer, query: Query, most: int = 1000) -> list[FoundStudy]:
    """Finds the studies that match a query (C-FIND).

    Args:
        peer: whom to ask.
        query: what to look for; empty, for all.
        most: how many there may be.

    Raises:
        ExtraMissing: pynetdicom is not installed.
        PeerAnsweredWrong: it answers something else, or with more.
        PeerRefused: it does not want to talk to us, or does not take the query.
        PeerUnreachable: it does not answer, or hangs up.
    """
    asked = {
        "QueryRetrieveLevel": "STUDY",
        "StudyInstanceUID": query.study and require_uid(query.study),
        "PatientID": query.patient_id,
        "IssuerOfPatientID": "",
        "AccessionNumber": query.accession,
        "StudyDate": query.date,
        "ModalitiesInStudy": query.modality,
        "NumberOfStudyRelatedInstances": "",
    }
    return [
        FoundStudy(
            study=_uid(peer, answer, "StudyInstanceUID"),
            patient_id=answer["PatientID"],
            patient_issuer=answer["IssuerOfPatientID"],
            date=answer["StudyDate"],
            modalities=tuple(filter(None, answer["ModalitiesInStudy"].split("\\"))),
            instances=count_of(answer["NumberOfStudyRelatedInstances"]),
        )
        for answer in _found(peer, asked, most)
    ]


def find_instances(peer: DicomPeer, study: str) -> set[str]:
    """SOP Instance UIDs of what a peer says it has of a study (C-FIND, series by series).

    Raises:
        MediBlocError: as `find_studies`.
    """
    asked = {"StudyInstanceUID": require_uid(study), "SeriesInstanceUID": ""}
    series = _found(peer, {"QueryRetrieveLevel": "SERIES", **asked}, MOST_ANSWERS)
    instances: set[str] = set()
    for uid in {_uid(peer, answer, "SeriesInstanceUID") for answer in series}:
        within = asked | {"SeriesInstanceUID": uid, "SOPInstanceUID": ""}
        answers = _found(peer, {"QueryRetrieveLevel": "IMAGE", **within}, MOST_ANSWERS)
        instances.update(_uid(peer, answer, "SOPInstanceUID") for answer in answers)
    return instances


def move_study(peer: DicomPeer, study: str, to: str, patience_s: float = _PATIENCE_S) -> Moved:
    """Has a peer send a study to an application entity that it knows (C-MOVE).

    Whoever receives it gets each instance as from any sender; a study sent twice does no harm
    to one who takes the same instance twice.

    Args:
        peer: who has it.
        study: its Study Instance UID.
        to: AE title of the receiver, whose address the peer must know.
        patience_s: how long the peer may be silent while it sends.

    Raises:
        ExtraMissing: pynetdicom is not installed.
        PeerAnsweredWrong: it answers something else.
        PeerRefused: it does not want to talk to us, or does not send there.
        PeerUnreachable: it does not answer, or hangs up; what was received stays.
        StudyMissing: it sent nothing, and says that all went well.
    """
    asked = _identifier({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": require_uid(study)})
    target, moved = require_aet(to), Moved(0, 0)
    with associated(peer, [(_MOVE, _PLAIN)], patience_s) as association:
        for status, _ in _answers(peer, lambda: association.send_c_move(asked, target, _MOVE)):
            moved = Moved(
                count_of(status.get("NumberOfCompletedSuboperations")),
                count_of(status.get("NumberOfFailedSuboperations")),
            )
            code = int(status.Status)
            if code not in (*_PENDING, _SUCCESS, _SOME_FAILED):
                raise _refused(peer, "C-MOVE", status)
    if moved == Moved(0, 0):
        raise StudyMissing(url=peer.url)
    return moved


def _found(peer: DicomPeer, asked: dict[str, str], most: int) -> list[dict[str, str]]:
    """What a peer answers to a query, by keyword; empty what it leaves out."""
    found: list[dict[str, str]] = []
    with associated(peer, [(_FIND, _PLAIN)]) as association:
        identifier = _identifier(asked)
        for status, answer in _answers(peer, lambda: association.send_c_find(identifier, _FIND)):
            code = int(status.Status)
            if code == _SUCCESS:
                break
            if code not in _PENDING:
                raise _refused(peer, "C-FIND", status)
            if answer is None:
                raise PeerAnsweredWrong(url=peer.url, reason="an answer that cannot be read")
            if len(found) == most:
                reason = f"more than {most:,} matches; ask for less"
                raise PeerAnsweredWrong(url=peer.url, reason=reason)
            found.append({keyword: _text(peer, answer, keyword) for keyword in asked})
    return found


def _identifier(asked: dict[str, str]) -> Dataset:
    from pydicom.dataset import Dataset

    identifier = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer judges what it is asked
        for keyword, value in asked.items():
            setattr(identifier, keyword, value)
    return identifier


def _answers(peer: DicomPeer, ask: Callable[[], _Answers]) -> _Answers:
    """What comes of a question, each with its status."""
    try:
        answers = ask()
    except ValueError:
        raise PeerRefused(url=peer.url, reason="it takes no such query") from None
    except RuntimeError as error:
        raise PeerUnreachable(url=peer.url, reason=plain(error)) from error
    for status, answer in answers:
        if "Status" not in status:
            raise PeerUnreachable(url=peer.url, reason="it hung up, or did not answer in time")
        yield status, answer


def _text(peer: DicomPeer, answer: Dataset, keyword: str) -> str:
    """One value of an answer; several are joined by backslashes, as DICOM has them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not standard is judged here
            value = answer.get(keyword)
            values = value if isinstance(value, MutableSequence) else [value]
            text = "\\".join(str(each) for each in values if each is not None)
    except Exception as error:  # there is no root class for what pydicom stumbles over
        reason = f"{keyword} cannot be read"
        raise PeerAnsweredWrong(url=peer.url, reason=reason) from error
    if len(text) > _MOST_CHARS:  # cut off, it could be that of another
        raise PeerAnsweredWrong(url=peer.url, reason=f"{keyword} is too long")
    return text.strip(" \0")


def _uid(peer: DicomPeer, answer: dict[str, str], keyword: str) -> str:
    if not is_uid(answer[keyword]):
        raise PeerAnsweredWrong(url=peer.url, reason=f"{keyword} is no UID")
    return answer[keyword]


def _refused(peer: DicomPeer, verb: str, status: Dataset) -> PeerRefused:
    said = plain(status.get("ErrorComment") or "")
    return PeerRefused(url=peer.url, reason=f"{verb} with status {int(status.Status):#06x} {said}")
