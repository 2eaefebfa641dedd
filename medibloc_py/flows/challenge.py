"""Evidence against a listing: a contribution that nobody signed costs the steward its bond."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import Quote
from medibloc_py.errors import ContributionUnknown, ContributionValid
from medibloc_py.flows.contribute import lasting_flaw, leaf_of
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.shares import read_contributors_claim
from medibloc_py.model import ListingId, Receipt, SignedContribution


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenge that held: the listing is closed, its bond is forfeited."""

    listing_id: ListingId
    evidence: SignedContribution
    flaw: str
    receipt: Receipt


def challenge_quote(
    exchange: Exchange, challenger: Identity, listing_id: ListingId, quote: Quote
) -> Challenged:
    """Challenges a listing by the first invalid contribution that a quote for it shows.

    Args:
        exchange: the deployment.
        challenger: who sends it, and has half of the bond (`close_out`).
        listing_id: the listing.
        quote: opened, not necessarily one that holds (`quote_check.open_quote`).

    Raises:
        ContributionUnknown: the quote's contributions are not those of the listing.
        ContributionValid: all are signed as they must be.
        BondNotHeld: nothing is left to take or to close.
    """
    leaves = [leaf_of(exchange, each) for each in quote.contributions]
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    first = ids.contribution_leaf(leaves[0])
    if tree.root != quote.listing.root:
        raise ContributionUnknown(listing=listing_id, leaf=first)
    for signed, leaf in zip(quote.contributions, leaves, strict=True):
        if flaw := lasting_flaw(exchange, signed, quote.listing):
            proof = tree.proof(ids.contribution_leaf(leaf))
            standing = quote.listing, leaf, signed, proof
            receipt = exchange.market.challenge(challenger.signer, *standing)
            return Challenged(listing_id, signed, flaw, receipt)
    raise ContributionValid(listing=listing_id, leaf=first)


def challenge_claim(
    exchange: Exchange,
    challenger: Identity,
    data: bytes,
    path: object,
    evidence: SignedContribution,
) -> Challenged:
    """Challenges a listing by the claim file of a contribution, and what was signed for it.

    Raises:
        DocumentInvalid: it is no claim file.
        EvidenceMismatched: the evidence is not that of the claim.
        ContributionValid: it is signed as it must be.
        BondNotHeld: nothing is left to take or to close.
    """
    paper = read_contributors_claim(exchange, data, path)
    listing_id = ids.listing_id(exchange.chain_id, exchange.market.address, paper.listing)
    leaf = leaf_of(exchange, evidence)
    flaw = lasting_flaw(exchange, evidence, paper.listing)
    if flaw is None:
        raise ContributionValid(listing=listing_id, leaf=ids.contribution_leaf(leaf))
    standing = paper.listing, leaf, evidence, paper.proof
    receipt = exchange.market.challenge(challenger.signer, *standing)
    return Challenged(listing_id, evidence, flaw, receipt)
