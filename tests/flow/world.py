"""The people of the flow tests, on a real chain with a real store and real DICOM.

Built once; every test gets a copy of the folder and goes back to one snapshot of the chain.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medibloc_py import config
from medibloc_py.chain import LocalChain, LocalNode, Network
from medibloc_py.client import Client
from medibloc_py.flows import keyring, papers
from medibloc_py.flows.deidentified import pseudonym_key
from medibloc_py.flows.deploy import TEST_TOKEN, deploy
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.deidentify import Pseudonyms
from medibloc_py.imaging.release import release
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Address, RecordId, Role, SignedContribution
from medibloc_py.purpose import HAS_IRB
from medibloc_py.services import TokenService
from medibloc_py.storage import LocalStore, Vault

PASSWORD = "correct horse battery staple"
"""Of every account; it must never show up in any output."""
PATIENTS = {"alice": "CT_small.dcm", "bob": "MR_small.dcm"}
PEOPLE = (*PATIENTS, "hospital", "clinic", "researcher", "rival", "stranger", "governance")
PRICE = 1_000_000_000
FEE_BPS = 500
TERMS = "HMB+NCU+IRB"
PURPOSE = "HMB+NONCOMMERCIAL+HAS_IRB"
DAY = 86_400
_CHEAP = 2  # scrypt's least cost: what is tested is not how long a password takes to guess


@dataclass(frozen=True)
class World:
    """A deployment with two patients' records in it, everybody's keys, and the chain's clock.

    Attributes:
        home: the home folder that all share, with keys, vaults and the store.
        records: a record of each patient, published by the hospital and taken over.
    """

    node: LocalNode
    chain: LocalChain
    home: Path
    clients: Mapping[str, Client]
    records: Mapping[str, RecordId]

    @property
    def exchange(self) -> Exchange:
        return self.clients["governance"].exchange

    @property
    def store(self) -> Path:
        """The folder of the sealed blobs."""
        return self.home / "store" / "blobs"

    @property
    def token(self) -> TokenService:
        return TokenService(self.exchange.network, self.exchange.deployment.contracts[TEST_TOKEN])

    def __getitem__(self, name: str) -> Client:
        return self.clients[name]

    def me(self, name: str) -> Identity:
        return self.clients[name].me

    def address(self, name: str) -> Address:
        return self.clients[name].me.address

    def in_days(self, days: float) -> int:
        return self.exchange.network.now() + int(days * DAY)

    def accredit(self, name: str, role: Role, until: int) -> None:
        governor = self.me("governance").signer
        self.exchange.accounts.accredit(governor, self.address(name), role, until)

    def contribute(self, name: str, **changed: object) -> SignedContribution:
        """A patient's signature for the hospital's listing, in the common terms or changed ones."""
        terms = {
            "steward": self.address("hospital"),
            "token": self.token.address,
            "terms": TERMS,
            "min_price": PRICE // 2,
            "max_fee_bps": FEE_BPS,
            "expires_at": self.in_days(90),
            "weight": 3 if name == "alice" else 1,
            "max_total_weight": 12,
        } | changed
        return self[name].contribute(self.records[name], **terms)  # type: ignore[arg-type]

    def list_dataset(self, *signed: SignedContribution, **changed: object) -> DatasetListed:
        """Both patients' records, or those given, listed by the hospital."""
        offer = {"price": PRICE, "fee_bps": FEE_BPS, "closes_at": self.in_days(60)} | changed
        both = signed or tuple(self.contribute(name) for name in PATIENTS)
        return self["hospital"].list_dataset(both, **offer)  # type: ignore[arg-type]

    def quote(self, listed: DatasetListed, to: str = "researcher", days: float = 1) -> bytes:
        deadline = self.in_days(days)
        return self["hospital"].quote(listed.listing_id, self.address(to), PURPOSE, deadline)

    def claim_file(self, listed: DatasetListed, name: str) -> bytes:
        (claim,) = (c for c in listed.claims if c.contribution.patient == self.address(name))
        return papers.write("claim", claim)

    def released(self, file: Path | str) -> bytes:
        """What the hospital makes of a file, or of a sample of that name, before it is sealed."""
        path = sample(file) if isinstance(file, str) else file
        pseudonyms = Pseudonyms(pseudonym_key(self.me("hospital")))
        return release(path, pseudonyms).data

    def car_of(self, name: str) -> Path:
        """The file in the store that holds a patient's sealed record."""
        return self.store / f"{held_record(self.me(name), self.records[name]).cid}.car"

    def moved_to(self, home: Path) -> World:
        """The same world with a copy of its home folder."""
        shutil.copytree(self.home, home)
        return self._with(self.exchange.network, home)

    def through(self, url: str) -> World:
        """The same world, asking a node at another URL."""
        return self._with(Network.connect(url), self.home)

    def _with(self, network: Network, home: Path) -> World:
        exchange = Exchange(network, self.exchange.deployment, LocalStore(home / "store"))
        settings = replace(
            self["governance"].settings,
            home=home,
            store=str(home / "store"),
            deployments=(home / "deployments",),
        )
        clients = {
            name: Client(exchange, settings, _moved(client.me, home))
            for name, client in self.clients.items()
        }
        return replace(self, chain=LocalChain(network), home=home, clients=clients)


def build(node: LocalNode, home: Path) -> World:
    network = node.network
    people = {name: keyring.new_account(home, name, PASSWORD, work=_CHEAP) for name in PEOPLE}
    for identity in people.values():
        network.transfer(node.accounts[0], identity.address, 10**19)
    done = deploy(network, people["governance"].signer, test_token=True)
    done.deployment.save(home / "deployments")
    exchange = Exchange(network, done.deployment, LocalStore(home / "store"))
    settings = config.load(home=str(home), rpc_url=node.url, environ={})
    clients = {name: Client(exchange, settings, identity) for name, identity in people.items()}
    world = World(node, LocalChain(network), home, clients, {})
    for name in ("alice", "bob", "clinic", "researcher", "rival"):
        clients[name].publish_key()
    world.accredit("hospital", Role.ISSUER, world.in_days(3650))
    for buyer in ("researcher", "rival"):
        world.accredit(buyer, Role.RESEARCHER, world.in_days(3650))
        governor = world.me("governance").signer
        exchange.accounts.attest(governor, world.address(buyer), HAS_IRB)
        world.token.mint(governor, world.address(buyer), 3 * PRICE)
    studies = [
        StudyToPublish(sample(file), world.address(name), f"study of {name}")
        for name, file in PATIENTS.items()
    ]
    published = clients["hospital"].publish(studies)
    records = {}
    for name, held in zip(PATIENTS, published.records, strict=True):
        paper = clients["hospital"].hand_over(id_of(held))
        records[name] = clients[name].import_record(paper, "record file")
        clients[name].set_consent("GRU", world.in_days(365), "en: the consent form")
    return replace(world, records=records)


def _moved(identity: Identity, home: Path) -> Identity:
    return replace(identity, vault=Vault(home / "vault" / identity.address.lower()))
