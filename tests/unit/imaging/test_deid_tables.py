"""The tables are those of the standard, and what a person decided does not contradict them."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from medibloc_py.imaging.deidentify import Option, options, tables
from medibloc_py.imaging.deidentify.rules import DATES, TOP, Act, Rules

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ACTIONS = {"D", "K", "U", "X", "Z", "X/D", "X/Z", "X/Z/D", "X/Z/U*", "Z/D"}


def test_table_e_1_1_is_whole() -> None:
    profile = tables.profile()
    assert len(profile) == 653  # and three repeating groups, which go whole
    assert {rule.basic for rule in profile.values()} == ACTIONS - {"K"}
    assert profile[0x00100010] == tables.Rule("Z", {})
    assert profile[0x00080020] == tables.Rule("Z", {"full_dates": "K", "modified_dates": "C"})
    assert profile[0x00081030] == tables.Rule("X", {"descriptors": "C"})


def test_table_e_3_4_1_is_whole() -> None:
    items = tables.content_items()
    assert len(items) == 214
    assert items["DCM", "121022", "TEXT"].basic == "X"  # Accession Number


def test_safe_private_attributes_have_a_vr_that_can_be_checked() -> None:
    safe = tables.safe_private()
    assert len(safe) == 124
    assert safe["GEMS_ACQU_01", 0x0019, 0x23] == "DS"
    assert all(group % 2 for _, group, _ in safe)
    assert set(safe.values()).isdisjoint({"", "LT", "PN", "UT", "ST", "UN"})


def test_every_column_is_an_option() -> None:
    columns = {each.column for each in Option if each.column}
    for rule in (*tables.profile().values(), *tables.content_items().values()):
        assert rule.options.keys() <= columns


def test_what_is_kept_stands_in_no_table_and_is_known() -> None:
    kept = tables.kept()
    assert len(kept) == len(list(tables._rows("kept.csv")))
    assert kept.isdisjoint(tables.profile())
    for tag in kept:
        assert dictionary_has_tag(tag)
        assert dictionary_VR(tag) not in DATES | {"PN", "AE", "UI"}
        assert tag >> 16 not in (0x0010, 0x0038)


def test_an_unknown_class_has_all_modules() -> None:
    assert len(tables.modules("1.2.3")) > len(tables.modules(CT))
    assert "enhanced-general-equipment" in tables.modules(ENHANCED_CT)


@pytest.mark.parametrize(
    ("tag", "sop_class", "act"),
    [
        (0x00181000, CT, Act.REMOVE),  # X/Z/D Device Serial Number: type 3
        (0x00181000, ENHANCED_CT, Act.DUMMY),  # type 1
        (0x00080023, CT, Act.EMPTY),  # Z/D Content Date: type 2C
        (0x00080023, ENHANCED_CT, Act.DUMMY),  # type 1
        (0x00100010, CT, Act.PSEUDONYM),  # Z Patient's Name: type 2
        (0x00081030, CT, Act.REMOVE),  # X Study Description
        (0x0020000D, CT, Act.MAP_UID),  # U Study Instance UID
        (0x00080016, CT, Act.CHECK),  # SOP Class UID says what, not which
        (0x00280010, CT, Act.KEEP),  # Rows
        (0x00180060, CT, Act.CHECK),  # KVP
        (0x00080070, CT, Act.CHECK),  # Manufacturer, of kept.csv
        (0x00182010, CT, Act.CHECK),  # a number, in no module of CT
        (0x00080000, CT, Act.REMOVE),  # a group's length
        (0x00091002, CT, Act.REMOVE),  # private
        (0x50003000, CT, Act.REMOVE),  # a curve
        (0x60020010, CT, Act.REMOVE),  # an overlay
        (0x00104321, CT, Act.REMOVE),  # not in PS3.6
        (0x00101022, CT, Act.REMOVE),  # Patient's Body Mass Index: in no table, but the patient's
    ],
)
def test_what_becomes_of_an_attribute(tag: int, sop_class: str, act: Act) -> None:
    assert Rules([], sop_class).act(TOP, tag, None)[0] is act


def test_a_text_cannot_hide_behind_a_number_s_tag() -> None:
    rules = Rules([], CT)
    assert rules.act(TOP, 0x00280010, "LO")[0] is Act.REMOVE
    assert rules.act(TOP, 0x00180060, "LO")[0] is Act.REMOVE
    assert rules.act(TOP, 0x00280010, "UN")[0] is Act.KEEP


@pytest.mark.parametrize(
    ("option", "tag", "act"),
    [
        (Option.RETAIN_UIDS, 0x0020000D, Act.KEEP_UID),
        (Option.RETAIN_FULL_DATES, 0x00080020, Act.CHECK),
        (Option.RETAIN_MODIFIED_DATES, 0x00080020, Act.SHIFT),
        (Option.RETAIN_DEVICE_IDENTITY, 0x00081010, Act.CHECK),
        (Option.RETAIN_INSTITUTION_IDENTITY, 0x00080080, Act.CHECK),
        (Option.RETAIN_PATIENT_CHARACTERISTICS, 0x00101020, Act.CHECK),
        (Option.CLEAN_DESCRIPTORS, 0x00081030, Act.WORDS),
        (Option.CLEAN_STRUCTURED_CONTENT, 0x0040A730, Act.CONTENT),
        (Option.CLEAN_GRAPHICS, 0x00700001, Act.CONTENT),
    ],
)
def test_an_option_changes_what_its_column_says(option: Option, tag: int, act: Act) -> None:
    assert Rules([option], CT).act(TOP, tag, None)[0] is act
    assert Rules([], CT).act(TOP, tag, None)[0] is not act


def test_codes_of_the_methods_are_those_of_cid_7050() -> None:
    codes = [options.BASIC.code, *(each.method.code for each in Option)]
    assert codes == [str(code) for code in range(113100, 113113)]
