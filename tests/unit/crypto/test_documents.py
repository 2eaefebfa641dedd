"""Grant objects, record files and quotes: there and back, and nothing malformed."""

import os
import random
from dataclasses import fields, replace

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import curve
from medibloc_py.crypto.documents import GrantObject, RecordFile
from medibloc_py.crypto.ids import checksum_address
from medibloc_py.crypto.keys import record_scalar
from medibloc_py.crypto.quote import Quote, QuoteBatch, QuoteRow
from medibloc_py.crypto.table import TableProof
from medibloc_py.errors import DocumentInvalid, InvalidValue
from medibloc_py.model import ContributionTerms, Listing, SignedContribution

ACCOUNTS = st.binary(min_size=20, max_size=20).map(checksum_address)
HASHES = st.binary(min_size=32, max_size=32)
POINTS = st.binary(min_size=33, max_size=33)
SCALARS = st.integers(1, curve.ORDER - 1)
CIDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=58, max_size=58).map("b".__add__)
PROOFS = st.lists(HASHES, max_size=4).map(tuple)


def uints(bits):
    return st.integers(0, 2**bits - 1)


GRANTS = st.builds(
    GrantObject,
    cek=HASHES,
    salt=HASHES,
    cid=CIDS,
    size_bytes=uints(63),
    key_commitment=HASHES,
    kind=uints(32),
    issuer=ACCOUNTS,
    patient=ACCOUNTS,
    proof=PROOFS,
)
RECORD_FILES = st.builds(
    RecordFile,
    salt=HASHES,
    cid=CIDS,
    size_bytes=uints(63),
    kind=uints(32),
    patient=ACCOUNTS,
    issuer=ACCOUNTS,
    key_commitment=HASHES,
    root=HASHES,
    proof=PROOFS,
    label=st.text(max_size=30),
    x=SCALARS,
) | st.builds(
    RecordFile,
    salt=HASHES,
    cid=CIDS,
    size_bytes=uints(63),
    kind=uints(32),
    patient=ACCOUNTS,
    issuer=ACCOUNTS,
    key_commitment=HASHES,
    root=HASHES,
    r=HASHES,
)
TERMS = st.builds(
    ContributionTerms,
    patient=ACCOUNTS,
    signer=ACCOUNTS,
    steward=ACCOUNTS,
    token=ACCOUNTS,
    terms=uints(64),
    min_price=uints(96),
    max_fee_bps=uints(16),
    payee=ACCOUNTS,
    record=HASHES,
    key_commitment=HASHES,
    weight=uints(96),
    max_total_weight=uints(96),
    expires_at=uints(40),
)
SIGNED = st.builds(SignedContribution, terms=TERMS, signature=st.binary(min_size=65, max_size=65))
ROWS = st.builds(
    QuoteRow,
    patient=ACCOUNTS,
    salt=HASHES,
    cid=CIDS,
    size_bytes=uints(63),
    kind=uints(32),
    C=POINTS,
    W=POINTS,
    batch=st.just(0),
)
LISTINGS = st.builds(
    Listing,
    steward=ACCOUNTS,
    root=HASHES,
    token=ACCOUNTS,
    price=uints(96),
    total_weight=uints(96),
    terms=uints(64),
    fee_bps=uints(16),
    issuer_bps=uints(16),
    issuers=HASHES,
    bond=uints(96),
    closes_at=uints(40),
    salt=st.binary(min_size=8, max_size=8),
)
QUOTES = st.integers(1, 3).flatmap(
    lambda count: st.builds(
        Quote,
        listing=LISTINGS,
        contributions=st.tuples(*[SIGNED] * count),
        rows=st.tuples(*[ROWS] * count),
        D=POINTS,
        proof=st.builds(TableProof, T1=POINTS, T2=POINTS, T3=POINTS, s1=SCALARS, s2=SCALARS),
        batches=st.lists(
            st.builds(
                QuoteBatch,
                issuer=ACCOUNTS,
                root=HASHES,
                proof=PROOFS,
                flags=st.lists(st.booleans(), max_size=4).map(tuple),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
        buyer=ACCOUNTS,
        purpose=uints(64),
        K=POINTS,
        z=SCALARS,
        deadline=uints(40),
    )
)


@given(GRANTS | RECORD_FILES | QUOTES)
def test_documents_go_round(document):
    assert type(document).decode(document.encode()) == document


def example(kind):
    draw = random.Random(1)
    data = draw.randbytes
    account, cid = checksum_address(data(20)), "b" + "a" * 58
    common = {
        "salt": data(32),
        "cid": cid,
        "size_bytes": 5,
        "kind": 1,
        "patient": account,
        "issuer": account,
        "key_commitment": data(32),
        "proof": (data(32),),
    }
    if kind is GrantObject:
        return GrantObject(cek=data(32), **common)
    if kind is RecordFile:
        return RecordFile(root=data(32), label="knee", x=7, **common)
    terms = ContributionTerms(
        account,
        account,
        account,
        account,
        1,
        2**90,
        1,
        account,
        data(32),
        data(32),
        2**94,
        2**95,
        1,
    )
    return Quote(
        listing=Listing(account, data(32), account, 2**90, 1, 1, 1, 2, data(32), 2**80, 1, data(8)),
        contributions=(SignedContribution(terms, data(65)),),
        rows=(QuoteRow(account, data(32), data(32), cid, 1, data(33), data(33), 0),),
        D=data(33),
        proof=TableProof(data(33), data(33), data(33), 5, 6),
        batches=(QuoteBatch(account, data(32), (data(32),), (True,)),),
        buyer=account,
        purpose=2**63,
        K=data(33),
        z=9,
        deadline=10,
    )


KINDS = (GrantObject, RecordFile, Quote)


def places(value, path=()):
    """Every place in a decoded document."""
    yield path
    if isinstance(value, dict):
        children = list(value.items())
    else:
        children = list(enumerate(value)) if isinstance(value, list) else []
    for key, child in children:
        yield from places(child, (*path, key))


def with_change(value, path, change):
    """A copy of a document, changed at one place."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_change(copy[path[0]], path[1:], change)
    return copy


CHANGES = {
    "null": lambda _: None,
    "float": lambda _: 1.5,
    "negative": lambda _: -1,
    "huge": lambda _: 2**64 - 1,
    "wrong type": lambda v: "x" if isinstance(v, bytes) else b"x",
    "longer": lambda v: v + b"x" if isinstance(v, bytes) else [v],
    "a key more": lambda v: v | {"zz": 1} if isinstance(v, dict) else {"zz": 1},
    "empty map": lambda _: {},
    "boolean": lambda _: False,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_decode_reverts_when_any_place_is_malformed(kind, change):
    document = dag_cbor.decode(example(kind).encode())
    for path in places(document):
        if path and path[-1] in ("terms", "purpose") and change is CHANGES["huge"]:
            continue  # these are whole 64-bit words
        if path[-2:-1] == ("flags",) and change is CHANGES["boolean"]:
            continue
        changed = dag_cbor.encode(with_change(document, path, change))
        with pytest.raises(DocumentInvalid):
            kind.decode(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_decode_reverts_when_a_key_is_missing(kind):
    document = dag_cbor.decode(example(kind).encode())
    for key in document:
        cut = {k: v for k, v in document.items() if k != key}
        with pytest.raises(DocumentInvalid):
            kind.decode(dag_cbor.encode(cut))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=300))
def test_decode_of_any_bytes_is_typed(kind, data):
    with pytest.raises(DocumentInvalid) as caught:
        kind.decode(data, "a file")
    assert caught.value.values["path"] == "a file"


@pytest.mark.parametrize("kind", KINDS)
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_decode_of_flipped_bits_is_typed(kind, place, bit):
    document = example(kind)
    data = bytearray(document.encode())
    data[int(place * (len(data) - 1))] ^= 1 << bit
    try:
        changed = kind.decode(bytes(data))
    except DocumentInvalid:
        return
    assert changed != document


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "b",
        "B" + "A" * 58,
        "b" + "a" * 57,
        "b" + "1" * 58,
        "../" + "a" * 56,
        "b" + "a" * 57 + "\n",
    ],
)
def test_a_cid_that_is_none_is_neither_read_nor_written(cid):
    document = dag_cbor.decode(example(GrantObject).encode()) | {"cid": cid}
    with pytest.raises(DocumentInvalid):
        GrantObject.decode(dag_cbor.encode(document))
    with pytest.raises(InvalidValue):
        replace(example(GrantObject), cid=cid).encode()


def test_encode_reverts_when_what_is_kept_would_not_open_again():
    for change in ({"label": "x" * 1025}, {"salt": b""}, {"kind": -1}, {"proof": (bytes(31),)}):
        with pytest.raises(InvalidValue):
            replace(example(RecordFile), **change).encode()


@pytest.mark.parametrize("scalar", [bytes(32), b"\xff" * 32])
def test_decode_reverts_when_a_scalar_is_out_of_range(scalar):
    for kind, key in ((RecordFile, "x"), (Quote, "z")):
        document = dag_cbor.decode(example(kind).encode()) | {key: scalar}
        with pytest.raises(DocumentInvalid):
            kind.decode(dag_cbor.encode(document))


def test_a_quote_has_a_row_for_each_contribution_and_names_its_own_batches():
    quote = example(Quote)
    for broken in (
        replace(quote, rows=()),
        replace(quote, rows=(), contributions=()),
        replace(quote, contributions=quote.contributions * 2),
        replace(quote, batches=()),
        replace(quote, rows=(replace(quote.rows[0], batch=1),)),
    ):
        with pytest.raises(DocumentInvalid):
            Quote.decode(broken.encode())


def test_a_record_file_holds_exactly_one_secret():
    record = example(RecordFile)
    assert record.scalar(bytes(32)) == 7
    derived = replace(record, x=None, r=bytes(32))
    assert derived.scalar(b"\x01" * 32) == record_scalar(b"\x01" * 32, bytes(32))
    for change in ({"x": None}, {"r": bytes(32)}):
        with pytest.raises(InvalidValue):
            replace(record, **change)
    both = dag_cbor.decode(record.encode()) | {"r": bytes(32)}
    with pytest.raises(DocumentInvalid):
        RecordFile.decode(dag_cbor.encode(both))


@pytest.mark.parametrize("change", [{"price": 2**96}, {"price": -1}, {"terms": 2**64}])
def test_encode_reverts_when_a_number_does_not_fit(change):
    quote = example(Quote)
    with pytest.raises(InvalidValue):
        replace(quote, listing=replace(quote.listing, **change)).encode()


def test_secrets_are_not_shown():
    secret = os.urandom(32)
    grant = replace(example(GrantObject), cek=secret, salt=secret)
    assert repr(secret) not in repr(grant)
    assert " x=" not in repr(example(RecordFile))
    assert "z=" not in repr(example(Quote))
    assert {field.name for field in fields(Quote) if not field.repr} == {"z"}
