"""Attributes as texts: of any file, and of none that is damaged."""

from __future__ import annotations

import io
from collections.abc import Callable

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileDataset

from medibloc_py.imaging.attributes import read_attributes
from medibloc_py.imaging.samples import sample

CT = sample("CT_small.dcm").read_bytes()
KEYWORDS = ("PatientName", "SOPInstanceUID", "Modality", "ImageType", "StudyDescription")


def changed(change: Callable[[FileDataset], object]) -> io.BytesIO:
    dataset = pydicom.dcmread(io.BytesIO(CT))
    change(dataset)
    out = io.BytesIO()
    dataset.save_as(out)
    out.seek(0)
    return out


def test_values_are_texts_and_what_is_absent_is_not_there() -> None:
    told = read_attributes(io.BytesIO(CT), KEYWORDS)
    assert told["PatientName"] == "CompressedSamples^CT1"
    assert told["Modality"] == "CT"
    assert told["ImageType"] == "ORIGINAL"  # the first of several
    assert read_attributes(io.BytesIO(CT), ("AccessionNumber", "BodyPartExamined")) == {}


def test_names_are_decoded_by_the_files_own_character_set() -> None:
    def name(dataset: FileDataset) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = "Yamada^Tarou=山田\u3000^太郎"

    assert read_attributes(changed(name), KEYWORDS)["PatientName"] == "Yamada^Tarou=山田 ^太郎"


def test_a_value_is_one_line_and_not_endless() -> None:
    def describe(dataset: FileDataset) -> None:
        dataset.StudyDescription = "a\x1b\nb" + "c" * 5000

    told = read_attributes(changed(describe), KEYWORDS)["StudyDescription"]
    assert told.startswith("a��b")
    assert len(told) <= 1024
    assert told.isprintable()


@pytest.mark.parametrize("data", [b"", b"\0" * 200, b"no DICOM at all", CT[:140]])
def test_what_cannot_be_read_has_none(data: bytes) -> None:
    assert read_attributes(io.BytesIO(data), KEYWORDS) == {}


@given(st.integers(132, 4000), st.binary(min_size=1, max_size=8))
def test_damage_never_raises(at: int, noise: bytes) -> None:
    read_attributes(io.BytesIO(CT[:at] + noise + CT[at + len(noise) :]), KEYWORDS)


def test_a_disk_that_fails_is_not_a_file_without_attributes() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        read_attributes(Broken(), KEYWORDS)
