"""What the chain tells of a patient or a record, event by event, as it was told.

The services give values; an audit needs the events themselves, with who said so and the
transaction in which anyone can look them up.
"""

from __future__ import annotations

from collections.abc import Iterable

from medibloc_py.chain import Room
from medibloc_py.model import Address, Event, OrderId, RecordId, Root


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events in the order in which they happened."""
    return sorted(events, key=lambda event: (event.block, event.log_index))


class RecordsHistory(Room):
    """Registrations, as their events told them."""

    CONTRACT = "Records"

    def of_batch(self, issuer: Address, root: Root) -> list[Event]:
        """Reads when an issuer registered a root."""
        return self._events("Registered", issuer=issuer, root=root)


class ConsentHistory(Room):
    """Consents and mandates, as their events told them."""

    CONTRACT = "Consents"

    def of_patient(self, patient: Address, record: RecordId | None = None) -> list[Event]:
        """Reads the changes of a patient's consents, of all or of one record."""
        kinds = ("ConsentSet", "ConsentRevoked", "ConsentLifted")
        return in_order(
            event for kind in kinds for event in self._events(kind, patient=patient, record=record)
        )

    def mandates_of(self, patient: Address) -> list[Event]:
        """Reads whom a patient ever let act for it, and no longer."""
        return self._events("DelegateSet", patient=patient)


class AccessHistory(Room):
    """Grants and emergencies, as their events told them."""

    CONTRACT = "Grants"

    def of_patient(self, patient: Address) -> list[Event]:
        """Reads all that happened to the records of a patient."""
        found = [
            event
            for kind in ("Granted", "GrantRevoked", "GlassBroken", "CustodianNamed")
            for event in self._events(kind, patient=patient)
        ]
        broken = {e.args["recordId"] for e in found if e.name == "GlassBroken"}
        return in_order([*found, *(e for each in broken for e in self._after(RecordId(each)))])

    def of_record(self, record: RecordId) -> list[Event]:
        """Reads all that happened to one record."""
        found = [
            event
            for kind in ("Granted", "GrantRevoked", "GlassBroken")
            for event in self._events(kind, recordId=record)
        ]
        return in_order([*found, *self._after(record)])

    def _after(self, record: RecordId) -> list[Event]:
        """What followed the emergencies of a record; these events name no patient."""
        kinds = ("GlassDelivered", "GlassReviewed")
        return [event for kind in kinds for event in self._events(kind, recordId=record)]


class SalesHistory(Room):
    """Sales, as their events told them."""

    CONTRACT = "Market"

    def of_order(self, order: OrderId) -> list[Event]:
        """Reads when an order was settled."""
        return self._events("Settled", orderId=order)
