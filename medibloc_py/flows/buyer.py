"""The buyer's side of a sale: check a quote, purchase, open what was paid for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from medibloc_py import purpose
from medibloc_py.crypto import hpke, ids, sale
from medibloc_py.crypto.merkle import MerkleTree, root_of_multiproof
from medibloc_py.crypto.quote import Quote, issuers_root
from medibloc_py.errors import (
    Corrupted,
    DocumentInvalid,
    ERC20InsufficientAllowance,
    InvalidValue,
    LockMismatch,
    OrderExists,
    OrderNotHeld,
    OrderNotSettled,
    PaymentBelowPrice,
    QuoteInvalid,
    RefusedError,
)
from medibloc_py.flows import papers
from medibloc_py.flows.funds import approve, require_tokens
from medibloc_py.flows.held import record_id_of
from medibloc_py.flows.listing import check_contributions
from medibloc_py.flows.opened import OpenedRecord, origin_of
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.steward import require_sellable
from medibloc_py.model import (
    KIND_DICOM_STUDY,
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

_PERMIT_S = 3600
"""How long a permit may be sent; it allows one price to one market, once."""


@dataclass(frozen=True, slots=True)
class CheckedQuote:
    """A quote that held every check; only such a one can be paid."""

    listing_id: ListingId
    quote: Quote
    lock: Address


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
        self._listing_id = _listing_id(exchange, quote)
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


def check_quote(
    exchange: Exchange,
    buyer: Identity,
    data: bytes,
    path: object,
    request: int,
    progress: Progress = silent,
) -> CheckedQuote:
    """Checks all that can be checked before paying (docs/sale-v1.md, "The buyer checks").

    Args:
        exchange: the deployment.
        buyer: whom the quote was made for.
        data: the quote's bytes.
        path: named in errors.
        request: the purpose word the buyer means; the order puts it on record for ever, with
            every promise in it, so it is the buyer who says it and not the quote.
        progress: told of keys and bytes checked.

    Raises:
        DocumentInvalid: it is no quote of this market.
        WrongKey: it was sealed to somebody else.
        QuoteInvalid: a check failed; its name and reason are in the values.
        ListingUnknown, ListingClosed, NotAccredited, EvidenceNotVouched, PurposeDenied,
            DeadlineOutOfRange: the market would refuse the order.
        IssuerNotAccredited: the issuer of a record no longer is accredited.
        BlobMissing, Corrupted: the store lacks a sealed record, or has other bytes.
    """
    listing_id, quote = open_quote(exchange, buyer, data, path)
    listing = quote.listing
    if quote.buyer != buyer.address:
        raise QuoteInvalid(check="buyer", reason=f"it was made for {quote.buyer}")
    if quote.purpose != request:
        named = purpose.render(quote.purpose, purpose.REQUEST_NAMES)
        raise QuoteInvalid(check="purpose", reason=f"it was made for the purpose {named}")
    require_sellable(exchange, listing, listing_id, buyer.address, quote.purpose, quote.deadline)
    _check_dataset(exchange, quote, listing_id, progress)
    sale.verify_offer(quote.D, quote.K, quote.z)
    _check_blobs(exchange, quote, progress)
    return CheckedQuote(listing_id, quote, sale.lock_of_point(quote.K))


def open_quote(
    exchange: Exchange, buyer: Identity, data: bytes, path: object
) -> tuple[ListingId, Quote]:
    """Opens a quote without judging it: what it says may be false.

    Raises:
        DocumentInvalid: it is no quote of this market.
        WrongKey: it was sealed to somebody else.
        QuoteInvalid: its listing is another than it names.
    """
    paper = papers.read("quote", papers.Sealed, data, path)
    if (paper.chain_id, paper.contract) != (exchange.chain_id, exchange.market.address):
        raise DocumentInvalid(path=path, kind="quote", reason="it is of another market")
    listing_id = ListingId(paper.subject)
    info = hpke.quote_info(
        exchange.chain_id, exchange.market.address, listing_id, paper.sender, buyer.address
    )
    quote = Quote.decode(hpke.unwrap(paper.sealed, buyer.keys, info, "quote"), str(path))
    if _listing_id(exchange, quote) != listing_id:
        raise QuoteInvalid(check="listing", reason="its fields are not those of the listing")
    return listing_id, quote


def _check_dataset(
    exchange: Exchange, quote: Quote, listing_id: ListingId, progress: Progress
) -> None:
    listing = quote.listing
    try:
        leaves = check_contributions(exchange, quote.contributions, listing)
    except RefusedError as error:  # a node that fails is no fault of the quote
        raise QuoteInvalid(check="contributions", reason=error.message.rstrip(".")) from None
    if sum(leaf.weight for leaf in leaves) != listing.total_weight:
        raise QuoteInvalid(check="weights", reason="they do not add up to the total weight")
    if MerkleTree([ids.contribution_leaf(leaf) for leaf in leaves]).root != listing.root:
        raise QuoteInvalid(check="root", reason="the contributions are not those listed")
    _check_records(exchange, quote)
    if issuers_root(quote.issuer_shares(), listing.issuer_bps) != listing.issuers:
        raise QuoteInvalid(check="issuers", reason="their shares are not what their records weigh")
    sale.verify_table(
        listing_id,
        sale.Table(quote.D, tuple(sale.Row(row.C, row.W) for row in quote.rows), quote.proof),
        [each.terms.record for each in quote.contributions],
        [row.salt for row in quote.rows],
        [each.terms.key_commitment for each in quote.contributions],
        progress=lambda done, total: progress("check keys", done, total),
    )


def _check_records(exchange: Exchange, quote: Quote) -> None:
    """Each row opens its contribution's record, and the record stands in an issuer's root."""
    standing: dict[int, list[RecordId]] = {}
    for row, signed in zip(quote.rows, quote.contributions, strict=True):
        terms = signed.terms
        if row.kind != KIND_DICOM_STUDY:
            raise QuoteInvalid(
                check="records", reason=f"0x{terms.record.hex()} is of a kind for treatment only"
            )
        try:
            opened = record_id_of(row.patient, row.salt, row.cid, terms.key_commitment, row.kind)
        except InvalidValue as error:
            raise QuoteInvalid(check="records", reason=error.message.rstrip(".")) from None
        if (opened, row.patient) != (terms.record, terms.patient):
            raise QuoteInvalid(
                check="records", reason=f"a row does not open 0x{terms.record.hex()}"
            )
        standing.setdefault(row.batch, []).append(opened)
    for number, batch in enumerate(quote.batches):
        try:
            root = root_of_multiproof(standing.get(number, ()), batch.proof, batch.flags)
        except Corrupted as error:
            raise QuoteInvalid(check="roots", reason=error.message.rstrip(".")) from None
        registered = exchange.records.batch(batch.issuer, root)
        if registered.superseded_by is not None:
            raise QuoteInvalid(check="roots", reason=f"0x{root.hex()} was superseded")
        if root != batch.root or not registered.registered_at:
            raise QuoteInvalid(
                check="roots", reason=f"{batch.issuer} has not registered 0x{root.hex()}"
            )
        exchange.require_issuer(batch.issuer)


def _check_blobs(exchange: Exchange, quote: Quote, progress: Progress) -> None:
    """Reads every sealed record once: the store verifies each block against the CID."""
    for row in quote.rows:  # a few blocks can stand for petabytes: sizes before bytes
        if (size := exchange.store.size(row.cid)) != row.size_bytes:
            raise QuoteInvalid(
                check="blobs", reason=f"{row.cid} has {size} bytes, not {row.size_bytes}"
            )
    total, done = sum(row.size_bytes for row in quote.rows), 0
    for row in quote.rows:
        for buffer in exchange.store.get(row.cid):
            done += len(buffer)
            progress("check blobs", done, total)


def purchase(
    exchange: Exchange, buyer: Identity, checked: CheckedQuote, amount: int | None = None
) -> Purchased:
    """Locks the payment of a checked quote.

    The sealed records are pinned and the quote is in the buyer's vault before anything is sent.

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
        until = exchange.network.now() + _PERMIT_S
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


def _listing_id(exchange: Exchange, quote: Quote) -> ListingId:
    return ids.listing_id(exchange.chain_id, exchange.market.address, quote.listing)


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
