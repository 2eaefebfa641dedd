"""What a patient decides: consents, delegates, custodian. And what a reviewer clears.

Each act comes prepared (`flows.prepared.Prepared`): the patient sends it, a delegate sends
it, or either signs it for anyone to send. What a delegate gives ends with its mandate.
"""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py import purpose
from medibloc_py.errors import InvalidValue, PurposeDenied, PurposeNotPermitted
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.prepared import Prepared
from medibloc_py.model import (
    GENERAL,
    ZERO_ADDRESS,
    Address,
    Clearance,
    ListingId,
    Receipt,
    RecordId,
    Scope,
)
from medibloc_py.purpose import Answer


@dataclass(frozen=True, slots=True)
class Decisions:
    """The acts of one patient, as said by the patient or by a delegate.

    Attributes:
        actor: who says so, and signs or sends.
        patient: whose data it is about.
    """

    exchange: Exchange
    actor: Identity
    patient: Address

    @property
    def own(self) -> bool:
        """Whether the patient itself acts."""
        return self.actor.address == self.patient

    def set_consent(
        self, terms: int, expires_at: int, form: bytes, record: RecordId = GENERAL
    ) -> Prepared:
        """A consent: for all records, or in its place one for a single record.

        Args:
            terms: purpose word with exactly one permission.
            expires_at: last second it holds.
            form: keccak256 of the form's text and language, 32 bytes.
            record: for this record alone, or `GENERAL`.
        """
        room, signer = self.exchange.consent, self.actor.signer
        values = (terms, expires_at, form)
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.set.call(*values, record) if self.own else None,
            lambda until: room.sign_consent(signer, self.patient, *values, until, record),
            lambda by: room.set_for.call(self.patient, *values, by, record),
        )

    def revoke_consent(self, record: RecordId = GENERAL) -> Prepared:
        """The end of a consent; of a record: a bar, whatever the general consent says."""
        room, signer = self.exchange.consent, self.actor.signer
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.revoke.call(record) if self.own else None,
            lambda until: room.sign_revocation(signer, self.patient, until, record),
            lambda by: room.revoke_for.call(self.patient, by, record),
        )

    def lift_consent(self, record: RecordId) -> Prepared:
        """The end of a record's own consent or bar: the general consent counts again."""
        room, signer = self.exchange.consent, self.actor.signer
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.lift.call(record) if self.own else None,
            lambda until: room.sign_lift(signer, self.patient, record, until),
            lambda by: room.lift_for.call(self.patient, record, by),
        )

    def name_delegate(self, delegate: Address, scope: Scope, until: int) -> Prepared:
        """A mandate, in place of what the delegate was allowed before.

        Args:
            delegate: who may act for the patient; of a minor, the guardian.
            scope: in what; `Scope(0)` dismisses the delegate at once.
            until: last second; of a minor, the last one before coming of age.

        Raises:
            InvalidValue: a delegate would name another.
        """
        self._require_own("a mandate")
        room, signer = self.exchange.consent, self.actor.signer
        values = (delegate, scope, until)
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.set_delegate.call(*values),
            lambda deadline: room.sign_mandate(signer, *values, deadline),
            lambda by: room.set_delegate_for.call(*values, by),
        )

    def name_custodian(self, custodian: Address, until: int) -> Prepared:
        """Who gives a clinician the key in an emergency.

        Args:
            custodian: an account that holds grants of the records; the zero address for nobody.
            until: last second; ignored for nobody.
        """
        room, signer = self.exchange.access, self.actor.signer
        until = 0 if custodian == ZERO_ADDRESS else until
        values = (custodian, until)
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.name_custodian.call(*values) if self.own else None,
            lambda deadline: room.sign_custodian(signer, self.patient, *values, deadline),
            lambda by: room.name_custodian_for.call(self.patient, *values, by),
        )

    def publish_key(self) -> Prepared:
        """The actor's own encryption key, for others to wrap for.

        Raises:
            InvalidValue: a delegate would publish a key for the patient.
        """
        self._require_own("an encryption key")
        room, bundle = self.exchange.accounts, self.actor.keys.current.bundle
        return Prepared(
            self.exchange,
            room,
            self.actor,
            room.publish_key.call(bundle),
            lambda until: room.sign_encryption_key(self.actor.signer, bundle, until),
            lambda by: room.publish_key_for.call(bundle, by),
        )

    def _require_own(self, what: str) -> None:
        if not self.own:
            raise InvalidValue(
                name="the account", given="a delegate", allowed=f"the patient's own for {what}"
            )


def clear_record(
    exchange: Exchange,
    reviewer: Identity,
    patient: Address,
    record: RecordId,
    requester: Address,
    request: int,
    until: int,
) -> tuple[Clearance, Receipt]:
    """Clears a request that a patient's consent REFERs to a person.

    Args:
        exchange: the deployment.
        reviewer: who is accredited as such.
        patient: whose consent.
        record: for this record; `GENERAL` for all that have no consent of their own.
        requester: who will use the data.
        request: the request word, exactly as it will be asked.
        until: last second; 0 takes a clearance back.

    Raises:
        PurposeNotPermitted: the consent denies it: no clearance changes that.
        NotAccredited, ReviewerInvolved, ExpiryInPast, ClearanceTooLong, ClearanceMissing: as
            the contract says.
    """
    decided = exchange.consent.check(patient, request, record)
    if until and decided.answer is Answer.DENY:
        raise PurposeNotPermitted(
            patient=patient, purpose=request, answer=int(decided.answer), bit=decided.bit
        )
    subject = exchange.consent.subject_of(patient, record)
    return _clear(exchange, reviewer, subject, requester, request, until)


def clear_listing(
    exchange: Exchange,
    reviewer: Identity,
    listing: ListingId,
    requester: Address,
    request: int,
    until: int,
) -> tuple[Clearance, Receipt]:
    """Clears a purchase that a listing's terms REFER to a person; arguments as `clear_record`.

    Raises:
        ListingUnknown: there is no such listing.
        PurposeDenied: its terms deny the request: no clearance changes that.
        MediBlocError: as `clear_record`.
    """
    terms = exchange.market.listing(listing).terms
    asked = request | purpose.TS
    decided = purpose.matches(terms, asked)
    if until and not purpose.clearable(terms, asked):
        raise PurposeDenied(
            listing=listing, purpose=request, answer=int(decided.answer), bit=decided.bit
        )
    return _clear(exchange, reviewer, listing, requester, request, until)


def _clear(
    exchange: Exchange,
    reviewer: Identity,
    subject: bytes,
    requester: Address,
    request: int,
    until: int,
) -> tuple[Clearance, Receipt]:
    receipt = exchange.consent.clear(reviewer.signer, subject, requester, request, until)
    return exchange.consent.clearance_of(subject, requester, request), receipt
