"""Who takes part in a flow: the exchange they meet on, and a person with keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from medibloc_py.chain import Deployment, Network, Signer
from medibloc_py.crypto import hpke, ids
from medibloc_py.crypto.keys import KEY_BYTES, EncryptionKeys
from medibloc_py.errors import IssuerNotAccredited, KeyMismatched, KeyUnpublished, WrongKey
from medibloc_py.model import Address, PublishedKey, Role
from medibloc_py.services import (
    AccessService,
    AccountsService,
    ConsentService,
    MarketService,
    RecordsService,
)
from medibloc_py.storage import Store, Vault
from medibloc_py.storage.locks import sole

MOST_VERSIONS = 1_000
"""Key versions that are tried; what was wrapped for an older one must be granted again."""
LEDGER = "ledger"
"""The one file in a vault that is no document (`flows.ledger`)."""
LOCK = "publishing-"
"""What the locks of publications begin with (`flows.drafts`)."""
Progress = Callable[[str, int, int], None]
"""Told `(step, done, total)`; totals are bytes or items, whichever the step counts."""


def fingerprint_of(bundle: bytes) -> bytes:
    """Fingerprint of a public key bundle: its keccak256, 32 bytes, as the chain stores it."""
    return ids.keccak256(bundle)


def silent(step: str, done: int, total: int) -> None:
    """A progress listener for those who do not listen."""


class Exchange:
    """One deployment on one chain, with the store that goes with it."""

    def __init__(self, network: Network, deployment: Deployment, store: Store) -> None:
        self.network = network
        self.deployment = deployment
        self.store = store
        at = deployment.contracts
        since = deployment.block
        self.accounts = AccountsService(network, at["Records"], since)
        self.records = RecordsService(network, at["Records"], since)
        self.consent = ConsentService(network, at["Consents"], since)
        self.access = AccessService(network, at["Grants"], since)
        self.market = MarketService(network, at["Market"], since)

    @property
    def chain_id(self) -> int:
        """The id of the chain."""
        return self.network.chain_id

    def published_key(self, account: Address, fingerprint: bytes | None = None) -> PublishedKey:
        """The key to wrap for an account.

        Args:
            account: who will open it.
            fingerprint: `fingerprint_of` the key that its owner told by another way than the
                node; a node can invent a key, and read what is wrapped for it.

        Raises:
            KeyUnpublished: it has none.
            KeyMismatched: it is another key.
        """
        key = self.accounts.published_key(account)
        if key.version == 0:
            raise KeyUnpublished(account=account)
        found = fingerprint_of(key.bundle)
        if fingerprint is not None and found != fingerprint:
            raise KeyMismatched(account=account, found=found, expected=fingerprint)
        return key

    def require_issuer(self, account: Address) -> None:
        """Raises `IssuerNotAccredited` unless the account is an accredited issuer now."""
        if not self.accounts.is_accredited(account, Role.ISSUER):
            raise IssuerNotAccredited(issuer=account)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or institution with an account, encryption keys and private documents.

    The vault sees ciphertext only: what is kept is wrapped to the identity's own key,
    so a document and the right to delete it are one.
    """

    signer: Signer
    keys: EncryptionKeys
    vault: Vault

    @property
    def address(self) -> Address:
        """The account's address."""
        return self.signer.address

    def keep(self, name: str, payload: bytes) -> None:
        """Keeps a private document under a name; one that was there is replaced and overwritten."""
        self.vault.put(name, hpke.wrap(payload, self.keys.current.bundle, hpke.vault_info(name)))

    def recall(self, name: str) -> bytes:
        """Opens a kept document.

        Raises:
            WrongKey: it was kept under keys that this identity no longer holds.
            Corrupted: the file was changed.
        """
        return hpke.unwrap(self.vault.get(name), self.keys, hpke.vault_info(name), "document")

    def own_secret(self, name: str, doing: str) -> bytes:
        """A secret of 32 bytes that is the identity's alone, drawn at the first use.

        Args:
            name: under which it is kept.
            doing: what is done while it is drawn, for the error.

        Raises:
            WrongKey, Corrupted, StoreFailed: it cannot be read or kept.
            WorkUnderway: another process draws it at this moment.
        """
        if not self.vault.has(name):
            with sole(self.vault.path(f"{LOCK}{name}"), doing):
                if not self.vault.has(name):
                    self.keep(name, secrets.token_bytes(KEY_BYTES))
        return self.recall(name)

    def documents(self) -> list[str]:
        """Names of all kept documents, sorted; a ledger and locks are files of another kind."""
        return [name for name in self.kept("") if name != LEDGER and not name.startswith(LOCK)]

    def forget(self, name: str) -> None:
        """Removes a kept document; no error if there is none."""
        self.vault.remove(name)

    def kept(self, prefix: str) -> list[str]:
        """Names of the kept documents that begin with `prefix`, sorted."""
        return sorted(name for name in self.vault.names() if name.startswith(prefix))


def versions_to_try(newest: int) -> range:
    """Key versions from the newest back, not more than a reader can wait for.

    It is the node that says which is the newest, and nodes lie.
    """
    return range(newest, max(newest - MOST_VERSIONS, 0), -1)


def unwrap_for_versions(
    wrapped: bytes, keys: EncryptionKeys, newest: int, info: Callable[[int], bytes], what: str
) -> bytes:
    """Unwraps what was wrapped under one of a reader's latest key versions, newest first.

    Args:
        wrapped: the wrapped payload.
        keys: all of the reader's keys.
        newest: the key version the chain shows now.
        info: gives the HPKE info for a key version.
        what: noun for the error.

    Raises:
        WrongKey: no version opens it.
    """
    return open_with_versions(
        newest, lambda version: hpke.unwrap(wrapped, keys, info(version), what), what
    )


def open_with_versions(newest: int, attempt: Callable[[int], bytes], what: str) -> bytes:
    """Tries to open something as each of a reader's latest key versions, newest first.

    Args:
        newest: the key version the chain shows now.
        attempt: opens it as one version, or raises `WrongKey`.
        what: noun for the error.

    Raises:
        WrongKey: no version opens it.
    """
    for version in versions_to_try(newest):
        try:
            return attempt(version)
        except WrongKey:
            continue
    raise WrongKey(what_for=what)
