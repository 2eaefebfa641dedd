"""The library's front door: one object that connects everything and acts for one account.

    from medibloc_py import Client, load_settings

    client = Client.connect(load_settings(network="local")).acting_as("alice", password)
    client.set_consent("HMB+NCU", expires_at=...)
    client.grant(record, reader, "TREATMENT", expires_at=...)

Every method is one verb of `medibloc_py.flows` or of a service, with purposes read
from their names. What a method can raise is documented where it forwards to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from medibloc_py import config, purpose
from medibloc_py.chain import Deployment, Network, Offer
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ContractMissing,
    DeploymentMissing,
    InvalidPurpose,
    InvalidValue,
)
from medibloc_py.flows import (
    access,
    buyer,
    challenge,
    contribute,
    drafts,
    fhir_export,
    glass,
    handover,
    held,
    keyring,
    papers,
    publish,
    receipts,
    relay,
    restore,
    rotate,
    shares,
    shred,
    steward,
    transfer,
    transfer_send,
)
from medibloc_py.flows import grant as grants
from medibloc_py.flows import listing as listings
from medibloc_py.flows.decisions import Decisions
from medibloc_py.flows.ledger import Ledger, Reading, require_complete
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.places import Place
from medibloc_py.flows.prepared import Prepared
from medibloc_py.flows.transfer_paper import TransferPaper
from medibloc_py.model import (
    GENERAL,
    Address,
    Listing,
    ListingId,
    OrderId,
    Receipt,
    RecordId,
    Scope,
    SignedContribution,
)
from medibloc_py.pacs import Peer
from medibloc_py.storage import GatewayStore, KuboNode, KuboStore, LocalStore, Store

if TYPE_CHECKING:
    from medibloc_py.datasets import Volumes


def open_store(place: str) -> Store:
    """Opens the store that a setting names: a gateway, a Kubo node or a folder.

    Raises:
        StoreUnreachable: a node of our own, which does not run.
    """
    if config.is_url(place):
        return GatewayStore(place)
    if place.startswith(config.NODE):
        place = KuboNode(Path(place.removeprefix(config.NODE))).address()
    return KuboStore(place) if config.is_multiaddr(place) else LocalStore(Path(place))


def find_deployment(settings: config.Settings, network: Network) -> Deployment:
    """Finds the first deployment in the folders of the settings that stands on the chain.

    Raises:
        DeploymentMissing: there is none in these folders.
        DeploymentInvalid: there is one that cannot be used.
        ContractMissing: what is there does not stand on this chain, perhaps of an earlier run.
    """
    absent: ContractMissing | None = None
    for folder in settings.deployments:
        try:
            deployment = Deployment.load(folder, network.chain_id)
            deployment.verify(network)
        except DeploymentMissing:
            continue
        except ContractMissing as error:
            absent = absent or error
        else:
            return deployment
    raise absent or DeploymentMissing(
        chain_id=network.chain_id, path=", ".join(str(folder) for folder in settings.deployments)
    )


def read_terms(text: str) -> int:
    """Reads terms such as `HMB+NCU`.

    Raises:
        InvalidPurpose: a name is not known.
    """
    return _parse(text, purpose.TERM_NAMES)


def read_request(text: str) -> int:
    """Reads a purpose such as `HMB+NONCOMMERCIAL`.

    Raises:
        InvalidPurpose: a name is not known.
    """
    return _parse(text, purpose.REQUEST_NAMES)


def _parse(text: str, names: dict[str, int]) -> int:
    try:
        return purpose.parse(text, names)
    except KeyError as error:
        raise InvalidPurpose(given=error.args[0], known=", ".join(names)) from None


def connect(settings: config.Settings, approve: Callable[[Offer], None] | None = None) -> Network:
    """Connects to a node of the network that the settings name, and to its witness.

    Raises:
        NodeUnreachable: none of them answers; `WitnessUnreachable` if it is the witness.
        NodesDisagree: node and witness do not tell of one chain.
        ChainMismatch: it serves another chain.
    """
    chosen = settings.network
    return Network.connect(
        chosen.rpc_url,
        chosen.chain_id,
        receipt_timeout_s=chosen.timeout_s,
        max_fee_wei=chosen.max_fee_wei,
        journal=settings.journal,
        approve=approve,
        witness=chosen.witness_url or None,
    )


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to one deployment and its store, acting for at most one account."""

    exchange: Exchange
    settings: config.Settings
    identity: Identity | None = None

    @classmethod
    def connect(
        cls, settings: config.Settings, approve: Callable[[Offer], None] | None = None
    ) -> Client:
        """Connects to the node, checks chain and contracts, opens the store.

        Args:
            settings: where things are.
            approve: told what each transaction costs before it is signed; what it raises,
                stops it.

        Raises:
            NodeUnreachable: the node does not answer.
            ChainMismatch: it serves another chain.
            DeploymentMissing: no deployment on that chain is known.
            DeploymentInvalid: there is one that cannot be used.
            ContractMissing: what is known is not on that chain.
        """
        network = connect(settings, approve)
        deployment = find_deployment(settings, network)
        return cls(Exchange(network, deployment, open_store(settings.store)), settings)

    def acting_as(self, name: str, password: str) -> Client:
        """The same connection, acting for an account of this machine."""
        return self.acting_for(keyring.open_account(self.settings.home, name, password))

    def acting_for(self, identity: Identity) -> Client:
        """The same connection, acting for an opened identity."""
        return Client(self.exchange, self.settings, identity)

    @property
    def me(self) -> Identity:
        """The identity this client acts for.

        Raises:
            InvalidValue: it acts for nobody.
        """
        if self.identity is None:
            _nobody()
        return self.identity

    # Hospital

    def rotating(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> AbstractContextManager[publish.Publication]:
        """Seals held records anew, with what is done inside: `flows.rotate.rotating`."""
        return rotate.rotating(self.exchange, self.me, records, progress)

    def rotate(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> publish.Publication:
        """Seals held records under new keys and registers them: `flows.rotate.rotate`."""
        return rotate.rotate(self.exchange, self.me, records, progress)

    def foresee_publishing(self, studies: Sequence[publish.StudyToPublish]) -> Offer | None:
        """Tells what publishing studies would cost: `flows.publish.foresee`."""
        return publish.foresee(self.exchange, self.me, studies)

    def publishing(
        self, studies: Sequence[publish.StudyToPublish], progress: Progress = silent
    ) -> AbstractContextManager[publish.Publication]:
        """Publishes, with what is done inside as a part of it: `flows.publish.publishing`."""
        return publish.publishing(self.exchange, self.me, studies, progress)

    def publish(
        self, studies: Sequence[publish.StudyToPublish], progress: Progress = silent
    ) -> publish.Publication:
        """De-identifies, seals, stores and registers studies: `flows.publish.publish`."""
        return publish.publish(self.exchange, self.me, studies, progress)

    def drop_drafts(self) -> list[drafts.Draft]:
        """Lets go of what was sealed and never published: `flows.drafts.drop_drafts`."""
        return drafts.drop_drafts(self.exchange, self.me)

    def shred(
        self,
        record: RecordId,
        places: Mapping[str, Place] | None = None,
        progress: Progress = silent,
    ) -> receipts.ErasureReceipt:
        """Destroys what opens a record on this side, here and at `places`: `flows.shred.shred`."""
        everywhere = {self.settings.store: self.exchange.store, **(places or {})}
        return shred.shred(self.exchange, self.me, record, everywhere, progress)

    def hand_over(
        self, record: RecordId, to: Address | None = None, fingerprint: bytes | None = None
    ) -> bytes:
        """Seals a record's file to its patient or a delegate: `flows.handover.hand_over`."""
        return handover.hand_over(self.exchange, self.me, record, to, fingerprint)

    # Patient

    def deciding(self, patient: Address | None = None) -> Decisions:
        """The account's own acts, or those of `patient`, whose delegate it is.

        Each comes prepared: `send` it, or `sign` it for anyone to send (`relay`).
        """
        return Decisions(self.exchange, self.me, patient or self.me.address)

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

    # Reader

    def open_granted(self, record: RecordId) -> access.OpenedRecord:
        """Opens a record the account may read: `flows.access.open_granted`."""
        return access.open_granted(self.exchange, self.me, record)

    def open_readable(self, record: RecordId) -> OpenedRecord:
        """Opens a record the account holds or was granted: `flows.restore.open_readable`."""
        return restore.open_readable(self.exchange, self.me, record)

    def restore(
        self,
        record: RecordId,
        peer: Peer,
        *,
        skip_present: bool = False,
        progress: Progress = silent,
    ) -> restore.Restored:
        """Sends a record the account may open to a PACS: `flows.restore.restore`."""
        opened = self.open_readable(record)
        return restore.restore(opened, peer, skip_present=skip_present, progress=progress)

    # From one hospital to another

    def send_record(
        self,
        record: RecordId,
        receiver: Address,
        purpose_text: str = "TREATMENT",
        *,
        speaker: Address | None = None,
        again: bool = False,
        progress: Progress = silent,
    ) -> TransferPaper:
        """Signs the paper of a record for another hospital: `flows.transfer_send.send_record`."""
        return transfer_send.send_record(
            self.exchange,
            self.me,
            record,
            receiver,
            purpose=read_request(purpose_text),
            speaker=speaker,
            again=again,
            progress=progress,
        )

    def receive_record(
        self, data: bytes, path: object, deliver: transfer.Deliver, progress: Progress = silent
    ) -> TransferPaper:
        """Takes what was sent, has it stored, signs: `flows.transfer.receive_record`."""
        return transfer.receive_record(self.exchange, self.me, data, path, deliver, progress)

    def countersign(self, data: bytes, path: object) -> TransferPaper:
        """Signs a transfer for its patient: `flows.transfer.countersign`."""
        return transfer.countersign(self.exchange, self.me, data, path)

    def export_fhir(
        self, records: Sequence[RecordId], progress: Progress = silent
    ) -> fhir_export.Exported:
        """Describes records the account may read as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_records(self.exchange, self.me, records, progress)

    def export_fhir_order(
        self, order: OrderId, progress: Progress = silent
    ) -> fhir_export.Exported:
        """Describes what a settled order bought as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_order(self.exchange, self.me, order, progress)

    def export_fhir_patient(self, patient: Address) -> fhir_export.Exported:
        """Describes what the chain tells of a patient as FHIR R4: `flows.fhir_export`."""
        return fhir_export.export_patient(self.exchange, patient)

    # Emergencies

    def card_of(self, record: RecordId) -> bytes:
        """Writes a record's card: `flows.glass.make_card`."""
        return glass.make_card(self.exchange, self.me, record)

    def break_glass(self, card: bytes, path: object, reason: str) -> glass.GlassBroken:
        """Opens a record in an emergency: `flows.glass.break_glass`."""
        read = glass.read_card(self.exchange, card, path)
        return glass.break_glass(self.exchange, self.me, read, reason)

    def deliver(
        self, record: RecordId, clinician: Address, fingerprint: bytes | None = None
    ) -> glass.Delivered:
        """Gives a clinician the key in an emergency: `flows.glass.deliver`."""
        return glass.deliver(self.exchange, self.me, record, clinician, fingerprint)

    def review(
        self,
        card: bytes,
        path: object,
        clinician: Address,
        justified: bool,
        finding: str,
        epoch: int | None = None,
    ) -> Receipt:
        """Judges an emergency access: `flows.glass.review`."""
        read = glass.read_card(self.exchange, card, path)
        return glass.review(self.exchange, self.me, read, clinician, justified, finding, epoch)

    # Steward

    def list_dataset(
        self,
        contributions: Sequence[SignedContribution],
        *,
        price: int,
        fee_bps: int,
        closes_at: int,
        issuer_bps: int = 0,
        bond: int = 0,
        progress: Progress = silent,
    ) -> listings.DatasetListed:
        """Lists a dataset: `flows.listing.list_dataset`."""
        return listings.list_dataset(
            self.exchange,
            self.me,
            contributions,
            price=price,
            fee_bps=fee_bps,
            closes_at=closes_at,
            issuer_bps=issuer_bps,
            bond=bond,
            progress=progress,
        )

    def relist(
        self,
        listing: ListingId,
        *,
        price: int | None = None,
        closes_at: int | None = None,
        bond: int | None = None,
        without: Sequence[RecordId] = (),
        progress: Progress = silent,
    ) -> listings.Relisted:
        """Lists a dataset again without what left it: `flows.listing.relist`."""
        return listings.relist(
            self.exchange,
            self.me,
            listing,
            price=price,
            closes_at=closes_at,
            bond=bond,
            without=without,
            progress=progress,
        )

    def claims_of(self, listing: ListingId) -> tuple[papers.Claim, ...]:
        """The claim files of a listing once more: `flows.listing.claims_of`."""
        return listings.claims_of(self.exchange, self.me, listing)

    def issuer_claims_of(self, listing: ListingId) -> tuple[papers.IssuerClaim, ...]:
        """The issuers' claim files once more: `flows.listing.issuer_claims_of`."""
        return listings.issuer_claims_of(self.exchange, self.me, listing)

    def quote(self, listing: ListingId, to: Address, purpose_text: str, deadline: int) -> bytes:
        """Quotes a dataset to one buyer: `flows.steward.quote`."""
        return steward.quote(
            self.exchange, self.me, listing, to, read_request(purpose_text), deadline
        )

    def settle(
        self,
        order: OrderId,
        margin_s: int = config.SETTLE_MARGIN_S,
        confirmations: int | None = None,
    ) -> Receipt:
        """Shows an order's secret and takes the payment: `flows.steward.settle`."""
        caution = self._caution(margin_s, confirmations)
        return steward.settle(self.exchange, self.me, order, caution)

    def waiting_orders(
        self, margin_s: int = config.SETTLE_MARGIN_S, confirmations: int | None = None
    ) -> list[steward.WaitingOrder]:
        """The open orders on the account's listings: `flows.steward.waiting_orders`."""
        caution = self._caution(margin_s, confirmations)
        return steward.waiting_orders(self.exchange, self.me, caution)

    def check_ledger(self) -> Reading:
        """Checks the account's ledger, and that it has every listing the chain shows."""
        ledger = Ledger(self.me)
        require_complete(self.exchange, self.me, ledger)
        return ledger.check()

    def _caution(self, margin_s: int, confirmations: int | None) -> steward.Caution:
        if confirmations is None:
            confirmations = config.settle_confirmations(self.exchange.chain_id)
        return steward.Caution(margin_s, confirmations)

    # Buyer

    def check_quote(
        self, data: bytes, path: object, purpose_text: str, progress: Progress = silent
    ) -> buyer.CheckedQuote:
        """Checks a quote in full, before any payment: `flows.quote_check.check_quote`."""
        return buyer.check_quote(
            self.exchange, self.me, data, path, read_request(purpose_text), progress
        )

    def purchase(self, checked: buyer.CheckedQuote, amount: int | None = None) -> buyer.Purchased:
        """Locks the payment of a checked quote: `flows.buyer.purchase`."""
        return buyer.purchase(self.exchange, self.me, checked, amount)

    def open_dataset(self, order: OrderId) -> buyer.OpenedDataset:
        """Opens a settled order's records: `flows.buyer.open_dataset`."""
        return buyer.open_dataset(self.exchange, self.me, order)

    def volumes(
        self, order: OrderId, cache: Path | None = None, progress: Progress = silent
    ) -> Volumes:
        """A settled order's images as numpy volumes: `datasets.Volumes`.

        Args:
            order: the order.
            cache: folder for decoded volumes, sealed under a key of the account's vault; None
                to keep none.
            progress: told of manifests read.
        """
        from medibloc_py.datasets import VolumeCache, Volumes

        kept = None if cache is None else VolumeCache.of(self.me, cache)
        return Volumes(self.open_dataset(order), kept, progress)

    # Anyone

    def relay(
        self, files: Sequence[tuple[str, bytes]], progress: Progress = silent
    ) -> list[relay.Outcome]:
        """Sends signed acts of others, each with its path, and pays: `flows.relay.send_acts`."""
        return relay.send_acts(self.exchange, self.me, files, progress)

    def refund(self, order: OrderId) -> Receipt:
        """Sends an unsettled order's payment back to its buyer: `flows.buyer.refund`."""
        return buyer.refund(self.exchange, self.me, order)

    def claim(self, data: bytes, path: object) -> Receipt:
        """Pays a share out to its payee or issuer: `flows.shares.claim`."""
        return shares.claim(self.exchange, self.me, data, path)

    def claim_many(
        self, files: Sequence[tuple[bytes, object]], progress: Progress = silent
    ) -> list[Receipt]:
        """Pays many shares out, a hundred in a transaction: `flows.shares.claim_many`."""
        return shares.claim_many(self.exchange, self.me, files, progress)

    def claim_to(self, data: bytes, path: object, to: Address) -> Prepared:
        """Prepares to pay the account's share to another address: `flows.shares.claim_to`."""
        return shares.claim_to(self.exchange, self.me, data, path, to)

    def claim_fee(self, listing: Listing) -> Receipt:
        """Pays the steward's part out to the steward."""
        return self.exchange.market.claim_fee(self.me.signer, listing)

    def close_out(self, listing: Listing) -> Receipt:
        """Pays a listing's bond out, to its challenger or back to the steward."""
        return self.exchange.market.close_out(self.me.signer, listing)

    def withdraw(self, data: bytes, path: object) -> Receipt:
        """Withdraws a contribution and closes its listing: `flows.shares.withdraw`."""
        return self.withdrawal(data, path).send()

    def withdrawal(self, data: bytes, path: object) -> Prepared:
        """Prepares to withdraw a contribution, to be sent or signed: `flows.shares.withdraw`."""
        return shares.withdraw(self.exchange, self.me, data, path)

    def challenge_quote(self, data: bytes, path: object) -> challenge.Challenged:
        """Takes a steward's bond by a false contribution in a quote: `flows.challenge`."""
        listing, quote = buyer.open_quote(self.exchange, self.me, data, path)
        return challenge.challenge_quote(self.exchange, self.me, listing, quote)

    def challenge_claim(
        self, data: bytes, path: object, evidence: SignedContribution
    ) -> challenge.Challenged:
        """Takes a steward's bond by a claim file and its evidence: `flows.challenge`."""
        return challenge.challenge_claim(self.exchange, self.me, data, path, evidence)


def _nobody() -> NoReturn:
    raise InvalidValue(name="account", given="not set", allowed="set with `acting_as`")


__all__ = ["Client", "find_deployment", "open_store", "read_request", "read_terms"]
