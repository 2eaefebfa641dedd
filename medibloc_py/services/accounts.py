"""Accounts: accreditations and public encryption keys (`contracts/accounts/IAccounts.sol`)."""

from __future__ import annotations

from eth_hash.auto import keccak

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.model import Accreditation, Address, PublishedKey, Receipt, Role


class AccountsService:
    """Who is accredited for what, and how to encrypt for whom."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("Accounts", address, deployed_at)

    def governance(self) -> Address:
        """Reads who names accreditors."""
        return Address(self._network.call(self._contract, "owner"))

    def transfer_governance(self, signer: Signer, to: Address) -> Receipt:
        """Offers the governance to another account, which must accept it.

        Raises:
            OwnableUnauthorizedAccount: the signer is not the governance.
        """
        return self._network.send(signer, self._contract, "transferOwnership", to)

    def accept_governance(self, signer: Signer) -> Receipt:
        """Accepts the governance that was offered.

        Raises:
            OwnableUnauthorizedAccount: it was not offered to the signer.
        """
        return self._network.send(signer, self._contract, "acceptOwnership")

    def set_accreditor(self, signer: Signer, account: Address, allowed: bool) -> Receipt:
        """Names an accreditor, or takes the right away.

        Raises:
            OwnableUnauthorizedAccount: the signer is not the governance.
        """
        return self._network.send(signer, self._contract, "setAccreditor", account, allowed)

    def is_accreditor(self, account: Address) -> bool:
        """Tells whether an account may accredit."""
        return bool(self._network.call(self._contract, "isAccreditor", account))

    def accredit(self, signer: Signer, account: Address, role: Role, until: int) -> Receipt:
        """Accredits an account for a role.

        Args:
            signer: an accreditor.
            account: who is accredited.
            role: for what.
            until: last second it holds; 0 takes it away.

        Raises:
            NotAccreditor: the signer may not.
            ExpiryInPast: `until` has passed.
        """
        return self._network.send(signer, self._contract, "accredit", account, role.value, until)

    def attest(self, signer: Signer, account: Address, evidence: int) -> Receipt:
        """Vouches for evidence about an account, in place of what was vouched for before.

        Args:
            signer: an accreditor.
            account: whom it is about.
            evidence: bits of `purpose.VOUCHED`.

        Raises:
            NotAccreditor: the signer may not.
            EvidenceInvalid: other bits.
        """
        return self._network.send(signer, self._contract, "attest", account, evidence)

    def accreditation(self, account: Address, role: Role) -> Accreditation:
        """Reads an account's standing in a role."""
        until, evidence = self._network.call(self._contract, "accreditation", account, role.value)
        return Accreditation(account, role, until, evidence)

    def is_accredited(self, account: Address, role: Role) -> bool:
        """Tells whether an account is accredited for a role now."""
        return bool(self._network.call(self._contract, "isAccredited", account, role.value))

    def publish_key(self, signer: Signer, bundle: bytes) -> Receipt:
        """Announces the signer's public key bundle, the next version.

        Args:
            signer: whose key it is.
            bundle: suite byte and public keys, 1,249 bytes.

        Raises:
            KeyBundleInvalid: another size or suite.
        """
        return self._network.send(signer, self._contract, "publishKey", bundle)

    def published_key(self, account: Address) -> PublishedKey:
        """Reads the current key of an account; version 0 and no bundle if it has none.

        Raises:
            NodeAnsweredWrong: the bundle is missing, or its hash is not the one stored.
        """
        key_hash, version = self._network.call(self._contract, "keyOf", account)
        if version == 0:
            return PublishedKey(account, b"", 0)
        wanted = {"account": account, "version": version}
        events = self._network.events(self._contract, "KeyPublished", wanted)
        if len(events) != 1 or keccak(events[0].args["bundle"]) != key_hash:
            raise NodeAnsweredWrong(
                url=self._network.url,
                reason=f"key {version} of {account} is not the one that was published",
            )
        return PublishedKey(account, events[0].args["bundle"], version)
