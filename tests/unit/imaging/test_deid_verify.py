"""The independent check finds what is planted in an output, and leaves clean ones alone."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from medibloc_py.errors import IdentityLeft, MediBlocError, StructureChanged
from medibloc_py.imaging.deidentify import Pseudonyms, deidentify
from medibloc_py.imaging.verify import compare, verify
from medibloc_py.imaging.verify.parse import parse
from tests.unit.imaging.samples import sample

KEY = bytes(range(32))


def original(name: str = "CT_small.dcm", **values: object) -> bytes:
    dataset = dcmread(sample(name))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def clean(data: bytes) -> bytes:
    return deidentify(data, Pseudonyms(KEY)).data


def with_element(data: bytes, tag: int, vr: str, value: object, depth: int = 0) -> bytes:
    """The same file with one more element, in sequences `depth` deep."""
    dataset = dcmread(BytesIO(data))
    item = dataset
    for _ in range(depth):
        inner = Dataset()
        item.add_new(0x00081140, "SQ", [inner])
        item = inner
    item.add_new(tag, vr, value)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


NAMED = original(
    PatientName="Featherstone^Ada",
    PatientID="MRN-0815-7",
    PatientBirthDate="19510307",
    StudyDescription="Fall from the roof",
)


def test_a_clean_file_passes() -> None:
    assert verify(NAMED, clean(NAMED)) > 50


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00102110, "LO", "Featherstone^Ada"),
        (0x00204000, "LT", "Seen: Featherstone, today"),
        (0x00204000, "LT", "MRN-0815-7"),
        (0x00204000, "LT", "born 07.03.1951"),
        (0x00204000, "LT", "born 1951-03-07"),
        (0x00204000, "LT", "03/07/1951"),
        (0x00204000, "UT", "Fall from the roof"),
        (0x00091002, "UN", b"\x00\x01Featherstone\x00"),
        (0x00091002, "UN", "Featherstone".encode("utf-16-le")),
        (0x00091002, "UN", "Featherstone".encode("utf-16-be")),
        (0x0020000D, "UI", dcmread(sample("CT_small.dcm")).StudyInstanceUID),
    ],
)
def test_what_is_planted_is_found(tag: int, vr: str, value: object, depth: int) -> None:
    with pytest.raises(IdentityLeft) as raised:
        verify(NAMED, with_element(clean(NAMED), tag, vr, value, depth), name="a.dcm")
    assert "Featherstone" not in str(raised.value)
    assert "0815" not in str(raised.value)
    assert "a.dcm" in str(raised.value)


@pytest.mark.parametrize(
    "value",
    [
        b"\x8cFEATHERSTONE",  # in other letters, behind a byte that could be a letter's
        b"xFeatherstone^Adax",  # among letters
        b"seen by ada; 19510307",
    ],
)
def test_a_name_is_found_in_any_case_and_among_letters(value: bytes) -> None:
    with pytest.raises(IdentityLeft):
        verify(NAMED, with_element(clean(NAMED), 0x00091002, "UN", value))


def test_a_name_that_is_a_code_s_too_is_found() -> None:
    before = original(PatientName="Thorax^Ada", BodyPartExamined="THORAX")
    with pytest.raises(IdentityLeft, match=r"\(0010,0010\)"):
        verify(before, clean(before))
    # A code that the standard defines and nobody types is no leak.
    before = original(PatientName="Axial^Ada", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    verify(before, clean(before))


def test_the_words_of_the_method_are_no_leak() -> None:
    before = original(PatientName="Patient^Retain")
    done = deidentify(before, Pseudonyms(KEY), ["retain-patient-characteristics"])
    verify(before, done.data, ["retain-patient-characteristics"])


def test_a_short_value_is_found_in_its_place() -> None:
    before = original(PatientID="7", PatientName="Li")
    with pytest.raises(IdentityLeft, match=r"\(0010,0020\)"):
        verify(before, with_element(clean(before), 0x00100020, "LO", "7"))


def test_a_name_in_other_letters_is_found_in_another_encoding() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Müßiggang^Björn"
    out = BytesIO()
    dataset.save_as(out)
    before = out.getvalue()
    planted = with_element(clean(before), 0x00091002, "UN", "Müßiggang".encode())
    with pytest.raises(IdentityLeft, match=r"\(0010,0010\)"):
        verify(before, planted)


@pytest.mark.parametrize(
    ("charset", "name", "part"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", "太郎"),
        (["ISO_IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", "山田"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "길동"),
        (["GB18030"], "Wang^XiaoDong=王^小东", "小东"),
        (["ISO_IR 138"], "שרון^דבורה", "דבורה"),
        (["ISO_IR 192"], "Mu\u0308ßiggang^Bjo\u0308rn", "BJÖRN"),
    ],
)
def test_a_name_of_any_script_is_found_in_any_encoding(
    charset: list[str], name: str, part: str
) -> None:
    before = original(SpecificCharacterSet=charset, PatientName=name)
    after = clean(before)
    verify(before, after)
    for codec in ("utf-8", "utf-16-le", "gb18030", "shift_jis", "euc_jp", "euc_kr", "iso8859-8"):
        try:
            planted = with_element(after, 0x00091002, "UN", b"xx " + part.encode(codec))
        except UnicodeError:
            continue
        with pytest.raises(IdentityLeft, match=r"\(0010,0010\)"):
            verify(before, planted)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientSex", "F"),
        ("PatientWeight", "71.5"),
        ("GPSLatitude", "47\\22\\9"),
        ("SmokingStatus", "NO"),
    ],
)
def test_a_code_or_a_number_of_a_person_is_found_in_its_place(keyword: str, value: str) -> None:
    before = original(**{keyword: value})
    dataset = dcmread(BytesIO(clean(before)))
    setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out)
    with pytest.raises(IdentityLeft):
        verify(before, out.getvalue())


@pytest.mark.parametrize("at", [4096, (1 << 22) - 5])
@pytest.mark.parametrize("name", ["Featherstone^Ada", "FEATHERSTONE^ADA", "Müßiggang^Björn"])
def test_a_name_among_pixels_is_found(name: str, at: int) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", name.title()
    side = 2048
    pixels = bytearray(side * side * 2)
    pixels[at : at + len(name.encode())] = name.encode()
    dataset.Rows, dataset.Columns, dataset.PixelData = side, side, bytes(pixels)
    out = BytesIO()
    dataset.save_as(out)
    before = out.getvalue()
    with pytest.raises(IdentityLeft, match=r"\(0010,0010\)"):
        verify(before, clean(before))


def test_a_part_of_another_number_is_no_time_and_no_id() -> None:
    before = original(PatientID="1234", SpacingBetweenSlices="0.12345678", StudyTime="123456.78")
    verify(before, with_element(clean(before), 0x00180088, "DS", "0.12345678"))


def test_other_pixels_are_noticed() -> None:
    dataset = dcmread(BytesIO(clean(NAMED)))
    dataset.PixelData = dataset.PixelData[:-2] + b"\x01\x01"
    out = BytesIO()
    dataset.save_as(out)
    with pytest.raises(StructureChanged, match="pixels"):
        verify(NAMED, out.getvalue())


@pytest.mark.parametrize(
    ("keyword", "value", "told"),
    [("Rows", 64, "0028,0010"), ("RescaleSlope", "2", "0028,1053")],
)
def test_another_description_of_pixels_is_noticed(keyword: str, value: object, told: str) -> None:
    dataset = dcmread(BytesIO(clean(NAMED)))
    setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out)
    with pytest.raises(StructureChanged, match=told):
        verify(NAMED, out.getvalue())


def test_another_transfer_syntax_is_noticed() -> None:
    done = clean(NAMED)
    changed = done.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    assert compare(NAMED, changed).changed


def test_an_unmodified_file_does_not_pass() -> None:
    with pytest.raises(IdentityLeft):
        verify(NAMED, NAMED)


def test_a_deflated_file_is_searched_inflated() -> None:
    before = sample("image_dfl.dcm").read_bytes()
    after = clean(before)
    verify(before, after)
    assert len(parse(after).data) > len(after)
    assert compare(before, before).left


@pytest.mark.parametrize("vr", [b"UI", b"LO", b"CS", b"US", b"FD"])
@pytest.mark.parametrize("tag", [b"\x08\x00\x16\x00", b"\x08\x00\x70\x00"])
def test_a_length_that_swallows_other_attributes_hides_nothing(tag: bytes, vr: bytes) -> None:
    """A class or a make whose length reaches over the patient's name."""
    name = NAMED.index(b"Featherstone")
    at = NAMED.index(tag + (b"UI" if tag[2] == 0x16 else b"LO"))
    length = (name + 16 - at - 8).to_bytes(2, "little")
    changed = NAMED[: at + 4] + vr + length + NAMED[at + 8 :]
    after = clean(changed)
    assert b"Featherstone" not in after
    # Had the first pass let it through, the check would have seen it.
    assert compare(changed, with_element(after, 0x00081090, "LO", "Featherstone^Ada")).left


def test_what_lies_deeper_than_the_check_follows_is_searched_for() -> None:
    """A name at a depth that only the first pass reads, and that it let through."""
    opening = b"\x40\x00\x30\xa7SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    ending = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    name = b"\x10\x00\x10\x00PN\x12\x00Quenchwater^Ysolde"
    deep = opening * 70 + name + ending * 70
    at = NAMED.index(b"\xe0\x7f\x10\x00OW")
    before = NAMED[:at] + deep + NAMED[at:]
    planted = with_element(clean(NAMED), 0x00081090, "LO", "Quenchwater^Ysolde")
    with pytest.raises(IdentityLeft):
        verify(before, planted)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_files_end_in_a_typed_error_or_pass_the_check(data: st.DataObject) -> None:
    mutated = bytearray(NAMED[: data.draw(st.integers(200, 8000))])
    for _ in range(data.draw(st.integers(1, 20))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    try:
        after = deidentify(bytes(mutated), Pseudonyms(KEY)).data
        verify(bytes(mutated), after)
    except MediBlocError:
        return
    assert b"Featherstone" not in after


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_the_check_reads_any_bytes(data: bytes) -> None:
    compare(NAMED, bytes(128) + b"DICM" + data)
    compare(data, zlib.compress(data))
