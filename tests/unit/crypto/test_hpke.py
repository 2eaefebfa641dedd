"""Wrapping: the right reader in the right place, nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import hpke
from medibloc_py.crypto.keys import EncryptionKeys
from medibloc_py.errors import Corrupted, InvalidAddress, InvalidValue, WrongKey
from medibloc_py.model import Address

READER = EncryptionKeys.generate()
STRANGER = EncryptionKeys.generate()
BUNDLE = READER.current.bundle
ONE, TWO, THREE = (Address("0x" + digit * 40) for digit in "123")
RECORD = b"\xaa" * 32
WRAPPED = hpke.wrap(b"payload", BUNDLE, b"info")
LOCATOR = hpke.seal_locator(RECORD, BUNDLE, b"info")


@given(st.binary(max_size=2000), st.binary(max_size=100))
def test_any_payload_goes_round(payload, info):
    wrapped = hpke.wrap(payload, BUNDLE, info)
    assert len(wrapped) == hpke.WRAP_OVERHEAD + len(payload)
    assert hpke.unwrap(wrapped, READER, info, "payload") == payload


@given(st.binary(min_size=32, max_size=32))
def test_any_digest_goes_round_in_80_bytes(digest):
    locator = hpke.seal_locator(digest, BUNDLE, b"info")
    assert len(locator) == hpke.LOCATOR_BYTES == 80
    assert hpke.open_locator(locator, READER, b"info") == digest


def test_32_bytes_wrap_to_1169():
    assert len(hpke.wrap(bytes(32), BUNDLE, b"")) == 1 + 1168


def test_wrapping_twice_gives_two_ciphertexts():
    assert hpke.wrap(b"payload", BUNDLE, b"info") != WRAPPED


def test_a_rotated_key_opens_the_old_and_the_new():
    rotated = READER.rotated().rotated()
    assert hpke.unwrap(WRAPPED, rotated, b"info", "payload") == b"payload"
    assert hpke.open_locator(LOCATOR, rotated, b"info") == RECORD
    middle = rotated.pairs[1].bundle
    assert hpke.unwrap(hpke.wrap(b"new", middle, b""), rotated, b"", "payload") == b"new"
    with pytest.raises(WrongKey):
        hpke.unwrap(hpke.wrap(b"new", middle, b""), READER, b"", "payload")


@pytest.mark.parametrize(("keys", "info"), [(STRANGER, b"info"), (READER, b"other"), (READER, b"")])
def test_another_key_or_place_is_wrong(keys, info):
    with pytest.raises(WrongKey) as caught:
        hpke.unwrap(WRAPPED, keys, info, "grant object")
    assert caught.value.values == {"what_for": "grant object"}
    with pytest.raises(WrongKey):
        hpke.open_locator(LOCATOR, keys, info)


@given(st.integers(8, 8 * len(WRAPPED) - 1))
def test_a_flipped_bit_does_not_open(bit):
    changed = bytearray(WRAPPED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WrongKey):
        hpke.unwrap(bytes(changed), READER, b"info", "payload")


@given(st.integers(0, 8 * len(LOCATOR) - 1))
def test_a_flipped_bit_in_a_locator_does_not_open(bit):
    changed = bytearray(LOCATOR)
    changed[bit // 8] ^= 1 << bit % 8
    # X25519 ignores the top bit of the encapsulated key, the key schedule does not.
    with pytest.raises(WrongKey):
        hpke.open_locator(bytes(changed), READER, b"info")


@pytest.mark.parametrize("data", [b"", WRAPPED[:1136], b"\x02" + WRAPPED[1:], WRAPPED[1:]])
def test_a_cut_or_foreign_wrapping_is_corrupted(data):
    with pytest.raises(Corrupted):
        hpke.unwrap(data, READER, b"info", "payload")


@pytest.mark.parametrize("data", [b"", LOCATOR[:-1], LOCATOR + b"\0"], ids=len)
def test_a_locator_of_another_length_is_corrupted(data):
    with pytest.raises(Corrupted):
        hpke.open_locator(data, READER, b"info")


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_hostile_wrappings_do_not_open(filler):
    with pytest.raises(WrongKey):
        hpke.unwrap(b"\x01" + filler * 1168, READER, b"info", "payload")
    with pytest.raises(WrongKey):
        hpke.open_locator(filler * 80, READER, b"info")


def test_keys_of_low_order_are_refused():
    low_locator = BUNDLE[:1] + bytes(32) + BUNDLE[33:]
    low_hybrid = BUNDLE[:1217] + bytes(32)
    with pytest.raises(InvalidValue, match="low order"):
        hpke.seal_locator(RECORD, low_locator, b"")
    with pytest.raises(InvalidValue, match="low order"):
        hpke.wrap(b"", low_hybrid, b"")
    with pytest.raises(InvalidValue):
        hpke.wrap(b"", b"", b"")
    with pytest.raises(InvalidValue):
        hpke.seal_locator(bytes(31), BUNDLE, b"")


def test_payloads_above_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(hpke, "MOST_PAYLOAD_BYTES", 6)
    with pytest.raises(InvalidValue):
        hpke.wrap(b"payload", BUNDLE, b"info")
    with pytest.raises(Corrupted):
        hpke.unwrap(WRAPPED, READER, b"info", "payload")


def all_infos(chain=1, record=RECORD, number=1):
    return {
        hpke.grant_info(chain, ONE, record, TWO, THREE, 1, 2, number),
        hpke.locator_info(chain, ONE, record, TWO, THREE, 1, 2, number),
        hpke.record_file_info(chain, ONE, record, TWO),
        hpke.quote_info(chain, ONE, record, TWO, THREE),
        hpke.vault_info("name"),
    }


def test_infos_bind_all_they_are_given():
    assert len(all_infos()) == 5
    assert len(all_infos() & all_infos(chain=2)) == 1
    assert len(all_infos() & all_infos(record=bytes(32))) == 1
    assert len(all_infos() & all_infos(number=2)) == 3
    assert hpke.vault_info("a") != hpke.vault_info("b")
    base = (1, ONE, RECORD, TWO, THREE, 1, 2, 3)
    changed = (2, TWO, bytes(32), ONE, ONE, 2, 3, 4)
    for place, other in enumerate(changed):
        fields = (*base[:place], other, *base[place + 1 :])
        assert hpke.grant_info(*fields) != hpke.grant_info(*base)


def test_infos_have_fixed_widths():
    grant = hpke.grant_info(2**256 - 1, ONE, RECORD, TWO, THREE, 2**32 - 1, 2**64 - 1, 2**40 - 1)
    assert len(grant) == len(b"medibloc/grant/v1") + 32 + 20 + 32 + 20 + 20 + 4 + 8 + 8
    assert grant.endswith(b"\xff" * 4 + b"\xff" * 8 + bytes(3) + b"\xff" * 5)


@pytest.mark.parametrize(
    "fields",
    [
        (-1, ONE, RECORD, TWO, THREE, 1, 1, 1),
        (2**256, ONE, RECORD, TWO, THREE, 1, 1, 1),
        (1, ONE, RECORD[1:], TWO, THREE, 1, 1, 1),
        (1, ONE, RECORD, TWO, THREE, 2**32, 1, 1),
        (1, ONE, RECORD, TWO, THREE, 1, 2**64, 1),
    ],
)
def test_infos_revert_when_a_field_does_not_fit(fields):
    with pytest.raises(InvalidValue):
        hpke.grant_info(*fields)
    with pytest.raises(InvalidAddress):
        hpke.quote_info(1, ONE, RECORD, TWO, Address("nobody"))
