"""Purposes as GA4GH DUO terms in one 64-bit word, matched with three answers.

Bit i of a word is `DUO:00000ii` (GA4GH Data Use Ontology, 2021-02-23). A *terms*
word says what data may be used for: exactly one permission and any modifiers. A
*request* word says what a requester wants: purpose types under the same bits,
attributes and evidence on bits 47 to 63 that DUO leaves free. `matches` decides
on the two words alone, so `contracts/libraries/Purpose.sol` gives the same
answers; `tests/vectors/purpose.json` holds both to one table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import IntEnum

# Permissions: a valid terms word has exactly one.
NRES = 1 << 4
HMB = 1 << 6
DS = 1 << 7
POA = 1 << 11
GRU = 1 << 42
# Modifiers.
RS = 1 << 12
NMDS = 1 << 15
GSO = 1 << 16
NPUNCU = 1 << 18
PUB = 1 << 19
COL = 1 << 20
IRB = 1 << 21
GS = 1 << 22
MOR = 1 << 24
TS = 1 << 25
US = 1 << 26
PS = 1 << 27
IS = 1 << 28
RTN = 1 << 29
CC = 1 << 43
NPOA = 1 << 44
NPU = 1 << 45
NCU = 1 << 46
# Requests only: what the study is, and what the requester can show.
MDS = 1 << 47
GENETIC = 1 << 48
NONCOMMERCIAL = 1 << 49
NONPROFIT = 1 << 50
HAS_IRB = 1 << 51
HAS_PUB = 1 << 52
HAS_COL = 1 << 53
HAS_RTN = 1 << 54
HAS_MOR = 1 << 55
HAS_RS = 1 << 56
SENSITIVE = 1 << 57
OTHER = 1 << 58
# Local terms, in both words.
NRI = 1 << 59
COMMERCIAL = 1 << 60
AI = 1 << 61
# Requests only: every requested disease has a consented ancestor (or is one).
DISEASE_COVERED = 1 << 62
# Care of the patient: never matched against terms; only the patient grants it.
TREATMENT = 1 << 63

PERMISSIONS = NRES | GRU | HMB | DS | POA
RESTRICTIONS = (
    RS
    | NMDS
    | GSO
    | NPUNCU
    | PUB
    | COL
    | IRB
    | GS
    | MOR
    | TS
    | US
    | PS
    | IS
    | RTN
    | NPOA
    | NPU
    | NCU
) | NRI
ALLOWANCES = COMMERCIAL | AI
TERMS = PERMISSIONS | RESTRICTIONS | CC | ALLOWANCES
TYPES = GRU | HMB | DS | POA | CC | MDS
PLACES = GS | TS | US | PS | IS
"""Modifiers whose own bit in a request says that the requirement is met."""
ATTRIBUTES = (
    MDS | GENETIC | NONCOMMERCIAL | NONPROFIT | HAS_IRB | HAS_PUB | HAS_COL | HAS_RTN
    | HAS_MOR | HAS_RS | SENSITIVE | OTHER
)  # fmt: skip
REQUEST = TYPES | ATTRIBUTES | PLACES | NRI | ALLOWANCES | DISEASE_COVERED
VOUCHED = NONPROFIT | HAS_IRB
"""Evidence about the buyer that counts on chain only if an accreditor vouches for it."""
NO_BIT = 255
"""The deciding bit when no single bit decided."""

TERM_NAMES = {
    "NRES": NRES, "GRU": GRU, "HMB": HMB, "DS": DS, "POA": POA, "CC": CC, "RS": RS,
    "NMDS": NMDS, "GSO": GSO, "NPUNCU": NPUNCU, "PUB": PUB, "COL": COL, "IRB": IRB,
    "GS": GS, "MOR": MOR, "TS": TS, "US": US, "PS": PS, "IS": IS, "RTN": RTN,
    "NPOA": NPOA, "NPU": NPU, "NCU": NCU, "NRI": NRI, "COMMERCIAL": COMMERCIAL, "AI": AI,
}  # fmt: skip
REQUEST_NAMES = {
    "GRU": GRU, "HMB": HMB, "DS": DS, "POA": POA, "CC": CC, "MDS": MDS, "GENETIC": GENETIC,
    "NONCOMMERCIAL": NONCOMMERCIAL, "NONPROFIT": NONPROFIT, "HAS_IRB": HAS_IRB,
    "HAS_PUB": HAS_PUB, "HAS_COL": HAS_COL, "HAS_RTN": HAS_RTN, "HAS_MOR": HAS_MOR,
    "HAS_RS": HAS_RS, "SENSITIVE": SENSITIVE, "OTHER": OTHER, "NRI": NRI,
    "COMMERCIAL": COMMERCIAL, "AI": AI, "DISEASE_COVERED": DISEASE_COVERED, "GS": GS,
    "TS": TS, "US": US, "PS": PS, "IS": IS, "TREATMENT": TREATMENT,
}  # fmt: skip


class Answer(IntEnum):
    """What a match says; the values are those of `Purpose.Answer`."""

    DENY = 0
    PERMIT = 1
    REFER = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer and the bit that decided it (`NO_BIT` when none alone did)."""

    answer: Answer
    bit: int


def _lowest(word: int) -> int:
    return (word & -word).bit_length() - 1


def valid_terms(terms: int) -> bool:
    """Tells whether a terms word has only known bits and exactly one permission."""
    return terms & ~TERMS == 0 and (terms & PERMISSIONS).bit_count() == 1


def matches(terms: int, request: int) -> Decision:
    """Decides whether data under `terms` may be used for `request`.

    Fails closed: an unknown bit in either word, or not exactly one permission, is
    DENY. Evidence that is absent is DENY or REFER, never PERMIT. Adding a modifier
    to the terms never turns DENY into PERMIT.

    Args:
        terms: 64-bit terms word of the data.
        request: 64-bit request word.

    Returns:
        The answer and the number of the bit that decided.
    """
    permission = terms & PERMISSIONS
    if unknown := terms & ~TERMS:
        return Decision(Answer.DENY, _lowest(unknown))
    if permission.bit_count() != 1:
        return Decision(Answer.DENY, NO_BIT)
    if unknown := request & ~REQUEST:
        return Decision(Answer.DENY, _lowest(unknown))
    if sensitive := request & (SENSITIVE | OTHER):
        return Decision(Answer.REFER, _lowest(sensitive))
    if not request & TYPES:
        return Decision(Answer.REFER, NO_BIT)
    if request & NONCOMMERCIAL and request & COMMERCIAL:
        return Decision(Answer.DENY, _lowest(COMMERCIAL))
    covered = bool(request & DS and request & DISEASE_COVERED)
    for kind in (GRU, HMB, DS, POA, CC, MDS):
        if request & kind and not _type_allowed(terms, permission, kind, covered):
            return Decision(Answer.DENY, _lowest(kind))
    denied = _first_unmet(terms, request, covered)
    if denied:
        return Decision(Answer.DENY, _lowest(denied))
    if forbidden := request & ALLOWANCES & ~terms:
        return Decision(Answer.DENY, _lowest(forbidden))
    if terms & COL and not request & HAS_COL:
        return Decision(Answer.REFER, _lowest(COL))
    if terms & RS and not request & HAS_RS:
        return Decision(Answer.REFER, _lowest(RS))
    return Decision(Answer.PERMIT, _lowest(permission))


def clearable(terms: int, request: int) -> bool:
    """Tells whether a person may clear a `request` that data under `terms` REFERs.

    `matches` refers a sensitive request before it looks at the terms. What a person clears
    is that, never what the terms deny besides: without its sensitive bits the request must
    have a type, and not be DENY.
    """
    plain = request & ~(SENSITIVE | OTHER)
    return bool(plain & TYPES) and matches(terms, plain).answer is not Answer.DENY


def _type_allowed(terms: int, permission: int, kind: int, covered: bool) -> bool:
    if permission == NRES:
        return True
    if kind == CC:
        return bool(terms & CC)
    if permission == GRU:
        return True
    if permission == HMB:
        return bool(kind & (HMB | DS | MDS))
    if permission == DS:
        return covered and bool(kind & (HMB | DS | MDS))
    return kind == POA


def _first_unmet(terms: int, request: int, covered: bool) -> int:
    """Returns the first modifier of `terms`, in the order the contract asks, that is not met."""
    needs = (
        (NMDS, not request & MDS or covered),
        (NPOA, not request & POA),
        (NCU, request & NONCOMMERCIAL),
        (NPUNCU, request & NONCOMMERCIAL and request & NONPROFIT),
        (NPU, request & NONPROFIT),
        (GSO, request & GENETIC),
        (IRB, request & HAS_IRB),
        (PUB, request & HAS_PUB),
        (RTN, request & HAS_RTN),
        (MOR, request & HAS_MOR),
        (GS, request & GS),
        (US, request & US),
        (PS, request & PS),
        (IS, request & IS),
        (TS, request & TS),
        (NRI, request & NRI),
    )
    return next((bit for bit, met in needs if terms & bit and not met), 0)


def covers(consent: int, offer: int) -> bool:
    """Tells whether `consent` permits everything that `offer` permits.

    For every request r: `matches(offer, r)` is PERMIT implies `matches(consent, r)`
    is PERMIT. Sound, and strict where the words alone cannot tell.

    Args:
        consent: terms word of a patient.
        offer: terms word of a listing.
    """
    if not valid_terms(consent) or not valid_terms(offer):
        return False
    wide, narrow = consent & PERMISSIONS, offer & PERMISSIONS
    within = {NRES: PERMISSIONS, GRU: GRU | HMB | DS | POA, HMB: HMB | DS, DS: DS, POA: POA}
    if not narrow & within[wide]:
        return False
    if (offer & CC or narrow == NRES) and not (consent & CC or wide == NRES):
        return False
    met = offer
    if offer & NPUNCU:
        met |= NPU | NCU
    if offer & NPU and offer & NCU:
        met |= NPUNCU
    if narrow & (HMB | DS):
        met |= NPOA
    if narrow == DS:
        met |= NMDS
    return consent & RESTRICTIONS & ~met == 0 and offer & ALLOWANCES & ~consent == 0


def parse(text: str, names: dict[str, int]) -> int:
    """Reads `"HMB+NCU"` into a word.

    Args:
        text: names joined by `+`, in any case.
        names: `TERM_NAMES` or `REQUEST_NAMES`.

    Raises:
        KeyError: a name is not in `names`; the key is the name as given.
    """
    word = 0
    for part in text.split("+"):
        name = part.strip().upper()
        if name not in names:
            raise KeyError(part.strip())
        word |= names[name]
    return word


def render(word: int, names: dict[str, int]) -> str:
    """Writes a word as `"HMB+NCU"`; bits without a name as `bit63`; 0 as `"none"`."""
    known = [name for name, bit in names.items() if word & bit]
    rest = word & ~sum(names.values())
    return "+".join(known + [f"bit{i}" for i in range(64) if rest >> i & 1]) or "none"


def covered_diseases(
    requested: Collection[str],
    consented: Collection[str],
    ancestors: Callable[[str], Collection[str]],
) -> bool:
    """Tells whether every requested disease is consented to, itself or by an ancestor.

    Args:
        requested: MONDO ids of the request.
        consented: MONDO ids of the consent.
        ancestors: gives a term's ancestors in the ontology.

    Returns:
        False when `requested` is empty: no disease named is none covered.
    """
    allowed = set(consented)
    return bool(requested) and all(
        term in allowed or allowed.intersection(ancestors(term)) for term in requested
    )
