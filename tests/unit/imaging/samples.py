"""Real DICOM files: those inside the installed pydicom, and no other (nothing is downloaded)."""

from __future__ import annotations

from pathlib import Path

import pydicom

ROOT = Path(pydicom.__file__).parent / "data" / "test_files"
ALL = sorted(path for path in ROOT.rglob("*") if path.is_file() and path.suffix != ".py")

DECODABLE = {
    # file: transfer syntax, shape
    "CT_small.dcm": ("1.2.840.10008.1.2.1", (128, 128)),
    "MR_small_implicit.dcm": ("1.2.840.10008.1.2", (64, 64)),
    "MR_small_bigendian.dcm": ("1.2.840.10008.1.2.2", (64, 64)),
    "image_dfl.dcm": ("1.2.840.10008.1.2.1.99", (512, 512)),
    "liver_1frame.dcm": ("1.2.840.10008.1.2.1", (512, 512)),
    "rtdose.dcm": ("1.2.840.10008.1.2", (15, 10, 10)),
    "SC_rgb_small_odd.dcm": ("1.2.840.10008.1.2.1", (3, 3, 3)),
    "SC_rgb_jpeg_dcmtk.dcm": ("1.2.840.10008.1.2.4.50", (100, 100, 3)),
    "JPGExtended.dcm": ("1.2.840.10008.1.2.4.51", (1024, 256)),
    "SC_rgb_jpeg_gdcm.dcm": ("1.2.840.10008.1.2.4.70", (100, 100, 3)),
    "MR_small_jpeg_ls_lossless.dcm": ("1.2.840.10008.1.2.4.80", (64, 64)),
    "JPEGLSNearLossless_16.dcm": ("1.2.840.10008.1.2.4.81", (50, 10)),
    "MR_small_jp2klossless.dcm": ("1.2.840.10008.1.2.4.90", (64, 64)),
    "GDCMJ2K_TextGBR.dcm": ("1.2.840.10008.1.2.4.90", (400, 400, 3)),
    "JPEG2000.dcm": ("1.2.840.10008.1.2.4.91", (1024, 256)),
    "MR_small_RLE.dcm": ("1.2.840.10008.1.2.5", (64, 64)),
    "SC_rgb_rle_16bit_2frame.dcm": ("1.2.840.10008.1.2.5", (2, 100, 100, 3)),
    "rtdose_rle.dcm": ("1.2.840.10008.1.2.5", (15, 10, 10)),
    "examples_ybr_color.dcm": ("1.2.840.10008.1.2.4.50", (30, 240, 320, 3)),
}
WITHOUT_PIXELS = {
    "rtplan.dcm": "RTPLAN",
    "rtstruct.dcm": "RTSTRUCT",
    "reportsi.dcm": "SR",
    "waveform_ecg.dcm": "ECG",
}


def sample(name: str) -> Path:
    return ROOT / name
