"""Access: a patient's grants to readers (`contracts/access/IGrants.sol`)."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.model import Address, Blind, Event, Grant, GrantEvent, Receipt, RecordId


class AccessService:
    """Who may read which record, for what, until when."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("Grants", address, deployed_at)

    def grant(
        self,
        signer: Signer,
        issuer: Address,
        blind: Blind,
        proof: Sequence[bytes],
        grantee: Address,
        purpose: int,
        expires_at: int,
        locator: bytes,
    ) -> Receipt:
        """Grants one reader access to one of the signer's records.

        Args:
            signer: the patient.
            issuer: who registered the record.
            blind: opens the record's id together with the patient.
            proof: siblings from the record's leaf up to the root.
            grantee: the reader.
            purpose: request word; `TREATMENT` needs no consent.
            expires_at: last second it holds.
            locator: where the grant object is, sealed to the reader, 80 bytes.

        Raises:
            RecordUnknown: the issuer registered no such record of the signer.
            GranteeInvalid: nobody, or the patient.
            ExpiryInPast: `expires_at` has passed.
            LocatorInvalid: another size.
            PurposeNotPermitted: the patient's consent does not permit it.
        """
        return self._network.send(
            signer,
            self._contract,
            "grant",
            issuer,
            blind,
            tuple(proof),
            grantee,
            purpose,
            expires_at,
            locator,
        )

    def revoke(self, signer: Signer, blind: Blind, grantee: Address) -> Receipt:
        """Takes a grant back. What was read cannot be unseen.

        Raises:
            GrantMissing: there is none.
        """
        return self._network.send(signer, self._contract, "revoke", blind, grantee)

    def grant_of(self, record: RecordId, grantee: Address) -> Grant:
        """Reads a grant; `purpose` is 0 when there is none or it was revoked."""
        found = self._network.call(self._contract, "grantOf", record, grantee)
        return Grant(record, grantee, *found)

    def is_active(self, patient: Address, blind: Blind, grantee: Address) -> bool:
        """Tells whether a grant holds now: not expired, not revoked, still consented to."""
        return bool(self._network.call(self._contract, "isActive", patient, blind, grantee))

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
                locator=event.args["locator"],
                block=event.block,
            )
            for event in self._events("Granted", record, grantee, patient)
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
            for event in self._events("GrantRevoked", record, grantee, patient)
        ]

    def _events(
        self, name: str, record: RecordId | None, grantee: Address | None, patient: Address | None
    ) -> list[Event]:
        wanted = {"recordId": record, "grantee": grantee, "patient": patient}
        return self._network.events(self._contract, name, wanted)
