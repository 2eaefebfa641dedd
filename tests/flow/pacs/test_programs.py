"""The real peers themselves: what the other tests here stand on."""

from __future__ import annotations

from io import BytesIO

from pydicom import dcmread

from medibloc_py.imaging.samples import sample
from tests.flow.pacs import dcmtk
from tests.flow.pacs.orthanc import Orthanc

CT = sample("CT_small.dcm")


def test_what_dcmtk_sends_orthanc_keeps(orthanc: Orthanc) -> None:
    assert dcmtk.echoscu(orthanc.aet, orthanc.dicom_port).returncode == 0
    dcmtk.storescu(orthanc.aet, orthanc.dicom_port, CT)
    ((uid, instance),) = orthanc.instances().items()
    sent, kept = dcmread(CT), dcmread(BytesIO(orthanc.file(instance)))
    assert (kept.SOPInstanceUID, kept.PixelData) == (uid, sent.PixelData)


def test_what_orthanc_kept_outlives_its_death(orthanc: Orthanc) -> None:
    orthanc.upload(CT.read_bytes())
    before = orthanc.instances()
    orthanc.kill()
    assert len(before) == 1
    assert orthanc.start().instances() == before
