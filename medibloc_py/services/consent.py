"""Consent: what a patient permits, and until when (`contracts/consent/IConsents.sol`)."""

from __future__ import annotations

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.model import Address, Consent, Receipt
from medibloc_py.purpose import Answer, Decision


class ConsentService:
    """One consent per patient; a change binds from the next block on, everywhere."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("Consents", address, deployed_at)

    def set(self, signer: Signer, terms: int, expires_at: int, form: bytes) -> Receipt:
        """Gives or changes the signer's consent.

        Args:
            signer: the patient.
            terms: purpose word with exactly one permission.
            expires_at: last second it holds.
            form: keccak256 of the form's text and language, 32 bytes.

        Raises:
            TermsInvalid: not a terms word.
            ExpiryInPast: `expires_at` has passed.
        """
        return self._network.send(signer, self._contract, "set", terms, expires_at, form)

    def revoke(self, signer: Signer) -> Receipt:
        """Takes the signer's consent back.

        Raises:
            ConsentMissing: there is none.
        """
        return self._network.send(signer, self._contract, "revoke")

    def consent_of(self, patient: Address) -> Consent:
        """Reads a patient's consent; `terms` is 0 when there is none."""
        return Consent(patient, *self._network.call(self._contract, "consentOf", patient))

    def check(self, patient: Address, request: int) -> Decision:
        """Asks whether a patient's consent permits a request now."""
        answer, bit = self._network.call(self._contract, "check", patient, request)
        return Decision(Answer(answer), bit)

    def covers(self, patient: Address, offer: int) -> bool:
        """Asks whether a patient's consent permits all that the terms of an offer permit."""
        return bool(self._network.call(self._contract, "covers", patient, offer))

    def history(self, patient: Address) -> list[tuple[Consent, int]]:
        """Reads every consent a patient gave or took back, each with its block, oldest first."""
        wanted = {"patient": patient}
        given = self._network.events(self._contract, "ConsentSet", wanted)
        taken = self._network.events(self._contract, "ConsentRevoked", wanted)
        return [
            (
                Consent(
                    patient,
                    event.args.get("terms", 0),
                    event.args.get("expiresAt", 0),
                    event.args["version"],
                ),
                event.block,
            )
            for event in sorted(given + taken, key=lambda each: (each.block, each.log_index))
        ]
