"""The steward's side of a sale: list a dataset, quote it to a buyer, settle an order."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medibloc_py import purpose
from medibloc_py.crypto import hpke, ids, sale
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import Quote, QuoteBatch, QuoteRow
from medibloc_py.crypto.sale import TableProof
from medibloc_py.errors import (
    ContributionInvalid,
    DeadlineOutOfRange,
    EvidenceNotVouched,
    InvalidValue,
    ListingClosed,
    ListingUnknown,
    LockMismatch,
    NotAccredited,
    OrderNotOpen,
    PurposeDenied,
    SettleTooLate,
    TermsInvalid,
)
from medibloc_py.flows import papers
from medibloc_py.flows.contribute import check_contribution, leaf_of
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.publish import held_record, held_records, id_of, scalar_of
from medibloc_py.model import (
    Address,
    Contribution,
    Listing,
    ListingId,
    Order,
    OrderId,
    OrderState,
    Receipt,
    Role,
    Root,
    SignedContribution,
)

MIN_WINDOW_S = 600
MAX_WINDOW_S = 30 * 86_400
"""How far ahead the market takes a deadline, as `IMarket.MIN_WINDOW` and `MAX_WINDOW`."""


@dataclass(frozen=True, slots=True)
class DatasetListed:
    """A new listing, and the claim file of each contribution in the order they were given."""

    listing_id: ListingId
    listing: Listing
    claims: tuple[papers.Claim, ...]
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ListingSecret:
    """What a steward keeps of a listing: its secret d, and the table made with it."""

    d: int = field(repr=False)
    listing: Listing
    contributions: tuple[SignedContribution, ...]
    rows: tuple[QuoteRow, ...]
    D: bytes
    proof: TableProof
    batches: tuple[QuoteBatch, ...]


@dataclass(frozen=True, slots=True)
class OfferSecret:
    """What a steward keeps of a quote: the secret k of its lock, and whom it is for."""

    listing: ListingId
    buyer: Address
    purpose: int
    deadline: int
    k: int = field(repr=False)


def list_dataset(
    exchange: Exchange,
    steward: Identity,
    contributions: Sequence[SignedContribution],
    *,
    price: int,
    fee_bps: int,
    closes_at: int,
    progress: Progress = silent,
) -> DatasetListed:
    """Lists a dataset for sale: one transaction for any number of contributions.

    The listing's secret is in the steward's vault before the transaction is sent.

    Args:
        exchange: the deployment.
        steward: who lists; must hold the record file of each contribution.
        contributions: signed by their patients, all for the same terms and token.
        price: token units per sale.
        fee_bps: the steward's part of the price, in basis points.
        closes_at: last second an order may be opened.
        progress: told of the table's making.

    Raises:
        InvalidValue: there is no contribution.
        ContributionInvalid: a patient did not sign this, or a record stands in it twice.
        ConsentNotCovering: a consent on chain is narrower than the terms.
        RecordNotHeld: the steward lacks a record's file.
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
        closes_at=closes_at,
        salt=secrets.token_bytes(32),
    )
    leaves = check_contributions(exchange, contributions, draft)
    tree = MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves])
    listing = replace(draft, root=tree.root)
    listing_id = ids.listing_id(exchange.chain_id, exchange.market.address, listing)
    kept = _make_table(steward, listing, listing_id, contributions, progress)
    steward.keep(_listing_name(listing_id), papers.write("listing-secret", kept))
    receipt = exchange.market.list(steward.signer, listing)
    return DatasetListed(listing_id, listing, _claims(exchange, listing, leaves, tree), receipt)


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
    contributions: Sequence[SignedContribution],
    progress: Progress,
) -> ListingSecret:
    held = [held_record(steward, each.terms.record) for each in contributions]
    for each, record in zip(contributions, held, strict=True):
        if each.terms.key_commitment != record.key_commitment:
            raise ContributionInvalid(
                patient=each.terms.patient,
                record=each.terms.record,
                reason="it commits to another key than the record's",
            )
    d = sale.new_listing_secret()
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
    return ListingSecret(d, listing, tuple(contributions), rows, table.D, table.proof, batches)


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


def kept_listing(steward: Identity, listing_id: ListingId) -> ListingSecret:
    """The steward's private part of a listing.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
    """
    name = _listing_name(listing_id)
    if not steward.vault.has(name):
        raise ListingUnknown(listing=listing_id)
    return papers.read("listing-secret", ListingSecret, steward.recall(name), name)


def quote(
    exchange: Exchange,
    steward: Identity,
    listing_id: ListingId,
    buyer: Address,
    request: int,
    deadline: int,
) -> bytes:
    """Quotes a dataset to one vetted buyer: the table, and an offer of its own.

    The offer's secret is fresh, and in the steward's vault before the quote leaves.

    Args:
        exchange: the deployment.
        steward: who listed it.
        listing_id: the listing.
        buyer: an accredited researcher with a published key.
        request: the purpose word the quote is for.
        deadline: of the order, unix seconds; the steward settles before it.

    Returns:
        A `quote` paper that only the buyer's key opens.

    Raises:
        ListingUnknown, ListingClosed: there is nothing to quote.
        NotAccredited: the buyer is no accredited researcher.
        EvidenceNotVouched: the purpose claims what no accreditor vouched for.
        PurposeDenied: the terms of the listing do not permit the purpose.
        DeadlineOutOfRange: the market would not take the deadline.
        KeyUnpublished: the buyer has published no key.
    """
    kept = kept_listing(steward, listing_id)
    require_sellable(exchange, kept.listing, listing_id, buyer, request, deadline)
    key = exchange.published_key(buyer)
    offer = sale.make_offer(kept.d)
    secret = OfferSecret(listing_id, buyer, request, deadline, offer.k)
    steward.keep(_offer_name(sale.lock_of(offer.k)), papers.write("offer-secret", secret))
    body = Quote(
        listing=kept.listing,
        contributions=kept.contributions,
        rows=kept.rows,
        D=kept.D,
        proof=kept.proof,
        batches=kept.batches,
        buyer=buyer,
        purpose=request,
        K=offer.K,
        z=offer.z,
        deadline=deadline,
    )
    info = hpke.quote_info(
        exchange.chain_id, exchange.market.address, listing_id, steward.address, buyer
    )
    return papers.write(
        "quote",
        papers.Sealed(
            chain_id=exchange.chain_id,
            contract=exchange.market.address,
            subject=papers.Bytes32(listing_id),
            sender=steward.address,
            addressee=buyer,
            sealed=hpke.wrap(body.encode(), key.bundle, info),
        ),
    )


def require_sellable(
    exchange: Exchange,
    listing: Listing,
    listing_id: ListingId,
    buyer: Address,
    request: int,
    deadline: int,
) -> None:
    """Raises what the market would raise if this buyer ordered this now."""
    state = exchange.market.listing_state(listing_id)
    now = exchange.network.now()
    if state.closes_at == 0:
        raise ListingUnknown(listing=listing_id)
    if state.closes_at < now:
        raise ListingClosed(listing=listing_id, closed_at=state.closes_at)
    standing = exchange.accounts.accreditation(buyer, Role.RESEARCHER)
    if standing.until < now:
        raise NotAccredited(account=buyer, role=Role.RESEARCHER.value, until=standing.until)
    if missing := request & purpose.VOUCHED & ~standing.evidence:
        raise EvidenceNotVouched(buyer=buyer, missing=missing)
    decision = purpose.matches(listing.terms, request | purpose.TS)
    if decision.answer is not purpose.Answer.PERMIT:
        raise PurposeDenied(
            listing=listing_id, purpose=request, answer=decision.answer.value, bit=decision.bit
        )
    earliest, latest = now + MIN_WINDOW_S, now + MAX_WINDOW_S
    if not earliest <= deadline <= latest:
        raise DeadlineOutOfRange(deadline=deadline, earliest=earliest, latest=latest)


def settle(exchange: Exchange, steward: Identity, order_id: OrderId, margin_s: int) -> Receipt:
    """Takes an order's payment by showing the secret of its lock.

    Args:
        exchange: the deployment.
        steward: who made the quote.
        order_id: an open order.
        margin_s: seconds before the deadline within which nothing is shown: a secret in
            the mempool while the refund may win would be given away.

    Raises:
        OrderNotOpen: the order ended, or never was.
        LockMismatch: this steward made no quote with this lock, or not for this order.
        SettleTooLate: the deadline is within the margin, or past.
    """
    state = exchange.market.order_state(order_id)
    if state is not OrderState.OPEN:
        raise OrderNotOpen(order=order_id, state=state.value)
    order = exchange.market.order(order_id)
    name = _offer_name(order.lock)
    if not steward.vault.has(name):
        raise LockMismatch(order=order_id)
    offer = papers.read("offer-secret", OfferSecret, steward.recall(name), name)
    if (offer.listing, offer.buyer, offer.purpose) != (order.listing, order.buyer, order.purpose):
        raise LockMismatch(order=order_id)
    remaining = order.deadline - exchange.network.now()
    if remaining < margin_s:
        raise SettleTooLate(deadline=order.deadline, remaining_s=remaining, margin_s=margin_s)
    return exchange.market.settle(steward.signer, order, offer.k)


def open_orders(exchange: Exchange, steward: Address) -> list[tuple[OrderId, Order]]:
    """Orders on a steward's listings that still wait to be settled."""
    mine = {
        listing_id
        for listing_id, listing, _ in exchange.market.listings()
        if listing.steward == steward
    }
    return [
        (order_id, order)
        for order_id, order in exchange.market.purchases()
        if order.listing in mine and exchange.market.order_state(order_id) is OrderState.OPEN
    ]


def _listing_name(listing_id: ListingId) -> str:
    return f"listing-{listing_id.hex()}"


def _offer_name(lock: Address) -> str:
    return f"offer-{lock.lower()}"
