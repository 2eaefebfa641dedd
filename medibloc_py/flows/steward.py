"""The steward's side of a sale: quote a listed dataset to a buyer, settle an order."""

from __future__ import annotations

from dataclasses import dataclass, field

from medibloc_py import purpose
from medibloc_py.crypto import hpke, sale
from medibloc_py.crypto.quote import Quote
from medibloc_py.errors import (
    DeadlineOutOfRange,
    EvidenceNotVouched,
    ListingClosed,
    ListingUnknown,
    LockMismatch,
    NotAccredited,
    OrderNotOpen,
    PurposeDenied,
    SettleTooLate,
)
from medibloc_py.flows import papers
from medibloc_py.flows.listing import kept_listing
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import (
    Address,
    Listing,
    ListingId,
    Order,
    OrderId,
    OrderState,
    Receipt,
    Role,
)

MIN_WINDOW_S = 600
MAX_WINDOW_S = 30 * 86_400
"""How far ahead the market takes a deadline, as `IMarket.MIN_WINDOW` and `MAX_WINDOW`."""


@dataclass(frozen=True, slots=True)
class OfferSecret:
    """What a steward keeps of a quote: the secret k of its lock, and whom it is for."""

    listing: ListingId
    buyer: Address
    purpose: int
    deadline: int
    k: int = field(repr=False)


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


def _offer_name(lock: Address) -> str:
    return f"offer-{lock.lower()}"
