"""A dataset for sale: checked contributions, one table of locked keys, one transaction."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import issuer_shares, issuers_root
from medibloc_py.errors import ContributionInvalid, InvalidValue, TermsInvalid
from medibloc_py.flows import kept, papers
from medibloc_py.flows.contribute import check_contribution, leaf_of
from medibloc_py.flows.funds import approve, require_tokens
from medibloc_py.flows.held import held_record
from medibloc_py.flows.ledger import Ledger, require_complete
from medibloc_py.flows.opened import require_deidentified
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.model import (
    Contribution,
    IssuerShare,
    Listing,
    ListingId,
    Receipt,
    Root,
    SignedContribution,
)
from medibloc_py.services import TokenService

_CLOCKS_APART_S = 60
"""Between the chain's clock and this machine's, where both are right."""


@dataclass(frozen=True, slots=True)
class DatasetListed:
    """A new listing, and the claim file of each contribution in the order they were given.

    `issuer_claims` are those of the issuers, if they have a part. `receipt` is None where
    the chain had the listing already: an earlier run of the same command sent it and did
    not live to hear of it.
    """

    listing_id: ListingId
    listing: Listing
    claims: tuple[papers.Claim, ...]
    issuer_claims: tuple[papers.IssuerClaim, ...]
    receipt: Receipt | None


def list_dataset(
    exchange: Exchange,
    steward: Identity,
    contributions: Sequence[SignedContribution],
    *,
    price: int,
    fee_bps: int,
    closes_at: int,
    issuer_bps: int = 0,
    bond: int = 0,
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
        bond: token units staked on every contribution being signed; they come back
            (`close_out`) thirty days after the listing closed, unless a challenge takes them.
        progress: told of receipts checked, and of the table's making.

    Raises:
        InvalidValue: there is no contribution.
        InsufficientFunds: the steward holds fewer tokens than the bond.
        ContributionInvalid: a patient did not sign this, or a record stands in it twice.
        ConsentNotCovering: a consent on chain is narrower than the terms.
        RecordNotHeld: the steward lacks a record's file.
        TreatmentOnly: a record says who its patient is.
        DeidentificationMissing: a record may say who its patient is: no receipt is in it.
        BlobMissing, Corrupted: a record is not in the steward's store, or damaged.
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
        issuers=issuers_root(_shares(steward, contributions, issuer_bps), issuer_bps),
        bond=bond,
        closes_at=closes_at,
        salt=secrets.token_bytes(8),
    )
    leaves = check_contributions(exchange, contributions, draft)
    _require_deidentified(exchange, steward, contributions, progress)
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    token = TokenService(exchange.network, draft.token)
    require_tokens(token, steward.address, bond)
    ledger = Ledger(steward)
    require_complete(exchange, steward, ledger)
    listing = _begun(exchange, ledger, replace(draft, root=tree.root))
    place = exchange.chain_id, exchange.market.address
    listing_id = ids.listing_id(*place, listing)
    d = ledger.draw_listing(*place, listing_id, listing)
    if not steward.vault.has(kept.name_of(listing_id)):
        table = kept.make_table(steward, listing, listing_id, d, contributions, progress)
        kept.keep_listing(steward, listing_id, table)
    receipt = None
    if not exchange.market.listing_state(listing_id).closes_at:
        approve(token, steward, exchange.market.address, bond)
        receipt = exchange.market.list(steward.signer, listing)
    ledger.listing_sent(listing_id, receipt.transaction if receipt else None)
    return DatasetListed(
        listing_id,
        listing,
        _claims(exchange, listing, leaves, tree),
        _issuer_claims(exchange, listing, _shares(steward, contributions, issuer_bps)),
        receipt,
    )


def _require_deidentified(
    exchange: Exchange,
    steward: Identity,
    contributions: Sequence[SignedContribution],
    progress: Progress,
) -> None:
    for done, each in enumerate(contributions, 1):
        require_deidentified(exchange, steward, held_record(steward, each.terms.record))
        progress("check receipts", done, len(contributions))


def _begun(exchange: Exchange, ledger: Ledger, draft: Listing) -> Listing:
    """The same offer as an earlier run began it and did not see, or not tell, on the chain.

    Else the draft.

    Its closing time was counted from that run, so it may lie as much earlier; as far as this
    machine's clock can tell, which may have been set in between, either way.
    """
    book, sent = ledger.book(), exchange.network.run.sent
    for drawn_at, drawn in book.drawn():
        if drawn.listing in book.sent and not sent(drawn.salt):
            continue
        same = replace(draft, salt=drawn.salt, closes_at=drawn.closes_at)
        earlier = draft.closes_at - same.closes_at
        if (
            ids.listing_id(exchange.chain_id, exchange.market.address, same) == drawn.listing
            and 0 <= earlier <= abs(time.time() - drawn_at) + _CLOCKS_APART_S
            and same.closes_at > exchange.network.now()
        ):
            return same
    return draft


def _shares(
    steward: Identity, contributions: Sequence[SignedContribution], issuer_bps: int
) -> tuple[IssuerShare, ...]:
    """What each issuer's records weigh; nothing without an issuers' part."""
    return issuer_shares(
        (held_record(steward, each.terms.record).issuer, each.terms.weight)
        for each in contributions
        if issuer_bps
    )


def claims_of(
    exchange: Exchange, steward: Identity, listing_id: ListingId
) -> tuple[papers.Claim, ...]:
    """The contributors' claim files of a listing once more, from what its steward keeps.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
    """
    held = kept.kept_listing(steward, listing_id)
    leaves = [leaf_of(exchange, signed) for signed in held.contributions]
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    return _claims(exchange, held.listing, leaves, tree)


def issuer_claims_of(
    exchange: Exchange, steward: Identity, listing_id: ListingId
) -> tuple[papers.IssuerClaim, ...]:
    """The issuers' claim files of a listing once more; none without an issuers' part.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
    """
    held = kept.kept_listing(steward, listing_id)
    shares = _shares(steward, held.contributions, held.listing.issuer_bps)
    return _issuer_claims(exchange, held.listing, shares)


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


def _issuer_claims(
    exchange: Exchange, listing: Listing, shares: Sequence[IssuerShare]
) -> tuple[papers.IssuerClaim, ...]:
    if not shares:
        return ()
    tree = MerkleTree([ids.issuer_leaf(share) for share in shares])
    return tuple(
        papers.IssuerClaim(
            chain_id=exchange.chain_id,
            market=exchange.market.address,
            listing=listing,
            share=share,
            proof=tuple(map(papers.Bytes32, tree.proof(ids.issuer_leaf(share)))),
        )
        for share in shares
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
