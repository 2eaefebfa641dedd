"""DICOMweb to a server: what have you, and give me this (PS3.18, 10.4 and 10.6).

`dicomweb-client` searches. What it retrieves it parses, and instances are wanted as the bytes
they are; so these are cut out of their stream here, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import ExtraMissing, PeerAnsweredWrong
from medibloc_py.pacs.http import session, translated
from medibloc_py.pacs.model import (
    MOST_INSTANCE_BYTES,
    FoundStudy,
    Query,
    WebPeer,
    count_of,
    is_uid,
    require_uid,
)
from medibloc_py.pacs.multipart import Malformed, MultipartReader, boundary_of

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient

MOST_ANSWERS: Final = 100_000
"""Most that one query may bring."""
_PAGE: Final = 1000
_AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""Each instance in the transfer syntax it is kept in (PS3.18, 8.7.3.5.2)."""
_MOST_CHARS: Final = 256
_STUDY, _INSTANCE = "0020000D", "00080018"
_PATIENT, _ISSUER, _DATE, _MODALITIES, _COUNT = (
    "00100020", "00100021", "00080020", "00080061", "00201208",
)  # fmt: skip


def search_studies(peer: WebPeer, query: Query, most: int = 1000) -> list[FoundStudy]:
    """Finds the studies that match a query (QIDO-RS).

    Args:
        peer: whom to ask.
        query: what to look for; empty, for all.
        most: how many there may be.

    Raises:
        ExtraMissing: what speaks DICOMweb is not installed.
        PeerAnsweredWrong: it answers something else, or with more.
        PeerRefused: it does not want us, or takes no such query.
        PeerUnreachable: it does not answer.
    """
    asked = {
        "StudyInstanceUID": query.study and require_uid(query.study),
        "PatientID": query.patient_id,
        "AccessionNumber": query.accession,
        "StudyDate": query.date,
        "ModalitiesInStudy": query.modality,
    }
    filters = {keyword: value for keyword, value in asked.items() if value}
    fields = ["IssuerOfPatientID", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"]
    with _searching(peer) as client:
        found = _paged(
            peer,
            most,
            lambda at: client.search_for_studies(
                search_filters=filters, fields=fields, limit=_PAGE, offset=at
            ),
        )
    return [
        FoundStudy(
            study=_uid(peer, each, _STUDY),
            patient_id=_text(peer, each, _PATIENT),
            patient_issuer=_text(peer, each, _ISSUER),
            date=_text(peer, each, _DATE),
            modalities=tuple(map(str, values(each, _MODALITIES))),
            instances=count_of(_text(peer, each, _COUNT)),
        )
        for each in found
    ]


def search_instances(peer: WebPeer, study: str) -> set[str]:
    """SOP Instance UIDs of what a server says it has of a study (QIDO-RS).

    Raises:
        MediBlocError: as `search_studies`.
    """
    uid = require_uid(study)
    with _searching(peer) as client:
        found = _paged(
            peer, MOST_ANSWERS, lambda at: client.search_for_instances(uid, limit=_PAGE, offset=at)
        )
    return {_uid(peer, each, _INSTANCE) for each in found}


def retrieve_study(peer: WebPeer, study: str) -> Iterator[bytes]:
    """Gives the instances of a study as they come, each in the transfer syntax it is kept in.

    One is held in memory at a time (WADO-RS).

    Yields:
        The file (PS3.10) of each instance; whose it is, it says itself.

    Raises:
        ExtraMissing: what speaks DICOMweb is not installed.
        PeerAnsweredWrong: it sends something else, or an instance that is too long.
        PeerRefused: it does not want us.
        PeerUnreachable: it does not answer, or breaks off; what was given before is whole.
        StudyMissing: it has no such study.
    """
    url = f"{peer.url}/studies/{require_uid(study)}"
    with session(peer) as opened, opened.get(url, headers={"Accept": _AS_STORED}) as answer:
        try:
            boundary = boundary_of(answer.headers.get("Content-Type", ""))
            reader = MultipartReader(boundary, MOST_INSTANCE_BYTES)
            for piece in answer.raw.stream():
                for part in reader.feed(piece):
                    yield part.content
            reader.close()
        except Malformed as error:
            raise PeerAnsweredWrong(url=peer.url, reason=error.reason) from None


@contextmanager
def _searching(peer: WebPeer) -> Iterator[DICOMwebClient]:
    """The client of the library, over connections of ours."""
    try:
        from dicomweb_client.api import DICOMwebClient
    except ImportError:  # `requests` may be there all the same
        raise ExtraMissing(extra="pacs") from None
    with session(peer) as opened, translated(peer):
        client = DICOMwebClient(
            peer.url, session=opened, timeout=peer.timeout_s, permissive_uid=True
        )
        client.set_http_retry_params(retry=False)
        yield client


def _paged(peer: WebPeer, most: int, ask: Callable[[int], Any]) -> list[dict[str, dict[str, Any]]]:
    """All that matches, page by page.

    Raises:
        PeerAnsweredWrong: it is more than `most`, or no list of data sets.
    """
    found: list[dict[str, dict[str, Any]]] = []
    while True:
        page = ask(len(found))
        if not isinstance(page, list) or not all(map(is_data_set, page)):
            raise PeerAnsweredWrong(url=peer.url, reason="it sent no list of data sets")
        found += page
        if len(found) > most:
            reason = f"more than {most:,} matches; ask for less"
            raise PeerAnsweredWrong(url=peer.url, reason=reason)
        if len(page) != _PAGE:  # more: it knows of no pages
            return found


def is_data_set(answer: object) -> bool:
    """Whether an answer has the shape of a data set in the JSON model (PS3.18, F.2)."""
    return isinstance(answer, dict) and all(isinstance(each, dict) for each in answer.values())


def values(data_set: dict[str, dict[str, Any]], tag: str) -> list[Any]:
    """The values of one attribute in the JSON model (PS3.18, F.2); none if it is absent."""
    found = data_set.get(tag, {}).get("Value")
    return found if isinstance(found, list) else []


def _text(peer: WebPeer, data_set: dict[str, dict[str, Any]], tag: str) -> str:
    first = next(iter(values(data_set, tag)), None)
    text = "" if first is None else str(first).strip(" \0")
    if len(text) > _MOST_CHARS:  # cut off, it could be that of another
        raise PeerAnsweredWrong(url=peer.url, reason=f"its {tag} is too long")
    return text


def _uid(peer: WebPeer, data_set: dict[str, dict[str, Any]], tag: str) -> str:
    text = _text(peer, data_set, tag)
    if not is_uid(text):
        raise PeerAnsweredWrong(url=peer.url, reason=f"its {tag} is no UID")
    return text
