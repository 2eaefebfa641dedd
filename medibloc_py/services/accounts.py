"""Accounts: accreditations and public encryption keys (`contracts/accounts/IAccounts.sol`)."""

from __future__ import annotations

from dataclasses import astuple

from eth_hash.auto import keccak

from medibloc_py import acts
from medibloc_py.chain import Call, Room, Signer, sends
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.model import Accreditation, Address, PublishedKey, Role, Signed


class AccountsService(Room):
    """Who is accredited for what, and how to encrypt for whom. Lives with the records."""

    CONTRACT = "Records"

    def governance(self) -> Address:
        """Reads who names accreditors."""
        return Address(self._read("owner"))

    @sends
    def transfer_governance(self, to: Address) -> Call:
        """Offers the governance to another account, which must accept it.

        Raises:
            OwnableUnauthorizedAccount: the signer is not the governance.
        """
        return self._call("transferOwnership", to)

    @sends
    def accept_governance(self) -> Call:
        """Accepts the governance that was offered.

        Raises:
            OwnableUnauthorizedAccount: it was not offered to the signer.
        """
        return self._call("acceptOwnership")

    @sends
    def set_accreditor(self, account: Address, allowed: bool) -> Call:
        """Names an accreditor, or takes the right away.

        Raises:
            OwnableUnauthorizedAccount: the signer is not the governance.
        """
        return self._call("setAccreditor", account, allowed)

    def is_accreditor(self, account: Address) -> bool:
        """Tells whether an account may accredit."""
        return bool(self._read("isAccreditor", account))

    @sends
    def accredit(self, account: Address, role: Role, until: int) -> Call:
        """Accredits an account for a role. The signer is an accreditor.

        Args:
            account: who is accredited.
            role: for what.
            until: last second it holds; 0 takes it away.

        Raises:
            NotAccreditor: the signer may not.
            ExpiryInPast: `until` has passed.
        """
        return self._call("accredit", account, role.value, until)

    @sends
    def attest(self, account: Address, evidence: int) -> Call:
        """Vouches for evidence about an account, in place of what was vouched for before.

        Args:
            account: whom it is about.
            evidence: bits of `purpose.VOUCHED`.

        Raises:
            NotAccreditor: the signer may not.
            EvidenceInvalid: other bits.
        """
        return self._call("attest", account, evidence)

    def accreditation(self, account: Address, role: Role) -> Accreditation:
        """Reads an account's standing in a role."""
        until, evidence = self._read("accreditation", account, role.value)
        return Accreditation(account, role, until, evidence)

    def is_accredited(self, account: Address, role: Role) -> bool:
        """Tells whether an account is accredited for a role now."""
        return bool(self._read("isAccredited", account, role.value))

    @sends
    def publish_key(self, bundle: bytes) -> Call:
        """Announces the signer's public key bundle, the next version.

        Args:
            bundle: suite byte and public keys, 1,249 bytes.

        Raises:
            KeyBundleInvalid: another size or suite.
        """
        return self._call("publishKey", bundle)

    @sends
    def publish_key_for(self, bundle: bytes, by: Signed) -> Call:
        """Announces the key bundle of `by.signer`, by its word from `sign_encryption_key`.

        Raises:
            SignatureInvalid, SignatureExpired, SignerUndeployed: the word does not hold.
            KeyBundleInvalid: another size or suite.
        """
        return self._call("publishKeyFor", bundle, astuple(by))

    def digest_encryption_key(
        self, account: Address, bundle: bytes, version: int, deadline: int
    ) -> bytes:
        """Hashes a key bundle to what is signed, 32 bytes; `version` is the one it will have."""
        return self._digest(acts.ENCRYPTION_KEY, account, bundle, version, deadline)

    def sign_encryption_key(self, signer: Signer, bundle: bytes, deadline: int) -> Signed:
        """Signs the signer's own key bundle as its next version.

        Args:
            signer: whose key it is.
            bundle: suite byte and public keys, 1,249 bytes.
            deadline: last second in which the word may be sent.
        """
        _, version = self._read("keyOf", signer.address)
        return self._word(
            signer, deadline, acts.ENCRYPTION_KEY, signer.address, bundle, version + 1
        )

    def published_key(self, account: Address) -> PublishedKey:
        """Reads the current key of an account; version 0 and no bundle if it has none.

        Raises:
            NodeAnsweredWrong: the bundle is missing, or its hash is not the one stored.
        """
        key_hash, version = self._read("keyOf", account)
        if version == 0:
            return PublishedKey(account, b"", 0)
        events = self._events("KeyPublished", account=account, version=version)
        if len(events) != 1 or keccak(events[0].args["bundle"]) != key_hash:
            raise NodeAnsweredWrong(
                url=self._network.url,
                reason=f"key {version} of {account} is not the one that was published",
            )
        return PublishedKey(account, events[0].args["bundle"], version)
