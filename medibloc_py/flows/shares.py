"""What contributors and issuers earned: claimed from a file, by anyone; and leaving a sale."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ContributionUnknown,
    DocumentInvalid,
    InvalidValue,
    NothingToClaim,
    NotPayee,
)
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.prepared import Prepared
from medibloc_py.model import Address, Claim, ListingId, Receipt

CLAIMS_AT_ONCE = 100
"""In one transaction: some six million gas, less than half of what one may take."""


def read_claim(exchange: Exchange, data: bytes, path: object) -> papers.Claim | papers.IssuerClaim:
    """Reads a claim file, a contributor's or an issuer's, and sees that it is of this market.

    Raises:
        DocumentInvalid: it is no claim file.
        ContributionUnknown: it is of another market.
    """
    paper: papers.Claim | papers.IssuerClaim
    if papers.kind_of(data) == "issuer-claim":
        paper = papers.read("issuer-claim", papers.IssuerClaim, data, path)
    else:
        paper = papers.read("claim", papers.Claim, data, path)
    try:
        listing = ids.listing_id(paper.chain_id, paper.market, paper.listing)
        leaf = _leaf(paper)
    except InvalidValue as error:
        raise DocumentInvalid(path=path, kind="claim", reason=error.message.rstrip(".")) from None
    if (paper.chain_id, paper.market) != (exchange.chain_id, exchange.market.address):
        raise ContributionUnknown(listing=listing, leaf=leaf)
    return paper


def read_contributors_claim(exchange: Exchange, data: bytes, path: object) -> papers.Claim:
    """Reads a claim file of a contributor.

    Raises:
        DocumentInvalid: it is none, or an issuer's.
        ContributionUnknown: it is of another market.
    """
    paper = read_claim(exchange, data, path)
    if isinstance(paper, papers.IssuerClaim):
        raise DocumentInvalid(path=path, kind="claim", reason="it is an issuer's")
    return paper


def claim(exchange: Exchange, sender: Identity, data: bytes, path: object) -> Receipt:
    """Pays a share out to its payee or issuer; anyone may send it.

    Raises:
        NothingToClaim: nothing new was earned.
        ClaimExceedsEarned: the weights of the listing promise more than it earned.
    """
    paper = read_claim(exchange, data, path)
    market, signer = exchange.market, sender.signer
    if isinstance(paper, papers.IssuerClaim):
        return market.claim_issuer(signer, paper.listing, paper.share, paper.proof)
    return market.claim(signer, paper.listing, paper.contribution, paper.proof)


def claim_many(
    exchange: Exchange,
    sender: Identity,
    files: Sequence[tuple[bytes, object]],
    progress: Progress = silent,
) -> list[Receipt]:
    """Pays many contributors' shares out, of any listings, `CLAIMS_AT_ONCE` in a transaction.

    Shares with nothing due are passed by before anything is sent.

    Args:
        exchange: the deployment.
        sender: who pays the fees.
        files: bytes of each claim file, and what to name it in errors.
        progress: told of the claims sent.

    Raises:
        NothingToClaim: nothing is due on any of them.
        DocumentInvalid: one is no claim file of a contributor.
    """
    read = [read_contributors_claim(exchange, data, path) for data, path in files]
    due = [paper for paper in read if exchange.market.due(paper.listing, paper.contribution)]
    receipts = _claimed_before(exchange, [paper for paper in read if paper not in due])
    if not due and not receipts:
        raise NothingToClaim(listing=bytes(32), leaf=bytes(32))
    for start in range(0, len(due), CLAIMS_AT_ONCE):
        part = due[start : start + CLAIMS_AT_ONCE]
        claims = [Claim(each.listing, each.contribution, each.proof) for each in part]
        receipts.append(exchange.market.claim_many(sender.signer, claims))
        progress("claim", start + len(part), len(due))
    return receipts


def _claimed_before(exchange: Exchange, papers_: Sequence[papers.Claim]) -> list[Receipt]:
    """Receipts of claims that a run of this command sent before it was killed."""
    found = (
        exchange.market.sent_by_killed_run(each.contribution.consent_digest) for each in papers_
    )
    return list({sent.receipt.transaction: sent.receipt for sent in found if sent}.values())


def claim_to(
    exchange: Exchange, payee: Identity, data: bytes, path: object, to: Address
) -> Prepared:
    """Prepares to pay a share out to another address than its payee's, by the payee's word.

    For a payee whom the token no longer lets receive, or who lost the use of the address for it.

    Raises:
        DocumentInvalid: it is no claim file of a contributor.
        NotPayee: the account is not the payee.
    """
    paper = read_contributors_claim(exchange, data, path)
    if payee.address != paper.contribution.payee:
        raise NotPayee(caller=payee.address, payee=paper.contribution.payee)
    market, standing = exchange.market, (paper.listing, paper.contribution, paper.proof)
    place = _listing_id(exchange, paper), _leaf(paper)
    return Prepared(
        exchange,
        market,
        payee,
        None,
        lambda deadline: market.sign_claim(payee.signer, *place, to, deadline),
        lambda by: market.claim_to.call(*standing, to, by),
    )


def withdraw(exchange: Exchange, sender: Identity, data: bytes, path: object) -> Prepared:
    """Prepares to withdraw a contribution: its listing takes no order from the next block on.

    The patient and a delegate for selling may send it or sign it; anyone may send it once the
    consent no longer permits the listing's terms.

    Raises:
        DocumentInvalid: it is no claim file of a contributor.
    """
    paper = read_contributors_claim(exchange, data, path)
    market, standing = exchange.market, (paper.listing, paper.contribution, paper.proof)
    place = _listing_id(exchange, paper), _leaf(paper)
    return Prepared(
        exchange,
        market,
        sender,
        market.withdraw.call(*standing),
        lambda deadline: market.sign_withdrawal(sender.signer, *place, deadline),
        lambda by: market.withdraw_for.call(*standing, by),
    )


def _listing_id(exchange: Exchange, paper: papers.Claim) -> ListingId:
    return ids.listing_id(exchange.chain_id, exchange.market.address, paper.listing)


def _leaf(paper: papers.Claim | papers.IssuerClaim) -> bytes:
    if isinstance(paper, papers.IssuerClaim):
        return ids.issuer_leaf(paper.share)
    return ids.contribution_leaf(paper.contribution)
