"""Small instances of real classes with UIDs of their own, as a modality would make them."""

from __future__ import annotations

from io import BytesIO

import pydicom

from medibloc_py.imaging.samples import sample

NAME = "Unmistakable^Patient"
"""Of every patient here; it must never show up where identity does not belong."""


def instance(
    study: int, number: int, patient_id: str = "PID-1", issuer: str = "", text: str = ""
) -> bytes:
    """The file of one small MR image.

    Args:
        study: which study it is of.
        number: its place in that study.
        patient_id: whose it is.
        issuer: who issued the id.
        text: makes other bytes of the same instance.
    """
    dataset = pydicom.dcmread(sample("MR_small.dcm"))
    dataset.PatientName, dataset.PatientID = NAME, patient_id
    if issuer:
        dataset.IssuerOfPatientID = issuer
    dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{study}"
    dataset.SeriesInstanceUID = f"1.2.826.0.1.3680043.8.498.{study}.1"
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{study}.1.{number}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = number
    dataset.Rows = dataset.Columns = 8
    dataset.PixelData = (study * 1000 + number).to_bytes(4, "little") * 32
    if text:
        dataset.ImageComments = text
    file = BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def uid_of(file: bytes) -> str:
    return str(pydicom.dcmread(BytesIO(file), stop_before_pixels=True).SOPInstanceUID)
