"""The options of the Basic Application Level Confidentiality Profile, by the standard's names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

from medibloc_py.errors import InvalidValue
from medibloc_py.imaging import ocr

EDITION: Final = "2026d"
"""The edition of PS3.15 that the tables are of."""


class Method(NamedTuple):
    """A code of PS3.16 CID 7050 (coding scheme DCM)."""

    code: str
    meaning: str


BASIC: Final = Method("113100", "Basic Application Confidentiality Profile")


class Option(Enum):
    """An option of PS3.15 E.3; its value is its name on the command line."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_VISUAL_FEATURES = "clean-recognizable-visual-features"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_FULL_DATES = "retain-longitudinal-full-dates"
    RETAIN_MODIFIED_DATES = "retain-longitudinal-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"

    @property
    def column(self) -> str:
        """Its column in `profile.csv`; empty if it is not about attributes."""
        return _COLUMNS.get(self, "")

    @property
    def method(self) -> Method:
        """Its code of CID 7050."""
        return _METHODS[self]


_COLUMNS: Final = {
    Option.CLEAN_GRAPHICS: "graphics",
    Option.CLEAN_STRUCTURED_CONTENT: "structured",
    Option.CLEAN_DESCRIPTORS: "descriptors",
    Option.RETAIN_FULL_DATES: "full_dates",
    Option.RETAIN_MODIFIED_DATES: "modified_dates",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "patient",
    Option.RETAIN_DEVICE_IDENTITY: "device",
    Option.RETAIN_UIDS: "uids",
    Option.RETAIN_SAFE_PRIVATE: "safe_private",
    Option.RETAIN_INSTITUTION_IDENTITY: "institution",
}
_MEANINGS: Final = (
    "Clean Pixel Data Option",
    "Clean Recognizable Visual Features Option",
    "Clean Graphics Option",
    "Clean Structured Content Option",
    "Clean Descriptors Option",
    "Retain Longitudinal Temporal Information Full Dates Option",
    "Retain Longitudinal Temporal Information Modified Dates Option",
    "Retain Patient Characteristics Option",
    "Retain Device Identity Option",
    "Retain UIDs Option",
    "Retain Safe Private Option",
    "Retain Institution Identity Option",
)
_METHODS: Final = {
    # The codes follow each other in the order of the options.
    option: Method(str(code), meaning)
    for option, code, meaning in zip(Option, range(113101, 113113), _MEANINGS, strict=True)
}


def chosen(options: Iterable[Option | str]) -> frozenset[Option]:
    """The options asked for, if they can be done and go together.

    Raises:
        ExtraMissing: `clean-pixel-data` needs the extra `pixels`.
        InvalidValue: one is unknown, or two contradict each other.
    """
    asked = frozenset(_known(each) for each in options)
    if Option.CLEAN_PIXEL_DATA in asked:
        ocr.require()
    dates = {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}
    if dates <= asked:
        raise InvalidValue(
            name="options",
            given=" and ".join(sorted(each.value for each in dates)),
            allowed="one of the two",
        )
    return asked


def _known(given: Option | str) -> Option:
    try:
        return Option(given)
    except ValueError:
        allowed = ", ".join(each.value for each in Option)
        raise InvalidValue(name="option", given=given, allowed=f"one of {allowed}") from None
