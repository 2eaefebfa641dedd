"""One method per function of the grants: the patient's, those sent for it, emergencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from medibloc_py import acts
from medibloc_py.chain import Call, Signer, sends
from medibloc_py.model import (
    Address,
    Blind,
    Custodian,
    Emergency,
    Grant,
    GrantRequest,
    Locator,
    RecordId,
    Signed,
)
from medibloc_py.services.access.history import GrantsHistory


class AccessService(GrantsHistory):
    """Who may read which record, for what, until when."""

    # The patient's own acts

    @sends
    def grant(self, request: GrantRequest) -> Call:
        """Grants one reader access to one of the signer's records.

        Args:
            request: what to whom; the patient is the signer.

        Raises:
            RecordUnknown: the issuer registered no such record of the signer.
            GranteeInvalid: nobody, or the patient.
            ExpiryInPast: `expires_at` has passed.
            InvalidValue: the locator has another size.
            PurposeNotPermitted: the patient's consent does not permit it.
        """
        return self._call("grant", astuple(request))

    @sends
    def grant_many(
        self,
        issuer: Address,
        blinds: Sequence[Blind],
        proof: Sequence[bytes],
        flags: Sequence[bool],
        grantee: Address,
        purpose: int,
        expires_at: int,
        locators: Sequence[Locator],
    ) -> Call:
        """Grants one reader access to several of the signer's records, all of one batch.

        Args:
            issuer: who registered the batch.
            blinds: of the records, in the order in which the multiproof takes their ids.
            proof: of the multiproof (`crypto.merkle.MultiProof`).
            flags: of the multiproof.
            grantee: the reader.
            purpose: request word.
            expires_at: last second it holds.
            locators: one for each record.

        Raises:
            LocatorsMismatched: not one locator for each record.
            RecordsUnknown: the issuer registered no such records of the signer together.
            MediBlocError: as `grant`.
        """
        return self._call(
            "grantMany",
            issuer,
            tuple(blinds),
            tuple(proof),
            tuple(flags),
            grantee,
            purpose,
            expires_at,
            tuple(astuple(locator) for locator in locators),
        )

    @sends
    def revoke(self, blind: Blind, grantee: Address) -> Call:
        """Takes a grant back. What was read cannot be unseen.

        Raises:
            GrantMissing: there is none.
        """
        return self._call("revoke", blind, grantee)

    @sends
    def name_custodian(self, custodian: Address, until: int) -> Call:
        """Names who gives the signer's keys to a clinician in an emergency.

        Args:
            custodian: an account that holds grants of the records; the zero address for nobody.
            until: last second; ignored for nobody.

        Raises:
            CustodianInvalid: the signer itself.
            ExpiryInPast: `until` has passed.
        """
        return self._call("nameCustodian", custodian, until)

    # The same by the word of the patient or of a delegate, sent by anyone

    @sends
    def grant_for(self, patient: Address, request: GrantRequest, by: Signed) -> Call:
        """Grants access to a record of `patient`, by a word from `sign_grant`.

        Raises:
            SignatureInvalid, SignatureExpired, SignerUndeployed: the word does not hold.
            MandateMissing, MandateTooShort: a delegate that may not, or not for as long.
            MediBlocError: as `grant`.
        """
        return self._call("grantFor", patient, astuple(request), astuple(by))

    @sends
    def revoke_for(self, patient: Address, blind: Blind, grantee: Address, by: Signed) -> Call:
        """Takes a grant of `patient` back, by a word from `sign_revocation`.

        Raises:
            GrantMissing: there is none.
            MediBlocError: as `grant_for`, for the word.
        """
        return self._call("revokeFor", patient, blind, grantee, astuple(by))

    @sends
    def name_custodian_for(
        self, patient: Address, custodian: Address, until: int, by: Signed
    ) -> Call:
        """Names a custodian for `patient`, by a word from `sign_custodian`.

        Raises:
            MediBlocError: as `name_custodian`, and as `grant_for` for the word.
        """
        return self._call("nameCustodianFor", patient, custodian, until, astuple(by))

    def digest_grant(
        self, patient: Address, record: RecordId, request: GrantRequest, epoch: int, deadline: int
    ) -> bytes:
        """Hashes a grant to what is signed, 32 bytes; `epoch` is the one that it will have."""
        return self._digest(acts.GRANT, *_granted(patient, record, request), epoch, deadline)

    def sign_grant(
        self,
        signer: Signer,
        patient: Address,
        record: RecordId,
        request: GrantRequest,
        deadline: int,
    ) -> Signed:
        """Signs a grant as the next one of its reader on its record.

        Args:
            signer: the patient, or a delegate for `Scope.GRANT`.
            patient: whose record it is.
            record: its id.
            request: what to whom.
            deadline: last second in which the word may be sent.
        """
        epoch = self.grant_of(record, request.grantee).epoch + 1
        values = _granted(patient, record, request)
        return self._word(signer, deadline, acts.GRANT, *values, epoch)

    def digest_revocation(
        self, patient: Address, record: RecordId, grantee: Address, epoch: int, deadline: int
    ) -> bytes:
        """Hashes a revocation to what is signed, 32 bytes; `epoch` is that of the grant."""
        return self._digest(acts.GRANT_REVOCATION, patient, record, grantee, epoch, deadline)

    def sign_revocation(
        self, signer: Signer, patient: Address, record: RecordId, grantee: Address, deadline: int
    ) -> Signed:
        """Signs the end of the grant that stands; arguments as `sign_grant`."""
        epoch = self.grant_of(record, grantee).epoch
        return self._word(signer, deadline, acts.GRANT_REVOCATION, patient, record, grantee, epoch)

    def digest_custodian(
        self, patient: Address, custodian: Address, until: int, version: int, deadline: int
    ) -> bytes:
        """Hashes the naming of a custodian to what is signed, 32 bytes."""
        return self._digest(acts.CUSTODIAN, patient, custodian, until, version, deadline)

    def sign_custodian(
        self, signer: Signer, patient: Address, custodian: Address, until: int, deadline: int
    ) -> Signed:
        """Signs the naming of a custodian; arguments as `name_custodian` and `sign_grant`."""
        version = self.custodian_of(patient).version + 1
        return self._word(signer, deadline, acts.CUSTODIAN, patient, custodian, until, version)

    # Emergencies

    @sends
    def break_glass(
        self,
        patient: Address,
        issuer: Address,
        blind: Blind,
        proof: Sequence[bytes],
        reason: bytes,
    ) -> Call:
        """Opens a record in an emergency: the signer may read it for treatment for 30 minutes.

        Args:
            patient: whose record it is.
            issuer: who registered it.
            blind: opens the record's id together with the patient.
            proof: siblings from the record's leaf up to the root.
            reason: keccak256 of the reason, 32 bytes, not zero.

        Raises:
            NotAccredited: the signer is no clinician.
            ReasonMissing: the reason is zero.
            RecordUnknown: the issuer registered no such record.
            CustodianMissing: nobody keeps the key of the record for emergencies.
            ClinicianInvolved: the signer is the patient or the custodian.
            GlassNotNeeded: the signer may read the record already.
        """
        return self._call("breakGlass", patient, issuer, blind, tuple(proof), reason)

    @sends
    def deliver(self, patient: Address, blind: Blind, clinician: Address, locator: Locator) -> Call:
        """Gives a clinician the key in an emergency. The signer is the custodian.

        Raises:
            EmergencyMissing: there is no emergency access that waits for it.
            NotCustodian: the signer is not the custodian of this one.
        """
        return self._call("deliver", patient, blind, clinician, astuple(locator))

    @sends
    def review(
        self,
        patient: Address,
        blind: Blind,
        clinician: Address,
        epoch: int,
        justified: bool,
        finding: bytes,
    ) -> Call:
        """Judges an emergency access, once.

        Args:
            patient: whose record it is.
            blind: opens the record's id together with the patient.
            clinician: who broke the glass.
            epoch: of the emergency access.
            justified: whether it had to be.
            finding: keccak256 of the written finding, 32 bytes.

        Raises:
            NotAccredited: the signer is no reviewer.
            EmergencyMissing: there is no such access, or it was judged.
            GlassReviewerInvolved: the signer took part in it.
        """
        return self._call("review", patient, blind, clinician, epoch, justified, finding)

    # State

    def grant_of(self, record: RecordId, grantee: Address) -> Grant:
        """Reads a grant; `purpose` is 0 when there is none or it was revoked."""
        return Grant(record, grantee, *self._read("grantOf", record, grantee))

    def custodian_of(self, patient: Address) -> Custodian:
        """Reads whom a patient named for emergencies."""
        return Custodian(patient, *self._read("custodianOf", patient))

    def emergency_of(self, record: RecordId, clinician: Address, epoch: int) -> Emergency:
        """Reads an emergency access; `broken_at` is 0 when there was none of this epoch."""
        found = self._read("emergencyOf", record, clinician, epoch)
        return Emergency(record, clinician, epoch, *found)

    def glass_time(self) -> int:
        """Reads how long an emergency access lasts, in seconds."""
        return int(self._read("GLASS_TIME"))

    def is_active(self, patient: Address, blind: Blind, grantee: Address) -> bool:
        """Tells whether a grant holds now: not expired, not revoked, still consented to."""
        return bool(self._read("isActive", patient, blind, grantee))


def _granted(patient: Address, record: RecordId, request: GrantRequest) -> tuple[object, ...]:
    """What is signed of a grant, before its epoch."""
    return (
        patient,
        record,
        request.grantee,
        request.purpose,
        request.expires_at,
        bytes(request.locator),
    )
