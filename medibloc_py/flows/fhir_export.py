"""A record, or all that the chain tells of a patient, as FHIR R4 resources.

Who opens a record exports it. The patient's name stands in an export only if the record keeps
it, for treatment, and the account may read it for treatment; where the sealed record lies
stands in none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from medibloc_py import fhir
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import InvalidValue
from medibloc_py.fhir import Place, Resource
from medibloc_py.flows import deid_receipts, papers
from medibloc_py.flows.buyer import open_dataset
from medibloc_py.flows.deid_receipts import DeidentificationReceipt
from medibloc_py.flows.fhir_chain import ChainConsents
from medibloc_py.flows.fhir_study import OpenedStudy, open_study, read_files
from medibloc_py.flows.openings import kept_openings
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.transfer import kept_transfers
from medibloc_py.flows.transfer_words import RECEIVER
from medibloc_py.model import (
    KIND_DICOM_STUDY,
    Address,
    Event,
    OrderId,
    RecordId,
)
from medibloc_py.services.history import (
    AccessHistory,
    RecordsHistory,
    SalesHistory,
    in_order,
)


@dataclass(frozen=True, slots=True)
class Exported:
    """Resources that belong together.

    Attributes:
        place: the deployment they tell of.
        now: the chain's clock when they were made, unix seconds.
        resources: each once; references among them are by `urn:uuid`.
        left_out: files of the records that are no DICOM instance with legal UIDs.
    """

    place: Place
    now: int
    resources: tuple[Resource, ...]
    left_out: tuple[str, ...]

    def bundle(self) -> Iterator[str]:
        """A Bundle of type collection, in pieces."""
        return fhir.collection(self.place, self.resources, self.now)

    def ndjson(self) -> Iterator[str]:
        """One resource a line."""
        return fhir.ndjson(self.resources)


def export_records(
    exchange: Exchange, reader: Identity, records: Sequence[RecordId], progress: Progress = silent
) -> Exported:
    """Exports records that the account holds or may read, with what the chain tells of them.

    Args:
        exchange: the deployment.
        reader: who opens them: by its record files, or else by the grants it has.
        records: which; all with identity, or all without.
        progress: told of files read.

    Raises:
        InvalidValue: no record; or some keep identity and some do not: in one bundle, those
            with a name would give it to the others.
        MediBlocError: as `flows.access.open_granted`.
    """
    if not records:
        raise InvalidValue(name="records", given="none", allowed="at least one")
    export = _Export(exchange, reader)
    wanted = tuple(dict.fromkeys(records))
    first: bool | None = None
    for number, record in enumerate(wanted, 1):
        opened = open_study(exchange, reader, record)  # one at a time: each keeps parts of its own
        if first not in (None, opened.real):
            raise InvalidValue(
                name="identity in the records",
                given="in some and not in others",
                allowed="in all or in none: export them apart",
            )
        first = opened.real
        export.record(opened, f"read record {number} of {len(wanted)}", progress)
    return export.done()


def export_order(
    exchange: Exchange, buyer: Identity, order: OrderId, progress: Progress = silent
) -> Exported:
    """Exports the records that a settled order bought, with what the chain tells of them.

    Args:
        exchange: the deployment.
        buyer: who bought them.
        order: the order.
        progress: told of files read.

    Raises:
        MediBlocError: as `flows.buyer.open_dataset`.
    """
    bought = open_dataset(exchange, buyer, order)
    export = _Export(exchange, buyer)
    for index in range(len(bought)):
        patient, issuer, root = bought.batch_of(index)
        opened = bought.record(index)
        one = OpenedStudy(opened, patient, issuer, root, KIND_DICOM_STUDY, False, buyer.address)
        export.record(one, f"read record {index + 1} of {len(bought)}", progress)
    export.sale(order)
    return export.done()


def export_patient(exchange: Exchange, patient: Address) -> Exported:
    """Exports all that the chain tells of a patient: consents, grants, events; nothing is opened.

    Args:
        exchange: the deployment.
        patient: whose.
    """
    export = _Export(exchange)
    export.patient(patient)
    return export.done()


class _Export:
    """The resources of one export, each once."""

    def __init__(self, exchange: Exchange, maker: Identity | None = None) -> None:
        self._exchange = exchange
        self._maker = maker
        self._consents = ChainConsents(exchange)
        self._place = self._consents.place
        self._found: dict[str, Resource] = {}
        self._left_out: list[str] = []
        since = exchange.deployment.block
        network, at = exchange.network, exchange.deployment.contracts
        self._records = RecordsHistory(network, at["Records"], since)
        self._access = AccessHistory(network, at["Grants"], since)
        self._sales = SalesHistory(network, at["Market"], since)
        self._studies: dict[RecordId, list[Resource]] = {}

    def done(self) -> Exported:
        """What was gathered."""
        resources = tuple(self._found.values())
        return Exported(self._place, self._consents.now, resources, tuple(self._left_out))

    def record(self, opened: OpenedStudy, step: str, progress: Progress) -> None:
        """Gathers a record, its consents, its grants, its origin and its events."""
        record = opened.record.record
        read = read_files(opened, step, progress)
        self._left_out += read.instances.left_out
        patient = self._patient(fhir.patient(self._place, opened.patient, read.person))
        studies = [
            self._keep(each)
            for each in fhir.imaging_studies(
                self._place, patient, record, read.instances, real=opened.real
            )
        ]
        self._studies[record] = studies
        holds = opened.reader is None
        self._keep_all(
            self._consents.for_record(opened.patient, patient, record, studies, ended=holds)
        )
        accesses = _seen_by(opened.reader, self._access.of_record(record))
        grants = self._exchange.access.grants(record=record, grantee=opened.reader)
        self._keep_all(self._consents.grants(grants, accesses, patient, studies))
        self._provenance(opened, studies)
        events = [
            *self._records.of_batch(opened.issuer, opened.root),
            *self._consents.changes(opened.patient, record),
            *accesses,
        ]
        self._events(events, patient, opened.patient, {record: studies})
        if holds and self._maker:
            self._openings(self._maker, record, patient, studies)

    def sale(self, order: OrderId) -> None:
        """Gathers how the records of an order came to their buyer."""
        bought = self._exchange.market.order(order)
        steward = self._exchange.market.listing(bought.listing).steward
        for each in self._sales.of_order(order):
            who = {"buyer": bought.buyer, "steward": steward, "purpose": bought.purpose}
            told = replace(each, args={**each.args, **who})
            self._events([told], None, steward, self._studies)

    def patient(self, account: Address) -> None:
        """Gathers what the chain tells of a patient."""
        patient = self._keep(fhir.patient(self._place, account))
        accesses = self._access.of_patient(account)
        self._keep_all(self._consents.all_of(account, patient))
        grants = self._exchange.access.grants(patient=account)
        self._keep_all(self._consents.grants(grants, accesses, patient))
        events = [
            *self._consents.changes(account),
            *self._consents.mandates(account),
            *accesses,
        ]
        self._events(events, patient, account, {})

    def _keep(self, resource: Resource) -> Resource:
        return self._found.setdefault(resource["id"], resource)

    def _keep_all(self, resources: Sequence[Resource]) -> None:
        for each in resources:
            self._keep(each)

    def _patient(self, found: Resource) -> Resource:
        """Keeps a patient once, as all records have it: each issuer gives numbers and names."""
        known = self._keep(found)
        for key in ("identifier", "name"):
            more = [each for each in found.get(key, ()) if each not in known.get(key, ())]
            if more:
                known[key] = [*known.get(key, ()), *more]
        for key in ("gender", "birthDate"):
            if key in found:
                known.setdefault(key, found[key])
        return known

    def _provenance(self, opened: OpenedStudy, studies: Sequence[Resource]) -> None:
        record = opened.record.record
        batch = self._exchange.records.batch(opened.issuer, opened.root)
        self._keep(fhir.registered(self._place, record, batch, studies))
        done = opened.record.deidentification
        if done is None:
            return
        text = str(opened.record.manifest.meta[deid_receipts.META]).encode()
        name = f"record 0x{record.hex()}"
        receipt = papers.read(deid_receipts.KIND, DeidentificationReceipt, text, name)
        how = [done.profile, *done.options]
        self._keep(
            fhir.deidentified(
                self._place,
                record,
                studies,
                issuer=done.issuer,
                at=done.at,
                profile=f"{done.standard}: {', '.join(how)}",
                tool=done.tool,
                digest=keccak256(papers.write(deid_receipts.KIND, receipt.deidentification)),
                receipt=text,
            )
        )

    def _openings(
        self, keeper: Identity, record: RecordId, patient: Resource, studies: Sequence[Resource]
    ) -> None:
        """Tells what readers signed of having opened a record, as far as its holder has it."""
        told = [
            (each.reader, each.purpose, each.at)
            for each in kept_openings(keeper)
            if each.record == record
        ]
        for paper in kept_transfers(keeper, record):
            if word := paper.word(RECEIVER):
                told.append((paper.transfer.receiver, paper.transfer.purpose, word.at))
        for reader, request, at in told:
            self._keep(
                fhir.opening_event(
                    self._place, patient, record, studies, reader=reader, request=request, at=at
                )
            )

    def _events(
        self,
        events: Sequence[Event],
        patient: Resource | None,
        account: Address,
        studies: Mapping[RecordId, Sequence[Resource]],
    ) -> None:
        for each in in_order(events):
            told = self._consents.time(each.block)
            self._keep(fhir.audit_event(self._place, each, told, patient, account, studies))


def _seen_by(reader: Address | None, events: Sequence[Event]) -> list[Event]:
    """The events of a record that are a reader's to pass on: those it took part in."""
    return [each for each in events if reader is None or reader in each.args.values()]
