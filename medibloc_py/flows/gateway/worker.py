"""What the gateway does with studies: find whose they are, publish them, clear the spool.

Exactly once: a batch is planned in the spool before anything is sealed, and published under
a name of its own, so that a run that died is gone on with (`flows.drafts`). That it stands
on chain is noted before its drafts go, and its drafts go before its instances do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from medibloc_py.errors import InputError, RefusedError
from medibloc_py.flows.deidentified import Original, source_of
from medibloc_py.flows.drafts import Drafts, publication_name
from medibloc_py.flows.gateway.blame import OF_A_STUDY, Blamed, blaming
from medibloc_py.flows.gateway.book import Patients
from medibloc_py.flows.gateway.rows import Study
from medibloc_py.flows.gateway.stages import Batch, Plan, Stages
from medibloc_py.flows.handover import hand_over
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.publish import publishing_sources, require_accredited
from medibloc_py.flows.scratch import Scratch
from medibloc_py.flows.sources import Content, Made, Source
from medibloc_py.model import Address, RecordId, Root
from medibloc_py.pacs.intake import Note
from medibloc_py.storage.files import write_atomic

MOST_STUDIES: Final = 64
"""Of a batch: one transaction registers them, and one that is refused delays the others."""
MOST_BYTES: Final = 1 << 30
"""Of a batch of more than one study, as they came: what is sealed waits on the disk."""
_ASK_AGAIN_S: Final = 20.0
"""Consents are asked for once in so many seconds."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How studies become records.

    Attributes:
        quiet_s: a study is complete when no instance of it came for so long.
        treatment: identity is kept, for treatment only.
        options: of de-identification, by the standard's names.
        require_consent: only of patients whose consent on chain stands.
        out: folder for the record files, each sealed to its patient; None to write none.
    """

    quiet_s: float = 60
    treatment: bool = False
    options: tuple[str, ...] = ()
    require_consent: bool = False
    out: Path | None = None


class Worker:
    """Works a spool off. There is one at a time; see `flows.gateway.service`."""

    def __init__(
        self,
        issuer: Identity,
        stages: Stages,
        rules: Rules,
        note: Note,
        progress: Progress = silent,
    ) -> None:
        self._issuer = issuer
        self._stages = stages
        self._rules = rules
        self._note = note
        self._progress = progress
        self._patients = Patients(issuer)
        self._asked: dict[Address, tuple[float, bool]] = {}

    def work(self, exchange: Exchange) -> int:
        """Takes all studies as far as they go now.

        Returns:
            How many were published.

        Raises:
            MediBlocError: the store, the chain, the disk or the account stands in the way of
                all; nothing is lost, and the same again goes on.
        """
        published = sum(self._finish(exchange, batch) for batch in self._stages.batches())
        ready = [
            (study, account)
            for study in self._stages.group(self._rules.quiet_s)
            if (account := self._account(exchange, study)) is not None
        ]
        for some in _batches(ready):
            if (batch := self._planned(some)) is not None:
                published += self._finish(exchange, batch)
        return published

    def _account(self, exchange: Exchange, study: Study) -> Address | None:
        """The account a study can be published for now; what it waits for is noted."""
        whose = self._stages.spool.whose(study.number)
        account = self._patients.find(whose.patient_issuer, whose.patient_id)
        waits = ""
        if account is None:
            waits = "patient"
        elif self._rules.require_consent and not self._consents(exchange, account):
            waits = "consent"
        if waits != study.waits:
            self._stages.wait(study.number, waits)
            if waits:
                self._note("waiting", study=study.number, waits_for=waits)
        return None if waits else account

    def _consents(self, exchange: Exchange, patient: Address) -> bool:
        """Whether a patient's consent stands; the chain is asked now and then."""
        asked_at, answer = self._asked.get(patient, (0.0, False))
        if not asked_at or time.monotonic() > asked_at + _ASK_AGAIN_S:
            consent = exchange.consent.consent_of(patient)
            answer = bool(consent.terms) and consent.expires_at >= exchange.network.now()
            self._asked[patient] = time.monotonic(), answer
        return answer

    def _planned(self, some: Sequence[tuple[Study, Address]]) -> Batch | None:
        accounts = tuple(account for _, account in some)
        plan = Plan(accounts, self._rules.treatment, self._rules.options)
        return self._stages.plan([study for study, _ in some], plan)

    # One batch.

    def _finish(self, exchange: Exchange, batch: Batch) -> int:
        """Publishes a batch, or what is left to do of it, and clears it; gives its studies."""
        drafts = Drafts(self._issuer, self._publication(exchange, batch))
        if batch.root is None and not self._publish(exchange, batch, drafts):
            return 0
        with drafts.sole():
            drafts.forget()
        self._hand_over(exchange, batch)
        self._stages.clear(batch)
        self._note("cleared", batch=batch.number, studies=[each.number for each in batch.studies])
        return len(batch.studies)

    def _publish(self, exchange: Exchange, batch: Batch, drafts: Drafts) -> bool:
        """Publishes a batch; False if one of its studies is to blame that it could not be."""
        if self._stands(exchange, batch, drafts):
            return True
        require_accredited(exchange, self._issuer)
        try:
            sources = [
                self._source(study, patient, batch.plan)
                for study, patient in zip(batch.studies, batch.plan.patients, strict=True)
            ]
            with publishing_sources(exchange, self._issuer, sources, self._progress) as done:
                self._published(batch, [id_of(each) for each in done.records], done.root)
        except (Blamed, *OF_A_STUDY) as error:
            if self._stands(exchange, batch, drafts):  # it went wrong after it was registered
                return True
            self._give_up(exchange, batch, drafts, error)
            return False
        if done.burned_in:
            self._note("pixels not said to be clean", batch=batch.number, files=len(done.burned_in))
        return True

    def _stands(self, exchange: Exchange, batch: Batch, drafts: Drafts) -> bool:
        """Whether a run that died registered the batch, whatever this version makes of it."""
        with drafts.sole():
            found = drafts.read()
            if len(found) < len(batch.studies) or not drafts.registered(exchange, found):
                return False
            records = [id_of(found[place].file) for place in sorted(found)]
            root = held_record(self._issuer, records[0]).root
            self._published(batch, records, root)
        return True

    def _published(self, batch: Batch, records: Sequence[RecordId], root: Root) -> None:
        self._stages.published(batch, root, records)
        self._note(
            "published",
            batch=batch.number,
            root="0x" + root.hex(),
            records={
                study.number: "0x" + record.hex()
                for study, record in zip(batch.studies, records, strict=True)
            },
        )

    def _give_up(self, exchange: Exchange, batch: Batch, drafts: Drafts, error: Exception) -> None:
        """Sets the study aside that stopped a batch; the others are planned again."""
        if not isinstance(error, Blamed) and len(batch.studies) == 1:
            error = Blamed(batch.studies[0], type(error).__name__, str(error))
        with drafts.sole():
            for place, draft in drafts.read().items():
                drafts.let_go(exchange.store, place, draft)
        self._stages.dissolve(batch, alone=not isinstance(error, Blamed))
        if isinstance(error, Blamed):
            self._stages.refuse(error.study.number, error.reason)
            self._note("refused", study=error.study.number, error=error.error, reason=error.reason)

    def _hand_over(self, exchange: Exchange, batch: Batch) -> None:
        """Writes the files that the patients take their records over with; again is no harm."""
        if self._rules.out is None:
            return
        for record in self._stages.records_of(batch):
            try:
                paper = hand_over(exchange, self._issuer, record)
            except (InputError, RefusedError) as error:  # such as a patient without a key
                reason = str(error)
                self._note("not handed over", record="0x" + record.hex(), reason=reason)
            else:
                write_atomic(self._rules.out / f"{record.hex()}.record.json", paper)

    def _publication(self, exchange: Exchange, batch: Batch) -> str:
        names = map(self._name, batch.studies)
        return publication_name(
            exchange, self._issuer, list(zip(batch.plan.patients, names, strict=True))
        )

    def _name(self, study: Study) -> str:
        return f"gateway {self._stages.spool.name} study {study.number}"

    # One study.

    def _source(self, study: Study, patient: Address, plan: Plan) -> Source:
        """What becomes the study's record; whatever is wrong with it is noted as its own."""
        with blaming(study):
            instances = self._stages.spool.instances(study.number)
            source = source_of(
                self._issuer,
                name=self._name(study),
                patient=patient,
                label=f"study {study.number} of the gateway",
                originals=[Original(each.name, each.size_bytes, each.open) for each in instances],
                edition=sha256(b"".join(each.digest for each in instances)).digest(),
                treatment=plan.treatment,
                options=plan.options,
            )

        def make(exchange: Exchange, scratch: Scratch, made: Made) -> Content:
            with blaming(study):
                return source.make(exchange, scratch, made)

        return replace(source, make=make)


def _batches(ready: Sequence[tuple[Study, Address]]) -> list[list[tuple[Study, Address]]]:
    """Studies that go together, in their order: not too many, and not too much."""
    batches: list[list[tuple[Study, Address]]] = []
    taken = MOST_BYTES
    for study, account in ready:
        full = taken + study.size_bytes > MOST_BYTES or len(batches[-1]) == MOST_STUDIES
        if full or study.alone or batches[-1][-1][0].alone:
            batches.append([])
            taken = 0
        batches[-1].append((study, account))
        taken += study.size_bytes
    return batches
