"""A dataset for sale: checked contributions, one table of locked keys, one transaction."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medibloc_py import purpose
from medibloc_py.crypto import ids, sale
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import QuoteBatch, QuoteRow, issuer_shares, issuers_root
from medibloc_py.crypto.sale import TableProof
from medibloc_py.errors import (
    ContributionInvalid,
    InvalidValue,
    ListingUnknown,
    TermsInvalid,
)
from medibloc_py.flows import papers
from medibloc_py.flows.contribute import check_contribution, leaf_of
from medibloc_py.flows.ledger import Ledger, require_complete
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.publish import held_record, held_records, id_of, scalar_of
from medibloc_py.model import (
    Contribution,
    Listing,
    ListingId,
    Receipt,
    Root,
    SignedContribution,
)

_CLOCKS_APART_S = 60
"""Between the chain's clock and this machine's, where both are right."""


@dataclass(frozen=True, slots=True)
class DatasetListed:
    """A new listing, and the claim file of each contribution in the order they were given.

    `receipt` is None where the chain had the listing already: an earlier run of the same
    command sent it and did not live to hear of it.
    """

    listing_id: ListingId
    listing: Listing
    claims: tuple[papers.Claim, ...]
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class KeptListing:
    """What a steward keeps of a listing besides its secret d, which stands in the ledger."""

    listing: Listing
    contributions: tuple[SignedContribution, ...]
    rows: tuple[QuoteRow, ...]
    D: bytes
    proof: TableProof
    batches: tuple[QuoteBatch, ...]


def list_dataset(
    exchange: Exchange,
    steward: Identity,
    contributions: Sequence[SignedContribution],
    *,
    price: int,
    fee_bps: int,
    closes_at: int,
    issuer_bps: int = 0,
    progress: Progress = silent,
) -> DatasetListed:
    """Lists a dataset for sale: one transaction for any number of contributions.

    The listing's secret is in the steward's ledger before anything is made with it, its
    table in the vault before the transaction is sent. The same command again, after a crash,
    goes on where the first stopped.

    Args:
        exchange: the deployment.
        steward: who lists; must hold the record file of each contribution.
        contributions: signed by their patients, all for the same terms and token.
        price: token units per sale.
        fee_bps: the steward's part of the price, in basis points.
        closes_at: last second an order may be opened.
        issuer_bps: the part of the price that the records' issuers share, in basis points.
        progress: told of the table's making.

    Raises:
        InvalidValue: there is no contribution.
        ContributionInvalid: a patient did not sign this, or a record stands in it twice.
        ConsentNotCovering: a consent on chain is narrower than the terms.
        RecordNotHeld: the steward lacks a record's file.
        LedgerBehind, LedgerDamaged: the ledger is not the newest, or not whole.
        SecretReused: this machine drew the secret before.
    """
    if not contributions:
        raise InvalidValue(name="contributions", given="empty", allowed="at least one")
    first = contributions[0].terms
    if not purpose.valid_terms(first.terms):
        raise TermsInvalid(terms=first.terms)
    draft = Listing(
        steward=steward.address,
        root=Root(bytes(32)),
        token=first.token,
        price=price,
        total_weight=sum(each.terms.weight for each in contributions),
        terms=first.terms,
        fee_bps=fee_bps,
        issuer_bps=issuer_bps,
        issuers=_issuers(steward, contributions, issuer_bps),
        bond=0,
        closes_at=closes_at,
        salt=secrets.token_bytes(8),
    )
    leaves = check_contributions(exchange, contributions, draft)
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    ledger = Ledger(steward)
    require_complete(exchange, steward, ledger)
    listing = _begun(exchange, ledger, replace(draft, root=tree.root))
    place = exchange.chain_id, exchange.market.address
    listing_id = ids.listing_id(*place, listing)
    d = ledger.draw_listing(*place, listing_id, listing)
    if not steward.vault.has(_listing_name(listing_id)):
        kept = _make_table(steward, listing, listing_id, d, contributions, progress)
        steward.keep(_listing_name(listing_id), papers.write("listing", kept))
    receipt = None
    if not exchange.market.listing_state(listing_id).closes_at:
        receipt = exchange.market.list(steward.signer, listing)
    ledger.listing_sent(listing_id, receipt.transaction if receipt else None)
    return DatasetListed(listing_id, listing, _claims(exchange, listing, leaves, tree), receipt)


def _begun(exchange: Exchange, ledger: Ledger, draft: Listing) -> Listing:
    """The same offer as an earlier run began it and did not see on the chain; else the draft.

    Its closing time was counted from that run, so it may lie as much earlier.
    """
    for drawn_at, drawn in ledger.book().unsent():
        same = replace(draft, salt=drawn.salt, closes_at=drawn.closes_at)
        earlier = draft.closes_at - same.closes_at
        if (
            ids.listing_id(exchange.chain_id, exchange.market.address, same) == drawn.listing
            and 0 <= earlier <= time.time() - drawn_at + _CLOCKS_APART_S
            and same.closes_at > exchange.network.now()
        ):
            return same
    return draft


def _issuers(
    steward: Identity, contributions: Sequence[SignedContribution], issuer_bps: int
) -> Root:
    held = (
        (held_record(steward, each.terms.record).issuer, each.terms.weight)
        for each in contributions
        if issuer_bps
    )
    return issuers_root(issuer_shares(held), issuer_bps)


def claims_of(
    exchange: Exchange, steward: Identity, listing_id: ListingId
) -> tuple[papers.Claim, ...]:
    """The claim files of a listing once more, from what its steward keeps.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
    """
    kept = kept_listing(steward, listing_id)
    leaves = [leaf_of(exchange, signed) for signed in kept.contributions]
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    return _claims(exchange, kept.listing, leaves, tree)


def _claims(
    exchange: Exchange, listing: Listing, leaves: Sequence[Contribution], tree: MerkleTree
) -> tuple[papers.Claim, ...]:
    return tuple(
        papers.Claim(
            chain_id=exchange.chain_id,
            market=exchange.market.address,
            listing=listing,
            contribution=leaf,
            proof=tuple(map(papers.Bytes32, tree.proof(ids.contribution_leaf(leaf)))),
        )
        for leaf in leaves
    )


def check_contributions(
    exchange: Exchange, contributions: Sequence[SignedContribution], listing: Listing
) -> list[Contribution]:
    """Checks every contribution of a listing; no record may stand in it twice.

    Raises:
        ContributionInvalid, ConsentNotCovering: see `contribute.check_contribution`.
    """
    seen: set[bytes] = set()
    leaves = []
    for each in contributions:
        if each.terms.record in seen:
            raise ContributionInvalid(
                patient=each.terms.patient,
                record=each.terms.record,
                reason="the record stands in the listing twice",
            )
        seen.add(each.terms.record)
        leaves.append(check_contribution(exchange, each, listing))
    return leaves


def _make_table(
    steward: Identity,
    listing: Listing,
    listing_id: ListingId,
    d: int,
    contributions: Sequence[SignedContribution],
    progress: Progress,
) -> KeptListing:
    held = [held_record(steward, each.terms.record) for each in contributions]
    for each, record in zip(contributions, held, strict=True):
        if each.terms.key_commitment != record.key_commitment:
            raise ContributionInvalid(
                patient=each.terms.patient,
                record=each.terms.record,
                reason="it commits to another key than the record's",
            )
    table = sale.build_table(
        listing_id,
        d,
        [scalar_of(steward, record) for record in held],
        [each.terms.record for each in contributions],
        [record.salt for record in held],
        progress=lambda done, total: progress("prove keys", done, total),
    )
    batches, places = _prove_batches(steward, held)
    rows = tuple(
        QuoteRow(
            patient=record.patient,
            salt=record.salt,
            cid=record.cid,
            size_bytes=record.size_bytes,
            kind=record.kind,
            C=row.C,
            W=row.W,
            batch=place,
        )
        for record, row, place in zip(held, table.rows, places, strict=True)
    )
    return KeptListing(listing, tuple(contributions), rows, table.D, table.proof, batches)


def _prove_batches(
    steward: Identity, held: Sequence[RecordFile]
) -> tuple[tuple[QuoteBatch, ...], list[int]]:
    """Proves that the records stand in their issuers' roots.

    One multiproof for each root whose records the steward holds all of; else a record's
    own proof, which is the multiproof of one leaf.

    Returns:
        The batches, and for each record the number of its batch.
    """
    wanted = defaultdict(list)
    for number, record in enumerate(held):
        wanted[record.issuer, record.root].append(number)
    siblings = defaultdict(list)
    for record_id, record in held_records(steward).items():
        siblings[record.issuer, record.root].append(record_id)
    batches: list[QuoteBatch] = []
    places = [0] * len(held)
    for (issuer, root), numbers in wanted.items():
        tree = MerkleTree(siblings[issuer, root])
        if tree.root == root:
            proof = tree.multiproof([id_of(held[number]) for number in numbers])
            for number in numbers:
                places[number] = len(batches)
            batches.append(QuoteBatch(issuer, root, proof.proof, proof.flags))
            continue
        for number in numbers:
            places[number] = len(batches)
            own = held[number].proof
            batches.append(QuoteBatch(issuer, root, own, (False,) * len(own)))
    return tuple(batches), places


def kept_listing(steward: Identity, listing_id: ListingId) -> KeptListing:
    """The steward's private part of a listing.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
    """
    name = _listing_name(listing_id)
    if not steward.vault.has(name):
        raise ListingUnknown(listing=listing_id)
    return papers.read("listing", KeptListing, steward.recall(name), name)


def _listing_name(listing_id: ListingId) -> str:
    return f"listing-{listing_id.hex()}"
