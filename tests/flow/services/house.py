"""The contracts on a chain, and the people who use them through the services alone."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py import purpose
from medibloc_py.chain import Deployment, LocalChain, Network, Signer
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import (
    Address,
    Blind,
    Contribution,
    GrantRequest,
    Listing,
    ListingId,
    Locator,
    Order,
    OrderId,
    RecordId,
    Role,
    Root,
)
from medibloc_py.services import (
    AccessService,
    AccountsService,
    ConsentService,
    MarketService,
    RecordsService,
    TokenService,
)

DAY = 86_400
PRICE = 1_000_000
CLOSES_AT = 4_000_000_000
BLIND = Blind(b"\x0b" * 32)
FORM = b"\xf0" * 32
SECRET = 0x5EC2E7
LOCATOR = Locator.of(b"\x10" * 80)


@dataclass(frozen=True)
class House:
    """The services of one deployment; accounts are those of the local node."""

    network: Network
    deployment: Deployment
    governance: Signer
    hospital: Signer
    researcher: Signer
    patient: Signer
    reader: Signer
    stranger: Signer
    guardian: Signer
    reviewer: Signer
    relay: Signer

    @property
    def chain(self) -> LocalChain:
        return LocalChain(self.network)

    @property
    def accounts(self) -> AccountsService:
        return AccountsService(self.network, *self._at("Records"))

    @property
    def records(self) -> RecordsService:
        return RecordsService(self.network, *self._at("Records"))

    @property
    def consent(self) -> ConsentService:
        return ConsentService(self.network, *self._at("Consents"))

    @property
    def access(self) -> AccessService:
        return AccessService(self.network, *self._at("Grants"))

    @property
    def market(self) -> MarketService:
        return MarketService(self.network, *self._at("Market"))

    @property
    def token(self) -> TokenService:
        return TokenService(self.network, *self._at("TestToken"))

    @property
    def record(self) -> RecordId:
        """The id of the patient's record."""
        return ids.record_id(self.patient.address, BLIND)

    def in_days(self, days: float) -> int:
        return self.network.now() + int(days * DAY)

    def register(self) -> None:
        """Registers the patient's record: a batch of one, whose root is its id."""
        self.records.register(self.hospital, Root(self.record), 1)

    def request(self, **changed: object) -> GrantRequest:
        """A grant of the patient's record to the reader, for treatment."""
        fields = {
            "issuer": self.hospital.address,
            "blind": BLIND,
            "proof": (),
            "grantee": self.reader.address,
            "purpose": purpose.TREATMENT,
            "expires_at": self.in_days(30),
            "locator": LOCATOR,
        }
        return GrantRequest(**(fields | changed))  # type: ignore[arg-type]

    def give_consent(self, terms: int = purpose.HMB) -> None:
        self.consent.set(self.patient, terms, self.in_days(365), FORM)

    def contribution(self, weight: int = 3) -> Contribution:
        return Contribution(
            patient=self.patient.address,
            payee=self.stranger.address,
            record=self.record,
            weight=weight,
            consent_digest=b"\x0d" * 32,
        )

    def tree(self, *more: Contribution) -> MerkleTree:
        """The listing's tree: the patient's contribution, one other, and more."""
        leaves = (self.contribution(), self.contribution(weight=1), *more)
        return MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])

    def proof(self) -> tuple[bytes, ...]:
        return self.tree().proof(ids.contribution_leaf(self.contribution()))

    def listing(self, **changed: object) -> Listing:
        fields = {
            "steward": self.hospital.address,
            "root": self.tree().root,
            "token": self.token.address,
            "price": PRICE,
            "total_weight": 4,
            "terms": purpose.HMB,
            "fee_bps": 1_000,
            "issuer_bps": 0,
            "issuers": Root(bytes(32)),
            "bond": 0,
            "closes_at": CLOSES_AT,
            "salt": b"\x05" * 8,
        }
        return Listing(**(fields | changed))  # type: ignore[arg-type]

    def listing_id(self, listing: Listing) -> ListingId:
        return ids.listing_id(self.network.chain_id, self.market.address, listing)

    def list(self, **changed: object) -> Listing:
        listing = self.listing(**changed)
        self.market.list(self.hospital, listing)
        return listing

    def purchase(self, listing: Listing, days: float = 1) -> tuple[OrderId, Order]:
        """The researcher orders, with a lock that SECRET opens."""
        lock = Signer.from_key(SECRET.to_bytes(32, "big")).address
        deadline = self.in_days(days)
        self.token.mint(self.governance, self.researcher.address, PRICE)
        self.token.approve(self.researcher, self.market.address, PRICE)
        self.market.purchase(self.researcher, listing, purpose.HMB, lock, deadline)
        order = Order(
            listing=self.listing_id(listing),
            buyer=self.researcher.address,
            token=listing.token,
            price=listing.price,
            purpose=purpose.HMB,
            lock=lock,
            deadline=deadline,
        )
        return ids.order_id(self.network.chain_id, self.market.address, order), order

    def _at(self, name: str) -> tuple[Address, int]:
        return self.deployment.contracts[name], self.deployment.block


def build(network: Network, accounts: tuple[Signer, ...]) -> House:
    """Deploys the contracts; the governance accredits who has a role, for ten years."""
    governance = accounts[0]
    at: dict[str, Address] = {}
    block = network.block_number()
    at["Records"], _ = network.deploy(governance, "Records", governance.address)
    at["Consents"], _ = network.deploy(governance, "Consents", at["Records"])
    both = (at["Records"], at["Consents"])
    at["Grants"], _ = network.deploy(governance, "Grants", *both, at["Records"])
    at["Market"], _ = network.deploy(governance, "Market", *both)
    at["TestToken"], _ = network.deploy(governance, "TestToken")
    deployment = Deployment(network.chain_id, at, block, governance.address)
    house = House(network, deployment, *accounts[:9])
    house.accounts.set_accreditor(governance, governance.address, True)
    until = house.in_days(3650)
    for account, role in (
        (house.hospital, Role.ISSUER),
        (house.reader, Role.CLINICIAN),
        (house.researcher, Role.RESEARCHER),
        (house.reviewer, Role.REVIEWER),
    ):
        house.accounts.accredit(governance, account.address, role, until)
    return house
