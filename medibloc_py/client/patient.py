"""A patient: consents, people named, grants, contributions."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.client.acting import Acting
from medibloc_py.client.words import read_request, read_terms
from medibloc_py.crypto import ids
from medibloc_py.flows import contribute, handover, held
from medibloc_py.flows import grant as grants
from medibloc_py.model import GENERAL, Address, Receipt, RecordId, Scope, SignedContribution


class PatientVerbs(Acting):
    """What a patient does, or a delegate."""

    __slots__ = ()

    def publish_key(self) -> Receipt:
        """Announces the account's encryption key."""
        return self.deciding().publish_key().send()

    def import_record(self, data: bytes, path: object) -> RecordId:
        """Proves and keeps a record file: `flows.handover.take_over`."""
        return held.id_of(handover.take_over(self.exchange, self.me, data, path))

    def set_consent(
        self,
        terms: str,
        expires_at: int,
        form: str,
        record: RecordId = GENERAL,
        patient: Address | None = None,
    ) -> Receipt:
        """Sets a consent; `form` is the text and language agreed to."""
        digest = ids.keccak256(form.encode())
        by = self.deciding(patient)
        return by.set_consent(read_terms(terms), expires_at, digest, record).send()

    def revoke_consent(self, record: RecordId = GENERAL, patient: Address | None = None) -> Receipt:
        """Takes a consent back; of a record: bars it."""
        return self.deciding(patient).revoke_consent(record).send()

    def lift_consent(self, record: RecordId, patient: Address | None = None) -> Receipt:
        """Ends a record's own consent or bar: the general consent counts again."""
        return self.deciding(patient).lift_consent(record).send()

    def name_delegate(self, delegate: Address, scope: Scope, until: int) -> Receipt:
        """Lets an account act for this one; `Scope(0)` dismisses it."""
        return self.deciding().name_delegate(delegate, scope, until).send()

    def name_custodian(
        self, custodian: Address, until: int, patient: Address | None = None
    ) -> Receipt:
        """Names who gives a clinician the key in an emergency; the zero address for nobody."""
        return self.deciding(patient).name_custodian(custodian, until).send()

    def grant(
        self,
        record: RecordId,
        grantee: Address,
        purpose_text: str,
        expires_at: int,
        *,
        patient: Address | None = None,
        fingerprint: bytes | None = None,
    ) -> grants.GrantMade:
        """Grants one reader access to one record: `flows.grant.grant_access`."""
        request, by = read_request(purpose_text), self.deciding(patient)
        return grants.grant_access(by, record, grantee, request, expires_at, fingerprint)

    def grant_many(
        self,
        records: Sequence[RecordId],
        grantee: Address,
        purpose_text: str,
        expires_at: int,
        *,
        patient: Address | None = None,
        fingerprint: bytes | None = None,
    ) -> list[grants.GrantMade]:
        """Grants one reader access to records in one transaction: `flows.grant.send_grants`."""
        request, by = read_request(purpose_text), self.deciding(patient)
        ready = grants.prepare_grants(by, records, grantee, request, expires_at, fingerprint)
        return grants.send_grants(by, ready)

    def revoke_grant(
        self, record: RecordId, grantee: Address, patient: Address | None = None
    ) -> Receipt:
        """Stops a grant: `flows.grant.revoke_access`."""
        return grants.revoke_access(self.deciding(patient), record, grantee).send()

    def contribute(
        self,
        record: RecordId,
        *,
        steward: Address,
        token: Address,
        terms: str,
        min_price: int,
        max_fee_bps: int,
        max_total_weight: int,
        expires_at: int,
        weight: int = 1,
        payee: Address | None = None,
        patient: Address | None = None,
    ) -> SignedContribution:
        """Signs a record into a steward's future listing: `flows.contribute.contribute`."""
        return contribute.contribute(
            self.exchange,
            self.me,
            record,
            steward=steward,
            token=token,
            terms=read_terms(terms),
            min_price=min_price,
            max_fee_bps=max_fee_bps,
            max_total_weight=max_total_weight,
            expires_at=expires_at,
            weight=weight,
            payee=payee,
            patient=patient,
        )
