"""Consent: what a patient permits, who may act for a patient, what a reviewer cleared.

See `contracts/consent/IConsents.sol`.
"""

from __future__ import annotations

from dataclasses import astuple

from medibloc_py import acts
from medibloc_py.chain import Call, Room, Signer, sends
from medibloc_py.model import (
    GENERAL,
    ZERO_ADDRESS,
    Address,
    Clearance,
    Consent,
    Event,
    Mandate,
    RecordId,
    Scope,
    Signed,
)
from medibloc_py.purpose import Answer, Decision


class ConsentService(Room):
    """One consent per patient, or per record; a change binds from the next block on, everywhere."""

    CONTRACT = "Consents"

    # The patient's own acts

    @sends
    def set(self, terms: int, expires_at: int, form: bytes, record: RecordId = GENERAL) -> Call:
        """Gives or changes the signer's consent.

        Args:
            terms: purpose word with exactly one permission.
            expires_at: last second it holds.
            form: keccak256 of the form's text and language, 32 bytes.
            record: for this record alone; `GENERAL` for all that have none of their own.

        Raises:
            TermsInvalid: not a terms word.
            ExpiryInPast: `expires_at` has passed.
        """
        return self._call("set", record, terms, expires_at, form)

    @sends
    def revoke(self, record: RecordId = GENERAL) -> Call:
        """Takes the signer's consent back; of a record: bars it, whatever the general one says.

        Raises:
            ConsentMissing: there is none, or the record is barred.
        """
        return self._call("revoke", record)

    @sends
    def lift(self, record: RecordId) -> Call:
        """Ends the signer's own consent for a record, or its bar: the general one counts again.

        Raises:
            OverrideMissing: the record has neither.
        """
        return self._call("lift", record)

    @sends
    def set_delegate(self, delegate: Address, scope: Scope, until: int) -> Call:
        """Lets an account act for the signer, in place of what it was allowed before.

        Args:
            delegate: the account; of a minor, a guardian.
            scope: what it may do; nothing ends the mandate at once.
            until: last second of it, ignored without a scope; of a minor, the last second
                before coming of age.

        Raises:
            DelegateInvalid: nobody, or the signer itself.
            ScopeInvalid: unknown bits.
            ExpiryInPast: `until` has passed.
        """
        return self._call("setDelegate", delegate, int(scope), until)

    # The same by the word of the patient or of a delegate, sent by anyone

    @sends
    def set_for(
        self,
        patient: Address,
        terms: int,
        expires_at: int,
        form: bytes,
        by: Signed,
        record: RecordId = GENERAL,
    ) -> Call:
        """Gives or changes a consent of `patient`, by a word from `sign_consent`.

        Raises:
            SignatureInvalid, SignatureExpired, SignerUndeployed: the word does not hold.
            MandateMissing, MandateTooShort: a delegate that may not, or not for as long.
            MediBlocError: as `set`.
        """
        return self._call("setFor", patient, record, terms, expires_at, form, astuple(by))

    @sends
    def revoke_for(self, patient: Address, by: Signed, record: RecordId = GENERAL) -> Call:
        """Takes a consent of `patient` back, by a word from `sign_revocation`.

        Raises:
            MediBlocError: as `revoke`, and as `set_for` for the word.
        """
        return self._call("revokeFor", patient, record, astuple(by))

    @sends
    def lift_for(self, patient: Address, record: RecordId, by: Signed) -> Call:
        """Lifts a record's own consent of `patient`, by a word from `sign_lift`.

        Raises:
            MediBlocError: as `lift`, and as `set_for` for the word.
        """
        return self._call("liftFor", patient, record, astuple(by))

    @sends
    def set_delegate_for(self, delegate: Address, scope: Scope, until: int, by: Signed) -> Call:
        """Names a delegate of `by.signer`, by its word from `sign_mandate`.

        Raises:
            MediBlocError: as `set_delegate`, and as `set_for` for the word.
        """
        return self._call("setDelegateFor", delegate, int(scope), until, astuple(by))

    def digest_consent(
        self,
        patient: Address,
        record: RecordId,
        terms: int,
        expires_at: int,
        form: bytes,
        version: int,
        deadline: int,
    ) -> bytes:
        """Hashes a consent to what is signed, 32 bytes; `version` is the one that it makes."""
        return self._digest(
            acts.CONSENT, patient, record, terms, expires_at, form, version, deadline
        )

    def sign_consent(
        self,
        signer: Signer,
        patient: Address,
        terms: int,
        expires_at: int,
        form: bytes,
        deadline: int,
        record: RecordId = GENERAL,
    ) -> Signed:
        """Signs a consent as the next change of what stands now.

        Args:
            signer: the patient, or a delegate for `Scope.CONSENT`.
            patient: whose consent it is.
            terms: purpose word with exactly one permission.
            expires_at: last second it holds.
            form: keccak256 of the form's text and language, 32 bytes.
            deadline: last second in which the word may be sent.
            record: for this record alone, or `GENERAL`.
        """
        version = self._next(patient, record)
        return self._word(
            signer, deadline, acts.CONSENT, patient, record, terms, expires_at, form, version
        )

    def digest_revocation(
        self, patient: Address, record: RecordId, version: int, deadline: int
    ) -> bytes:
        """Hashes a revocation to what is signed, 32 bytes; `version` is the one that it makes."""
        return self._digest(acts.REVOCATION, patient, record, version, deadline)

    def sign_revocation(
        self, signer: Signer, patient: Address, deadline: int, record: RecordId = GENERAL
    ) -> Signed:
        """Signs a revocation; arguments as `sign_consent`."""
        version = self._next(patient, record)
        return self._word(signer, deadline, acts.REVOCATION, patient, record, version)

    def digest_lift(self, patient: Address, record: RecordId, version: int, deadline: int) -> bytes:
        """Hashes a lift to what is signed, 32 bytes; `version` is the one that it makes."""
        return self._digest(acts.LIFT, patient, record, version, deadline)

    def sign_lift(
        self, signer: Signer, patient: Address, record: RecordId, deadline: int
    ) -> Signed:
        """Signs a lift; arguments as `sign_consent`."""
        version = self._next(patient, record)
        return self._word(signer, deadline, acts.LIFT, patient, record, version)

    def digest_mandate(
        self,
        patient: Address,
        delegate: Address,
        scope: Scope,
        until: int,
        version: int,
        deadline: int,
    ) -> bytes:
        """Hashes a mandate to what is signed, 32 bytes; `version` is the one that it makes."""
        return self._digest(acts.MANDATE, patient, delegate, int(scope), until, version, deadline)

    def sign_mandate(
        self, signer: Signer, delegate: Address, scope: Scope, until: int, deadline: int
    ) -> Signed:
        """Signs a mandate of the signer's own; arguments as `set_delegate`."""
        patient = signer.address
        version = self.mandate_of(patient, delegate).version + 1
        return self._word(
            signer, deadline, acts.MANDATE, patient, delegate, int(scope), until, version
        )

    # Reviewers

    @sends
    def clear(self, subject: bytes, requester: Address, request: int, until: int) -> Call:
        """Clears a request that a consent or a listing REFERs to a person.

        Args:
            subject: `subject_of` a patient and record, or the id of a listing, 32 bytes.
            requester: who will use the data; not the signer.
            request: the request word, exactly as it will be asked.
            until: last second it holds; 0 takes it back.

        Raises:
            NotAccredited: the signer is no reviewer.
            ReviewerInvolved: the signer is the requester.
            ExpiryInPast: `until` has passed.
            ClearanceTooLong: the signer's accreditation ends before.
            ClearanceMissing: there is nothing to take back.
        """
        return self._call("clear", subject, requester, request, until)

    def subject_of(self, patient: Address, record: RecordId = GENERAL) -> bytes:
        """Reads what a reviewer clears for a record of a patient now, 32 bytes."""
        return bytes(self._read("subjectOf", patient, record))

    def clearance_of(self, subject: bytes, requester: Address, request: int) -> Clearance:
        """Reads a clearance as it was given, whether it holds or not."""
        found = self._read("clearanceOf", subject, requester, request)
        return Clearance(subject, requester, request, *found)

    def is_cleared(self, subject: bytes, requester: Address, request: int) -> bool:
        """Tells whether an accredited reviewer cleared exactly this, and it holds now."""
        return bool(self._read("isCleared", subject, requester, request))

    def clearances(
        self,
        subject: bytes | None = None,
        requester: Address | None = None,
        reviewer: Address | None = None,
    ) -> list[tuple[Clearance, int]]:
        """Reads what reviewers ever cleared or took back, each with its block, oldest first."""
        wanted = {"subject": subject, "requester": requester, "reviewer": reviewer}
        return [
            (
                Clearance(
                    subject=event.args["subject"],
                    requester=event.args["requester"],
                    request=event.args["request"],
                    reviewer=event.args["reviewer"],
                    until=event.args["until"],
                ),
                event.block,
            )
            for event in self._events("Cleared", **wanted)
        ]

    # State

    def consent_of(self, patient: Address, record: RecordId = GENERAL) -> Consent:
        """Reads a consent as stored; `terms` is 0 when there is none."""
        return Consent(patient, record, *self._read("consentOf", patient, record))

    def check(
        self,
        patient: Address,
        request: int,
        record: RecordId = GENERAL,
        requester: Address = ZERO_ADDRESS,
    ) -> Decision:
        """Asks whether a patient's consent permits a request now.

        Args:
            patient: whose consent.
            request: the request word.
            record: for this record; `GENERAL` asks the general consent.
            requester: whose clearances count; nobody's for the zero address.
        """
        answer, bit = self._read("check", patient, record, requester, request)
        return Decision(Answer(answer), bit)

    def covers(self, patient: Address, offer: int, record: RecordId = GENERAL) -> bool:
        """Asks whether a patient's consent permits all that the terms of an offer permit."""
        return bool(self._read("covers", patient, record, offer))

    def mandate_of(self, patient: Address, delegate: Address) -> Mandate:
        """Reads a mandate as stored."""
        scope, ever, until, version = self._read("mandateOf", patient, delegate)
        return Mandate(patient, delegate, Scope(scope), Scope(ever), until, version)

    def may_act(self, patient: Address, actor: Address, scope: Scope) -> int:
        """Reads up to which second an account may act for a patient; 0 when it may not now.

        For the patient itself it is the largest time there is.
        """
        return int(self._read("mayAct", patient, actor, int(scope)))

    def require_mandate(
        self, patient: Address, actor: Address, scope: Scope, expires_at: int
    ) -> None:
        """Asks whether `actor` may act for a patient now and up to `expires_at`.

        Raises:
            MandateMissing: it may not now.
            MandateTooShort: not for as long.
        """
        self._read("requireMandate", patient, actor, int(scope), expires_at)

    def mandates(
        self, patient: Address | None = None, delegate: Address | None = None
    ) -> list[Mandate]:
        """Reads the mandates of a patient, or to a delegate, as they stand now."""
        events = self._events("DelegateSet", patient=patient, delegate=delegate)
        pairs = dict.fromkeys((event.args["patient"], event.args["delegate"]) for event in events)
        return [self.mandate_of(*pair) for pair in pairs]

    def overrides(self, patient: Address) -> list[Consent]:
        """Reads the consents and bars of a patient's records, as they stand now."""
        records = dict.fromkeys(event.args["record"] for event in self._changes(patient))
        found = [self.consent_of(patient, RecordId(r)) for r in records if r != GENERAL]
        return [each for each in found if each.terms or each.barred]

    def history(
        self, patient: Address, record: RecordId | None = None
    ) -> list[tuple[Consent, int]]:
        """Reads every change of a patient's consents, each with its block, oldest first."""
        return [
            (
                Consent(
                    patient=patient,
                    record=RecordId(event.args["record"]),
                    terms=event.args.get("terms", 0),
                    expires_at=event.args.get("expiresAt", 0),
                    version=event.args["version"],
                    barred=event.name == "ConsentRevoked" and event.args["record"] != GENERAL,
                ),
                event.block,
            )
            for event in self._changes(patient, record)
        ]

    def _changes(self, patient: Address, record: RecordId | None = None) -> list[Event]:
        kinds = ("ConsentSet", "ConsentRevoked", "ConsentLifted")
        found = [e for kind in kinds for e in self._events(kind, patient=patient, record=record)]
        return sorted(found, key=lambda event: (event.block, event.log_index))

    def _next(self, patient: Address, record: RecordId) -> int:
        """Version that the next change makes."""
        return self.consent_of(patient, record).version + 1
