"""Key pairs, bundles, and the secret behind a record."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import curve, keys
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import InvalidValue


def test_a_pair_shows_no_secret_and_publishes_1249_bytes():
    pair = keys.KeyPair.generate()
    assert len(pair.bundle) == keys.BUNDLE_BYTES
    assert pair.bundle[:1] == b"\x01"
    assert pair.bundle_hash == keccak256(pair.bundle)
    shown = repr(keys.EncryptionKeys(os.urandom(32), (pair,)))
    for secret in (pair.locator_seed, pair.mlkem_seed, pair.hybrid_seed):
        assert repr(secret) not in shown
    keys.parse_bundle(pair.bundle)


def test_the_same_seeds_give_the_same_bundle():
    pair = keys.KeyPair.generate()
    again = keys.KeyPair(pair.locator_seed, pair.mlkem_seed, pair.hybrid_seed)
    assert again == pair
    assert keys.KeyPair.generate().bundle != pair.bundle


def test_rotation_keeps_what_was():
    first = keys.EncryptionKeys.generate()
    second = first.rotated()
    assert second.root_secret == first.root_secret
    assert second.pairs[:-1] == first.pairs
    assert second.current.bundle != first.current.bundle
    assert set(second.versions) == {pair.bundle_hash for pair in second.pairs}


@pytest.mark.parametrize("lengths", [(31, 64, 32), (32, 63, 32), (32, 64, 33)])
def test_a_pair_reverts_when_a_seed_has_another_length(lengths):
    with pytest.raises(InvalidValue):
        keys.KeyPair(*map(bytes, lengths))


def test_keys_revert_when_incomplete():
    with pytest.raises(InvalidValue):
        keys.EncryptionKeys(bytes(32), ())
    with pytest.raises(InvalidValue):
        keys.EncryptionKeys(bytes(31), (keys.KeyPair.generate(),))


def test_parse_bundle_reverts_when_it_is_no_bundle():
    bundle = keys.KeyPair.generate().bundle
    bad_mlkem = bundle[:33] + b"\xff" * 1184 + bundle[1217:]
    for data in (b"", bundle[:-1], bundle + b"\0", b"\x02" + bundle[1:], bad_mlkem):
        with pytest.raises(InvalidValue):
            keys.parse_bundle(data)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_record_secrets_are_scalars_and_depend_on_both(root_secret, r):
    x = keys.record_scalar(root_secret, r)
    assert 0 < x < curve.ORDER
    flipped = bytes([r[0] ^ 1]) + r[1:]
    assert keys.record_scalar(root_secret, flipped) != x
    assert keys.record_scalar(flipped, r) != x
    assert keys.record_point(x) != keys.commitment_point(x)


def test_content_keys_and_commitments_depend_on_the_salt():
    point = keys.record_point(5)
    assert keys.cek(point, bytes(32)) != keys.cek(point, b"\x01" * 32)
    assert keys.key_commitment(point, bytes(32)) != keys.key_commitment(point, b"\x01" * 32)


@pytest.mark.parametrize("x", [0, curve.ORDER])
def test_record_points_revert_when_x_is_no_scalar(x):
    for call in (keys.record_point, keys.commitment_point):
        with pytest.raises(InvalidValue):
            call(x)
