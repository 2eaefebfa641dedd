"""Ocean: a data NFT with a datatoken at a fixed rate, for the dataset or for each record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from web3 import Web3
from web3.contract import Contract

from benchmarks.peers.packages import OCEAN, in_file
from benchmarks.peers.people import PRICE, World, batches, patients, secret
from benchmarks.peers.scenario import Act

TEMPLATES = f"{OCEAN}/templates"
NOBODY = "0x" + "0" * 40
WHOLE = 10**18
"""One datatoken, which is one order; and a rate of one."""

TOKEN = 10**6
"""One of the tokens that people are paid in."""

ENTERPRISE = 2
"""The template of datatokens that are bought and used in one transaction."""

ACTIVE, REVOKED = 0, 3
"""States of an asset: 3 is `revoked by publisher`."""

CREATE = (
    "createNftWithErc20WithFixedRate((string,string,uint256,string,bool,address),"
    "(uint256,string[],address[],uint256[],bytes[]),(address,address[],uint256[]))"
)


@dataclass(frozen=True)
class Asset:
    """Addresses of a data NFT and its datatoken, and the id of its fixed rate."""

    nft: str
    datatoken: str
    exchange: bytes


@dataclass(frozen=True)
class Ocean:
    """Ocean's contracts."""

    world: World
    factory: Contract
    exchange: Contract
    payments: Contract

    @classmethod
    def deploy(cls, world: World) -> Ocean:
        """Deploys the contracts in the order of Ocean's own script."""
        chain, sender = world.chain, world.governance

        def put(folder: str, name: str, *args: object) -> Contract:
            return chain.deploy(in_file(f"{OCEAN}{folder}", name), *args, sender=sender)

        community = put("/communityFee", "OPFCommunityFeeCollector", sender, sender)
        pool = put("/pools/balancer", "BPool")
        around = (world.token.address, pool.address, community.address)
        router = put("/pools", "FactoryRouter", sender, *around, [])
        exchange = put("/pools/fixedRate", "FixedRateExchange", router.address)
        nft, token = put("/templates", "ERC721Template"), put("/templates", "ERC20Template")
        factory = put("", "ERC721Factory", nft.address, token.address, router.address)
        enterprise = put("/templates", "ERC20TemplateEnterprise")
        chain.send(factory, "addTokenTemplate", enterprise.address, sender=sender)
        chain.send(router, "addFactory", factory.address, sender=sender)
        chain.send(router, "addFixedRateContract", exchange.address, sender=sender)
        chain.send(router, "addApprovedToken", world.token.address, sender=sender)
        payments = put("/rewards", "BatchPayments")
        return cls(world, factory, exchange, payments)

    def publish(self, owner: str, price: int, uri: str) -> Asset:
        """Makes an asset: NFT, datatoken and price in one transaction, by Ocean's own bundle."""
        created = self.world.chain.create(
            self.factory,
            CREATE,
            ("Data", "D", 1, uri, True, owner),
            (ENTERPRISE, ["Access", "A"], [owner, owner, NOBODY, NOBODY], [1000 * WHOLE, 0], []),
            (
                self.exchange.address,
                [self.world.token.address, owner, NOBODY, NOBODY],
                [6, 18, price * WHOLE // TOKEN, 0, 1],
            ),
            sender=self.world.hospital,
        )
        return Asset(*created)

    def sell(self, asset: Asset, price: int) -> None:
        """Lets the researcher buy a datatoken and order with it, in one transaction."""
        chain, buyer, most = self.world.chain, self.world.researcher, 2 * price
        datatoken = chain.at(in_file(TEMPLATES, "ERC20TemplateEnterprise"), asset.datatoken)
        chain.send(self.world.token, "approve", datatoken.address, most, sender=buyer)
        order = (buyer, 0, _provider_fee(), (NOBODY, NOBODY, 0))
        terms = (self.exchange.address, asset.exchange, most, 0, NOBODY)
        chain.send(datatoken, "buyFromFreAndOrder", order, terms, sender=buyer)

    def revoke(self, asset: Asset, owner: str) -> None:
        """Marks an asset as revoked by its publisher."""
        self.world.chain.send(self.nft(asset), "setMetaDataState", REVOKED, sender=owner)

    def nft(self, asset: Asset) -> Contract:
        """Gives an asset's data NFT."""
        return self.world.chain.at(in_file(TEMPLATES, "ERC721Template"), asset.nft)


def _provider_fee() -> tuple[Any, ...]:
    """Gives a fee of nothing, signed by the provider, without which there is no order."""
    provider = Account.from_key(secret("provider", 0))
    digest = Web3.solidity_keccak(
        ["bytes", "address", "address", "uint256", "uint256"],
        [b"", provider.address, NOBODY, 0, 0],
    )
    signed = provider.sign_message(encode_defunct(digest))
    r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
    return provider.address, NOBODY, 0, signed.v, r, s, 0, b""


class OceanDataset:
    """One asset for the dataset: its metadata's hash is the root of the records."""

    name = "Ocean, one asset"

    def __init__(self, ocean: Ocean) -> None:
        self._ocean = ocean

    def play(self, size: int) -> Iterator[Act]:
        """Publishes, sells, pays the patients by Ocean's own batch payments, revokes."""
        ocean, world = self._ocean, self._ocean.world
        chain, hospital = world.chain, world.hospital
        asset = ocean.publish(hospital, PRICE, "")
        root, locator = secret("root", size), secret("locator", size)
        metadata: tuple[Any, ...] = (ACTIVE, "", "", b"\0", locator, root, [])
        chain.send(ocean.nft(asset), "setMetaData", *metadata, sender=hospital)
        yield Act.RECORD
        ocean.sell(asset, PRICE)
        yield Act.SALE
        chain.send(world.token, "approve", ocean.payments.address, PRICE, sender=hospital)
        for batch in batches(patients(size)):
            payees = [who.address for who in batch]
            shares = [PRICE // size] * len(payees)
            chain.send(
                ocean.payments, "sendToken", world.token.address, payees, shares, sender=hospital
            )
        world.require_paid(size)
        yield Act.CLAIM
        ocean.revoke(asset, hospital)
        yield Act.REVOKE


class OceanRecords:
    """One asset for each record, owned and revoked by its patient, paid to her by the sale."""

    name = "Ocean, N assets"

    def __init__(self, ocean: Ocean) -> None:
        self._ocean = ocean

    def play(self, size: int) -> Iterator[Act]:
        """Publishes, sells and revokes one; each order pays its patient at once."""
        share = PRICE // size
        assets = [
            self._ocean.publish(who.address, share, secret("record", number).hex())
            for number, who in enumerate(patients(size))
        ]
        yield Act.RECORD
        for asset in assets:
            self._ocean.sell(asset, share)
        self._ocean.world.require_paid(size)
        yield Act.SALE
        self._ocean.revoke(assets[0], patients(size)[0].address)
        yield Act.REVOKE
