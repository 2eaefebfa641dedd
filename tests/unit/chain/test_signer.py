from __future__ import annotations

import pytest
from eth_account import Account

from medibloc_py.chain import Signer, recover_typed, typed_digest
from medibloc_py.errors import InvalidAddress, InvalidValue
from medibloc_py.model import Address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ALICE = Address("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")  # of key 1
# The example of EIP-712 itself, with its published digest and signature.
MAIL = (
    {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    {
        "Person": [("string", "name"), ("address", "wallet")],
        "Mail": [("Person", "from"), ("Person", "to"), ("string", "contents")],
    },
    "Mail",
    {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
)
MAIL_DIGEST = "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
MAIL_SIGNATURE = (
    "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
    "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
)


@pytest.fixture
def cow() -> Signer:
    from eth_hash.auto import keccak

    return Signer.from_key(keccak(b"cow"))


@pytest.mark.parametrize("key", [(1).to_bytes(32, "big"), "0x" + "0" * 63 + "1", "0" * 63 + "1\n"])
def test_from_key_takes_bytes_and_hex(key):
    assert Signer.from_key(key).address == ALICE


@pytest.mark.parametrize(
    "key",
    [
        bytes(32),
        bytes(31),
        ORDER.to_bytes(32, "big"),
        "0x12",
        "secret words of mine",
        "",
        b"\x01" * 33,
    ],
)
def test_from_key_refuses_all_else_without_repeating_it(key):
    with pytest.raises(InvalidValue) as caught:
        Signer.from_key(key)
    assert "secret" not in str(caught.value)
    assert "12" not in str(caught.value.values["given"])


def test_generate_makes_another_account_each_time():
    assert Signer.generate() != Signer.generate()


def test_the_key_is_never_shown():
    signer = Signer.from_key(b"\x5a" * 32)
    assert "5a5a" not in repr(signer) + str(signer)
    assert "Z" * 8 not in repr(signer)
    assert signer.export_key() == b"\x5a" * 32


def test_sign_transaction_gives_raw_bytes_and_their_hash():
    signer = Signer.from_key(b"\x5a" * 32)
    raw, transaction = signer.sign_transaction(
        {
            "chainId": 1,
            "nonce": 0,
            "gas": 21_000,
            "gasPrice": 1,
            "to": ALICE,
            "value": 1,
            "data": "0x",
        }
    )
    assert Account.recover_transaction(raw) == signer.address
    assert len(transaction) == 66


def test_typed_data_agrees_with_the_example_of_eip_712(cow):
    digest, signature = cow.sign_typed(*MAIL)
    assert digest.hex() == typed_digest(*MAIL).hex() == MAIL_DIGEST
    assert signature.hex() == MAIL_SIGNATURE
    assert recover_typed(*MAIL, signature) == cow.address


def test_recover_typed_gives_another_account_for_other_data(cow):
    domain, types, primary, message = MAIL
    _, signature = cow.sign_typed(*MAIL)
    changed = {**message, "contents": "Hello, Eve!"}
    assert recover_typed(domain, types, primary, changed, signature) != cow.address
    assert (
        recover_typed({**domain, "chainId": 2}, types, primary, message, signature) != cow.address
    )


def high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: b"",
        lambda s: s[:-1],
        lambda s: s + b"\x00",
        lambda s: s[:64] + b"\x00",
        lambda s: s[:64] + bytes([s[64] - 27]),
        lambda s: bytes(32) + s[32:],
        lambda s: s[:32] + bytes(32) + s[64:],
        lambda s: b"\xff" * 32 + s[32:],
        lambda s: (5).to_bytes(32, "big") + s[32:],  # x of no point
        high_s,
    ],
)
def test_recover_typed_refuses_a_malformed_signature(cow, spoil):
    _, signature = cow.sign_typed(*MAIL)
    with pytest.raises(InvalidValue, match="signature"):
        recover_typed(*MAIL, spoil(signature))


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("uint8", 256, InvalidValue),
        ("bytes32", b"short", InvalidValue),
        ("address", ALICE.lower(), InvalidAddress),
        ("bool", 1, InvalidValue),
    ],
)
def test_sign_typed_refuses_what_does_not_fit(cow, kind, value, error):
    with pytest.raises(error):
        cow.sign_typed({"name": "x"}, {"T": [(kind, "field")]}, "T", {"field": value})


def test_sign_typed_refuses_missing_and_unknown_fields(cow):
    types = {"T": [("bool", "a"), ("bool", "b")]}
    for message in ({"a": True}, {"a": True, "b": True, "c": True}):
        with pytest.raises(InvalidValue, match="typed data"):
            cow.sign_typed({"name": "x"}, types, "T", message)
