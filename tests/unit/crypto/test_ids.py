"""Ids: golden values, and refusal of whatever does not fit its Solidity type."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import ids
from medibloc_py.errors import InvalidAddress, InvalidValue
from medibloc_py.model import Address, Contribution, Listing, Order

ONE = Address("0x" + "11" * 20)
LISTING = Listing(ONE, bytes(32), ONE, 1, 1, 1, 1, 1, bytes(32), 1, 1, bytes(8))
ORDER = Order(bytes(32), ONE, ONE, 1, 1, ONE, 1)
CONTRIBUTION = Contribution(ONE, ONE, bytes(32), 1, bytes(32))


def test_keccak256_is_not_sha3():
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert ids.keccak256(b"").hex() == empty


@pytest.mark.parametrize(
    "address",  # from EIP-55
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_address_follows_eip_55(address):
    assert ids.checksum_address(ids.address_bytes(address)) == address
    assert ids.checksum_address(ids.address_bytes(Address(address.lower()))) == address


@pytest.mark.parametrize(
    "given",
    ["", "0x", "11" * 20, "0x" + "1" * 39, "0x" + "1" * 41, "0x" + "g" * 40, "0x" + "１" * 40],
)
def test_address_bytes_reverts_when_not_an_address(given):
    with pytest.raises(InvalidAddress):
        ids.address_bytes(Address(given))


def test_checksum_address_reverts_when_not_20_bytes():
    with pytest.raises(InvalidValue):
        ids.checksum_address(bytes(19))


@given(st.binary(min_size=20, max_size=20))
def test_addresses_go_round(data):
    assert ids.address_bytes(ids.checksum_address(data)) == data


@pytest.mark.parametrize(
    ("field", "bits"),
    [("price", 96), ("total_weight", 96), ("terms", 64), ("fee_bps", 16), ("closes_at", 40)],
)
def test_listing_id_reverts_when_a_number_does_not_fit(field, bits):
    fits = ids.listing_id(1, ONE, replace(LISTING, **{field: 2**bits - 1}))
    assert len(fits) == 32
    for number in (2**bits, -1):
        with pytest.raises(InvalidValue):
            ids.listing_id(1, ONE, replace(LISTING, **{field: number}))


@pytest.mark.parametrize(("field", "bits"), [("price", 96), ("purpose", 64), ("deadline", 40)])
def test_order_id_reverts_when_a_number_does_not_fit(field, bits):
    with pytest.raises(InvalidValue):
        ids.order_id(1, ONE, replace(ORDER, **{field: 2**bits}))


def test_ids_revert_when_a_hash_is_not_32_bytes():
    with pytest.raises(InvalidValue):
        ids.listing_id(1, ONE, replace(LISTING, root=bytes(31)))
    with pytest.raises(InvalidValue):
        ids.order_id(1, ONE, replace(ORDER, listing=bytes(33)))
    with pytest.raises(InvalidValue):
        ids.contribution_leaf(replace(CONTRIBUTION, consent_digest=b""))
    with pytest.raises(InvalidValue):
        ids.blind(bytes(31), bytes(32), bytes(32), 1)
    with pytest.raises(InvalidValue):
        ids.record_id(ONE, bytes(31))
    with pytest.raises(InvalidValue):
        ids.consent_digest(bytes(32), bytes(64))
    with pytest.raises(InvalidValue):
        ids.consent_digest(bytes(31), bytes(65))


def test_every_field_changes_the_id():
    listing = ids.listing_id(1, ONE, LISTING)
    for field in ("price", "total_weight", "terms", "fee_bps", "closes_at"):
        assert ids.listing_id(1, ONE, replace(LISTING, **{field: 2})) != listing
    assert ids.listing_id(2, ONE, LISTING) != listing
    assert ids.listing_id(1, Address("0x" + "22" * 20), LISTING) != listing
