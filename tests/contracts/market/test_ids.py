"""Ids, leaves and digests are the library's."""

from __future__ import annotations

import secrets
from dataclasses import astuple
from typing import Any

from brownie import chain
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py.crypto import ids
from medibloc_py.model import (
    Address,
    Bond,
    Contribution,
    ContributionTerms,
    IssuerShare,
    KeyCommitment,
    Listing,
    ListingId,
    Order,
    OrderState,
    RecordId,
    Root,
)
from support.desk import Desk
from support.plain import plain


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


ADDRESS = st.binary(min_size=20, max_size=20).map(ids.checksum_address)
BYTES32 = st.binary(min_size=32, max_size=32)


@given(listing=st.builds(
    Listing, steward=ADDRESS, root=BYTES32.map(Root), token=ADDRESS, price=uint(96),
    total_weight=uint(96), terms=uint(64), fee_bps=uint(16), issuer_bps=uint(16),
    issuers=BYTES32.map(Root), bond=uint(96), closes_at=uint(40),
    salt=st.binary(min_size=8, max_size=8),
))  # fmt: skip
def test_listingId_is_the_librarys(market: Any, listing: Listing) -> None:
    expected = ids.listing_id(chain.id, Address(market.address), listing)
    assert plain(market.listingId(astuple(listing))) == expected


@given(order=st.builds(
    Order, listing=BYTES32.map(ListingId), buyer=ADDRESS, token=ADDRESS, price=uint(96),
    purpose=uint(64), lock=ADDRESS, deadline=uint(40),
))  # fmt: skip
def test_orderId_is_the_librarys(market: Any, order: Order) -> None:
    expected = ids.order_id(chain.id, Address(market.address), order)
    assert plain(market.orderId(astuple(order))) == expected
    assert market.orderState(expected) == OrderState.NONE


@given(contribution=st.builds(
    Contribution, patient=ADDRESS, payee=ADDRESS, record=BYTES32.map(RecordId),
    weight=uint(96), consent_digest=BYTES32,
))  # fmt: skip
def test_leafOf_is_the_librarys(market: Any, contribution: Contribution) -> None:
    expected = ids.contribution_leaf(contribution)
    assert plain(market.leafOf(astuple(contribution))) == expected


@given(terms=st.builds(
    ContributionTerms, patient=ADDRESS, signer=ADDRESS, steward=ADDRESS, token=ADDRESS,
    terms=uint(64), min_price=uint(96), max_fee_bps=uint(16), payee=ADDRESS,
    record=BYTES32.map(RecordId), key_commitment=BYTES32.map(KeyCommitment), weight=uint(96),
    max_total_weight=uint(96), expires_at=uint(40),
))  # fmt: skip
def test_contributionDigest_is_eip_712(market: Any, desk: Desk, terms: ContributionTerms) -> None:
    expected = desk.digest("Contribution", *astuple(terms))
    assert plain(market.contributionDigest(astuple(terms))) == expected


@given(share=st.builds(IssuerShare, issuer=ADDRESS, weight=uint(96)))
def test_issuerLeafOf_is_the_librarys(market: Any, share: IssuerShare) -> None:
    assert plain(market.issuerLeafOf(astuple(share))) == ids.issuer_leaf(share)


def test_eip712Domain_names_the_market(market: Any) -> None:
    assert plain(market.eip712Domain()) == (
        b"\x0f", "MediBloc Market", "1", chain.id, market.address, bytes(32), (),
    )  # fmt: skip


def test_state_is_zero_given_unknown_ids(market: Any, desk: Desk) -> None:
    unknown = secrets.token_bytes(32)
    assert plain(market.stateOf(unknown)) == (0, 0, 0, Bond.NONE)
    assert market.orderState(unknown) == OrderState.NONE
    assert market.withdrawnAt(unknown) == 0
    assert market.claimed(unknown, unknown) == 0
