"""Measures the gas of every act on a real Anvil, whole transactions, calldata included.

    python benchmarks/gas.py           writes benchmarks/gas.json
    python benchmarks/gas.py --check   fails unless the file says what is measured now

Anvil enforces the cap on a transaction's gas (EIP-7825). Keys, times and contents are fixed,
so a second run gives the same figures to the unit. `purchase` and `settle` are those of a
listing that sold before; `first_sale` is both of one that never did. Listings hold a bond, a
part for issuers, and trees of as many contributions as their key says: really that many.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from eth_hash.auto import keccak
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from medibloc_py.chain import Call, LocalNode, Signer
from medibloc_py.crypto import ids, sale
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import issuer_shares, issuers_root
from medibloc_py.flows.deploy import TEST_TOKEN, deploy
from medibloc_py.flows.parties import Exchange
from medibloc_py.model import (
    Address,
    Blind,
    Claim,
    Contribution,
    ContributionTerms,
    GrantRequest,
    KeyCommitment,
    Listing,
    Locator,
    Order,
    Receipt,
    RecordId,
    Role,
    Root,
    SignedContribution,
)
from medibloc_py.purpose import GRU, HMB, TREATMENT
from medibloc_py.services import TokenService
from medibloc_py.storage import LocalStore

OUT = Path(__file__).with_suffix(".json")
NOW = 2_000_000_000
DAY = 86_400
YEAR = 365 * DAY
PRICE = 250_000_000
BOND = 40_000_000
TERMS = GRU
PURPOSE = HMB
CAP = 16_777_216
SIZES = (1, 1_000, 1_000_000)
DEEP = 131_072
GOALS = {
    "register_1": 50_000,
    "register_100000": 50_000,
    "consent_relayed": 65_000,
    "consent_relayed_each_of_100": 36_000,
    "grant": 60_000,
    "grant_each_of_100": 30_000,
    "revoke": 40_000,
    "first_sale": 185_000,
    "sale_1": 150_000,
    "sale_1000": 150_000,
    "sale_1000000": 150_000,
    "claim_131072": 70_000,
    "claim_first_131072": 105_000,
    "largest_transaction": CAP,
}


def secret(*words: object) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return keccak(" ".join(map(str, words)).encode())


@dataclass(frozen=True)
class Dataset:
    """A listing, and the contribution that is claimed from its tree."""

    listing: Listing
    contribution: Contribution
    proof: tuple[bytes, ...]


class Bench:
    """One chain on which every act is done, and what each cost."""

    def __init__(self, node: LocalNode) -> None:
        self.gas: dict[str, int] = {}
        self.largest = 0
        self._network = node.network
        self._numbers = count(1)
        node.chain.set_time(NOW)
        node.network.rpc.ask("anvil_setBlockTimestampInterval", 12)
        self.governor = node.accounts[0]
        done = deploy(node.network, self.governor, test_token=True)
        for receipt in done.receipts.values():
            self.largest = max(self.largest, receipt.gas_used)
        self.exchange = Exchange(node.network, done.deployment, LocalStore(Path("nowhere")))
        at = done.deployment.contracts[TEST_TOKEN]
        self.token = TokenService(node.network, at)
        self.hospital, self.researcher, self.relay, self.patient, self.reader = (
            self.person(name) for name in ("hospital", "researcher", "relay", "patient", "reader")
        )
        accounts = self.exchange.accounts
        accounts.accredit(self.governor, self.hospital.address, Role.ISSUER, NOW + YEAR)
        accounts.accredit(self.governor, self.researcher.address, Role.RESEARCHER, NOW + YEAR)
        for holder in (self.hospital, self.researcher):
            self.token.mint(self.governor, holder.address, 10**15)
            # Not unlimited: the token writes what is left of it.
            self.token.approve(holder, self.exchange.market.address, 10**14)

    def person(self, *name: object) -> Signer:
        """An account with ether, the same in every run."""
        signer = Signer.from_key("0x" + secret("account", *name).hex())
        self._network.rpc.ask("anvil_setBalance", signer.address, hex(10**20))
        return signer

    def note(self, name: str, receipt: Receipt, parts: int = 1) -> Receipt:
        """Writes down what a transaction cost, or each of its equal parts, rounded up."""
        self.largest = max(self.largest, receipt.gas_used)
        self.gas[name] = -(-receipt.gas_used // parts)
        return receipt

    def records(self) -> None:
        """Registers batches."""
        register = self.exchange.records.register
        self.note("register_1", register(self.hospital, Root(secret("single")), 1))
        self.note("register_100000", register(self.hospital, Root(secret("many")), 100_000))

    def consents(self) -> None:
        """Sets consents: by the patient, by relay alone and a hundred at once."""
        consent = self.exchange.consent
        form, until = secret("form"), NOW + YEAR
        self.note("consent", consent.set(self.person("own"), TERMS, until, form))

        def signed(patient: Signer) -> Call:
            who = patient.address
            word = consent.sign_consent(patient, who, TERMS, until, form, NOW + 30 * DAY)
            return consent.set_for.call(who, TERMS, until, form, word)

        alone = signed(self.person("relayed"))
        self.note("consent_relayed", consent.send(self.relay, alone))
        calls = [signed(self.person("one of a hundred", number)) for number in range(100)]
        sent = consent.multicall(self.relay, calls, atomic=False)
        assert not sent.refused
        self.note("consent_relayed_each_of_100", sent.receipt, parts=100)
        self.note("revoke_consent", consent.revoke(self.person("own")))

    def grants(self) -> None:
        """Grants for treatment: one record of a batch of one, a hundred of a batch, and back."""
        records, access = self.exchange.records, self.exchange.access
        patient, until = self.patient, NOW + YEAR

        def blind(number: object) -> Blind:
            return Blind(secret("blind", number))

        def locator(number: object) -> Locator:
            return Locator(secret("enc", number), secret("body", number), secret("tag")[:16])

        single = ids.record_id(patient.address, blind("single"))
        records.register(self.hospital, Root(single), 1)
        request = GrantRequest(
            issuer=self.hospital.address,
            blind=blind("single"),
            proof=(),
            grantee=self.reader.address,
            purpose=TREATMENT,
            expires_at=until,
            locator=locator("single"),
        )
        self.note("grant", access.grant(patient, request))
        self.note("revoke", access.revoke(patient, blind("single"), self.reader.address))
        by_id = {ids.record_id(patient.address, blind(i)): blind(i) for i in range(100)}
        tree = MerkleTree(list(by_id))
        records.register(self.hospital, tree.root, 100)
        proof = tree.multiproof(by_id)
        many = access.grant_many(
            patient,
            self.hospital.address,
            [by_id[RecordId(leaf)] for leaf in proof.leaves],
            proof.proof,
            proof.flags,
            self.reader.address,
            TREATMENT,
            until,
            [locator(number) for number in range(100)],
        )
        self.note("grant_each_of_100", many, parts=100)

    def sales(self, size: int) -> None:
        """Sells a dataset of `size` contributions twice."""
        dataset = self.listed(size)
        first = [self.buy(dataset.listing), 0]
        order, secret_ = self._order, self._secret
        first[1] = self.exchange.market.settle(self.hospital, order, secret_).gas_used
        if size == SIZES[0]:
            self.gas["first_sale"] = sum(first)
        self.gas[f"purchase_{size}"] = self.buy(dataset.listing)
        receipt = self.exchange.market.settle(self.hospital, self._order, self._secret)
        self.note(f"settle_{size}", receipt)
        self.gas[f"sale_{size}"] = self.gas[f"purchase_{size}"] + receipt.gas_used

    def claims(self) -> None:
        """Claims from a deep tree: first to a fresh payee, then again, then with others."""
        market = self.exchange.market
        dataset = self.listed(DEEP)
        standing = dataset.listing, dataset.contribution, dataset.proof
        self.sell(dataset.listing)
        self.note(f"claim_first_{DEEP}", market.claim(self.relay, *standing))
        self.sell(dataset.listing)
        self.note(f"claim_{DEEP}", market.claim(self.relay, *standing))
        self.note("claim_fee", market.claim_fee(self.relay, dataset.listing))
        (share,) = issuer_shares([(self.hospital.address, dataset.listing.total_weight)])
        self.note("claim_issuer", market.claim_issuer(self.relay, dataset.listing, share, ()))
        self.note("withdraw", market.withdraw(self.patient, *standing))
        several = []
        for number in range(10):
            one = self.listed(1, number)
            self.sell(one.listing)
            several.append(Claim(one.listing, one.contribution, one.proof))
        self.note("claim_many_each_of_10", market.claim_many(self.relay, several), parts=10)

    def endings(self) -> None:
        """Refunds an order, withdraws by relay, challenges, closes out."""
        market = self.exchange.market
        plain = replace(self.listed(1, "to be listed plainly", send=False).listing, bond=0)
        self.note("list", market.list(self.hospital, plain))
        bonded = self.listed(1, "to be listed with a bond", send=False).listing
        self.note("list_bonded", market.list(self.hospital, bonded))
        self.buy(bonded)
        refunded = self._order
        left = self.listed(1, "to be left")
        digest = ids.listing_id(self._network.chain_id, market.address, left.listing)
        leaf = ids.contribution_leaf(left.contribution)
        word = market.sign_withdrawal(self.patient, digest, leaf, NOW + YEAR)
        standing = left.listing, left.contribution, left.proof
        self.note("withdraw_relayed", market.withdraw_for(self.relay, *standing, word))
        dataset, evidence = self.forged()
        challenged = market.challenge(
            self.relay, dataset.listing, dataset.contribution, evidence, dataset.proof
        )
        self.note("challenge", challenged)
        self.note("close_out", market.close_out(self.relay, dataset.listing))
        self._network.rpc.ask("evm_setNextBlockTimestamp", refunded.deadline + 1)
        self._network.rpc.ask("evm_mine")
        self.note("refund", market.refund(self.relay, refunded))

    def listed(self, size: int, name: object = "", *, send: bool = True) -> Dataset:
        """A listing over as many contributions, the patient's first among them."""
        own = self._contribution(0, secret("consent digest", size, name))
        others = (
            ids.contribution_leaf(self._contribution(number, secret("consent digest", number)))
            for number in range(1, size)
        )
        tree = MerkleTree([ids.contribution_leaf(own), *others])
        shares = issuer_shares([(self.hospital.address, size)])
        listing = Listing(
            steward=self.hospital.address,
            root=tree.root,
            token=self.token.address,
            price=PRICE,
            total_weight=size,
            terms=TERMS,
            fee_bps=500,
            issuer_bps=250,
            issuers=issuers_root(shares, 250),
            bond=BOND,
            closes_at=NOW + 60 * DAY,
            salt=secret("salt", size, name)[:8],
        )
        if send:
            self.exchange.market.list(self.hospital, listing)
        return Dataset(listing, own, tuple(tree.proof(ids.contribution_leaf(own))))

    def forged(self) -> tuple[Dataset, SignedContribution]:
        """A bonded listing whose one contribution was signed by its steward."""
        draft = self.listed(1, "forged", send=False)
        own, listing = draft.contribution, draft.listing
        terms = ContributionTerms(
            patient=own.patient,
            signer=own.patient,
            steward=listing.steward,
            token=listing.token,
            terms=listing.terms,
            min_price=listing.price,
            max_fee_bps=1_000,
            payee=own.payee,
            record=own.record,
            key_commitment=KeyCommitment(secret("key commitment")),
            weight=own.weight,
            max_total_weight=1,
            expires_at=listing.closes_at,
        )
        digest, signature = self.exchange.market.sign_contribution(self.hospital, terms)
        false = replace(own, consent_digest=ids.consent_digest(digest, signature))
        listing = replace(listing, root=Root(ids.contribution_leaf(false)))
        self.exchange.market.list(self.hospital, listing)
        return Dataset(listing, false, ()), SignedContribution(terms, signature)

    def buy(self, listing: Listing) -> int:
        """Opens an order under a fresh lock; tells its gas."""
        number = next(self._numbers)
        self._secret = int.from_bytes(secret("lock", number), "big")
        lock, deadline = sale.lock_of(self._secret), NOW + 3 * DAY
        market = self.exchange.market
        receipt = market.purchase(self.researcher, listing, PURPOSE, lock, deadline)
        self.largest = max(self.largest, receipt.gas_used)
        self._order = Order(
            listing=ids.listing_id(self._network.chain_id, market.address, listing),
            buyer=self.researcher.address,
            token=listing.token,
            price=listing.price,
            purpose=PURPOSE,
            lock=lock,
            deadline=deadline,
        )
        return receipt.gas_used

    def sell(self, listing: Listing) -> None:
        """Buys and settles."""
        self.buy(listing)
        self.exchange.market.settle(self.hospital, self._order, self._secret)

    def _contribution(self, number: int, consent_digest: bytes) -> Contribution:
        return Contribution(
            patient=self.patient.address,
            payee=Address(self.person("payee").address) if not number else self.patient.address,
            record=RecordId(secret("record", number)),
            weight=1,
            consent_digest=consent_digest,
        )


def measure(console: Console) -> dict[str, int]:
    """Does every act; gives the gas of each."""
    with LocalNode.start(block_time_s=None) as node, Progress(console=console) as bar:
        bench = Bench(node)
        acts = [bench.records, bench.consents, bench.grants, bench.claims, bench.endings]
        task = bar.add_task("acts", total=len(acts) + len(SIZES))
        for size in SIZES:
            bar.update(task, description=f"a sale of {size:,} contributions")
            bench.sales(size)
            bar.advance(task)
        for act in acts:
            bar.update(task, description=act.__name__)
            act()
            bar.advance(task)
        return {**bench.gas, "largest_transaction": bench.largest}


def differences(was: dict[str, int], found: dict[str, int]) -> list[tuple[str, object, object]]:
    """What the file says otherwise than was found."""
    names = sorted(was.keys() | found.keys())
    return [(n, was.get(n), found.get(n)) for n in names if was.get(n) != found.get(n)]


def rows(found: dict[str, int]) -> list[tuple[str, str, str, str]]:
    """Every figure beside its goal, and by how much it is missed."""
    told = []
    for name, gas in found.items():
        goal = GOALS.get(name)
        met = "" if goal is None else "met" if gas <= goal else f"missed by {gas - goal:,}"
        told.append((name, f"{gas:,}", f"{goal:,}" if goal else "", met))
    return told


def page(found: dict[str, int]) -> str:
    """The figures as the table of docs/benchmarks.md."""
    head = ["| act | gas | goal | |", "|---|---:|---:|---|"]
    return "\n".join(head + [f"| `{name}` | {' | '.join(rest)} |" for name, *rest in rows(found)])


def show(console: Console, found: dict[str, int]) -> None:
    """Prints the figures as a table."""
    table = Table("act", "gas", "goal", "")
    for row in rows(found):
        table.add_row(*row)
    console.print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, and writes or compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the file instead")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args(argv)
    console = Console(stderr=True)
    found = measure(console)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        show(console, found)
    if not given.check:
        OUT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    changed = differences(json.loads(OUT.read_text(encoding="utf-8")), found)
    for name, before, after in changed:
        console.print(f"{name}: {OUT.name} says {before}, measured {after}", style="red")
    if changed:
        console.print("Accept new figures with `make bench-gas`, and say why in the commit.")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
