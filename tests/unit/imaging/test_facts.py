"""What a manifest tells of files: where frames lie, how a study is ordered, and nothing of who."""

from __future__ import annotations

import io
import struct
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate_extended, generate_frames

from medibloc_py.crypto.manifest import MOST_FILES, MOST_MANIFEST_BYTES, Manifest, ManifestEntry
from medibloc_py.crypto.stream import sealed_size
from medibloc_py.errors import Corrupted, MediBlocError
from medibloc_py.imaging import study as studies
from medibloc_py.imaging.header import Header, read_header
from medibloc_py.imaging.layout import MOST_FRAMES, Layout
from medibloc_py.imaging.study import facts_of_study, read_study
from tests.unit.imaging.samples import ALL, DECODABLE, sample

# By their place alone no frame of these can be read.
ENTERED_WHOLE = {"image_dfl.dcm"}


def facts(data: bytes) -> dict[str, str | int]:
    return facts_of_study([read_header(io.BytesIO(data), "file")])[0]


def part(meta: dict[str, str | int], frame: int) -> tuple[int, int]:
    """Where docs/envelope-v1.md says that a frame lies."""
    start = int(meta["pixels_at"])
    if "frame_bytes" in meta:
        return start + frame * int(meta["frame_bytes"]), int(meta["frame_bytes"])
    texts = [str(meta[key]) for key in meta if key.startswith("frame_lengths_")]
    lengths = [each for text in texts for (each,) in struct.iter_unpack(">I", b64decode(text))]
    return start + sum(lengths[:frame]), lengths[frame]


def without_heads(items: bytes) -> bytes:
    at, out = 0, b""
    while at < len(items):
        assert items[at : at + 4] == b"\xfe\xff\x00\xe0"
        (length,) = struct.unpack_from("<I", items, at + 4)
        out += items[at + 8 : at + 8 + length]
        at += 8 + length
    return out


@pytest.mark.parametrize("name", sorted(DECODABLE.keys() - ENTERED_WHOLE))
def test_a_frame_lies_where_the_facts_say(name: str) -> None:
    data = sample(name).read_bytes()
    meta, dataset = facts(data), dcmread(sample(name))
    count = int(meta["frames"])
    parts = [data[at : at + length] for at, length in (part(meta, n) for n in range(count))]
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        assert meta["encapsulated"] == 1
        found = [without_heads(each) for each in parts]
        assert found == list(generate_frames(dataset.PixelData, number_of_frames=count))
    else:
        assert b"".join(parts) == dataset.PixelData[: sum(map(len, parts))]
        assert len(dataset.PixelData) - sum(map(len, parts)) <= 1  # padding


def test_frames_of_odd_length_lie_where_a_table_of_lengths_says() -> None:
    """Such a table may tell the length without the byte that fills an item up (PS3.5 A.4)."""
    dataset = dcmread(sample("examples_ybr_color.dcm"))
    some = list(generate_frames(dataset.PixelData, number_of_frames=30))[:3]
    odd = [each.rstrip(b"\0").removesuffix(b"\xd9") for each in some]
    odd = [each if len(each) % 2 else each + b"\xff" for each in odd]
    dataset.PixelData, dataset.ExtendedOffsetTable, _ = encapsulate_extended(odd)
    dataset.ExtendedOffsetTableLengths = struct.pack("<3Q", *map(len, odd))
    dataset.NumberOfFrames = len(odd)
    out = io.BytesIO()
    dataset.save_as(out)
    meta = facts(out.getvalue())
    parts = [out.getvalue()[at : at + size] for at, size in (part(meta, n) for n in range(3))]
    assert [without_heads(each) for each in parts] == [each + b"\0" for each in odd]


@pytest.mark.parametrize("name", sorted(ENTERED_WHOLE | {"rtplan.dcm", "MR_truncated.dcm"}))
def test_what_no_range_gives_is_not_promised(name: str) -> None:
    assert not {"pixels_at", "frame_bytes"} & facts(sample(name).read_bytes()).keys()


def test_the_facts_of_every_bundled_file_fit_a_manifest_and_name_nobody() -> None:
    for path in ALL:
        try:
            (file,) = read_study(path).files
        except MediBlocError:
            continue
        size = file.size_bytes
        entry = ManifestEntry(file.name, 0, sealed_size(size), size, file.meta)
        data = Manifest(1, (entry,)).encode_to_read(lambda why: Corrupted(name="", reason=why))
        header = dcmread(path, force=True)
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"):
            value = str(header.get(keyword) or "").strip()
            assert len(value) < 4 or value.encode() not in data, (path.name, keyword)


def header(series: str, number: int, instance: int, **frames: str | int) -> Header:
    return Header({"modality": "CT"}, {"signed": 1}, frames, series, number, instance)


def test_series_and_their_files_are_numbered() -> None:
    headers = [
        header("1.2", 7, 2), header("1.1", 3, 1), header("1.2", 7, 1), header("", 0, 0),
        header("1.3", 3, 9), header("1.2", 7, -1),
    ]  # fmt: skip
    told = [(meta.get("series"), meta.get("order")) for meta in facts_of_study(headers)]
    assert told == [(3, 3), (1, 1), (3, 2), (None, None), (2, 1), (3, 1)]


def test_a_study_of_several_series_is_ordered(tmp_path: Path) -> None:
    folder = sample("dicomdirtests/98892003")
    files = read_study(folder).files
    by_series: dict[object, list[tuple[int, int]]] = {}
    for file in files:
        if "series" in file.meta:
            number = int(dcmread(file.path, stop_before_pixels=True).InstanceNumber)
            by_series.setdefault(file.meta["series"], []).append((int(file.meta["order"]), number))
    assert sorted(by_series) == list(range(1, len(by_series) + 1))
    assert len(by_series) > 1
    for pairs in by_series.values():
        assert [number for _, number in sorted(pairs)] == sorted(number for _, number in pairs)


def test_slices_lie_along_the_axis_of_their_series() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    places = []
    for step in (0.0, 1.25, -3.0):
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]  # sagittal: normal is -x
        dataset.ImagePositionPatient = [10 + step, 5, 7]
        out = io.BytesIO()
        dataset.save_as(out)
        places.append(facts(out.getvalue())["slice_um"])
    assert places == [-10_000, -11_250, -7_000]


@pytest.mark.parametrize("value", [b"1E999\\0\\0 ", b"a\\0\\0 ", b"1\\2 ", b""])
def test_a_place_that_is_no_place_is_left_out(value: bytes) -> None:
    data = sample("CT_small.dcm").read_bytes()
    at = data.index(b"\x20\x00\x32\x00DS")
    (length,) = struct.unpack_from("<H", data, at + 6)
    changed = data[: at + 8] + value.ljust(length) + data[at + 8 + length :]
    assert "slice_um" not in facts(changed)


def test_lengths_are_told_in_as_many_texts_as_they_need() -> None:
    lengths = tuple(range(8, 8 + 1600))
    told = Layout(100, lengths, len(lengths), encapsulated=True).facts()
    assert [len(str(told[f"frame_lengths_{at}"])) for at in range(3)] == [4096, 4096, 344]
    assert part(told, 1599) == (100 + sum(lengths[:1599]), lengths[1599])


def test_too_many_frames_are_not_told() -> None:
    lengths = (8, *(10,) * MOST_FRAMES)
    assert Layout(0, lengths, len(lengths), encapsulated=True).facts() == {}
    assert len(Layout(0, lengths[:-1], MOST_FRAMES, encapsulated=True).facts()) == 42
    assert Layout.of_spans([(0, 10), (12, 20)]) is None


def test_places_are_told_as_long_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "_MOST_PLACE_CHARS", 20)
    monkeypatch.setattr(studies, "_MOST_SHOWN", 3)
    headers = [header("1.1", 1, n, frame_lengths_0="x" * 9) for n in range(4)]
    told = ["frame_lengths_0" in meta for meta in facts_of_study(headers[:3])]
    assert told == [True, True, False]
    assert facts_of_study(headers)[3] == {"modality": "CT", "series": 1, "order": 4}


@pytest.mark.parametrize("count", [studies._MOST_SHOWN, MOST_FILES])
def test_the_largest_studies_fit_a_manifest(count: int) -> None:
    read = read_header(io.BytesIO(sample("JPEG2000.dcm").read_bytes()), "file")
    most = {"window_center": "-1024.12345", "window_width": "1024.123456", "slice_um": -(1 << 30)}
    longest = replace(read, series=f"1.{'2' * 62}", shown={**read.shown, **most})
    metas = facts_of_study([longest] * count)
    size, sealed = 1 << 40, sealed_size(1 << 40)
    entries = tuple(
        ManifestEntry(f"{number:05}.dcm", number * sealed, sealed, size, {**meta, "said_clean": 0})
        for number, meta in enumerate(metas)
    )
    places = studies._MOST_PLACE_CHARS if count == studies._MOST_SHOWN else 0
    assert len(Manifest(1, entries).encode()) + places < MOST_MANIFEST_BYTES
