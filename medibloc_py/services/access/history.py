"""What the events of grants and emergencies tell, in model values."""

from __future__ import annotations

from medibloc_py.chain import Room
from medibloc_py.model import (
    Address,
    Delivery,
    GlassEvent,
    GlassReview,
    Grant,
    GrantEvent,
    Locator,
    RecordId,
)


class GrantsHistory(Room):
    """Grants, revocations and emergencies so far."""

    CONTRACT = "Grants"

    def grants(
        self,
        record: RecordId | None = None,
        grantee: Address | None = None,
        patient: Address | None = None,
    ) -> list[GrantEvent]:
        """Reads the grants ever given, oldest first, those that match what is not None."""
        return [
            GrantEvent(
                record=RecordId(event.args["recordId"]),
                patient=event.args["patient"],
                grantee=event.args["grantee"],
                purpose=event.args["purpose"],
                expires_at=event.args["expiresAt"],
                epoch=event.args["epoch"],
                locator=bytes(Locator(*event.args["locator"])),
                by=event.args["by"],
                block=event.block,
            )
            for event in self._events("Granted", recordId=record, grantee=grantee, patient=patient)
        ]

    def revocations(
        self,
        record: RecordId | None = None,
        grantee: Address | None = None,
        patient: Address | None = None,
    ) -> list[tuple[Grant, int]]:
        """Reads what was taken back, each with its block, oldest first.

        The grants have purpose 0, expiry 0 and the epoch that ended.
        """
        wanted = {"recordId": record, "grantee": grantee, "patient": patient}
        return [
            (
                Grant(
                    record=RecordId(event.args["recordId"]),
                    grantee=event.args["grantee"],
                    purpose=0,
                    expires_at=0,
                    epoch=event.args["epoch"],
                ),
                event.block,
            )
            for event in self._events("GrantRevoked", **wanted)
        ]

    def emergencies(
        self,
        record: RecordId | None = None,
        patient: Address | None = None,
        clinician: Address | None = None,
    ) -> list[GlassEvent]:
        """Reads the emergency accesses ever taken, oldest first, those that match."""
        wanted = {"recordId": record, "patient": patient, "clinician": clinician}
        return [
            GlassEvent(
                record=RecordId(event.args["recordId"]),
                patient=event.args["patient"],
                clinician=event.args["clinician"],
                custodian=event.args["custodian"],
                expires_at=event.args["expiresAt"],
                epoch=event.args["epoch"],
                reason=event.args["reason"],
                block=event.block,
            )
            for event in self._events("GlassBroken", **wanted)
        ]

    def deliveries(
        self, record: RecordId | None = None, clinician: Address | None = None
    ) -> list[Delivery]:
        """Reads the keys that custodians gave clinicians, oldest first, those that match."""
        return [
            Delivery(
                record=RecordId(event.args["recordId"]),
                clinician=event.args["clinician"],
                epoch=event.args["epoch"],
                custodian=event.args["custodian"],
                locator=bytes(Locator(*event.args["locator"])),
                block=event.block,
            )
            for event in self._events("GlassDelivered", recordId=record, clinician=clinician)
        ]

    def reviews(
        self, record: RecordId | None = None, clinician: Address | None = None
    ) -> list[GlassReview]:
        """Reads the judgements on emergency accesses, oldest first, those that match."""
        return [
            GlassReview(
                record=RecordId(event.args["recordId"]),
                clinician=event.args["clinician"],
                reviewer=event.args["reviewer"],
                epoch=event.args["epoch"],
                justified=event.args["justified"],
                finding=event.args["finding"],
                block=event.block,
            )
            for event in self._events("GlassReviewed", recordId=record, clinician=clinician)
        ]
