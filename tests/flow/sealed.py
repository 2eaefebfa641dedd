"""Records as others make them: hostile issuers, and releases before receipts were."""

from __future__ import annotations

from io import BytesIO

from medibloc_py.crypto.sealing import SourceFile
from medibloc_py.flows.held import id_of
from medibloc_py.flows.publish import publishing_sources
from medibloc_py.flows.sources import Content, Source
from medibloc_py.model import KIND_DICOM_STUDY, RecordId
from tests.flow.world import World


def sealed_with(world: World, issuer: str, meta: dict[str, str | int], data: bytes) -> RecordId:
    """A record of alice, for research, with whatever in its manifest."""
    file = SourceFile("0001.dcm", len(data), lambda: BytesIO(data), {})
    source = Source(
        name=f"of {issuer}",
        patient=world.address("alice"),
        label="",
        kind=KIND_DICOM_STUDY,
        edition=bytes(32),
        size_bytes=len(data),
        files=("a",),
        make=lambda *_: Content((file,), meta),
    )
    with publishing_sources(world.exchange, world.me(issuer), [source]) as done:
        return id_of(done.records[0])
