"""A quote, checked in full before any payment (docs/sale-v1.md, "The buyer checks")."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py import purpose
from medibloc_py.crypto import hpke, ids, sale
from medibloc_py.crypto.merkle import MerkleTree, root_of_multiproof
from medibloc_py.crypto.quote import Quote, issuers_root
from medibloc_py.errors import (
    Corrupted,
    DocumentInvalid,
    InvalidValue,
    QuoteInvalid,
    RefusedError,
)
from medibloc_py.flows import papers
from medibloc_py.flows.held import record_id_of
from medibloc_py.flows.listing import check_contributions
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.steward import require_sellable
from medibloc_py.model import KIND_DICOM_STUDY, Address, ListingId, RecordId


@dataclass(frozen=True, slots=True)
class CheckedQuote:
    """A quote that held every check; only such a one can be paid."""

    listing_id: ListingId
    quote: Quote
    lock: Address


def check_quote(
    exchange: Exchange,
    buyer: Identity,
    data: bytes,
    path: object,
    request: int,
    progress: Progress = silent,
) -> CheckedQuote:
    """Checks all that can be checked before paying.

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
    if listing_id_of(exchange, quote) != listing_id:
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


def listing_id_of(exchange: Exchange, quote: Quote) -> ListingId:
    """The id of the listing whose fields a quote has."""
    return ids.listing_id(exchange.chain_id, exchange.market.address, quote.listing)
