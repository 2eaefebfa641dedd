"""Writes `purpose.json`: what `medibloc_py.purpose` and `Purpose.sol` must both answer.

Run `python tests/vectors/make_purpose.py`. Answers and deciding bits are stated by
hand below; the script refuses to write a table that `medibloc_py.purpose` does not
agree with. The sweep is not by hand: it holds the two languages to one digest over
words made from keccak256 of a counter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from eth_hash.auto import keccak

from medibloc_py import purpose
from medibloc_py.purpose import REQUEST_NAMES, TERM_NAMES, Answer, covers, matches

PATH = Path(__file__).with_name("purpose.json")
ANSWERS = {"A": Answer.PERMIT, "D": Answer.DENY, "R": Answer.REFER}
NAMES = {**TERM_NAMES, **REQUEST_NAMES}
WORD = (1 << 64) - 1
SWEEP = 2048

# Rows are requests, columns are terms. A: permit, decided by the permission; "D x": deny,
# decided by bit x; "R x": refer; "-": by no single bit. A request for the disease that the
# terms name, or for a kind of it, says DISEASE_COVERED; untagged data has terms 0.
COLUMNS = ("GRU", "HMB", "DS", "POA", "HMB+NPU", "DS+NPU", "0")
ROWS = (
    ("GRU", "GRU", "A|D GRU|D GRU|D GRU|D GRU|D GRU|D -"),
    ("HMB", "HMB", "A|A|D HMB|D HMB|D NPU|D HMB|D -"),
    ("DS:cancer", "DS+DISEASE_COVERED", "A|A|A|D DS|D NPU|D NPU|D -"),
    ("DS:intestinal cancer", "DS+DISEASE_COVERED", "A|A|A|D DS|D NPU|D NPU|D -"),
    ("DS:asthma", "DS", "A|A|D DS|D DS|D NPU|D DS|D -"),
    ("POA", "POA", "A|D POA|D POA|A|D POA|D POA|D -"),
    ("methods research", "MDS", "A|A|D MDS|D MDS|D NPU|D MDS|D -"),
    ("HMB, for profit", "HMB", "A|A|D HMB|D HMB|D NPU|D HMB|D -"),
    ("HMB, non profit", "HMB+NONPROFIT", "A|A|D HMB|D HMB|A|D HMB|D -"),
    (
        "HMB, paediatric",
        "HMB+SENSITIVE",
        "R SENSITIVE|R SENSITIVE|R SENSITIVE|R SENSITIVE|R SENSITIVE|R SENSITIVE|D -",
    ),
)

# (what the case shows, terms, request, expected)
CASES = (
    # Permissions.
    ("no restriction permits general research", "NRES", "GRU", "A"),
    ("no restriction permits clinical care", "NRES", "CC", "A"),
    ("no restriction permits ancestry research", "NRES", "POA", "A"),
    ("no restriction permits all types at once", "NRES", "GRU+HMB+DS+POA+CC+MDS", "A"),
    ("clinical care needs its own term", "GRU", "CC", "D CC"),
    ("clinical care with its term", "GRU+CC", "CC", "A"),
    ("clinical care with its term on ancestry data", "POA+CC", "CC", "A"),
    ("clinical care with its term on disease data", "DS+CC", "CC", "A"),
    ("the care term opens nothing else", "POA+CC", "HMB", "D HMB"),
    ("each type is asked: one in two is barred", "HMB", "HMB+POA", "D POA"),
    ("types are asked in order: general research first", "POA", "HMB+GRU", "D GRU"),
    ("types are asked in order: care before methods", "POA", "MDS+CC", "D CC"),
    ("health research beside a covered disease", "DS", "HMB+DS+DISEASE_COVERED", "A"),
    ("methods research beside a covered disease", "DS", "MDS+DS+DISEASE_COVERED", "A"),
    ("ancestry beside a covered disease", "DS", "POA+DS+DISEASE_COVERED", "D POA"),
    ("coverage without a disease covers nothing", "DS", "HMB+DISEASE_COVERED", "D HMB"),
    ("two permissions", "GRU+HMB", "HMB", "D -"),
    ("no permission, only modifiers", "NPU+IRB", "HMB+NONPROFIT+HAS_IRB", "D -"),
    # Words with unknown bits.
    ("unknown bit in terms", "GRU+bit0", "HMB", "D bit0"),
    ("request bit in terms", "GRU+MDS", "HMB", "D MDS"),
    ("evidence in terms", "GRU+HAS_IRB", "HMB", "D HAS_IRB"),
    ("treatment in terms", "GRU+TREATMENT", "HMB", "D TREATMENT"),
    ("unknown bit in terms is told before two permissions", "GRU+HMB+bit5", "HMB", "D bit5"),
    ("unknown bit in request", "GRU", "HMB+bit0", "D bit0"),
    ("restriction in request", "GRU", "HMB+NPU", "D NPU"),
    ("no restriction is not a purpose", "GRU", "NRES", "D NRES"),
    ("treatment is never matched", "NRES", "TREATMENT", "D TREATMENT"),
    ("treatment beside research is never matched", "NRES", "HMB+TREATMENT", "D TREATMENT"),
    ("unknown bit in request is told before sensitive", "GRU", "SENSITIVE+bit1", "D bit1"),
    # A person must decide.
    ("no purpose", "GRU", "0", "R -"),
    ("evidence alone is no purpose", "GRU", "HAS_IRB+NONPROFIT", "R -"),
    ("other purpose", "GRU", "OTHER", "R OTHER"),
    ("sensitive is told before other", "NRES", "HMB+OTHER+SENSITIVE", "R SENSITIVE"),
    ("sensitive is asked before the type", "POA", "HMB+SENSITIVE", "R SENSITIVE"),
    # Commercial or not.
    (
        "commercial and not commercial",
        "GRU+COMMERCIAL",
        "HMB+COMMERCIAL+NONCOMMERCIAL",
        "D COMMERCIAL",
    ),
    ("commercial use without allowance", "GRU", "HMB+COMMERCIAL", "D COMMERCIAL"),
    ("commercial use with allowance", "GRU+COMMERCIAL", "HMB+COMMERCIAL", "A"),
    ("no restriction is no allowance", "NRES", "HMB+COMMERCIAL", "D COMMERCIAL"),
    ("training without allowance", "GRU", "HMB+AI", "D AI"),
    ("training with allowance", "GRU+AI", "HMB+AI", "A"),
    ("an allowance need not be used", "GRU+AI+COMMERCIAL", "HMB", "A"),
    ("commercial is told before training", "GRU", "HMB+AI+COMMERCIAL", "D COMMERCIAL"),
    ("one allowance is not the other", "GRU+AI", "HMB+AI+COMMERCIAL", "D COMMERCIAL"),
    ("NCU unmet", "GRU+NCU", "HMB", "D NCU"),
    ("NCU met", "GRU+NCU", "HMB+NONCOMMERCIAL", "A"),
    ("NCU is not met by a non-profit buyer", "GRU+NCU", "HMB+NONPROFIT", "D NCU"),
    ("NPU unmet", "GRU+NPU", "HMB+NONCOMMERCIAL", "D NPU"),
    ("NPU met", "GRU+NPU", "HMB+NONPROFIT", "A"),
    ("NPUNCU unmet", "GRU+NPUNCU", "HMB", "D NPUNCU"),
    ("NPUNCU half met by use", "GRU+NPUNCU", "HMB+NONCOMMERCIAL", "D NPUNCU"),
    ("NPUNCU half met by buyer", "GRU+NPUNCU", "HMB+NONPROFIT", "D NPUNCU"),
    ("NPUNCU met", "GRU+NPUNCU", "HMB+NONPROFIT+NONCOMMERCIAL", "A"),
    ("NCU forbids what an allowance allows", "GRU+NCU+COMMERCIAL", "HMB+COMMERCIAL", "D NCU"),
    # What the study is.
    ("NMDS unmet", "GRU+NMDS", "MDS", "D NMDS"),
    ("NMDS met by another purpose", "GRU+NMDS", "HMB", "A"),
    ("NMDS met within a covered disease", "GRU+NMDS", "MDS+DS+DISEASE_COVERED", "A"),
    ("NMDS unmet within an uncovered disease", "GRU+NMDS", "MDS+DS", "D NMDS"),
    ("NPOA unmet", "GRU+NPOA", "POA", "D NPOA"),
    ("NPOA met", "GRU+NPOA", "HMB", "A"),
    ("NPOA bars ancestry data from its own purpose", "POA+NPOA", "POA", "D NPOA"),
    ("GSO unmet", "HMB+GSO", "HMB", "D GSO"),
    ("GSO met", "HMB+GSO", "HMB+GENETIC", "A"),
    # What the requester shows.
    ("IRB unmet", "HMB+IRB", "HMB", "D IRB"),
    ("IRB met", "HMB+IRB", "HMB+HAS_IRB", "A"),
    ("PUB unmet", "HMB+PUB", "HMB", "D PUB"),
    ("PUB met", "HMB+PUB", "HMB+HAS_PUB", "A"),
    ("RTN unmet", "HMB+RTN", "HMB", "D RTN"),
    ("RTN met", "HMB+RTN", "HMB+HAS_RTN", "A"),
    ("MOR unmet", "HMB+MOR", "HMB", "D MOR"),
    ("MOR met", "HMB+MOR", "HMB+HAS_MOR", "A"),
    ("COL unmet", "HMB+COL", "HMB", "R COL"),
    ("COL met", "HMB+COL", "HMB+HAS_COL", "A"),
    ("RS unmet", "HMB+RS", "HMB", "R RS"),
    ("RS met", "HMB+RS", "HMB+HAS_RS", "A"),
    ("COL is asked before RS", "HMB+COL+RS", "HMB", "R COL"),
    ("COL met, RS unmet", "HMB+COL+RS", "HMB+HAS_COL", "R RS"),
    ("a denial is told before a referral", "HMB+COL+IRB", "HMB", "D IRB"),
    # Where, who, until when; local.
    ("GS unmet", "HMB+GS", "HMB", "D GS"),
    ("GS met", "HMB+GS", "HMB+GS", "A"),
    ("US unmet", "HMB+US", "HMB", "D US"),
    ("US met", "HMB+US", "HMB+US", "A"),
    ("PS unmet", "HMB+PS", "HMB", "D PS"),
    ("PS met", "HMB+PS", "HMB+PS", "A"),
    ("IS unmet", "HMB+IS", "HMB", "D IS"),
    ("IS met", "HMB+IS", "HMB+IS", "A"),
    ("TS unmet", "HMB+TS", "HMB", "D TS"),
    ("TS met", "HMB+TS", "HMB+TS", "A"),
    ("NRI unmet", "HMB+NRI", "HMB", "D NRI"),
    ("NRI met", "HMB+NRI", "HMB+NRI", "A"),
    ("a requirement met that nobody made", "HMB", "HMB+GS+TS+NRI+HAS_IRB+GENETIC", "A"),
    # Order.
    ("modifiers are asked in order: NCU before NPU", "HMB+NPU+NCU", "HMB", "D NCU"),
    ("modifiers are asked in order: IRB before PUB", "HMB+PUB+IRB", "HMB", "D IRB"),
    ("modifiers are asked in order: IS before TS", "HMB+TS+IS+NRI", "HMB", "D IS"),
    ("modifiers are asked in order: NMDS first", "GRU+NMDS+NPOA+NCU", "MDS+POA", "D NMDS"),
    ("type is asked before modifiers", "POA+IRB", "HMB", "D HMB"),
    ("modifiers are asked before allowances", "HMB+IRB", "HMB+AI", "D IRB"),
    ("allowances are asked before referrals", "HMB+COL", "HMB+AI", "D AI"),
    (
        "everything asked, everything shown",
        "GRU+RS+NMDS+GSO+NPUNCU+PUB+COL+IRB+GS+MOR+TS+US+PS+IS+RTN+NPOA+NPU+NCU+NRI+AI",
        "HMB+GENETIC+NONCOMMERCIAL+NONPROFIT+HAS_IRB+HAS_PUB+HAS_COL+HAS_RTN+HAS_MOR+HAS_RS"
        "+GS+TS+US+PS+IS+NRI+AI",
        "A",
    ),
)

# (what the case shows, consent, offer, whether the consent permits all that the offer permits)
COVERS = (
    ("the same", "HMB", "HMB", True),
    ("no restriction covers no restriction", "NRES", "NRES", True),
    ("no restriction covers general research", "NRES", "GRU", True),
    ("no restriction covers clinical care", "NRES", "POA+CC", True),
    ("general research covers health research", "GRU", "HMB", True),
    ("general research covers a disease", "GRU", "DS", True),
    ("general research covers ancestry", "GRU", "POA", True),
    ("general research does not cover no restriction", "GRU", "NRES", False),
    ("nor with clinical care", "GRU+CC", "NRES", False),
    ("health research covers a disease", "HMB", "DS", True),
    ("health research does not cover general research", "HMB", "GRU", False),
    ("health research does not cover ancestry", "HMB", "POA", False),
    ("a disease covers a disease", "DS", "DS", True),
    ("a disease does not cover health research", "DS", "HMB", False),
    ("ancestry covers ancestry", "POA", "POA", True),
    ("ancestry does not cover a disease", "POA", "DS", False),
    ("clinical care is not covered without its term", "HMB", "HMB+CC", False),
    ("clinical care is covered with its term", "HMB+CC", "HMB+CC", True),
    ("clinical care need not be offered", "HMB+CC", "HMB", True),
    ("a restriction not passed on", "HMB+IRB", "HMB", False),
    ("a restriction passed on", "HMB+IRB", "HMB+IRB", True),
    ("more restrictions than asked", "HMB", "HMB+IRB+PUB+GS", True),
    ("a referral not passed on", "HMB+COL", "HMB", False),
    ("a referral passed on", "HMB+COL+RS", "HMB+COL+RS", True),
    ("a time limit not passed on", "HMB+TS", "HMB", False),
    ("no re-identification not passed on", "HMB+NRI", "HMB", False),
    ("both in one implies the first", "HMB+NPU", "HMB+NPUNCU", True),
    ("both in one implies the second", "HMB+NCU", "HMB+NPUNCU", True),
    ("both apart imply both in one", "HMB+NPUNCU", "HMB+NPU+NCU", True),
    ("one apart does not imply both in one", "HMB+NPUNCU", "HMB+NPU", False),
    ("health research permits no ancestry anyway", "GRU+NPOA", "HMB", True),
    ("general research permits ancestry", "GRU+NPOA", "GRU", False),
    ("ancestry under no ancestry", "GRU+NPOA", "POA", False),
    ("a disease permits no methods outside it anyway", "GRU+NMDS", "DS", True),
    ("health research permits methods research", "GRU+NMDS", "HMB", False),
    ("an allowance offered but not given", "HMB", "HMB+AI", False),
    ("an allowance given and offered", "HMB+AI", "HMB+AI", True),
    ("an allowance given but not offered", "HMB+AI+COMMERCIAL", "HMB", True),
    ("one allowance is not the other", "HMB+AI", "HMB+COMMERCIAL", False),
    ("no consent", "0", "HMB", False),
    ("no offer", "HMB", "0", False),
    ("two permissions in consent", "GRU+HMB", "HMB", False),
    ("two permissions in offer", "GRU", "HMB+DS", False),
    ("unknown bit in consent", "GRU+bit0", "HMB", False),
    ("unknown bit in offer", "GRU", "HMB+MDS", False),
)


def word(text: str) -> int:
    """Reads `"HMB+bit0"`; `"0"` is the empty word."""
    value = 0
    for name in text.split("+"):
        if name.startswith("bit"):
            value |= 1 << int(name[3:])
        elif name != "0":
            value |= NAMES[name]
    return value


def expected(terms: str, text: str) -> tuple[Answer, int]:
    """Reads `"A"`, `"D NPU"` or `"R -"` into an answer and a bit number."""
    letter, _, decider = text.partition(" ")
    if letter == "A":
        decider = terms.split("+")[0]  # a terms word names its permission first
    bit = purpose.NO_BIT if decider == "-" else word(decider).bit_length() - 1
    return ANSWERS[letter], bit


def all_cases() -> list[tuple[str, str, str, str]]:
    """Every case stated by hand: name, terms, request, expected."""
    cells = [
        (f"{row} on {column}", column, request, cell)
        for row, request, cells in ROWS
        for column, cell in zip(COLUMNS, cells.split("|"), strict=True)
    ]
    return cells + list(CASES)


def sweep_words(counter: int) -> tuple[int, int, int]:
    """Makes terms, a request and an offer: plausible ones, and any 64 bits each sixteenth time."""
    digest = int.from_bytes(keccak(counter.to_bytes(32, "big")), "big")
    a, b, c, d = (digest >> shift & WORD for shift in (0, 64, 128, 192))
    if a >> 16 & 15 == 0:
        return b, c, d
    permissions = (purpose.NRES, purpose.HMB, purpose.DS, purpose.POA, purpose.GRU)
    types = (purpose.GRU, purpose.HMB, purpose.DS, purpose.POA, purpose.CC, purpose.MDS)
    modifiers = purpose.TERMS & ~purpose.PERMISSIONS
    rare = purpose.TYPES | purpose.ALLOWANCES | purpose.SENSITIVE | purpose.OTHER
    terms = permissions[a % 5] | b & c & modifiers
    request = types[(a >> 8) % 6] | (c | d) & purpose.REQUEST & ~rare | b & c & d & rare
    offer = permissions[(a >> 20) % 5] | (b & c | d & a) & modifiers
    return terms, request, offer


def sweep_digest() -> str:
    """Digest over (answer, bit, covers) of every sweep word, one byte each."""
    answers = bytearray()
    for counter in range(SWEEP):
        terms, request, offer = sweep_words(counter)
        decision = matches(terms, request)
        answers += bytes((decision.answer, decision.bit, covers(terms, offer)))
    return "0x" + keccak(bytes(answers)).hex()


def build() -> dict[str, object]:
    """The table, after `medibloc_py.purpose` has agreed with every line of it."""
    table, wrong = [], []
    for name, terms, request, text in all_cases():
        answer, bit = expected(terms, text)
        decision = matches(word(terms), word(request))
        if (decision.answer, decision.bit) != (answer, bit):
            wrong.append(f"{name}: {terms} / {request}: {decision}, by hand {text}")
        table.append(
            {
                "name": name,
                "terms": f"{word(terms):#018x}",
                "request": f"{word(request):#018x}",
                "answer": int(answer),
                "bit": bit,
            }
        )
    pairs = []
    for name, consent, offer, answer_by_hand in COVERS:
        if covers(word(consent), word(offer)) is not answer_by_hand:
            wrong.append(f"{name}: {consent} covers {offer}, by hand {answer_by_hand}")
        pairs.append(
            {
                "name": name,
                "consent": f"{word(consent):#018x}",
                "offer": f"{word(offer):#018x}",
                "covers": answer_by_hand,
            }
        )
    if wrong:
        sys.exit("\n".join(wrong))
    return {
        "matches": table,
        "covers": pairs,
        "sweep": {"count": SWEEP, "digest": sweep_digest()},
    }


def render() -> str:
    """The file's text: one case a line, so that a review sees which case changed."""
    parts = []
    for key, value in build().items():
        if isinstance(value, list):
            lines = ",\n".join(f"    {json.dumps(item)}" for item in value)
            parts.append(f'  "{key}": [\n{lines}\n  ]')
        else:
            parts.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
