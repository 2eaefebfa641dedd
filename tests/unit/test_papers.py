"""Papers: what was written reads back, and nothing else reads at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.errors import DocumentInvalid, InvalidValue
from medibloc_py.flows import papers
from medibloc_py.flows.kept import KeptListing
from medibloc_py.model import (
    Address,
    Contribution,
    ContributionTerms,
    KeyCommitment,
    Listing,
    ListingId,
    RecordId,
    Root,
    SignedContribution,
)

ALICE = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
TOKEN = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
LISTING = Listing(
    ALICE,
    Root(b"r" * 32),
    TOKEN,
    10**9,
    4,
    1 << 42,
    500,
    300,
    Root(b"u" * 32),
    10**8,
    2**31,
    b"s" * 8,
)
CONTRIBUTION = Contribution(ALICE, ALICE, RecordId(b"i" * 32), 1, b"d" * 32)
CLAIM = papers.Claim(31337, TOKEN, LISTING, CONTRIBUTION, (papers.Bytes32(b"p" * 32),))
SEALED = papers.Sealed(31337, TOKEN, papers.Bytes32(b"i" * 32), ALICE, TOKEN, b"\x01" * 1200)
SIGNED = SignedContribution(
    ContributionTerms(
        ALICE,
        ALICE,
        ALICE,
        TOKEN,
        1 << 63,
        2**90,
        500,
        ALICE,
        CONTRIBUTION.record,
        KeyCommitment(b"c" * 32),
        1,
        2**91,
        2**39,
    ),
    b"v" * 65,
)
KINDS: dict[str, type] = {
    "claim": papers.Claim,
    "quote": papers.Sealed,
    "record-file": papers.Sealed,
    "contribution": SignedContribution,
    "listing": KeptListing,
}


def read(kind: str, cls: type, body: object) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return papers.read(kind, cls, data, "somewhere")


def refused(kind: str, cls: type, body: object) -> str:
    with pytest.raises(DocumentInvalid) as caught:
        read(kind, cls, body)
    assert caught.value.values["path"] == "somewhere"
    assert caught.value.values["kind"] == kind
    return str(caught.value.values["reason"])


def claim_but(**changed: object) -> dict[str, Any]:
    return json.loads(papers.write("claim", CLAIM)) | changed


# What was written reads back.


@pytest.mark.parametrize(
    ("kind", "paper"),
    [("claim", CLAIM), ("quote", SEALED), ("contribution", SIGNED)],
)
def test_read_gives_what_write_was_given(kind: str, paper: object) -> None:
    assert papers.read(kind, type(paper), papers.write(kind, paper), "x") == paper


@dataclass(frozen=True)
class Everything:
    number: int
    truth: bool
    text: str
    raw: bytes
    many: tuple[bytes, ...]
    ids: tuple[RecordId, ...]


@given(
    st.builds(
        Everything,
        number=st.integers(0, 2**256 - 1),
        truth=st.booleans(),
        text=st.text(),
        raw=st.binary(max_size=300),
        many=st.lists(st.binary(max_size=300), max_size=3).map(tuple),
        ids=st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
    )
)
def test_read_gives_what_write_was_given_for_any_values(paper: Everything) -> None:
    assert papers.read("thing", Everything, papers.write("thing", paper), "x") == paper


def test_numbers_javascript_cannot_hold_are_written_as_text() -> None:
    body = json.loads(papers.write("contribution", SIGNED))
    assert body["terms"]["min_price"] == str(2**90)
    assert body["terms"]["weight"] == 1


def test_write_refuses_what_read_would_find_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    data = papers.write("quote", SEALED)
    monkeypatch.setattr(papers, "MOST_BYTES", len(data) - 1)
    with pytest.raises(InvalidValue):
        papers.write("quote", SEALED)
    assert refused("quote", papers.Sealed, data) == "it is too large"


# Nothing else reads.


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"{", b"nonsense", b'{"a": 1' * 9, b"\x00" * 64]
)
def test_read_refuses_what_is_no_json(data: bytes) -> None:
    assert refused("claim", papers.Claim, data) == "it is no JSON"


def test_read_refuses_json_nested_past_any_stack() -> None:
    assert refused("claim", papers.Claim, b"[" * 200_000) == "it is no JSON"
    assert refused("claim", papers.Claim, b'{"a":' * 200_000) == "it is no JSON"


def test_read_refuses_a_number_of_a_million_digits() -> None:
    body = papers.write("claim", CLAIM).replace(b"31337", b"9" * 1_000_000)
    assert refused("claim", papers.Claim, body) == "it is no JSON"


@pytest.mark.parametrize("body", [None, 7, [], "claim", {}, {"medibloc": "claims"}])
def test_read_refuses_another_kind(body: object) -> None:
    assert refused("claim", papers.Claim, body) == "it is of another kind"


@pytest.mark.parametrize("version", [None, 0, 2, "1", 1.0, True, -1])
def test_read_refuses_another_version(version: object) -> None:
    assert refused("claim", papers.Claim, claim_but(version=version)) == "it is of another version"


def test_read_refuses_a_paper_without_version() -> None:
    body = claim_but()
    del body["version"]
    assert refused("claim", papers.Claim, body) == "it is of another version"


def test_read_refuses_a_field_too_many_or_too_few() -> None:
    expected = "the paper has other fields than a Claim"
    assert refused("claim", papers.Claim, claim_but(extra=1)) == expected
    body = claim_but()
    del body["market"]
    assert refused("claim", papers.Claim, body) == expected
    inner = claim_but()["listing"] | {"extra": 1}
    assert refused("claim", papers.Claim, claim_but(listing=inner)).startswith("listing has other")


def test_read_refuses_a_field_given_twice() -> None:
    body = papers.write("claim", CLAIM).replace(b'"version": 1', b'"version": 1, "version": 1')
    assert refused("claim", papers.Claim, body) == "a field stands in it twice"


@pytest.mark.parametrize(
    "number",
    [
        -1,
        "-1",
        1.0,
        1e300,
        True,
        None,
        "",
        "0x10",
        " 7",
        "7 ",
        "1_0",
        "007",
        "+7",
        "٧",
        "²",
        2**256,
        str(2**256),
        [],
        {},
    ],
)
def test_read_refuses_what_is_no_natural_number(number: object) -> None:
    assert "chain_id" in refused("claim", papers.Claim, claim_but(chain_id=number))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_read_refuses_what_only_python_calls_a_number(text: str) -> None:
    body = papers.write("claim", CLAIM).replace(b"31337", text.encode())
    assert "chain_id" in refused("claim", papers.Claim, body)


@pytest.mark.parametrize(
    "root",
    [
        "0x" + "00" * 31,
        "0x" + "00" * 33,
        "0x" + "0" * 63,
        "0x",
        "",
        "00" * 32,
        "0x " + "00" * 32,
        "0x" + "zz" * 32,
        7,
        None,
    ],
)
def test_read_refuses_what_are_not_32_bytes(root: object) -> None:
    inner = claim_but()["listing"] | {"root": root}
    assert "root" in refused("claim", papers.Claim, claim_but(listing=inner))
    assert "proof" in refused("claim", papers.Claim, claim_but(proof=[root]))


def test_read_refuses_an_address_without_its_checksum_and_repeats_nothing_of_it() -> None:
    for given_address in (ALICE.lower(), ALICE[:-1], "\x1b[2J" * 1000, 7, None, "alice"):
        reason = refused("claim", papers.Claim, claim_but(market=given_address))
        assert reason == "market is no address with its checksum"


@pytest.mark.parametrize("proof", [None, {}, "0x", 7, [[]], [None]])
def test_read_refuses_what_is_no_list_of_hashes(proof: object) -> None:
    assert "proof" in refused("claim", papers.Claim, claim_but(proof=proof))


def test_read_refuses_other_than_text_and_truth() -> None:
    good = {
        "medibloc": "thing",
        "version": 1,
        "number": 1,
        "truth": True,
        "text": "",
        "raw": "0x",
        "many": [],
        "ids": [],
    }
    assert read("thing", Everything, good)
    assert refused("thing", Everything, good | {"truth": 1}) == "truth is no bool"
    assert refused("thing", Everything, good | {"text": 1}) == "text is no str"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("0x" + "00" * 32),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=200))
def test_read_raises_nothing_foreign_on_any_bytes(kind: str, data: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        papers.read(kind, KINDS[kind], data, "x")


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.text(max_size=8), json_values))
def test_read_raises_nothing_foreign_on_any_json(kind: str, body: dict[str, object]) -> None:
    with pytest.raises(DocumentInvalid):
        read(kind, KINDS[kind], body | {"medibloc": kind, "version": 1})


@given(st.data())
def test_read_takes_a_changed_paper_for_another_or_refuses_it(data: st.DataObject) -> None:
    body = claim_but()
    target = data.draw(st.sampled_from([body, body["listing"], body["contribution"]]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(json_values)
    try:
        found = read("claim", papers.Claim, body)
    except DocumentInvalid:
        return
    assert isinstance(found, papers.Claim)


def test_as_json_writes_dictionaries_and_other_values_as_text() -> None:
    from pathlib import Path

    from medibloc_py.model import Role

    assert papers.as_json({ListingId(b"k"): [None, True, Path("a")]}) == {"b'k'": [None, True, "a"]}
    assert papers.as_json(Role.RESEARCHER) == 2
