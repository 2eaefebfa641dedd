"""What is told of a listing: signed, coarse, and of no small group; the search; Croissant."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.chain import Signer
from medibloc_py.errors import DocumentInvalid
from medibloc_py.flows.catalogue import (
    Description,
    Group,
    SignedDescription,
    check_description,
    groups_of,
    search,
    sign_description,
    write_description,
)
from medibloc_py.flows.croissant import (
    CONFORMS_TO,
    croissant_of,
    croissant_of_offer,
    duo_bits,
)
from medibloc_py.flows.offers import Offer
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, ListingId

SIGNER, OTHER = (Signer.from_key(bytes([n]) * 32) for n in (1, 2))
NOW = 1_800_000_000
TERMS = purpose.HMB | purpose.NCU | purpose.IRB | purpose.AI
SAID = Description(
    chain_id=31337,
    contract=OTHER.address,
    listing=Bytes32(b"l" * 32),
    steward=SIGNER.address,
    name="Chest CT",
    about="Adults.",
    terms=TERMS,
    token=OTHER.address,
    price=10**20,
    closes_at=NOW + 10,
    cell=5,
    groups=(Group("CT", 40, 3_000), Group("MR", 5, 90)),
    at=NOW,
)


def people(count: int, images: int = 1) -> dict[Address, int]:
    return {Address(f"0x{number:040x}"): images for number in range(count)}


def read(said: Description, signer: Signer = SIGNER) -> Description:
    return check_description(write_description(sign_description(signer, said)), "file")


def test_a_description_is_its_stewards() -> None:
    assert read(SAID) == SAID
    with pytest.raises(DocumentInvalid, match="did not sign"):
        read(SAID, OTHER)
    signed = sign_description(SIGNER, SAID)
    changed = SignedDescription(replace(SAID, price=1), signed.signature)
    with pytest.raises(DocumentInvalid, match="did not sign"):
        check_description(write_description(changed), "file")


@pytest.mark.parametrize(
    "change",
    [
        {"cell": 4, "groups": (Group("CT", 4, 1),)},
        {"groups": (Group("CT", 3, 1),)},
        {"groups": (Group("CT", 41, 1),)},
        {"groups": (Group("CT", 40, 3_712),)},
        {"groups": (Group("CT", 40, 1), Group("CT", 5, 1))},
        {"groups": (Group("C\nT", 40, 1),)},
        {"name": ""},
        {"about": "x" * 4_001},
        {"terms": 0},
        {"at": 1 << 200},
    ],
)
def test_what_may_not_be_told_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises(DocumentInvalid):
        read(replace(SAID, **change))  # type: ignore[arg-type]


def test_small_groups_are_not_told_of() -> None:
    images = {"CT": people(23, 4), "MR": people(4, 100), "US": people(5)}
    assert groups_of(images, 5) == (Group("CT", 20, 90), Group("US", 5, 5))
    assert groups_of(images, 10) == (Group("CT", 20, 90),)
    assert groups_of({}, 5) == ()


@given(
    st.dictionaries(st.sampled_from(["CT", "MR", "US", "PT"]), st.integers(0, 60)),
    st.integers(5, 20),
)
def test_one_person_more_within_a_cell_is_not_seen(counts: dict[str, int], cell: int) -> None:
    told = groups_of({name: people(count) for name, count in counts.items()}, cell)
    assert {each.modality for each in told} == {n for n, count in counts.items() if count >= cell}
    for each in told:
        assert 0 <= counts[each.modality] - each.patients < cell
        assert each.patients % cell == 0


# The search.


def test_it_finds_what_is_open_by_modality_and_number() -> None:
    small = replace(SAID, listing=Bytes32(b"s" * 32), groups=(Group("CT", 10, 10),))
    closed = replace(SAID, listing=Bytes32(b"c" * 32), closes_at=NOW - 1)
    newer = replace(SAID, at=NOW + 1, groups=(Group("CT", 35, 3_000),))
    described = [small, closed, newer, SAID]
    assert [hit.description for hit in search(described, now=NOW)] == [newer, small]
    assert [h.description for h in search(described, now=NOW, modality="ct")] == [newer, small]
    assert [h.description for h in search(described, now=NOW, least_patients=20)] == [newer]
    assert search(described, now=NOW, modality="MR") == []


def test_it_asks_the_terms() -> None:
    care = purpose.HMB | purpose.NONCOMMERCIAL | purpose.HAS_IRB
    (hit,) = search([SAID], now=NOW, request=care)
    assert hit.answer == purpose.matches(TERMS, care).answer == purpose.Answer.PERMIT
    assert search([SAID], now=NOW, request=purpose.HMB | purpose.COMMERCIAL) == []


# Croissant.


def test_croissant_says_the_same_and_no_more() -> None:
    told = croissant_of(SAID)
    assert told["@type"] == "sc:Dataset"
    assert told["conformsTo"] == CONFORMS_TO
    assert {"name", "description", "license", "url", "creator", "datePublished"} <= told.keys()
    assert told["license"] == [
        "http://purl.obolibrary.org/obo/DUO_0000006",
        "http://purl.obolibrary.org/obo/DUO_0000021",
        "http://purl.obolibrary.org/obo/DUO_0000046",
    ]
    (groups,) = told["recordSet"]
    fields = {field["@id"] for field in groups["field"]}
    assert fields == {"groups/modality", "groups/patients", "groups/images"}
    assert groups["data"] == [
        {"groups/modality": "CT", "groups/patients": 40, "groups/images": 3_000},
        {"groups/modality": "MR", "groups/patients": 5, "groups/images": 90},
    ]
    assert "distribution" not in told
    assert json.loads(json.dumps(told)) == told


def test_croissant_of_no_group_has_no_records() -> None:
    assert croissant_of(replace(SAID, groups=()))["recordSet"] == []


OFFER = Offer(
    chain_id=31337,
    contract=OTHER.address,
    listing=ListingId(b"l" * 32),
    steward=SIGNER.address,
    terms=TERMS,
    token=OTHER.address,
    price=10**20,
    listed_at=NOW,
    closes_at=NOW + 10,
)


def test_of_an_offer_is_told_what_the_chain_has_and_that_the_rest_is_unknown() -> None:
    told, described = croissant_of_offer(OFFER), croissant_of(SAID)
    assert told.keys() == described.keys()
    own = {"name", "description", "citeAs", "keywords", "recordSet"}
    for name in told.keys() - own:
        assert told[name] == described[name], name
    assert "is not known" in told["description"]
    assert told["recordSet"] == []
    assert "distribution" not in told
    assert told["offers"] == {
        "@type": "sc:Offer",
        "price": "100000000000000000000",
        "priceCurrency": f"eip155:31337/erc20:{OTHER.address}",
        "availabilityEnds": "2027-01-15T08:00:10+00:00",
    }


def test_a_listing_that_never_closes_has_a_croissant() -> None:
    told = croissant_of_offer(replace(OFFER, closes_at=(1 << 40) - 1))
    assert told["offers"]["availabilityEnds"].startswith("9999-12-31")


def test_local_words_are_no_duo_terms() -> None:
    assert duo_bits(purpose.GRU | purpose.COMMERCIAL | purpose.AI | purpose.NRI) == [42]
