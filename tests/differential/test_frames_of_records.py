"""One frame by one range: JavaScript finds it by the manifest, pydicom by the whole file."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

from medibloc_py.crypto.envelope import SourceFile, seal_record
from medibloc_py.imaging import read_study
from medibloc_py.imaging.samples import sample

SCRIPT = Path(__file__).with_name("read_sealed.mjs")
FILES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "examples_ybr_color.dcm",
    "rtdose.dcm",
    "rtdose_rle.dcm",
)
UNTOLD = ("image_dfl.dcm", "rtplan.dcm")
CEK, SALT = bytes(32), bytes(range(32))


def frames_of(path: Path) -> list[str]:
    """Hashes of a file's frames as they are encoded."""
    dataset = dcmread(path)
    count = int(dataset.get("NumberOfFrames", 1))
    pixels = dataset.PixelData
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        frames = list(generate_frames(pixels, number_of_frames=count))
    else:
        values = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
        size = values * dataset.BitsAllocated // 8
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            size = size * 2 // 3
        frames = [pixels[at * size : (at + 1) * size] for at in range(count)]
    assert len(frames) == count
    return [sha256(frame).hexdigest() for frame in frames]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for number, name in enumerate((*FILES, *UNTOLD)):
        shutil.copy(sample(name), folder / f"{number:02}")
    return folder


def test_a_frame_is_one_range_of_the_record(study: Path, tmp_path: Path) -> None:
    files = read_study(study).files
    record = b"".join(
        seal_record([SourceFile(f.name, f.size_bytes, f.open, f.meta) for f in files], CEK, SALT)
    )
    expected = [frames_of(file.path) for file in files[: len(FILES)]]
    asked = [(index, frame) for index, found in enumerate(expected) for frame in range(len(found))]
    beyond = [(0, 1), *((len(FILES) + at, 0) for at in range(len(UNTOLD)))]
    case = {"record": record.hex(), "cek": CEK.hex(), "salt": SALT.hex(), "ranges": []}
    path = tmp_path / "cases.json"
    path.write_text(
        json.dumps({"manifests": [], "records": [{**case, "frames": [*asked, *beyond]}]})
    )
    node = shutil.which("node")
    assert node, "node is not on PATH: `make differential` puts it there"
    ran = subprocess.run([node, SCRIPT, path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (answer,) = json.loads(ran.stdout)["records"]
    assert answer["frames"] == [
        *(digest for found in expected for digest in found),
        *("InvalidValue" for _ in beyond),
    ]
