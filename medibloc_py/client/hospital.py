"""A hospital: records made, renewed, handed over, sent to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from medibloc_py.chain import Offer
from medibloc_py.client.acting import Acting
from medibloc_py.client.words import read_request
from medibloc_py.flows import (
    drafts,
    handover,
    publish,
    receipts,
    rotate,
    shred,
    transfer,
    transfer_send,
)
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.flows.places import Place
from medibloc_py.flows.transfer_paper import TransferPaper
from medibloc_py.model import Address, RecordId


class HospitalVerbs(Acting):
    """What a hospital does."""

    __slots__ = ()

    def rotating(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> AbstractContextManager[publish.Publication]:
        """Seals held records anew, with what is done inside: `flows.rotate.rotating`."""
        return rotate.rotating(self.exchange, self.me, records, progress)

    def rotate(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> publish.Publication:
        """Seals held records under new keys and registers them: `flows.rotate.rotate`."""
        return rotate.rotate(self.exchange, self.me, records, progress)

    def foresee_rotating(self, records: Sequence[RecordId]) -> Offer | None:
        """Tells what rotating records would cost: `flows.rotate.foresee`."""
        return rotate.foresee(self.exchange, self.me, records)

    def foresee_publishing(self, studies: Sequence[publish.StudyToPublish]) -> Offer | None:
        """Tells what publishing studies would cost: `flows.publish.foresee`."""
        return publish.foresee(self.exchange, self.me, studies)

    def publishing(
        self, studies: Sequence[publish.StudyToPublish], progress: Progress = silent
    ) -> AbstractContextManager[publish.Publication]:
        """Publishes, with what is done inside as a part of it: `flows.publish.publishing`."""
        return publish.publishing(self.exchange, self.me, studies, progress)

    def publish(
        self, studies: Sequence[publish.StudyToPublish], progress: Progress = silent
    ) -> publish.Publication:
        """De-identifies, seals, stores and registers studies: `flows.publish.publish`."""
        return publish.publish(self.exchange, self.me, studies, progress)

    def drop_drafts(self) -> list[drafts.Draft]:
        """Lets go of what was sealed and never published: `flows.drafts.drop_drafts`."""
        return drafts.drop_drafts(self.exchange, self.me)

    def shred(
        self,
        record: RecordId,
        places: Mapping[str, Place] | None = None,
        progress: Progress = silent,
    ) -> receipts.ErasureReceipt:
        """Destroys what opens a record on this side, here and at `places`: `flows.shred.shred`."""
        everywhere = {self.settings.store: self.exchange.store, **(places or {})}
        return shred.shred(self.exchange, self.me, record, everywhere, progress)

    def hand_over(
        self, record: RecordId, to: Address | None = None, fingerprint: bytes | None = None
    ) -> bytes:
        """Seals a record's file to its patient or a delegate: `flows.handover.hand_over`."""
        return handover.hand_over(self.exchange, self.me, record, to, fingerprint)

    def send_record(
        self,
        record: RecordId,
        receiver: Address,
        purpose_text: str = "TREATMENT",
        *,
        speaker: Address | None = None,
        again: bool = False,
        progress: Progress = silent,
    ) -> TransferPaper:
        """Signs the paper of a record for another hospital: `flows.transfer_send.send_record`."""
        return transfer_send.send_record(
            self.exchange,
            self.me,
            record,
            receiver,
            purpose=read_request(purpose_text),
            speaker=speaker,
            again=again,
            progress=progress,
        )

    def receive_record(
        self, data: bytes, path: object, deliver: transfer.Deliver, progress: Progress = silent
    ) -> TransferPaper:
        """Takes what was sent, has it stored, signs: `flows.transfer.receive_record`."""
        return transfer.receive_record(self.exchange, self.me, data, path, deliver, progress)

    def countersign(self, data: bytes, path: object) -> TransferPaper:
        """Signs a transfer for its patient: `flows.transfer.countersign`."""
        return transfer.countersign(self.exchange, self.me, data, path)
