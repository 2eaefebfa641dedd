"""Structured content: which content items stay, by what they are about and of what type."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from medibloc_py.imaging.deidentify import tables
from medibloc_py.imaging.deidentify.raw import SCHEME, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from medibloc_py.imaging.deidentify.options import Option

_CONCEPT_NAME, _VALUE_TYPE, _CODE = 0x0040A043, 0x0040A040, 0x00080100
_TIMES: Final = frozenset({"DATE", "TIME", "DATETIME"})
_NAMES: Final = frozenset({"PNAME"})


def stays(item: Dataset, options: Collection[Option]) -> bool:
    """Whether a content item stays, its values then cleaned like all others.

    What PS3.15 table E.3.4-1 removes goes. So does who, and when unless times are
    retained, whatever concept it is said to be.
    """
    columns = {each.column for each in options}
    kind = text_of(item, _VALUE_TYPE)
    rule = tables.content_items().get((*_concept(item), kind))
    if rule is not None:
        asked = {rule.options[each] for each in columns & rule.options.keys()}
        if not asked and rule.basic == "X":
            return False
    if kind in _TIMES:
        return bool(columns & {"full_dates", "modified_dates"})
    return kind not in _NAMES


def _concept(item: Dataset) -> tuple[str, str]:
    names = item[_CONCEPT_NAME].value if _CONCEPT_NAME in item else None
    return (text_of(names[0], SCHEME), text_of(names[0], _CODE)) if names else ("", "")
