"""The buyer's side of a sale: purchase what was checked, open what was paid for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from medibloc_py.crypto import ids, sale
from medibloc_py.crypto.quote import Quote
from medibloc_py.errors import (
    ERC20InsufficientAllowance,
    InvalidValue,
    LockMismatch,
    OrderExists,
    OrderNotHeld,
    OrderNotSettled,
    PaymentBelowPrice,
)
from medibloc_py.flows.funds import approve, require_tokens
from medibloc_py.flows.opened import OpenedRecord, origin_of
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.quote_check import CheckedQuote, check_quote, listing_id_of, open_quote
from medibloc_py.model import (
    Address,
    ListingId,
    Order,
    OrderId,
    OrderState,
    Receipt,
    RecordId,
    Root,
)
from medibloc_py.services import TokenService

__all__ = [
    "CheckedQuote",
    "OpenedDataset",
    "Purchased",
    "check_quote",
    "open_dataset",
    "open_quote",
    "purchase",
    "refund",
]
_PERMIT_S = 3600
"""How long a permit may be sent; it allows one price to one market, once."""


@dataclass(frozen=True, slots=True)
class Purchased:
    """An order whose payment is locked, and the transactions that locked it.

    `approval` is None where a permit or an earlier approval did without.
    """

    order_id: OrderId
    order: Order
    approval: Receipt | None
    receipt: Receipt


class OpenedDataset:
    """The records of a settled order, opened one by one."""

    def __init__(self, exchange: Exchange, quote: Quote, secret: int) -> None:
        self._exchange = exchange
        self._quote = quote
        self._listing_id = listing_id_of(exchange, quote)
        self._d = sale.recover_d(quote.z, secret)

    def __len__(self) -> int:
        return len(self._quote.rows)

    def __iter__(self) -> Iterator[OpenedRecord]:
        return (self.record(index) for index in range(len(self)))

    def batch_of(self, index: int) -> tuple[Address, Address, Root]:
        """Whose a record is by its place in the dataset, who registered it, under which root."""
        row = self._quote.rows[index]
        batch = self._quote.batches[row.batch]
        return row.patient, batch.issuer, batch.root

    def find(self, record: RecordId) -> OpenedRecord:
        """Opens one record by its id.

        Raises:
            InvalidValue: the order did not buy it.
        """
        bought = [each.terms.record for each in self._quote.contributions]
        if record not in bought:
            allowed = f"one of the {len(bought)} records of the order"
            raise InvalidValue(name="record", given=record, allowed=allowed)
        return self.record(bought.index(record))

    def record(self, index: int) -> OpenedRecord:
        """Opens one record by its place in the dataset."""
        row, record = self._quote.rows[index], self._quote.contributions[index].terms.record
        key = sale.recover_cek(self._listing_id, record, row.salt, row.W, self._d)
        issuer = self._quote.batches[row.batch].issuer
        place, origin = (row.cid, row.size_bytes), origin_of(self._exchange, issuer, row.kind)
        return OpenedRecord(self._exchange.store, record, *place, key, row.salt, origin)


def purchase(
    exchange: Exchange, buyer: Identity, checked: CheckedQuote, amount: int | None = None
) -> Purchased:
    """Locks the payment of a checked quote.

    The sealed records are pinned and the quote is in the buyer's vault before anything is sent.
    A command that was killed after it had paid is told so, and pays nothing.

    Args:
        exchange: the deployment.
        buyer: who checked the quote.
        checked: from `check_quote`.
        amount: what the buyer means to pay, in token units; the price if not given.

    Raises:
        PaymentBelowPrice: the amount is below the price.
        OrderExists: this quote was paid before.
        InsufficientFunds: the buyer holds too few tokens; nothing was sent.
    """
    quote, listing = checked.quote, checked.quote.listing
    if amount is not None and amount < listing.price:
        raise PaymentBelowPrice(amount=amount, price=listing.price)
    order = _order(checked.listing_id, quote)
    order_id = ids.order_id(exchange.chain_id, exchange.market.address, order)
    # What a run left that was killed is mined before anything else is asked.
    sent = exchange.market.sent_by_killed_run(bytes.fromhex(checked.lock[2:]))
    if sent is not None:
        return Purchased(order_id, order, None, sent.receipt)
    if exchange.market.order_state(order_id) is not OrderState.NONE:
        raise OrderExists(order=order_id)  # before anything is approved
    token = TokenService(exchange.network, listing.token)
    require_tokens(token, buyer.address, listing.price)
    for row in quote.rows:  # nobody else is bound to keep what was paid for
        exchange.store.pin(row.cid)
    buyer.keep(_order_name(order_id), quote.encode())
    approval, receipt = _pay(exchange, buyer, checked, token)
    return Purchased(order_id, order, approval, receipt)


def _pay(
    exchange: Exchange, buyer: Identity, checked: CheckedQuote, token: TokenService
) -> tuple[Receipt | None, Receipt]:
    """Locks the price: by a permit in one transaction where the token takes one, else in two."""
    market, quote = exchange.market, checked.quote
    listing = quote.listing
    order = (listing, quote.purpose, checked.lock, quote.deadline)
    if token.allowance(buyer.address, market.address) < listing.price:
        until = exchange.network.run.moment() + _PERMIT_S
        permit = token.sign_permit(buyer.signer, market.address, listing.price, until)
        if permit is not None:
            try:
                return None, market.purchase_with_permit(buyer.signer, *order, permit)
            except ERC20InsufficientAllowance:
                pass  # it takes permits of another form; nothing was sent
    approval = approve(token, buyer, market.address, listing.price)
    return approval, market.purchase(buyer.signer, *order)


def open_dataset(exchange: Exchange, buyer: Identity, order_id: OrderId) -> OpenedDataset:
    """Opens what a settled order bought: the chain's secret and the quote give every key.

    Raises:
        OrderNotHeld: this account bought no such order.
        OrderNotSettled: the steward has not shown the secret, or the payment went back.
        LockMismatch: the secret on chain is not the lock's: the node lies.
    """
    name = _order_name(order_id)
    if not buyer.vault.has(name):
        raise OrderNotHeld(order=order_id, path="the vault of " + buyer.address)
    secret = exchange.market.settled(order_id)
    if secret is None:
        raise OrderNotSettled(order=order_id, state=exchange.market.order_state(order_id).value)
    quote = Quote.decode(buyer.recall(name))
    try:
        holds = sale.lock_of(secret) == sale.lock_of_point(quote.K)
    except InvalidValue:  # no scalar at all
        holds = False
    if not holds:
        raise LockMismatch(order=order_id)
    return OpenedDataset(exchange, quote, secret)


def refund(exchange: Exchange, sender: Identity, order_id: OrderId) -> Receipt:
    """Sends an unsettled order's payment back to its buyer, after the deadline.

    Raises:
        DeadlineNotReached: the steward may still settle.
        OrderNotOpen: the order has ended.
    """
    return exchange.market.refund(sender.signer, exchange.market.order(order_id))


def _order(listing_id: ListingId, quote: Quote) -> Order:
    return Order(
        listing=listing_id,
        buyer=quote.buyer,
        token=quote.listing.token,
        price=quote.listing.price,
        purpose=quote.purpose,
        lock=sale.lock_of_point(quote.K),
        deadline=quote.deadline,
    )


def _order_name(order_id: OrderId) -> str:
    return f"order-{order_id.hex()}"
