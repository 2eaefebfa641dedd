"""A dataset listed again, without the records that left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medibloc_py.errors import ConsentNotCovering, ContributionInvalid, DeidentificationMissing
from medibloc_py.flows import kept
from medibloc_py.flows.contribute import check_contribution
from medibloc_py.flows.held import held_record
from medibloc_py.flows.listing import DatasetListed, list_dataset
from medibloc_py.flows.opened import require_deidentified
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.model import Listing, ListingId, RecordId, SignedContribution


@dataclass(frozen=True, slots=True)
class Relisted:
    """A dataset listed again, and the records that were left out, each with the reason."""

    listed: DatasetListed
    left_out: tuple[tuple[RecordId, str], ...]


def relist(
    exchange: Exchange,
    steward: Identity,
    listing_id: ListingId,
    *,
    price: int | None = None,
    closes_at: int | None = None,
    bond: int | None = None,
    without: Sequence[RecordId] = (),
    progress: Progress = silent,
) -> Relisted:
    """Lists a dataset again under a new secret, without the records that left it.

    Left out are contributions that were withdrawn, whose consent no longer covers the terms,
    that do not allow the new price or closing time, or whose records no receipt proves to be
    without identity. Parts of steward and issuers stay.

    Args:
        exchange: the deployment.
        steward: who listed it, from this machine.
        listing_id: the listing that closed, or is to be replaced.
        price: token units per sale; as before if not given.
        closes_at: last second an order may be opened; as first listed if not given.
        bond: token units staked; as before if not given.
        without: records to leave out besides.
        progress: told of the table's making.

    Raises:
        ListingUnknown: this steward listed no such dataset from here.
        InvalidValue: nothing is left to list.
        MediBlocError: as `list_dataset`.
    """
    old = kept.kept_listing(steward, listing_id)
    draft = replace(
        old.listing,
        price=old.listing.price if price is None else price,
        closes_at=old.listing.closes_at if closes_at is None else closes_at,
        bond=old.listing.bond if bond is None else bond,
    )
    staying, left_out = [], []
    for signed in old.contributions:
        if reason := _why_out(exchange, steward, signed, draft, without):
            left_out.append((signed.terms.record, reason))
        else:
            staying.append(signed)
    listed = list_dataset(
        exchange,
        steward,
        staying,
        price=draft.price,
        fee_bps=draft.fee_bps,
        closes_at=draft.closes_at,
        issuer_bps=draft.issuer_bps,
        bond=draft.bond,
        progress=progress,
    )
    return Relisted(listed, tuple(left_out))


def _why_out(
    exchange: Exchange,
    steward: Identity,
    signed: SignedContribution,
    draft: Listing,
    without: Sequence[RecordId],
) -> str | None:
    if signed.terms.record in without:
        return "left out by the steward"
    try:
        check_contribution(exchange, signed, draft)
        require_deidentified(exchange, steward, held_record(steward, signed.terms.record))
    except (ConsentNotCovering, ContributionInvalid, DeidentificationMissing) as error:
        return error.message.rstrip(".")
    return None
