"""`medibloc_py.purpose` against the table that `Purpose.sol` is held to, and its laws."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.purpose import Answer, Decision, covers, matches, valid_terms

VECTORS = Path(__file__).parents[1] / "vectors"
TABLE = json.loads((VECTORS / "purpose.json").read_text(encoding="utf-8"))
PERMISSIONS = [purpose.NRES, purpose.GRU, purpose.HMB, purpose.DS, purpose.POA]
TYPES = [purpose.GRU, purpose.HMB, purpose.DS, purpose.POA, purpose.CC, purpose.MDS]
EVIDENCE = purpose.REQUEST & ~(
    purpose.TYPES | purpose.SENSITIVE | purpose.OTHER | purpose.ALLOWANCES
)


def bits(mask: int) -> st.SearchStrategy[int]:
    """Any subset of the bits of `mask`."""
    single = [1 << i for i in range(64) if mask >> i & 1]
    return st.sets(st.sampled_from(single)).map(sum)


words = st.integers(0, 2**64 - 1)
valid = st.builds(
    int.__or__, st.sampled_from(PERMISSIONS), bits(purpose.TERMS & ~purpose.PERMISSIONS)
)
# A request that shows much: most of its denials come from its types, not from missing evidence.
requests = st.builds(
    lambda kinds, absent, allowances: kinds | EVIDENCE & ~absent | allowances,
    st.sets(st.sampled_from(TYPES), min_size=1, max_size=3).map(sum),
    st.sets(st.sampled_from([1 << i for i in range(64)]), max_size=4).map(sum),
    bits(purpose.ALLOWANCES),
)


@pytest.mark.parametrize("case", TABLE["matches"], ids=lambda case: case["name"])
def test_matches_follows_the_table(case: dict) -> None:
    decision = matches(int(case["terms"], 16), int(case["request"], 16))
    assert decision == Decision(Answer(case["answer"]), case["bit"])


@pytest.mark.parametrize("pair", TABLE["covers"], ids=lambda pair: pair["name"])
def test_covers_follows_the_table(pair: dict) -> None:
    assert covers(int(pair["consent"], 16), int(pair["offer"], 16)) is pair["covers"]


def test_table_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(VECTORS / "make_purpose.py"))
    assert script["render"]() == (VECTORS / "purpose.json").read_text(encoding="utf-8")
    names = [case["name"] for case in TABLE["matches"]]
    assert len(names) == len(set(names))


def test_sweep_meets_every_answer() -> None:
    script = runpy.run_path(str(VECTORS / "make_purpose.py"))
    swept = [script["sweep_words"](counter) for counter in range(script["SWEEP"])]
    answers = [matches(terms, request).answer for terms, request, _ in swept]
    assert min(answers.count(answer) for answer in Answer) > script["SWEEP"] // 50
    assert sum(covers(terms, offer) for terms, _, offer in swept) > script["SWEEP"] // 50


@given(words, words)
def test_matches_fails_closed(terms: int, request: int) -> None:
    if not valid_terms(terms) or request & ~purpose.REQUEST:
        assert matches(terms, request).answer is Answer.DENY


@given(valid, requests, bits(purpose.RESTRICTIONS))
def test_matches_a_modifier_never_opens(terms: int, request: int, added: int) -> None:
    before, after = matches(terms, request).answer, matches(terms | added, request).answer
    if before is not Answer.PERMIT:
        assert after is not Answer.PERMIT
    if before is Answer.DENY:
        assert after is Answer.DENY


def opened(words: tuple[int, int]) -> tuple[int, int]:
    """Gives in, bit by deciding bit, until the terms permit the request."""
    terms, request = words
    request &= ~(purpose.SENSITIVE | purpose.OTHER)
    if request & purpose.NONCOMMERCIAL:
        request &= ~purpose.COMMERCIAL
    while (decision := matches(terms, request)).answer is not Answer.PERMIT:
        bit = 1 << decision.bit
        if bit in TYPES:
            terms = terms & ~purpose.PERMISSIONS | purpose.NRES
        else:  # a modifier that is not met goes, an allowance that is missing comes
            terms ^= bit
    return terms, request


@given(st.tuples(valid, requests).map(opened), st.data())
def test_matches_a_narrower_purpose_is_never_denied(
    words: tuple[int, int], data: st.DataObject
) -> None:
    terms, request = words
    assert matches(terms, request).answer is Answer.PERMIT
    narrower = {request & ~bit for bit in (purpose.COMMERCIAL, purpose.AI)}
    # A disease is no purpose beside others but their bound: leaving it out would widen them.
    narrower |= {request & ~kind for kind in TYPES if kind != purpose.DS}
    if request & purpose.GRU:
        narrower.add(request & ~purpose.GRU | purpose.HMB)
    if request & purpose.HMB:
        narrower.add(request & ~purpose.HMB | purpose.DS | purpose.DISEASE_COVERED)
    smaller = data.draw(st.sampled_from(sorted(word for word in narrower if word & purpose.TYPES)))
    assert matches(terms, smaller).answer is Answer.PERMIT


@given(valid, requests, bits(EVIDENCE & ~purpose.NONCOMMERCIAL))
def test_matches_more_evidence_never_closes(terms: int, request: int, shown: int) -> None:
    # "Not commercial" alone can close: it contradicts a commercial purpose.
    if matches(terms, request).answer is Answer.PERMIT:
        assert matches(terms, request | shown).answer is Answer.PERMIT


@given(valid, st.sampled_from(PERMISSIONS), bits(purpose.RESTRICTIONS), words, requests)
@example(purpose.GRU | purpose.NPOA, purpose.HMB, 0, 0, purpose.HMB | purpose.DS)
@example(purpose.GRU | purpose.NMDS, purpose.DS, 0, 0, purpose.MDS | purpose.DS)
def test_covers_is_sound(
    consent: int, permission: int, added: int, dropped: int, request: int
) -> None:
    kept = consent & ~purpose.PERMISSIONS & ~(dropped & dropped >> 7 & dropped >> 13)
    offer = permission | kept | added
    request |= offer & purpose.ALLOWANCES
    if covers(consent, offer) and matches(offer, request).answer is Answer.PERMIT:
        assert matches(consent, request).answer is Answer.PERMIT


@given(valid)
def test_covers_is_reflexive(terms: int) -> None:
    assert covers(terms, terms)


@given(words, words)
def test_covers_needs_valid_terms(consent: int, offer: int) -> None:
    if not (valid_terms(consent) and valid_terms(offer)):
        assert not covers(consent, offer)


@given(valid)
def test_render_is_read_back(terms: int) -> None:
    assert purpose.parse(purpose.render(terms, purpose.TERM_NAMES), purpose.TERM_NAMES) == terms


def test_render_names_what_it_does_not_know() -> None:
    assert purpose.render(0, purpose.TERM_NAMES) == "none"
    assert purpose.render(purpose.HMB | 1 << 63, purpose.TERM_NAMES) == "HMB+bit63"


def test_parse_reads_any_case_and_refuses_other_names() -> None:
    assert purpose.parse("hmb + Ncu", purpose.TERM_NAMES) == purpose.HMB | purpose.NCU
    with pytest.raises(KeyError, match="cancer"):
        purpose.parse("HMB+cancer", purpose.TERM_NAMES)


def test_covered_diseases_follow_ancestors() -> None:
    ancestors = {"intestinal cancer": ["cancer", "disease"], "asthma": ["disease"]}

    def above(term: str) -> list[str]:
        return ancestors.get(term, [])

    assert purpose.covered_diseases(["cancer"], ["cancer"], above)
    assert purpose.covered_diseases(["intestinal cancer", "cancer"], ["cancer"], above)
    assert not purpose.covered_diseases(["cancer"], ["intestinal cancer"], above)
    assert not purpose.covered_diseases(["asthma", "cancer"], ["cancer"], above)
    assert not purpose.covered_diseases([], ["cancer"], above)
