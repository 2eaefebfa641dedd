"""Directories of media: records stay in their tree, and say nothing of the patient."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset

from medibloc_py.errors import IdentityLeft
from medibloc_py.imaging.deidentify import Option, Pseudonyms, deidentify
from medibloc_py.imaging.release import release
from medibloc_py.imaging.verify import compare, verify
from tests.unit.imaging.samples import ROOT

KEY = bytes(range(32))
FOLDER = ROOT / "dicomdirtests"
DIRECTORIES = sorted(path for path in FOLDER.rglob("DICOMDIR*") if path.is_file())
WHOLE = [path for path in DIRECTORIES if path.name != "DICOMDIR-nooffset"]
OFFSETS = {"OffsetOfTheNextDirectoryRecord", "OffsetOfReferencedLowerLevelDirectoryEntity"}


def read(data: bytes) -> FileDataset:
    return dcmread(BytesIO(data), force=True)


def released(path: Path, *options: Option) -> FileDataset:
    return read(release(path, Pseudonyms(KEY), options).data)


def tree(directory: FileDataset) -> list[tuple[int, int, str]]:
    """By record: the numbers of the next and of the first below it, and its kind."""
    records = directory.DirectoryRecordSequence
    number = {record.seq_item_tell: at for at, record in enumerate(records)}
    return [
        (
            number.get(record.OffsetOfTheNextDirectoryRecord, -1),
            number.get(record.OffsetOfReferencedLowerLevelDirectoryEntity, -1),
            record.DirectoryRecordType,
        )
        for record in records
    ]


@pytest.mark.parametrize("path", DIRECTORIES, ids=lambda path: path.name)
def test_every_bundled_directory_passes_the_check(path: Path) -> None:
    after = released(path)
    assert not after.get("FileSetID")
    assert after.PatientIdentityRemoved == "YES"
    assert after.file_meta.MediaStorageSOPInstanceUID.startswith("2.25.")


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_links_lead_to_the_same_records(path: Path) -> None:
    before, after = dcmread(path), released(path)
    assert tree(after) == tree(before)
    first = "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity"
    places = [
        [record.seq_item_tell for record in each.DirectoryRecordSequence].index(each.get(first))
        if each.get(first)
        else None
        for each in (before, after)
    ]
    assert places[0] == places[1]
    if places[0] is not None:  # the file grew or shrank: its links are others
        assert before.get(first) != after.get(first)


def test_a_record_keeps_what_its_kind_must_have() -> None:
    kinds = {record.DirectoryRecordType: record for record in released(FOLDER / "DICOMDIR").
             DirectoryRecordSequence}  # fmt: skip
    assert kinds["PATIENT"].PatientID == kinds["PATIENT"].PatientName
    assert kinds["STUDY"].StudyDate == "19000101"
    assert kinds["STUDY"].StudyID == "REMOVED"
    assert kinds["STUDY"].StudyDescription == kinds["STUDY"].AccessionNumber == ""
    assert kinds["SERIES"].Modality
    assert kinds["IMAGE"].ReferencedSOPClassUIDInFile.startswith("1.2.840.10008.")


def test_files_get_names_by_the_key() -> None:
    ids = [
        tuple(record.ReferencedFileID)
        for record in released(FOLDER / "DICOMDIR").DirectoryRecordSequence
        if "ReferencedFileID" in record
    ]
    assert len(set(ids)) == len(ids) == 31
    assert all(len(part) == 8 and int(part, 16) >= 0 for parts in ids for part in parts)
    other = deidentify(FOLDER / "DICOMDIR", Pseudonyms(bytes(32)))
    assert ids[0][0].encode() not in other.data


def test_instances_are_named_as_in_their_files() -> None:
    pseudonyms = Pseudonyms(KEY)
    for record in dcmread(FOLDER / "DICOMDIR").DirectoryRecordSequence:
        if "ReferencedFileID" not in record:
            continue
        file = FOLDER.joinpath(*record.ReferencedFileID)
        instance = read(deidentify(file, pseudonyms).data).SOPInstanceUID
        assert instance == pseudonyms.uid(record.ReferencedSOPInstanceUIDInFile)
        break
    else:
        pytest.fail("no record names a file")


def two_patients() -> FileDataset:
    return dcmread(FOLDER / "DICOMDIR")


def test_each_patient_has_a_pseudonym_and_days_of_their_own() -> None:
    after = released(FOLDER / "DICOMDIR", Option.RETAIN_MODIFIED_DATES)
    ids, shifts, patient = [], {}, ""
    for old, new in zip(
        two_patients().DirectoryRecordSequence, after.DirectoryRecordSequence, strict=True
    ):
        if "PatientID" in new:
            patient = new.PatientID
            ids.append(patient)
        if old.get("StudyDate"):
            moved = int(old.StudyDate[:4]) - int(new.StudyDate[:4])
            shifts.setdefault(patient, set()).add(moved)
    assert len(set(ids)) == len(ids) == 2
    assert all(len(years) <= 2 and 0 not in years for years in shifts.values())


def test_the_patient_is_found_by_links_not_by_order() -> None:
    """The records stand in another order than their tree."""
    names = {}
    for name in ("DICOMDIR", "DICOMDIR-reordered"):
        after = released(FOLDER / name, Option.RETAIN_MODIFIED_DATES)
        names[name] = {
            record.StudyInstanceUID: record.StudyDate
            for record in after.DirectoryRecordSequence
            if "StudyInstanceUID" in record
        }
    assert names["DICOMDIR"] == names["DICOMDIR-reordered"]


def test_links_in_a_circle_end() -> None:
    directory = two_patients()
    records = directory.DirectoryRecordSequence
    records[1].OffsetOfReferencedLowerLevelDirectoryEntity = records[0].seq_item_tell
    records[2].OffsetOfTheNextDirectoryRecord = records[1].seq_item_tell
    out = BytesIO()
    directory.save_as(out)
    release(out.getvalue(), Pseudonyms(KEY))


def test_a_directory_s_attributes_go_from_any_other_file() -> None:
    image = dcmread(ROOT / "CT_small.dcm")
    image.FileSetID = "FEATHERSTONE"
    image.ReferencedFileID = ["DOE", "JANE"]
    record = Dataset()
    record.ReferencedFileID = ["DOE", "JANE"]
    image.DirectoryRecordSequence = [record]
    out = BytesIO()
    image.save_as(out)
    after = read(release(out.getvalue(), Pseudonyms(KEY)).data)
    assert not [element for element in after if element.tag.group == 4]


def test_the_check_takes_names_of_files_for_texts() -> None:
    before = (FOLDER / "DICOMDIR").read_bytes()
    after = read(deidentify(before, Pseudonyms(KEY)).data)
    for record in after.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["77654033", "CR1", "6154"]
            break
    out = BytesIO()
    after.save_as(out)
    with pytest.raises(IdentityLeft, match="0004,1500"):
        verify(before, out.getvalue())


def test_a_file_may_be_called_by_the_number_of_its_instance() -> None:
    directory = dcmread(FOLDER / "DICOMDIR")
    for record in directory.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["IMAGES", "6154"]
            record.InstanceNumber = 6154
    out = BytesIO()
    directory.save_as(out)
    verdict = compare(out.getvalue(), deidentify(out.getvalue(), Pseudonyms(KEY)).data)
    assert not verdict.left


def test_uids_stay_if_they_are_retained() -> None:
    before = two_patients()
    after = released(FOLDER / "DICOMDIR", Option.RETAIN_UIDS)
    medium = "MediaStorageSOPInstanceUID"
    assert after.file_meta[medium].value == before.file_meta[medium].value
    for old, new in zip(before.DirectoryRecordSequence, after.DirectoryRecordSequence, strict=True):
        for keyword in ("StudyInstanceUID", "ReferencedSOPInstanceUIDInFile"):
            assert new.get(keyword) == old.get(keyword)


def test_descriptions_keep_no_name_of_their_patient() -> None:
    """The name stands in the patient's record, the description in a study's below it."""
    directory = two_patients()
    patient, study = directory.DirectoryRecordSequence[:2]
    patient.PatientName, study.StudyDescription = "Chest^Ada", "CHEST CT OF THE SPINE"
    out = BytesIO()
    directory.save_as(out)
    done = release(out.getvalue(), Pseudonyms(KEY), [Option.CLEAN_DESCRIPTORS])
    after = read(done.data).DirectoryRecordSequence[1]
    assert after.StudyDescription == "CT OF THE SPINE"
