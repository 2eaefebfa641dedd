"""What a steward keeps of a listing: the table of locked keys, and what stands behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medibloc_py.crypto import sale
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.quote import QuoteBatch, QuoteRow
from medibloc_py.crypto.sale import TableProof
from medibloc_py.errors import ContributionInvalid, ListingUnknown
from medibloc_py.flows import papers
from medibloc_py.flows.held import (
    NO_TREATMENT,
    held_record,
    held_records,
    id_of,
    require_purpose,
    scalar_of,
)
from medibloc_py.flows.parties import Identity, Progress
from medibloc_py.model import Listing, ListingId, RecordId, SignedContribution

_PREFIX = "listing-"
_STRUCK = bytes(33)
"""In the place of a locked key."""


@dataclass(frozen=True, slots=True)
class KeptListing:
    """What a steward keeps of a listing besides its secret d, which stands in the ledger."""

    listing: Listing
    contributions: tuple[SignedContribution, ...]
    rows: tuple[QuoteRow, ...]
    D: bytes
    proof: TableProof
    batches: tuple[QuoteBatch, ...]


def make_table(
    steward: Identity,
    listing: Listing,
    listing_id: ListingId,
    d: int,
    contributions: Sequence[SignedContribution],
    progress: Progress,
) -> KeptListing:
    """Locks the keys of a listing's records under its secret d, and proves it.

    Args:
        steward: who holds the record files.
        listing: what is listed.
        listing_id: its id.
        d: its secret.
        contributions: one for each record, in the listing's order.
        progress: told of the rows made.

    Raises:
        ContributionInvalid: one commits to another key than its record's.
        RecordNotHeld: the steward lacks a record's file.
        TreatmentOnly: a record says who the patient is.
    """
    held = [held_record(steward, each.terms.record) for each in contributions]
    for each, record in zip(contributions, held, strict=True):
        require_purpose(each.terms.record, record.kind, NO_TREATMENT)
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
    name = name_of(listing_id)
    if not steward.vault.has(name):
        raise ListingUnknown(listing=listing_id)
    return papers.read("listing", KeptListing, steward.recall(name), name)


def keep_listing(steward: Identity, listing_id: ListingId, listing: KeptListing) -> None:
    """Keeps the steward's private part of a listing, in place of what was kept of it."""
    steward.keep(name_of(listing_id), papers.write("listing", listing))


def strike_row(steward: Identity, listing_id: ListingId, record: RecordId) -> None:
    """Takes a record's locked key out of a listing that is over; with its d it would open.

    The rest stays, for claims and to list again without the record.
    """
    listing = kept_listing(steward, listing_id)
    rows = tuple(
        replace(row, W=_STRUCK) if each.terms.record == record else row
        for row, each in zip(listing.rows, listing.contributions, strict=True)
    )
    if rows != listing.rows:
        struck = papers.write("listing", replace(listing, rows=rows))
        steward.keep(name_of(listing_id), struck)


def kept_listings(steward: Identity) -> list[ListingId]:
    """The listings that the steward keeps something of."""
    return [ListingId(bytes.fromhex(name[len(_PREFIX) :])) for name in steward.kept(_PREFIX)]


def name_of(listing_id: ListingId) -> str:
    """The name under which it lies in the vault."""
    return f"{_PREFIX}{listing_id.hex()}"
