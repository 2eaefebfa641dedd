"""A hospital's own systems: DICOM and DICOMweb, both ways. What speaks them lives here.

It needs the extra `pacs`; without it, whatever would speak to a peer raises `ExtraMissing`.
The verbs below ask a peer in whatever it speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medibloc_py.pacs import dimse, query, stowing, web
from medibloc_py.pacs.model import (
    Certificates,
    DicomPeer,
    FoundStudy,
    Outcome,
    Outgoing,
    Peer,
    Query,
    Sent,
    WebPeer,
    read_headers,
    read_peer,
)

__all__ = [
    "Certificates",
    "DicomPeer",
    "FoundStudy",
    "Outcome",
    "Outgoing",
    "Peer",
    "Query",
    "Sent",
    "WebPeer",
    "find",
    "instances_of",
    "read_headers",
    "read_peer",
    "send",
]


def send(peer: Peer, files: Sequence[Outgoing]) -> Iterator[Sent]:
    """Sends instances: `dimse.store` or `stowing.stow`."""
    return stowing.stow(peer, files) if isinstance(peer, WebPeer) else dimse.store(peer, files)


def find(peer: Peer, asked: Query, most: int = 1000) -> list[FoundStudy]:
    """Finds studies: `query.find_studies` or `web.search_studies`."""
    if isinstance(peer, WebPeer):
        return web.search_studies(peer, asked, most)
    return query.find_studies(peer, asked, most)


def instances_of(peer: Peer, study: str) -> set[str]:
    """What a peer says it has of a study: `query.find_instances` or `web.search_instances`."""
    if isinstance(peer, WebPeer):
        return web.search_instances(peer, study)
    return query.find_instances(peer, study)
