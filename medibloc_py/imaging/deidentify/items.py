"""The walk through a data set and every item in it: each attribute gets what the rules say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.deidentify import codes, content
from medibloc_py.imaging.deidentify.bulk import bare_bulk
from medibloc_py.imaging.deidentify.options import Option
from medibloc_py.imaging.deidentify.private import safe_tags
from medibloc_py.imaging.deidentify.raw import SCHEME, plain, put, text_of
from medibloc_py.imaging.deidentify.rules import CONTENT, DATES, NUMBERS, TOP, Act, Rules, rules_for
from medibloc_py.imaging.deidentify.values import (
    dummy,
    encoded,
    fits,
    is_charset,
    known_words,
    no_age_above,
    well_formed,
)

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

    from medibloc_py.imaging.deidentify.keyed import Pseudonyms

    Element = DataElement | RawDataElement

_FEW: Final = frozenset(["AT", "FD", "FL", "OB", "OW", "SL", "SS", "SV", "UL", "US", "UV"])
_CHARSET: Final = 0x00080005
_NAMING: Final = (0x00100010, 0x00100020, 0x00080080, 0x00080090, 0x00081050, 0x00081070)


class Cleaner:
    """De-identifies the data set of one file, in place.

    Attributes:
        counts: how many attributes each act met.
    """

    def __init__(
        self,
        root: Dataset,
        pseudonyms: Pseudonyms,
        options: frozenset[Option],
        sop_class: str,
        others: Sequence[Dataset] = (),
    ) -> None:
        """Take what the file's patient is called, before it is removed.

        Args:
            root: what names the patient.
            pseudonyms: the keyed map.
            options: options of the profile.
            sop_class: of the file.
            others: data sets that name others whose words no description may keep.
        """
        self.counts: Counter[Act] = Counter()
        self._options = options
        self._pseudonyms = pseudonyms
        self._rules = rules_for(options, sop_class)
        self._sop_class = sop_class
        self._naming = [text_of(each, tag) for each in (root, *others) for tag in _NAMING]
        # Who has no id is known by the name, and who has none by the study.
        self._patient = next(
            filter(None, (text_of(root, tag) for tag in (0x00100020, 0x00100010, 0x0020000D))), ""
        )

    def clean(self, item: Dataset, where: int = TOP, rules: Rules | None = None) -> None:
        """De-identify one data set: the root, or an item of the sequence `where`."""
        rules = rules or self._rules
        public = SCHEME in item and codes.is_public(item)
        safe = self._safe_private(item, rules)
        for tag in list(item.keys()):
            element = item.get_item(tag)
            if tag in safe:
                vr = safe[tag]
                act = rules.private(element.VR, vr)
            else:
                act, vr = rules.act(where, int(tag), element.VR)
            self.counts[act] += 1
            if element.VR is None and not item.original_encoding[0]:
                # Found in Implicit VR in a file that must be explicit: written as it must be.
                element = item[tag] = element._replace(VR=vr, is_implicit_VR=False)
            self._apply(act, item, tag, element, vr, rules, public)

    def _apply(
        self,
        act: Act,
        item: Dataset,
        tag: BaseTag,
        element: Element,
        vr: str,
        rules: Rules,
        public: bool,
    ) -> None:
        value = element.value
        if act is Act.REMOVE or not _in_form(act, tag, vr, value):
            del item[tag]
        elif vr == "SQ":
            self._clean_sequence(item, tag, act, rules)
        elif act is Act.KEEP and rules.reducing and vr in NUMBERS:
            put(item, tag, element, vr, bytes(len(value or b"")))
        elif act is Act.CODE and public and well_formed(vr, value):
            self._keep_code(item, tag, element, vr)
        elif act is Act.CHECK and vr == "AS" and isinstance(value, bytes):
            put(item, tag, element, vr, no_age_above(value))
        elif act is Act.KEEP and isinstance(value, bytes):
            self._keep_bulk(item, tag, element, vr, value)
        elif value and not _stays(act, vr, value):
            put(item, tag, element, vr, self._replaced(act, vr, element))

    def _keep_code(self, item: Dataset, tag: BaseTag, element: Element, vr: str) -> None:
        kept = codes.kept(item, int(tag), self._names)
        if kept != text_of(item, int(tag)):
            put(item, tag, element, vr, encoded(kept))

    def _keep_bulk(
        self, item: Dataset, tag: BaseTag, element: Element, vr: str, value: bytes
    ) -> None:
        bare = bare_bulk(item, tag, vr, value)
        if value and not bare:
            del item[tag]
        elif bare != value:
            put(item, tag, element, vr, bare)

    def _safe_private(self, item: Dataset, rules: Rules) -> dict[int, str]:
        if Option.RETAIN_SAFE_PRIVATE not in self._options or rules.reducing:
            return {}
        return safe_tags(item)

    def _clean_sequence(self, item: Dataset, tag: BaseTag, act: Act, rules: Rules) -> None:
        element = item[tag]
        if element.VR != "SQ":  # of unknown VR, and no items in it
            del item[tag]
            return
        items = list(element.value or [])
        if act is Act.EMPTY:
            items = []
        elif act is Act.REDUCE:
            items, rules = items[:1], self._reducing
        elif act is Act.CONTENT and int(tag) == CONTENT:
            items = [each for each in items if content.stays(each, self._options)]
            if not items:  # 1C: a container may be without content
                del item[tag]
                return
        for each in items:
            self.clean(each, int(tag), rules)
        element.value = items

    def _replaced(self, act: Act, vr: str, element: Element) -> bytes:
        if act is Act.EMPTY:
            return b""
        if act is Act.PSEUDONYM:
            return encoded(self._pseudonyms.patient(self._patient))
        if act is Act.LABEL:
            return encoded(self._pseudonyms.label(plain(element.value)))
        if act is Act.FILE_NAME:
            return encoded(self._pseudonyms.file(plain(element.value)))
        values = plain(element.value).split("\\")
        if act in (Act.MAP_UID, Act.KEEP_UID):
            return encoded("\\".join(map(self.mapped, values)), pad=b"\0")
        if act is Act.WORDS:
            words = [known_words(each, self._names) for each in values]
            return encoded("\\".join(words)) if any(words) else dummy(vr)
        if act is Act.SHIFT and vr in DATES:
            return self._shifted(vr, values)
        return dummy(vr)

    def mapped(self, uid: str) -> str:
        """The UID that stands for another; those of the standard stand for themselves."""
        from pydicom._uid_dict import UID_dictionary

        return uid if not uid or uid in UID_dictionary else self._pseudonyms.uid(uid)

    def _shifted(self, vr: str, values: list[str]) -> bytes:
        if vr == "TM":
            moved: list[str | None] = [*values]
        else:
            moved = [self._pseudonyms.shift(self._patient, each) for each in values]
        if None in moved:
            return dummy(vr)
        value = encoded("\\".join(str(each) for each in moved))
        return value if well_formed(vr, value) else dummy(vr)

    @cached_property
    def _reducing(self) -> Rules:
        return rules_for(self._options, self._sop_class, reducing=True)

    @cached_property
    def _names(self) -> frozenset[str]:
        import re

        return frozenset(re.findall(r"[^\W\d_]+", " ".join(self._naming).upper()))


def _stays(act: Act, vr: str, value: Any) -> bool:
    """Whether a value stays as it is."""
    if act is Act.KEEP_UID:
        return well_formed(vr, value)
    return act in (Act.KEEP, Act.CHECK)


def _in_form(act: Act, tag: int, vr: str, value: Any) -> bool:
    """Whether a value that would stay has the form and the length that its attribute allows."""
    if act is Act.CHECK and tag == _CHARSET:
        return is_charset(value)
    if act is Act.CHECK:
        return well_formed(vr, value)
    return act is not Act.KEEP or vr not in _FEW or fits(tag, vr, value)
