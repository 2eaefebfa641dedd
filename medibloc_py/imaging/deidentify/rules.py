"""What becomes of an attribute: table E.1-1 first, then an allow-list. Nothing else stays."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from medibloc_py.imaging.deidentify import tables
from medibloc_py.imaging.deidentify.codes import CODED
from medibloc_py.imaging.deidentify.options import Option

NUMBERS: Final = frozenset(
    ["AT", "FD", "FL", "OD", "OF", "OL", "OV", "SL", "SS", "SV", "UL", "US", "UV"]
)
CODES: Final = frozenset(["CS", "DS", "IS"])
DATES: Final = frozenset(["DA", "DT", "TM"])
WORDS: Final = frozenset(["LO", "LT", "SH", "ST", "UC", "UT"])
TOP: Final = 0
"""Where an attribute is that is in no sequence; else the tag of the sequence."""

PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
CONTENT: Final = 0x0040A730
RECORDS: Final = 0x00041220
DIRECTORY: Final = "1.2.840.10008.1.3.10"
"""The class of a DICOMDIR."""
_DIRECTORY_GROUP: Final = 0x0004
_PIXEL_GROUP: Final = 0x7FE0
# Of VR CS, and yet a person's words: Graphic Layer, Content Label.
_LABELS: Final = frozenset({0x00700002, 0x00700080})
# Groups of a patient and a visit: of what the profile does not name here only codes stay.
_PERSONAL: Final = frozenset({0x0010, 0x0038})
# Classes of values: one is never taken for another, whatever VR a file declares.
_KINDS: Final = (NUMBERS, CODES, DATES | WORDS | {"AE", "AS", "PN", "UR"}, {"OB", "OW", *NUMBERS})


class Act(Enum):
    """What becomes of one attribute."""

    KEEP = auto()
    CHECK = auto()
    """Keep if the value is of its VR's form, else remove."""
    CODE = auto()
    """Keep what is known of a code of a public scheme, else a dummy."""
    REMOVE = auto()
    EMPTY = auto()
    DUMMY = auto()
    PSEUDONYM = auto()
    MAP_UID = auto()
    KEEP_UID = auto()
    """Keep if it is a UID, else map what is there."""
    SHIFT = auto()
    WORDS = auto()
    RECURSE = auto()
    """Keep the sequence and de-identify its items."""
    REDUCE = auto()
    """One item, of nothing but what it needs to be valid."""
    CONTENT = auto()
    """Keep the content items that are known to be safe."""
    FILE_NAME = auto()
    LABEL = auto()
    """A keyed label in its place."""


@lru_cache(maxsize=256)
def rules_for(options: frozenset[Option], sop_class: str, *, reducing: bool = False) -> Rules:
    """The rules for a storage class under given options, made once."""
    return Rules(options, sop_class, reducing=reducing)


class Rules:
    """Decides for one storage class under given options; remembers its decisions."""

    def __init__(
        self, options: Iterable[Option], sop_class: str, *, reducing: bool = False
    ) -> None:
        """Take the options; `reducing` is for an item of which only the form must stay."""
        self._columns = [each.column for each in options if each.column]
        self._modules = tables.modules(sop_class)
        self._of_directory = tables.directory() if sop_class == DIRECTORY else {}
        self.reducing = reducing
        self._decided: dict[tuple[int, int, str | None], tuple[Act, str]] = {}

    def act(self, where: int, tag: int, vr: str | None) -> tuple[Act, str]:
        """What becomes of an attribute, and the VR it is taken for.

        Args:
            where: tag of the sequence it is in, or `TOP`.
            tag: its tag.
            vr: the VR its file declares, none in Implicit VR.
        """
        key = (where, tag, vr)
        if key not in self._decided:
            self._decided[key] = self._decide(where, tag, vr)
        return self._decided[key]

    def private(self, declared: str | None, vr: str) -> Act:
        """What becomes of a private attribute that is known to be safe and to have this VR."""
        if declared not in (None, "UN") and not _same_kind(str(declared), [vr]):
            return Act.REMOVE
        return self._mapped() if vr == "UI" else _kept(vr)

    def _mapped(self) -> Act:
        return Act.KEEP_UID if Option.RETAIN_UIDS.column in self._columns else Act.MAP_UID

    def _decide(self, where: int, tag: int, declared: str | None) -> tuple[Act, str]:
        known = _vrs(tag)
        if declared is not None and " or " in declared:  # pydicom's, where a VR must be guessed
            declared = None
        vr = declared or "UN"
        if known and (vr == "UN" or not _same_kind(vr, known)):
            vr = known[0]
        if tag >> 16 == _DIRECTORY_GROUP and declared in (None, "UN", vr):
            return self._in_directory(where, tag, vr), vr
        inner_pixels = where != TOP and tag >> 16 == _PIXEL_GROUP
        if _never_kept(tag) or vr == "UN" or inner_pixels:
            return Act.REMOVE, vr
        need = self._need(where, tag)
        rule = tables.profile().get(tag)
        if rule is not None:
            return self._by_profile(tag, vr, need, rule), vr
        if not known or declared not in (None, "UN", vr):  # a VR that hides another kind of value
            return Act.REMOVE, vr
        return self._by_allow_list(tag, vr, need), vr

    def _in_directory(self, where: int, tag: int, vr: str) -> Act:
        action = self._of_directory.get((f"{where:08x}", tag))
        if action == "U":
            return self._mapped()
        return {"K": _kept(vr), "Z": Act.EMPTY, "F": Act.FILE_NAME}.get(action or "", Act.REMOVE)

    def _need(self, where: int, tag: int) -> int:
        places = self._modules if where == TOP else (f"{where:08x}",)
        types = (tables.required().get((place, tag)) for place in places)
        return min(filter(None, types), default=0)

    def _by_profile(self, tag: int, vr: str, need: int, rule: tables.Rule) -> Act:
        asked = {rule.options[column]: column for column in self._columns if column in rule.options}
        if self.reducing:
            asked = {}
        if "K" in asked:
            return _kept(vr)
        if "C" in asked:
            return _cleaned(vr, asked["C"], _basic(tag, vr, need, rule.basic))
        return _basic(tag, vr, need, rule.basic)

    def _by_allow_list(self, tag: int, vr: str, need: int) -> Act:
        if tag in CODED:
            return Act.CODE
        if tag in _LABELS:
            return Act.LABEL
        if tag >> 16 in _PERSONAL and vr not in ("CS", "UI"):
            return _basic(tag, vr, need, "X")
        if vr == "UI" and _names_a_class(tag):
            return Act.CHECK
        if vr == "UI":
            return self._mapped()
        if vr in NUMBERS or vr in CODES or vr == "SQ":
            return _kept(vr)
        if tag in tables.kept() and not self.reducing:
            return _kept(vr)
        return _basic(tag, vr, need, "X")


def _never_kept(tag: int) -> bool:
    """Private, of the file's or a message's head, a group's length, a curve, an overlay."""
    group, element = tag >> 16, tag & 0xFFFF
    return group % 2 == 1 or group < 8 or element == 0 or tables.in_repeating_group(tag)


def _vrs(tag: int) -> list[str]:
    """The VRs PS3.6 gives a tag, or none."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    return dictionary_VR(tag).split(" or ") if dictionary_has_tag(tag) else []


def _names_a_class(tag: int) -> bool:
    """Whether a UID says what kind of object or file something is, and not which one."""
    from pydicom.datadict import dictionary_keyword

    return dictionary_keyword(tag).endswith(("ClassUID", "TransferSyntaxUID"))


def _same_kind(vr: str, known: list[str]) -> bool:
    return vr in known or any(vr in kind and known[0] in kind for kind in _KINDS)


def _kept(vr: str) -> Act:
    if vr in NUMBERS or vr in ("OB", "OW"):
        return Act.KEEP
    return {"SQ": Act.RECURSE, "UI": Act.KEEP_UID}.get(vr, Act.CHECK)


def _basic(tag: int, vr: str, need: int, action: str) -> Act:
    """The action of the Basic Profile, so that what is required stays valid (E.1-1a)."""
    if action == "U":
        return Act.MAP_UID
    if action == "X/Z/U*":
        return Act.RECURSE if need else Act.REMOVE
    alternatives = action.split("/")
    if need == 0 and "X" in alternatives:
        return Act.REMOVE
    if "Z" in alternatives and tag in (PATIENT_NAME, PATIENT_ID):
        return Act.PSEUDONYM
    if need != 1 and (alternatives == ["X"] or "Z" in alternatives):
        return Act.EMPTY
    if vr == "UI":
        return Act.MAP_UID
    return Act.REDUCE if vr == "SQ" else Act.DUMMY


def _cleaned(vr: str, column: str, basic: Act) -> Act:
    """The action `C` of an option; where there is nothing to clean by, the Basic Profile's."""
    if column == "modified_dates":
        return Act.SHIFT if vr in DATES else basic
    if column in ("structured", "graphics"):
        return Act.CONTENT if vr == "SQ" else basic
    if vr == "SQ":
        return Act.RECURSE
    return Act.WORDS if vr in WORDS else basic
