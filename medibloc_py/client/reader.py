"""A reader: records opened, described, sent on; and emergencies."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.client.acting import Acting
from medibloc_py.flows import access, fhir_export, glass, restore
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.model import Address, OrderId, Receipt, RecordId
from medibloc_py.pacs import Peer


class ReaderVerbs(Acting):
    """What those do whom patients let read."""

    __slots__ = ()

    def open_granted(self, record: RecordId) -> access.OpenedRecord:
        """Opens a record the account may read: `flows.access.open_granted`."""
        return access.open_granted(self.exchange, self.me, record)

    def open_readable(self, record: RecordId) -> OpenedRecord:
        """Opens a record the account holds or was granted: `flows.restore.open_readable`."""
        return restore.open_readable(self.exchange, self.me, record)

    def restore(
        self,
        record: RecordId,
        peer: Peer,
        *,
        skip_present: bool = False,
        progress: Progress = silent,
    ) -> restore.Restored:
        """Sends a record the account may open to a PACS: `flows.restore.restore`."""
        opened = self.open_readable(record)
        return restore.restore(opened, peer, skip_present=skip_present, progress=progress)

    def export_fhir(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> fhir_export.Exported:
        """Describes records the account may read as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_records(self.exchange, self.me, records, progress)

    def export_fhir_order(
        self, order: OrderId, progress: Progress = silent
    ) -> fhir_export.Exported:
        """Describes what a settled order bought as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_order(self.exchange, self.me, order, progress)

    def export_fhir_patient(self, patient: Address) -> fhir_export.Exported:
        """Describes what the chain tells of a patient as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_patient(self.exchange, patient)

    def card_of(self, record: RecordId) -> bytes:
        """Writes a record's card: `flows.glass.make_card`."""
        return glass.make_card(self.exchange, self.me, record)

    def break_glass(self, card: bytes, path: object, reason: str) -> glass.GlassBroken:
        """Opens a record in an emergency: `flows.glass.break_glass`."""
        read = glass.read_card(self.exchange, card, path)
        return glass.break_glass(self.exchange, self.me, read, reason)

    def deliver(
        self, record: RecordId, clinician: Address, fingerprint: bytes | None = None
    ) -> glass.Delivered:
        """Gives a clinician the key in an emergency: `flows.glass.deliver`."""
        return glass.deliver(self.exchange, self.me, record, clinician, fingerprint)

    def review(
        self,
        card: bytes,
        path: object,
        clinician: Address,
        justified: bool,
        finding: str,
        epoch: int | None = None,
    ) -> Receipt:
        """Judges an emergency access: `flows.glass.review`."""
        read = glass.read_card(self.exchange, card, path)
        return glass.review(self.exchange, self.me, read, clinician, justified, finding, epoch)
