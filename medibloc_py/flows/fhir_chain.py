"""What the chain tells of a patient's consents and grants, as FHIR Consents.

What was exported once as standing is exported as ended later, under the same id: whoever keeps
an earlier export learns from the next one what no longer holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from medibloc_py import fhir
from medibloc_py.fhir import Place, Resource, Validity
from medibloc_py.flows.parties import Exchange
from medibloc_py.model import GENERAL, Address, Consent, Event, GrantEvent, RecordId
from medibloc_py.purpose import TREATMENT, Answer
from medibloc_py.services.history import ConsentHistory


class ChainConsents:
    """Tells a patient's consents and grants, those that stand and those that ended.

    Attributes:
        place: the deployment.
        now: the chain's clock when it was first asked, unix seconds.
    """

    def __init__(self, exchange: Exchange) -> None:
        """Begin to read."""
        contracts = exchange.deployment.contracts
        self.place = Place(exchange.chain_id, contracts)
        self.now = exchange.network.now()
        self._exchange = exchange
        self._history = ConsentHistory(
            exchange.network, contracts["Consents"], exchange.deployment.block
        )
        self._times: dict[int, int] = {}

    def time(self, block: int) -> int:
        """When a block was made, unix seconds."""
        if block not in self._times:
            self._times[block] = self._exchange.network.rpc.block(block).timestamp
        return self._times[block]

    def changes(self, account: Address, record: RecordId | None = None) -> list[Event]:
        """The changes of a patient's consents, of all or of one record, the oldest first."""
        return self._history.of_patient(account, record)

    def mandates(self, account: Address) -> list[Event]:
        """Whom a patient ever let act for it, and no longer."""
        return self._history.mandates_of(account)

    def for_record(
        self,
        account: Address,
        patient: Resource,
        record: RecordId,
        studies: Sequence[Resource],
        *,
        ended: bool,
    ) -> list[Resource]:
        """The consents that bind a record: its own, or else the general ones.

        Args:
            account: the patient's.
            patient: the resource of the patient.
            record: the record.
            studies: its studies.
            ended: all that ever did; else the newest alone.
        """
        changes = self.changes(account, record)
        own = self._told(changes, patient, studies)
        if changes and changes[-1].name != "ConsentLifted":
            return own if ended else own[:1]
        general = self._told(self.changes(account, GENERAL), patient)
        return [*own, *general] if ended else general[:1]

    def all_of(self, account: Address, patient: Resource) -> list[Resource]:
        """All consents that a patient ever gave, the general ones first."""
        changes: dict[RecordId, list[Event]] = {GENERAL: []}
        for each in self.changes(account):
            changes.setdefault(RecordId(each.args["record"]), []).append(each)
        return [told for of_one in changes.values() for told in self._told(of_one, patient)]

    def grants(
        self,
        grants: Sequence[GrantEvent],
        events: Sequence[Event],
        patient: Resource,
        studies: Sequence[Resource] = (),
    ) -> list[Resource]:
        """Grants, those that ended, too.

        Args:
            grants: as their events told them.
            events: what happened to these records, by which a grant may have ended.
            patient: the resource of the patient.
            studies: the record's studies, if they are in the bundle.
        """
        ends = {_ends(each): each.block for each in events if each.name in _ENDING}
        return [
            self._grant(each, ends.get((each.record, each.grantee, each.epoch)), patient, studies)
            for each in grants
        ]

    def _told(
        self, changes: Sequence[Event], patient: Resource, studies: Sequence[Resource] = ()
    ) -> list[Resource]:
        """Consents and bars, the newest first; each ended with the change that followed."""
        told = [
            self._consent(each, following, patient, studies)
            for each, following in zip_longest(changes, changes[1:])
            if each.name == "ConsentSet" or _is_bar(each)
        ]
        return told[::-1]

    def _consent(
        self, event: Event, following: Event | None, patient: Resource, studies: Sequence[Resource]
    ) -> Resource:
        args = event.args
        held = Consent(
            args["patient"],
            RecordId(args["record"]),
            args.get("terms", 0),
            args.get("expiresAt", 0),
            args["version"],
            _is_bar(event),
        )
        ended = None if following is None else following.block
        validity = self._validity(event.block, args["by"], ended)
        if held.barred:
            return fhir.barred_consent(self.place, patient, held, validity, studies)
        excepted: list[RecordId] = []
        if held.record == GENERAL and following is None:
            excepted = [each.record for each in self._exchange.consent.overrides(held.patient)]
        return fhir.duo_consent(self.place, patient, held, validity, studies, excepted)

    def _grant(
        self, grant: GrantEvent, ended: int | None, patient: Resource, studies: Sequence[Resource]
    ) -> Resource:
        validity = self._validity(grant.block, grant.by, ended)
        permitted = validity.stands(grant.expires_at) and self._is_permitted(grant)
        return fhir.grant_consent(
            self.place, patient, grant, validity, studies, permitted=permitted
        )

    def _is_permitted(self, grant: GrantEvent) -> bool:
        """Whether the patient consents to it still, without which no key is of use."""
        if grant.purpose == TREATMENT:
            return True
        asked = grant.patient, grant.purpose, grant.record, grant.grantee
        return self._exchange.consent.check(*asked).answer is Answer.PERMIT

    def _validity(self, block: int, by: Address, ended: int | None) -> Validity:
        until = None if ended is None else self.time(ended)
        return Validity(self.time(block), by, self.now, until)


_ENDING = ("Granted", "GrantRevoked", "GlassBroken")


def _ends(event: Event) -> tuple[RecordId, Address, int]:
    """Which grant ended by an event: that which was revoked, or that before a new one."""
    reader = event.args["clinician" if event.name == "GlassBroken" else "grantee"]
    before = 0 if event.name == "GrantRevoked" else 1
    return RecordId(event.args["recordId"]), reader, event.args["epoch"] - before


def _is_bar(event: Event) -> bool:
    return event.name == "ConsentRevoked" and event.args["record"] != GENERAL
