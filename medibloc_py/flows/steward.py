"""The steward's side of a sale: quote a listed dataset to a buyer, settle an order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256

from medibloc_py import purpose
from medibloc_py.crypto import hpke, sale
from medibloc_py.crypto.quote import Quote
from medibloc_py.errors import (
    DeadlineOutOfRange,
    EvidenceNotVouched,
    InvalidValue,
    ListingClosed,
    ListingUnknown,
    MediBlocError,
    NotAccredited,
    OrderNotOpen,
    OrderNotQuoted,
    PurchaseUnconfirmed,
    PurposeDenied,
    RefusedError,
    SettleTooLate,
)
from medibloc_py.flows import papers
from medibloc_py.flows.entries import Book
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.ledger import Ledger, require_complete
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


LEAST_MARGIN_S = 60
"""No margin before a deadline is smaller: five blocks of a public chain."""
_BLOCK_S = 12


@dataclass(frozen=True, slots=True)
class Caution:
    """How careful a steward is before a secret is shown.

    Attributes:
        margin_s: seconds before the deadline within which nothing is shown: a secret in the
            mempool while the refund may win would be given away. `LEAST_MARGIN_S` or more.
        confirmations: blocks that must stand on top of the purchase: one that is undone by a
            reorganisation would give the secret away, too.
    """

    margin_s: int
    confirmations: int

    def __post_init__(self) -> None:
        if self.margin_s < LEAST_MARGIN_S:
            raise InvalidValue(
                name="the safety margin",
                given=f"{self.margin_s} s",
                allowed=f"at least {LEAST_MARGIN_S} s",
            )
        if self.confirmations < 0:
            raise InvalidValue(
                name="confirmations", given=self.confirmations, allowed="0 or more blocks"
            )


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An open order on a steward's listing, and why it cannot be settled now, if so."""

    order_id: OrderId
    order: Order
    obstacle: MediBlocError | None


def quote(
    exchange: Exchange,
    steward: Identity,
    listing_id: ListingId,
    buyer: Address,
    request: int,
    deadline: int,
) -> bytes:
    """Quotes a dataset to one vetted buyer: the table, and an offer of its own.

    The offer's secret is fresh, and in the steward's ledger before anything is made with it.

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
        LedgerBehind, LedgerDamaged: the ledger is not the newest, or not whole.
        SecretReused: this machine drew the secret before.
    """
    kept = kept_listing(steward, listing_id)
    require_sellable(exchange, kept.listing, listing_id, buyer, request, deadline)
    key = exchange.published_key(buyer)
    ledger = Ledger(steward)
    require_complete(exchange, steward, ledger)
    seen = {order.lock for _, order in exchange.market.purchases(listing=listing_id)}
    offer = ledger.draw_offer(listing_id, buyer, request, deadline, seen)
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
    paper = papers.write(
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
    ledger.handing_out(sale.lock_of_point(offer.K), sha256(paper).digest())
    return paper


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
    asked = request | purpose.TS
    decision = purpose.matches(listing.terms, asked)
    cleared = (
        decision.answer is purpose.Answer.REFER
        and purpose.clearable(listing.terms, asked)
        and exchange.consent.is_cleared(listing_id, buyer, request)
    )
    if decision.answer is not purpose.Answer.PERMIT and not cleared:
        raise PurposeDenied(
            listing=listing_id, purpose=request, answer=decision.answer.value, bit=decision.bit
        )
    earliest, latest = now + MIN_WINDOW_S, now + MAX_WINDOW_S
    if not earliest <= deadline <= latest:
        raise DeadlineOutOfRange(deadline=deadline, earliest=earliest, latest=latest)


def settle(exchange: Exchange, steward: Identity, order_id: OrderId, caution: Caution) -> Receipt:
    """Takes an order's payment by showing the secret of its lock.

    The order is read from the chain again, and must be what was quoted for its lock. That
    the secret is about to be shown stands in the ledger before it is.

    Args:
        exchange: the deployment.
        steward: who made the quote.
        order_id: an open order.
        caution: how far from the deadline, and how deep the purchase.

    Raises:
        OrderNotOpen: the order ended, or never was.
        OrderNotQuoted: this ledger has no quote with this lock, or it was for another order.
        SettleTooLate: the deadline is within the margin, or past.
        PurchaseUnconfirmed: too few blocks stand on top of the purchase.
        LedgerDamaged: the ledger is not whole.
    """
    ledger = Ledger(steward)
    state = exchange.market.order_state(order_id)
    if state is OrderState.SETTLED:
        ledger.settled(order_id, None)
        lock = bytes.fromhex(exchange.market.order(order_id).lock[2:])
        if (sent := exchange.market.sent_by_killed_run(lock)) is not None:
            return sent.receipt
    if state is not OrderState.OPEN:
        raise OrderNotOpen(order=order_id, state=state.value)
    order = exchange.market.order(order_id)
    secret = _secret_for(exchange, steward, ledger.book(), order_id, order, caution)
    ledger.decide(order_id, order.lock)
    receipt = exchange.market.settle(steward.signer, order, secret)
    ledger.settled(order_id, receipt.transaction)
    return receipt


def waiting_orders(exchange: Exchange, steward: Identity, caution: Caution) -> list[WaitingOrder]:
    """The open orders on a steward's listings, and what stands against settling each now."""
    book = Ledger(steward).book()
    waiting = []
    for order_id, order in open_orders(exchange, steward.address):
        obstacle: MediBlocError | None = None
        try:
            _secret_for(exchange, steward, book, order_id, order, caution)
        except RefusedError as refused:
            obstacle = refused
        waiting.append(WaitingOrder(order_id, order, obstacle))
    return waiting


def _secret_for(
    exchange: Exchange,
    steward: Identity,
    book: Book,
    order_id: OrderId,
    order: Order,
    caution: Caution,
) -> int:
    """The secret that settles an open order; raises as `settle` unless it may be shown now."""
    quoted = book.quotes.get(order.lock)
    if quoted is None:
        raise OrderNotQuoted(order=order_id, reason="this ledger has no quote with its lock")
    listing = exchange.market.listing(order.listing)
    for name, given, wanted in (
        ("listing", order.listing, quoted.listing),
        ("buyer", order.buyer, quoted.buyer),
        ("purpose", order.purpose, quoted.purpose),
        ("deadline", max(order.deadline, quoted.deadline), quoted.deadline),
        ("steward", listing.steward, steward.address),
        ("token", order.token, listing.token),
        ("price", order.price, listing.price),
        ("lock", sale.lock_of(quoted.k), order.lock),
    ):
        if given != wanted:
            raise OrderNotQuoted(order=order_id, reason=f"its {name} is not what was quoted")
    # A node that lies about the time can only make it later.
    remaining = order.deadline - max(exchange.network.now(), int(time.time()))
    if remaining < caution.margin_s:
        raise SettleTooLate(
            deadline=order.deadline, remaining_s=remaining, margin_s=caution.margin_s
        )
    _require_deep(exchange, order_id, caution.confirmations)
    return quoted.k


def _require_deep(exchange: Exchange, order_id: OrderId, needed: int) -> None:
    if not needed:
        return
    depth = exchange.network.block_number() - exchange.market.purchased_at(order_id)
    if depth < needed:
        wait_s = (needed - depth) * _BLOCK_S
        raise PurchaseUnconfirmed(order=order_id, depth=depth, needed=needed, wait_s=wait_s)


def open_orders(exchange: Exchange, steward: Address) -> list[tuple[OrderId, Order]]:
    """Orders on a steward's listings that still wait to be settled."""
    mine = {listing_id for listing_id, *_ in exchange.market.listings(steward)}
    return [
        (order_id, order)
        for order_id, order in exchange.market.purchases()
        if order.listing in mine and exchange.market.order_state(order_id) is OrderState.OPEN
    ]
