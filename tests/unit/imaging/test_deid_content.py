"""Which content items of a report stay under the Clean Structured Content option."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from medibloc_py.imaging.deidentify import Option, Pseudonyms, deidentify
from medibloc_py.imaging.deidentify.content import stays
from medibloc_py.imaging.release import release
from tests.unit.imaging.samples import sample

CLEAN = Option.CLEAN_STRUCTURED_CONTENT
KEY = bytes(range(32))


def content(code: str, kind: str, **values: object) -> Dataset:
    """A content item about a concept of DCM."""
    name, item = Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", "a concept"
    item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = "CONTAINS", kind, [name]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize(
    ("code", "kind", "options", "expected"),
    [
        ("121022", "TEXT", [], False),  # Accession Number: X
        ("121022", "NUM", [], True),  # the table speaks of the text only
        ("110119", "TEXT", [], False),  # Station AE Title: X
        ("110119", "TEXT", [Option.RETAIN_DEVICE_IDENTITY], True),  # K
        ("111033", "TEXT", [], True),  # Impression Description: D
        ("111060", "DATE", [], False),  # Study Date
        ("111060", "DATE", [Option.RETAIN_MODIFIED_DATES], True),
        ("999999", "DATE", [], False),  # when, whatever it is said to be
        ("999999", "DATETIME", [Option.RETAIN_FULL_DATES], True),
        ("999999", "PNAME", [Option.RETAIN_FULL_DATES], False),  # who
        ("999999", "NUM", [], True),
        ("999999", "CONTAINER", [], True),
    ],
)
def test_which_content_items_stay(
    code: str, kind: str, options: list[Option], expected: bool
) -> None:
    assert stays(content(code, kind), [CLEAN, *options]) is expected


def test_an_item_without_a_concept_is_judged_by_its_type() -> None:
    item = Dataset()
    item.ValueType = "PNAME"
    assert not stays(item, [CLEAN])
    item.ValueType = "IMAGE"
    assert stays(item, [CLEAN])


def test_a_report_is_cleaned_item_by_item() -> None:
    report = dcmread(sample("reportsi.dcm"))
    report.PatientID = "PAT-1"
    report.ContentSequence = [
        content("121022", "TEXT", TextValue="ACC-4711"),
        content("111033", "TEXT", TextValue="Ada fell"),
        content("999999", "PNAME", PersonName="Featherstone^Ada"),
        content("999999", "DATE", Date="20240229"),
        content(
            "999999",
            "CONTAINER",
            ContentSequence=[content("999998", "PNAME", PersonName="Featherstone^Ada")],
        ),
    ]
    out = BytesIO()
    report.save_as(out)
    done = release(out.getvalue(), Pseudonyms(KEY), [CLEAN, Option.RETAIN_MODIFIED_DATES])
    finding, date, container = dcmread(BytesIO(done.data)).ContentSequence
    assert finding.TextValue == "REMOVED"
    assert date.Date == Pseudonyms(KEY).shift("PAT-1", "20240229")
    assert "ContentSequence" not in container  # a container may be without content
    basic = dcmread(BytesIO(deidentify(out.getvalue(), Pseudonyms(KEY)).data))
    (only,) = basic.ContentSequence
    assert only.TextValue == "REMOVED"
