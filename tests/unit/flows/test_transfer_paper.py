"""A finished receipt, read by a stranger who has docs/exchange.md alone; and papers of no sense."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from coincurve import PublicKey
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.chain import Signer
from medibloc_py.errors import MediBlocError, TransferInvalid
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.transfer_digest import digest_of_files
from medibloc_py.flows.transfer_paper import TransferPaper, joined, read_receipt, write_paper
from medibloc_py.flows.transfer_words import RECEIVER as RECEIVED
from medibloc_py.flows.transfer_words import SAYS, Transfer, sign_word, transfer_id
from medibloc_py.model import KIND_TREATMENT_STUDY, Address, RecordId, Root
from medibloc_py.purpose import TREATMENT

SIGNERS = [Signer.from_key(bytes([n]) * 32) for n in (1, 2, 3)]
SENDER, RECEIVER, PATIENT = (signer.address for signer in SIGNERS)
RECORDS = Address("0x" + "00" * 19 + "09")
SIBLING = Bytes32(b"\x55" * 32)
SALT = b"\x66" * 32
FROZEN = "90912a001619e1423fc16ae5be711beaa7e3655a54e9e8f4a6464f7ab2d43b2e"
"""SHA-256 of the paper below."""
FILES = [("0001.dcm", 5, sha256(b"first").digest()), ("é/2", 6, sha256(b"second").digest())]


def receipt() -> TransferPaper:
    record = RecordId(b"\x44" * 32)
    transfer = Transfer(
        chain_id=31337,
        contract=RECORDS,
        sender=SENDER,
        receiver=RECEIVER,
        patient=PATIENT,
        speaker=PATIENT,
        record=record,
        root=Root(keccak(record + SIBLING)),
        kind=KIND_TREATMENT_STUDY,
        purpose=TREATMENT,
        digest=digest_of_files(SALT, FILES),
        files=2,
        sent_at=1_700_000_000,
        nonce=Bytes32(b"\x77" * 32),
    )
    words = tuple(
        sign_word(signer, transfer, role, 1_700_000_000 + place, 100 + place)
        for place, (role, signer) in enumerate(zip(SAYS, SIGNERS, strict=True))
    )
    return TransferPaper(transfer, (SIBLING,), words)


TOLD: dict[str, Any] = json.loads(write_paper(receipt()))

TRANSFER = (
    "Transfer(address sender,address receiver,address patient,address speaker,bytes32 record,"
    "bytes32 root,uint32 kind,uint64 purpose,bytes32 digest,uint32 files,uint40 sentAt,"
    "bytes32 nonce)"
)
WORD = "Word(string role,string says,uint40 at,uint64 block,Transfer transfer)" + TRANSFER
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def word32(value: Any) -> bytes:
    if isinstance(value, str) and value.startswith("0x"):
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")


def struct(kind: str, *values: bytes) -> bytes:
    return keccak(keccak(kind.encode()) + b"".join(values))


def strangers_digests(told: dict[str, Any]) -> tuple[bytes, list[bytes]]:
    """The id of a transfer and what each of the three signed, by the document."""
    body = told["transfer"]
    names = ("sender", "receiver", "patient", "speaker", "record", "root", "kind", "purpose")
    values = [body[name] for name in (*names, "digest", "files", "sent_at", "nonce")]
    inner = struct(TRANSFER, *map(word32, values))
    domain = struct(
        DOMAIN,
        keccak(b"MediBloc Transfer"),
        keccak(b"1"),
        word32(body["chain_id"]),
        word32(body["contract"]),
    )
    words = [
        struct(
            WORD,
            keccak(word["role"].encode()),
            keccak(SAYS[word["role"]].encode()),
            word32(word["at"]),
            word32(word["block"]),
            inner,
        )
        for word in told["words"]
    ]
    head = b"\x19\x01" + domain
    return keccak(head + inner), [keccak(head + each) for each in words]


def test_a_stranger_finds_the_same_three_signers() -> None:
    id_, digests = strangers_digests(TOLD)
    assert id_ == transfer_id(receipt().transfer)
    for word, digest, signer in zip(TOLD["words"], digests, SIGNERS, strict=True):
        signature = bytes.fromhex(word["signature"][2:])
        recoverable = signature[:64] + bytes([signature[64] - 27])
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
        assert keccak(key.format(compressed=False)[1:])[-20:].hex() == signer.address[2:].lower()


def test_a_stranger_finds_the_same_digest() -> None:
    whole = b"medibloc/transfer/v1" + SALT
    for name, content in (("0001.dcm", b"first"), ("é/2", b"second")):
        raw = name.encode()
        whole += len(raw).to_bytes(8, "big") + raw
        whole += len(content).to_bytes(8, "big") + sha256(content).digest()
    assert TOLD["transfer"]["digest"] == "0x" + sha256(whole).hexdigest()


def test_the_format_is_frozen() -> None:
    """A paper that was signed once is read for ever."""
    assert sha256(write_paper(receipt())).hexdigest() == FROZEN
    assert read_receipt(write_paper(receipt()), "paper") == receipt()


def test_joining_is_of_one_mind() -> None:
    whole = receipt()
    first, *others = whole.words
    parts = [TransferPaper(whole.transfer, whole.proof, (first, each)) for each in others]
    assert joined(parts[0], parts[1], "") == joined(parts[1], parts[0], "") == whole
    assert joined(whole, whole, "") == joined(whole, parts[0], "") == whole
    signed_again = sign_word(SIGNERS[1], whole.transfer, RECEIVED, others[0].at + 9, 200)
    later = TransferPaper(whole.transfer, whole.proof, (first, signed_again))
    assert read_receipt(write_paper(joined(whole, later, "")), "") == whole
    assert joined(later, whole, "") == whole


NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**300) | st.text(max_size=70) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=4,
)
PLACES = [
    *((name,) for name in TOLD),
    *(("transfer", name) for name in TOLD["transfer"]),
    *(("words", n, name) for n in range(3) for name in TOLD["words"][0]),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), NONSENSE)
def test_nonsense_anywhere_is_a_typed_refusal(place: tuple[Any, ...], value: Any) -> None:
    told = json.loads(json.dumps(TOLD))
    inner = told
    for key in place[:-1]:
        inner = inner[key]
    same = inner[place[-1]] == value
    inner[place[-1]] = value
    try:
        read = read_receipt(json.dumps(told).encode(), "paper")
    except MediBlocError:
        return
    assert same
    assert read == receipt()


@pytest.mark.parametrize("role", SAYS)
def test_no_byte_of_a_signature_is_loose(role: str) -> None:
    for place in range(65):
        told = json.loads(json.dumps(TOLD))
        word = next(word for word in told["words"] if word["role"] == role)
        raw = bytearray.fromhex(word["signature"][2:])
        raw[place] ^= 1 << place % 8
        word["signature"] = "0x" + raw.hex()
        with pytest.raises(TransferInvalid):
            read_receipt(json.dumps(told).encode(), "paper")
