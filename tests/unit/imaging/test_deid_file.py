"""De-identifying files: the canary, every bundled file, options, what the file then says."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from benchmarks import canary
from medibloc_py.errors import (
    DeidentificationRefused,
    InvalidValue,
    NotDicom,
    StudyUnreadable,
)
from medibloc_py.imaging.deidentify import Deidentified, Option, Pseudonyms, deidentify
from medibloc_py.imaging.verify import verify
from tests.unit.imaging.samples import ALL, sample

KEY = bytes(range(32))
LIVER = "Liver structure (body structure)"  # as PS3.16 has it
OF_ONE_FILE = [each for each in Option if each is not Option.CLEAN_VISUAL_FEATURES]
# Not DICOM, or without anything that says what it is.
NOT_DICOM = {"README", "README.txt", "no_meta.dcm", "crayons.icc"}
DICOM = [
    path
    for path in ALL
    if path.suffix not in {".json", ".dump", ".gz", ".zip", ".md", ".txt"}
    if path.name not in NOT_DICOM
]


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    return Pseudonyms(KEY)


@pytest.fixture(scope="module")
def bird() -> canary.Canary:
    return canary.make()


def read(done: Deidentified) -> pydicom.FileDataset:
    return dcmread(BytesIO(done.data))


def file_of(name: str = "CT_small.dcm", **values: object) -> bytes:
    """A bundled file with some attributes of another value."""
    dataset = dcmread(sample(name), force=True)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out, implicit_vr=dataset.is_implicit_VR, little_endian=True)
    return out.getvalue()


def code(scheme: str, value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning = scheme, value, meaning
    return item


def test_no_canary_survives_at_any_depth(bird: canary.Canary, pseudonyms: Pseudonyms) -> None:
    done = deidentify(bird.data, pseudonyms)
    assert bird.found(done.data) == {"top": 0, "nested_1": 0, "nested_2": 0}
    assert all(len(values) > 600 for values in bird.planted.values())
    verify(bird.data, done.data)


@pytest.mark.parametrize("option", OF_ONE_FILE, ids=lambda option: option.value)
def test_an_option_keeps_no_more_than_its_column(
    option: Option, bird: canary.Canary, pseudonyms: Pseudonyms
) -> None:
    from medibloc_py.imaging.deidentify import tables

    done = deidentify(bird.data, pseudonyms, [option])
    verify(bird.data, done.data, [option.value])
    for values in bird.planted.values():
        kept = {tag for tag, value in values.items() if value in done.data}
        assert all(option.column in tables.profile()[tag].options for tag in kept)


@pytest.mark.parametrize("path", DICOM, ids=lambda path: path.name)
def test_every_bundled_file_is_done_and_passes_the_check(
    path: Path, pseudonyms: Pseudonyms
) -> None:
    original = path.read_bytes()
    done = deidentify(original, pseudonyms, name=path.name)
    verify(original, done.data, name=path.name)
    after = read(done)
    assert after.PatientIdentityRemoved == "YES"
    assert not [element.tag for element in after.iterall() if element.tag.is_private]


def test_the_file_says_what_was_done(pseudonyms: Pseudonyms) -> None:
    done = deidentify(
        file_of(), pseudonyms, [Option.RETAIN_MODIFIED_DATES, "retain-device-identity"]
    )
    after = read(done)
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113109"]
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "2026d" in after.DeidentificationMethod
    assert "BurnedInAnnotation" not in after  # nobody looked
    assert not done.said_clean
    assert deidentify(file_of(BurnedInAnnotation="NO"), pseudonyms).said_clean


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "REMOVED"), ((Option.RETAIN_FULL_DATES,), "UNMODIFIED")],
)
def test_the_file_says_what_became_of_times(
    options: tuple[Option, ...], said: str, pseudonyms: Pseudonyms
) -> None:
    after = read(deidentify(file_of(), pseudonyms, options))
    assert after.LongitudinalTemporalInformationModified == said


def test_the_head_is_of_our_own(pseudonyms: Pseudonyms) -> None:
    original = bytearray(file_of())
    original[:8] = b"Jane Doe"
    done = deidentify(bytes(original), pseudonyms)
    meta = read(done).file_meta
    assert done.data[:128] == bytes(128)
    assert meta.MediaStorageSOPInstanceUID == read(done).SOPInstanceUID
    assert meta.ImplementationVersionName.startswith("MEDIBLOC")
    assert "SourceApplicationEntityTitle" not in meta
    assert "PrivateInformation" not in meta


def test_uids_stay_consistent_and_need_the_key(pseudonyms: Pseudonyms) -> None:
    first = read(deidentify(file_of(), pseudonyms))
    again = read(deidentify(file_of(SOPInstanceUID="1.2.3"), Pseudonyms(KEY)))
    other = read(deidentify(file_of(), Pseudonyms(bytes(32))))
    assert first.StudyInstanceUID == again.StudyInstanceUID != other.StudyInstanceUID
    assert first.SOPInstanceUID != again.SOPInstanceUID
    assert first.StudyInstanceUID.is_valid
    assert re.fullmatch(r"2\.25\.\d{30,39}", first.StudyInstanceUID)
    assert first.PatientID == again.PatientID != other.PatientID


def test_a_uid_is_retained_only_if_it_is_one(pseudonyms: Pseudonyms) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.FrameOfReferenceUID = "Jane.Doe"
    after = read(deidentify(dataset, pseudonyms, [Option.RETAIN_UIDS]))
    assert after.StudyInstanceUID == dataset.StudyInstanceUID
    assert after.FrameOfReferenceUID == pseudonyms.uid("Jane.Doe")


def test_a_reference_points_to_what_its_target_became(pseudonyms: Pseudonyms) -> None:
    target = dcmread(sample("rtplan.dcm")).ReferencedStructureSetSequence[0]
    plan = read(deidentify(sample("rtplan.dcm"), pseudonyms))
    reference = plan.ReferencedStructureSetSequence[0]
    assert reference.ReferencedSOPInstanceUID == pseudonyms.uid(target.ReferencedSOPInstanceUID)
    assert reference.ReferencedSOPClassUID == target.ReferencedSOPClassUID


def test_moved_dates_keep_their_intervals_and_times(pseudonyms: Pseudonyms) -> None:
    days = ("20040119", "20040229", "20050301")
    moved = [
        read(deidentify(file_of(StudyDate=day), pseudonyms, [Option.RETAIN_MODIFIED_DATES]))
        for day in days
    ]
    before = [pydicom.valuerep.DA(day) for day in days]
    after = [pydicom.valuerep.DA(each.StudyDate) for each in moved]
    assert [a - after[0] for a in after] == [b - before[0] for b in before]
    assert after[0] < before[0]
    assert moved[0].StudyTime == dcmread(sample("CT_small.dcm")).StudyTime


def test_another_patient_s_dates_move_otherwise() -> None:
    shifts = {Pseudonyms(KEY).shift(patient, "20240229") for patient in "abcdefgh"}
    assert len(shifts) > 1


@pytest.mark.parametrize("value", ["", "2024", "20241301", "Jane", "00010101"])
def test_what_is_no_day_is_not_moved(value: str, pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.shift("p", value) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidValue):
        Pseudonyms(bytes(31))


def test_descriptions_lose_what_is_no_word_of_the_standard(pseudonyms: Pseudonyms) -> None:
    given = file_of(
        PatientName="Chest^Jane",
        PatientID="7",
        StudyDescription="CT Abdomen of Doe, Chest 1951 at St.Mary",
    )
    after = read(deidentify(given, pseudonyms, [Option.CLEAN_DESCRIPTORS]))
    words = after.StudyDescription.split()
    assert {"CT", "Abdomen"} <= set(words)
    assert not {"Doe", "1951", "Mary", "Chest"} & set(words)


def test_a_description_of_which_nothing_is_left_is_not_empty(pseudonyms: Pseudonyms) -> None:
    given = file_of("rtstruct.dcm", StructureSetLabel="Xyzzy 42")  # of type 1
    after = read(deidentify(given, pseudonyms, [Option.CLEAN_DESCRIPTORS]))
    assert after.StructureSetLabel == "REMOVED"


def test_a_report_keeps_findings_and_loses_people(pseudonyms: Pseudonyms) -> None:
    given = sample("reportsi.dcm").read_bytes()
    basic = read(deidentify(given, pseudonyms))
    cleaned = read(deidentify(given, pseudonyms, [Option.CLEAN_STRUCTURED_CONTENT]))
    assert len(basic.ContentSequence) == 1
    assert len(cleaned.ContentSequence) >= len(basic.ContentSequence)
    kinds = {item.get("ValueType") for item in cleaned.ContentSequence}
    assert kinds.isdisjoint({"PNAME", "DATE", "TIME", "DATETIME"})


def test_codes_of_a_hospital_s_own_are_replaced(pseudonyms: Pseudonyms) -> None:
    given = file_of(ViewCodeSequence=[code("99MARY", "R-DOE", "Room of Jane Doe")])
    own = read(deidentify(given, pseudonyms)).ViewCodeSequence[0]
    assert (own.CodeValue, own.CodingSchemeDesignator, own.CodeMeaning) == ("REMOVED",) * 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("SCT", "10200004", "Liver"), ("10200004", "Liver")),
        (("SCT", "10200004", "Liver of Jane Roe"), ("10200004", LIVER)),
        (("SCT", "999999999", "Left lung of Jane Roe"), ("999999999", "Left lung of")),
        (("SCT", "10200004", "Wilhelmina"), ("10200004", LIVER)),
        (("DCM", "JANE ROE", "Liver"), ("REMOVED", "REMOVED")),
        (("LN", "18785-6", "Indications"), ("18785-6", "Indications")),
        (("SRT", "T-62000", "Liver"), ("T-62000", "Liver")),
        (("SRT", "Wilhelmina", "Liver"), ("REMOVED", "REMOVED")),
        (("UCUM", "g/ml{SUVbw}", "g/ml{SUVbw}"), ("g/ml{SUVbw}", "g/ml{SUVbw}")),
        (("UCUM", "{Wilhelmina}", "no units"), ("REMOVED", "REMOVED")),
    ],
)
def test_of_a_public_code_its_form_and_known_words_stay(
    given: tuple[str, str, str], kept: tuple[str, str], pseudonyms: Pseudonyms
) -> None:
    data = file_of(PatientName="Doe^Jane", ViewCodeSequence=[code(*given)])
    item = read(deidentify(data, pseudonyms)).ViewCodeSequence[0]
    assert (item.CodeValue, item.CodeMeaning) == kept


def test_labels_that_a_person_types_are_keyed_and_refer_to_each_other(
    pseudonyms: Pseudonyms,
) -> None:
    layer, annotation = Dataset(), Dataset()
    layer.GraphicLayer = annotation.GraphicLayer = "WARD OF DR ROE"
    given = file_of(
        ContentLabel="JANE", GraphicLayerSequence=[layer], GraphicAnnotationSequence=[annotation]
    )
    after = read(deidentify(given, pseudonyms, [Option.CLEAN_GRAPHICS]))
    label = after.GraphicLayerSequence[0].GraphicLayer
    assert (
        label
        == after.GraphicAnnotationSequence[0].GraphicLayer
        == pseudonyms.label("WARD OF DR ROE")
    )
    assert after.ContentLabel == pseudonyms.label("JANE")
    assert re.fullmatch(r"L_[0-9A-F]{14}", label)


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("097Y", "090Y"), ("099M", "099M")])
def test_an_age_that_few_reach_is_not_told(age: str, kept: str, pseudonyms: Pseudonyms) -> None:
    given = file_of(PatientAge=age)
    after = read(deidentify(given, pseudonyms, [Option.RETAIN_PATIENT_CHARACTERISTICS]))
    assert after.PatientAge == kept


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientAge", "Jane"), ("SpecificCharacterSet", "WARD OF JANE")]
)
def test_a_form_that_is_known_is_asked_for(
    keyword: str, value: str, pseudonyms: Pseudonyms
) -> None:
    dummy = {"PatientAge": "077Y", "SpecificCharacterSet": "ISO 2022 IR 6"}[keyword]
    data = file_of(**{keyword: dummy})
    given = data.replace(dummy.encode(), value.encode().ljust(len(dummy)))
    assert value.encode() in given
    done = deidentify(given, pseudonyms, [Option.RETAIN_PATIENT_CHARACTERISTICS])
    assert value.encode() not in done.data


def test_what_a_parser_quotes_is_not_told(pseudonyms: Pseudonyms) -> None:
    given = file_of() + b"WILHELMINA"  # as if it were an attribute of VR EL
    with pytest.raises(DeidentificationRefused) as raised:
        deidentify(given, pseudonyms, name="a.dcm")
    assert "Value Representation" in str(raised.value)
    assert "'EL'" not in str(raised.value)


def test_what_a_scheme_is_called_goes_and_its_version_stays(pseudonyms: Pseudonyms) -> None:
    own, public = code("99MARY", "1", "One"), code("SCT", "10200004", "Liver")
    own.CodingSchemeVersion, public.CodingSchemeVersion = "St. Mary 2", "20180801"
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = "99MARY", "Codes of St. Mary"
    data = file_of(ViewCodeSequence=[own, public], CodingSchemeIdentificationSequence=[scheme])
    done = deidentify(data, pseudonyms)
    assert read(done).ViewCodeSequence[1].CodingSchemeVersion == "20180801"
    assert b"Mary" not in done.data
    assert b"99MARY" not in done.data


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("BodyPartExamined", "Jane Doe"), ("KVP", "Jane"), ("SeriesNumber", "Doe")],
)
def test_a_value_that_is_not_of_its_form_goes(
    keyword: str, value: str, pseudonyms: Pseudonyms
) -> None:
    padded = value.encode().ljust(16)
    dummy = {"BodyPartExamined": "X" * 16, "KVP": "7" * 16, "SeriesNumber": "7" * 12}[keyword]
    given = file_of(**{keyword: dummy}).replace(dummy.encode(), padded[: len(dummy)])
    assert padded[: len(dummy)] in given
    assert keyword not in read(deidentify(given, pseudonyms))


def test_private_attributes_that_are_known_to_be_safe_stay_if_asked(
    pseudonyms: Pseudonyms,
) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    acquisition = dataset.private_block(0x0019, "GEMS_ACQU_01")
    acquisition.add_new(0x9E, "LO", "fl3d")  # Internal Pulse Sequence Name, of the table
    acquisition.add_new(0x24, "LO", "Jane Doe")  # Mid Scan Time is a number
    other = dataset.private_block(0x0099, "NQHeader", create=True)
    other.add_new(0x02, "UI", "1.2.3.4.5")  # Analyzed Series UID
    other.add_new(0x05, "LT", "Jane Doe")  # a free text
    dataset.private_block(0x0097, "MINE", create=True).add_new(0x01, "DS", "1")
    done = deidentify(dataset, pseudonyms, [Option.RETAIN_SAFE_PRIVATE])
    after = read(done)
    acquisition = after.private_block(0x0019, "GEMS_ACQU_01")
    assert acquisition[0x9E].value == "fl3d"
    assert acquisition[0x23].value == dataset[0x0019, 0x1023].value  # Table Speed
    assert 0x24 not in acquisition
    assert after.private_block(0x0099, "NQHeader")[0x02].value == pseudonyms.uid("1.2.3.4.5")
    left = {(element.tag.group, element.tag.element) for element in after if element.tag.is_private}
    assert (0x0099, 0x1005) not in left
    assert {group for group, _ in left} <= {0x0019, 0x0025, 0x0043, 0x0045, 0x0099}
    assert b"Jane Doe" not in done.data


def test_a_document_becomes_an_empty_page(pseudonyms: Pseudonyms) -> None:
    given = file_of(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"%PDF-1.4 Jane Doe",
    )
    after = read(deidentify(given, pseudonyms))
    assert after.EncapsulatedDocument.startswith(b"%PDF")
    assert b"Jane" not in after.EncapsulatedDocument


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (sample("rtplan.dump"), ""),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    path: Path, reason: str, pseudonyms: Pseudonyms
) -> None:
    with pytest.raises((DeidentificationRefused, NotDicom), match=path.name) as raised:
        deidentify(path, pseudonyms)
    assert reason in str(raised.value)


def test_another_document_is_refused(pseudonyms: Pseudonyms) -> None:
    given = file_of(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.3", EncapsulatedDocument=b"STL")
    with pytest.raises(DeidentificationRefused, match="not a PDF"):
        deidentify(given, pseudonyms, name="model.dcm")


def test_pixels_that_show_who_it_is_are_refused(pseudonyms: Pseudonyms) -> None:
    with pytest.raises(DeidentificationRefused, match="pixels show who"):
        deidentify(file_of(BurnedInAnnotation="YES"), pseudonyms, name="us.dcm")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    with pytest.raises(StudyUnreadable):
        deidentify(tmp_path / "none.dcm", pseudonyms)


@pytest.mark.parametrize(
    "options", [["retain-everything"], [Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES]]
)
def test_options_that_make_no_sense_are_refused(
    options: list[Option | str], pseudonyms: Pseudonyms
) -> None:
    with pytest.raises(InvalidValue):
        deidentify(file_of(), pseudonyms, options)


def test_a_data_set_in_memory_is_done_too(pseudonyms: Pseudonyms) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    done = deidentify(dataset, pseudonyms)
    assert read(done).PatientName != dcmread(sample("CT_small.dcm")).PatientName
    assert str(dataset.PatientName) == "CompressedSamples^CT1"  # the caller's stays as it is
