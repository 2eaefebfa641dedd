"""Values that stand for others: valid for their VR, the same for everybody."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

REMOVED: Final = "REMOVED"
"""What stands where a text must be."""

# Numbers are zeros, one of them; bytes as many as the longest number has.
_DUMMIES: Final = {
    "AS": b"000Y",
    "DA": b"19000101",
    "DS": b"0 ",
    "DT": b"19000101000000",
    "IS": b"0 ",
    "TM": b"000000",
    "UR": b"urn:removed ",
    **dict.fromkeys(("SS", "US"), bytes(2)),
    **dict.fromkeys(("AT", "FL", "SL", "UL"), bytes(4)),
    **dict.fromkeys(("FD", "OB", "OD", "OF", "OL", "OV", "OW", "SV", "UV"), bytes(8)),
}
# PS3.5 table 6.2-1: what may stand in a value, by VR. A NUL pads where a blank should.
_FORMS: Final = {
    "AS": re.compile(rb"([0-9]{3}[DWMY])? *\0*"),
    "CS": re.compile(rb"[A-Z0-9 _\\]*\0*"),
    "DS": re.compile(rb"[0-9+\-.eE \\]*\0*"),
    "IS": re.compile(rb"[0-9+\-. \\]*\0*"),
    "DA": re.compile(rb"[0-9. \\\-]*\0*"),
    "TM": re.compile(rb"[0-9.: \\\-]*\0*"),
    "DT": re.compile(rb"[0-9.+\- \\]*\0*"),
    "UI": re.compile(rb"[0-9.\\]*[\0 ]*"),
}
# Any other text. Control characters, but those of lines and of character sets, come from a
# length that swallows the attributes behind it.
_TEXT: Final = re.compile(rb"[^\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]*\0*")
# Of a waveform its least and greatest value, and what pads it.
_SIGNAL_VALUES: Final = frozenset({0x54000110, 0x54000112, 0x5400100A})
_NUMBER_BYTES: Final = 8  # of the longest
_OLDEST: Final = b"090Y"
_NO_LIMIT: Final = 1 << 62
_WORD: Final = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
_MIN_WORD_CHARS: Final = 2
# PS3.16 table 8-1, as far as nobody can put codes of their own into them.
_SCHEMES: Final = """
    ACR ARPSCC BARI BI C4 C5 CD2 CDT CPT-4 CPT-5 CVX DC DCM DCMUID FMA HL7 HPC I10 I10C I10P I9
    I9C I9CDX I9CPX ICD10 ICDO3 IBSI ICD11 IETF4646 IHERO ISO3166_1 ISO639_1 ISO639_2 ITIS_TSN
    LN LOINC MAYO MAYOASRG MSH MMOID NCIm NCIt NDC NEU NICIP NYUMCCG PUBCHEM_CID RADELEMENT
    RADLEX RFC3066 RFC5646 RO RXNORM SCT SNM3 SNMRT SRT SPMSCI UBERON UCUM UMD UMLS UNS UPC
"""
PUBLIC_SCHEMES: Final = frozenset(_SCHEMES.split())
"""Designators of coding schemes whose codes and meanings are published."""


def dummy(vr: str) -> bytes:
    """A value that is valid for a VR and says nothing, as it is encoded."""
    return _DUMMIES.get(vr) or encoded(REMOVED)


def encoded(text: str, pad: bytes = b" ") -> bytes:
    """A text of ASCII as it is encoded, of even length."""
    value = text.encode("ascii")
    return value + pad * (len(value) % 2)


def well_formed(vr: str, value: Any) -> bool:
    """Whether a value has the form of its VR, so that no other text hides in it.

    Args:
        vr: of a text, a code string, a number in digits, a date or a UID.
        value: its bytes as they stand in the file; none is well-formed.
    """
    form = _FORMS.get(vr, _TEXT)
    if isinstance(value, str):  # pydicom parsed it to understand another
        value = value.encode("latin-1", "replace")
    return not value or (isinstance(value, bytes) and form.fullmatch(value) is not None)


def fits(tag: int, vr: str, value: Any) -> bool:
    """Whether an attribute has no more numbers than it may have: a longer value hides a text."""
    return not isinstance(value, bytes) or len(value) <= _most_bytes(tag, vr)


@cache
def _most_bytes(tag: int, vr: str) -> int:
    """How long the value of an attribute of numbers may be, by its multiplicity in PS3.6."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VM

    most = dictionary_VM(tag).rpartition("-")[2] if dictionary_has_tag(tag) else "n"
    if vr in ("OB", "OW"):  # one number of a signal's, else of any length
        return _NUMBER_BYTES if tag in _SIGNAL_VALUES else _NO_LIMIT
    return int(most) * len(_DUMMIES[vr]) if most.isdigit() else _NO_LIMIT


def is_charset(value: Any) -> bool:
    """Whether a value names character sets of PS3.3 C.12.1.1.2, and nothing else."""
    from pydicom.charset import python_encoding

    if isinstance(value, bytes):
        value = value.decode("latin-1").strip("\0 ").split("\\")
    names = [value] if isinstance(value, str) else value or ()
    return all(each.strip() in python_encoding for each in names)


def no_age_above(value: bytes) -> bytes:
    """An age; of those that few reach, the least (45 CFR 164.514(b)(2)(i)(C))."""
    return _OLDEST if value[3:4] == b"Y" and value[:4] > _OLDEST else value


def known_words(text: str, names: frozenset[str]) -> str:
    """A text without any word that the standard does not use, without numbers and names.

    Args:
        text: what somebody wrote.
        names: words, in capitals, that name somebody in the same file.
    """
    words = (word for word in _WORD.findall(text) if word.isascii() and word.isalpha())
    known = (
        word
        for word in words
        if len(word) >= _MIN_WORD_CHARS
        and word.upper() not in names
        and word.upper() in _vocabulary()
    )
    return " ".join(known)


def is_known(word: str) -> bool:
    """Whether the standard uses a word."""
    return word.upper() in _vocabulary()


@cache
def _vocabulary() -> frozenset[str]:
    """Words of the names and meanings in PS3.6 and PS3.16, in capitals."""
    from pydicom._dicom_dict import DicomDictionary
    from pydicom._uid_dict import UID_dictionary
    from pydicom.sr import _concepts_dict

    concepts: Any = _concepts_dict.concepts
    meanings = [entry[2] for entry in DicomDictionary.values()]
    meanings += [entry[0] for entry in UID_dictionary.values()]
    for names in concepts.values():
        meanings += [meaning for codes in names.values() for meaning, _ in codes.values()]
    words = (word.upper() for meaning in meanings for word in _WORD.findall(meaning))
    return frozenset(word for word in words if word.isalpha())
