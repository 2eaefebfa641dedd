"""Faces in volumes of a head: found in the whole series, blanked in each file, or refused."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from benchmarks import heads
from medibloc_py import cli
from medibloc_py.errors import DeidentificationRefused, StructureChanged
from medibloc_py.imaging.deidentify import Deidentified, Option, Pseudonyms
from medibloc_py.imaging.deidentify.faces import Faces, find_faces
from medibloc_py.imaging.deidentify.faces.frames import planes
from medibloc_py.imaging.deidentify.faces.masks import filled, grown, joined, shrunk, thickest
from medibloc_py.imaging.deidentify.faces.region import HalfSpace, Plane, boxes_in
from medibloc_py.imaging.deidentify.faces.tilt import bent_back
from medibloc_py.imaging.ocr import Box
from medibloc_py.imaging.release import release
from medibloc_py.imaging.verify import verify
from tests.unit.imaging.samples import sample

CLEAN = Option.CLEAN_VISUAL_FEATURES
KEYS = Pseudonyms(bytes(32))


@cache
def scan(modality: str = "MR", direction: str = "axial", **given: Any) -> heads.Scan:
    """A head of 48 slices of 64 by 64 pixels."""
    return heads.scan(modality, direction, mm=4.06, slice_mm=5.6, **given)


def found(files: Sequence[bytes]) -> Faces:
    return _found(tuple(files))


@cache
def _found(files: tuple[bytes, ...]) -> Faces:
    return find_faces([partial(BytesIO, each) for each in files])


def cut(head: heads.Scan, faces: Faces) -> np.ndarray[Any, Any]:
    """Which pixels of a series are to be blanked."""
    blanked = np.zeros(head.brain.shape, bool)
    for place, data in enumerate(head.files):
        for box in faces.boxes(data, "slice")[0].get(0, []):
            blanked[place, box.top : box.bottom, box.left : box.right] = True
    return blanked


def changed(data: bytes, **attributes: Any) -> bytes:
    """A file with other attributes; none where one is to go."""
    dataset = dcmread(BytesIO(data))
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return saved(dataset)


def saved(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def refused(data: bytes, faces: Faces | None = None) -> str:
    """Why a file is refused."""
    with pytest.raises(DeidentificationRefused) as caught:
        release(data, KEYS, [CLEAN], name="slice.dcm", faces=faces)
    assert "slice.dcm" in str(caught.value)
    return str(caught.value)


def through_face(head: heads.Scan) -> int:
    """The slice that shows most of the face."""
    return int(head.face.sum(axis=(1, 2)).argmax())


# Heads.


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("direction", heads.DIRECTIONS)
def test_the_face_goes_and_the_brain_stays(modality: str, direction: str) -> None:
    head = scan(modality, direction)
    blanked = cut(head, found(head.files))
    assert not (head.face & ~blanked).any()
    assert (head.brain & blanked).sum() <= 0.001 * head.brain.sum()


@pytest.mark.parametrize(
    ("given", "lost"),
    [
        ({"yaw": 25.0}, 0.003),
        ({"pitch": -10.0}, 0.003),
        ({"pitch": -20.0}, 0.002),
        ({"roll": 10.0}, 0.003),
        ({"pitch": 15.0}, 0.02),
        ({"size": 0.7}, 0.003),  # a small child's
        ({"top_cut_mm": 20.0}, 0.01),
    ],
)
def test_a_head_that_lies_otherwise_loses_its_face_too(
    given: dict[str, float], lost: float
) -> None:
    head = scan("MR", **given)
    blanked = cut(head, found(head.files))
    assert not (head.face & ~blanked).any()
    assert (head.brain & blanked).sum() <= lost * head.brain.sum()


@pytest.mark.parametrize(("bent", "leans"), [(0, 0), (8, 0), (20, 0), (-15, 0), (0, 15)])
def test_where_a_face_begins_tells_how_far_a_head_is_bent_back(bent: int, leans: int) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(-150, 151, 4.0)] * 3), axis=-1).reshape(-1, 3)
    a, c = np.radians((-bent, leans))  # forward, to the side, down
    bend = np.array([(np.cos(a), 0, -np.sin(a)), (0, 1, 0), (np.sin(a), 0, np.cos(a))])
    lean = np.array([(1, 0, 0), (0, np.cos(c), -np.sin(c)), (0, np.sin(c), np.cos(c))])
    own = grid @ (lean @ bend)
    vault = ((own / (98, 79, 79)) ** 2).sum(axis=1) < 1
    angle = np.degrees(np.arctan2(own[:, 2], own[:, 0]))
    begins = np.where(abs(own[:, 1]) < 20, 27, 39)
    face = (abs(own[:, 1]) < 50) & (np.hypot(own[:, 0], own[:, 2]) < 140) & (angle > begins)
    told = bent_back(grid[vault | (face & (angle < 90))], 98, 79)
    if leans:
        assert 3 < told < leans  # the side that is higher counts
    else:
        assert told == pytest.approx(max(bent, 0), abs=2.5)


def test_a_head_with_a_hand_on_its_forehead_is_refused() -> None:
    files = []
    for each in scan("CT").files:
        dataset = dcmread(BytesIO(each))
        x, y, z = (np.array(dataset.ImagePositionPatient, float) - heads.MIDDLE).tolist()
        rows, columns = np.indices((dataset.Rows, dataset.Columns)) * 4.06
        hand = np.hypot((columns + x) / 30, (rows + y + 110) / 15) < 1
        hand &= -60 < z < 20
        pixels = dataset.pixel_array.copy()
        pixels[hand & (pixels < 400)] = 1064
        dataset.PixelData = pixels.tobytes()
        files.append(saved(dataset))
    assert "forehead" in refused(files[20], found(files))


# Files.


def released(head: heads.Scan, place: int, faces: Faces) -> tuple[Deidentified, Dataset]:
    done = release(head.files[place], KEYS, [CLEAN], faces=faces)
    return done, dcmread(BytesIO(done.data))


def test_a_file_says_what_was_done_to_it() -> None:
    head = scan("CT")
    faces = pickle.loads(pickle.dumps(found(head.files)))  # as a worker gets it
    place = through_face(head)
    done, after = released(head, place, faces)
    assert (done.face, after.RecognizableVisualFeatures) == ("removed", "NO")
    assert "113102" in [each.CodeValue for each in after.DeidentificationMethodCodeSequence]
    assert not done.said_clean  # nobody looked for text
    before = dcmread(BytesIO(head.files[place])).pixel_array
    blanked = cut(head, faces)[place]
    assert np.array_equal(before[~blanked], after.pixel_array[~blanked])
    assert (after.pixel_array[blanked] == before.min()).all()
    top, after = released(head, len(head.files) - 1, faces)
    assert (top.face, top.blanked, after.RecognizableVisualFeatures) == ("outside", (), "NO")


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_slices_are_written_again_without_loss(syntax: UID) -> None:
    head = scan("CT", "sagittal")
    faces = found(head.files)
    place = through_face(head)
    dataset = dcmread(BytesIO(head.files[place]))
    before = dataset.pixel_array
    dataset.compress(syntax, generate_instance_uid=False)
    done = release(saved(dataset), KEYS, [CLEAN], faces=faces)
    after = dcmread(BytesIO(done.data))
    assert after.file_meta.TransferSyntaxUID == syntax
    blanked = cut(head, faces)[place]
    assert np.array_equal(before[~blanked], after.pixel_array[~blanked])
    assert blanked.any()


def enhanced(head: heads.Scan) -> bytes:
    """A series as one file of several frames, each with its functional groups."""
    slices = [dcmread(BytesIO(each)) for each in head.files]
    dataset = slices[0]
    frames = []
    for each in slices:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = each.ImagePositionPatient
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = dataset.ImageOrientationPatient
    measures.PixelSpacing = dataset.PixelSpacing
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.NumberOfFrames = len(slices)
    dataset.PixelData = b"".join(each.PixelData for each in slices)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(
        "1.2.840.10008.5.1.4.1.1.4.1"
    )
    return saved(dataset)


def test_a_file_of_many_frames_is_a_volume_by_itself() -> None:
    head = scan("MR", "coronal")
    done = release(enhanced(head), KEYS, [CLEAN])
    expected = cut(head, found(head.files))
    blanked = np.zeros(expected.shape, bool)
    for area in done.blanked:
        blanked[area.frame, area.top : area.bottom, area.left : area.right] = True
    assert np.array_equal(blanked, expected)


def test_text_and_face_go_together() -> None:
    head = scan("CT")
    faces = found(head.files)
    place = through_face(head)
    done = release(head.files[place], KEYS, [CLEAN, Option.CLEAN_PIXEL_DATA], faces=faces)
    assert done.face == "removed"
    assert done.said_clean
    says = changed(head.files[place], BurnedInAnnotation="YES")
    with pytest.raises(DeidentificationRefused, match="no text was found"):
        release(says, KEYS, [CLEAN, Option.CLEAN_PIXEL_DATA], faces=faces)


# Other series of the study.


def test_a_slice_beside_a_head_is_cut_by_the_head_s_plane() -> None:
    head, pilot = scan("CT"), scan("CT", "sagittal")
    middle = changed(pilot.files[len(pilot.files) // 2], SeriesInstanceUID=UID("1.2.3.9"))
    pet = changed(
        head.files[through_face(head)],
        SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.128"),
        Modality="PT",
        SeriesInstanceUID=UID("1.2.3.8"),
    )
    faces = found([*head.files, middle, pet])
    for data in (middle, pet):
        assert release(data, KEYS, [CLEAN], faces=faces).face == "removed"
        assert "may" in refused(data)
        away = changed(data, FrameOfReferenceUID=UID("1.2.4"))
        assert "may" in refused(away, found([*head.files, away]))


@pytest.mark.parametrize("part", ["CHEST", "KNEE", "ABDOMEN_PELVIS"])
def test_another_part_of_the_body_keeps_its_pixels(part: str) -> None:
    data = changed(scan("CT").files[20], BodyPartExamined=part)
    done = release(data, KEYS, [CLEAN])
    assert (done.face, done.blanked) == ("none", ())
    assert dcmread(BytesIO(done.data)).PixelData == dcmread(BytesIO(data)).PixelData


def test_what_is_too_wide_for_a_head_keeps_its_pixels() -> None:
    wide = [changed(each, PixelSpacing=[9, 9]) for each in scan("CT").files[10:30]]
    bodies = []
    for each in wide:  # a body without a neck
        dataset = dcmread(BytesIO(each))
        grid = np.indices((64, 64)) - 31.5
        inside = (grid[0] / 16) ** 2 + (grid[1] / 24) ** 2 < 1
        dataset.PixelData = np.where(inside, 1060, 24).astype("<u2").tobytes()
        bodies.append(saved(dataset))
    assert release(bodies[5], KEYS, [CLEAN], faces=found(bodies)).face == "none"


@pytest.mark.parametrize("name", ["reportsi.dcm", "rtplan.dcm", "dicomdirtests/DICOMDIR"])
def test_a_file_without_pixels_is_none_of_a_face(name: str) -> None:
    assert release(sample(name), KEYS, [CLEAN]).face == "none"


# What is refused.


def without_skull(head: heads.Scan) -> list[bytes]:
    """A series with nothing but noise."""
    random = np.random.default_rng(3)
    return [
        changed(each, PixelData=random.integers(90, 110, (64, 64)).astype("<u2").tobytes())
        for each in head.files
    ]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (lambda head: head.files[20:21], "too thin"),
        (lambda head: head.files[:25], "top of the head"),
        (lambda head: [changed(each, ImagePositionPatient=None) for each in head.files], "lie"),
        (lambda head: [changed(each, PixelSpacing=[0, 4]) for each in head.files], "lie"),
        (without_skull, "cannot be told"),
        (lambda head: [changed(each, PixelData=bytes(8192)) for each in head.files], "nothing"),
        (lambda head: [changed(each, RescaleIntercept=0) for each in head.files], "Hounsfield"),
    ],
)
def test_what_may_be_a_head_and_cannot_be_told_is_refused(
    files: Callable[[heads.Scan], list[bytes]], reason: str
) -> None:
    given = files(scan("CT"))
    assert reason in refused(given[len(given) // 2], found(given))


def test_a_file_that_was_not_among_those_looked_at_is_refused() -> None:
    assert "was not looked at" in refused(scan("MR").files[5], Faces())


@pytest.mark.parametrize(
    "attributes",
    [
        {"SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.77.1.4"), "Modality": "XC"},
        {"SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.77.1.1"), "Modality": "ES"},
        {"SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.7")},
    ],
)
def test_a_picture_that_may_show_a_face_is_refused(attributes: dict[str, str]) -> None:
    assert "picture of a face" in refused(changed(scan("MR").files[5], **attributes))


def test_a_wrong_modality_does_not_hide_a_volume() -> None:
    assert "too thin" in refused(changed(scan("MR").files[5], Modality="CR"))


def test_a_slice_of_another_size_is_no_part_of_the_volume() -> None:
    files = list(scan("MR").files)
    place = through_face(scan("MR"))
    files[place] = changed(files[place], PixelSpacing=[9, 4.06], FrameOfReferenceUID=UID("1.2.9"))
    assert "too thin" in refused(files[place], found(files))
    assert release(files[place + 1], KEYS, [CLEAN], faces=found(files)).face == "removed"


def test_pixels_that_are_out_of_order_are_no_way_around() -> None:
    files = list(scan("MR").files)
    photometric = b"\x28\x00\x04\x00"
    files[20] = files[20].replace(photometric, b"\x28\xfc\x04\x00")
    assert "stand behind" in refused(files[20], found(files))


def test_forms_of_a_face_are_refused() -> None:
    assert "form of a face" in refused(sample("rtstruct.dcm").read_bytes())


def test_pixels_that_cannot_be_decoded_are_refused() -> None:
    files = []
    for each in scan("MR").files:
        dataset = dcmread(BytesIO(each))
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        dataset.PixelData = dataset.PixelData[:60] + bytes(len(dataset.PixelData) - 60)
        files.append(saved(dataset))
    assert refused(files[20], found(files))


# The check.


def test_a_change_beside_the_face_is_found() -> None:
    head = scan("MR")
    place = through_face(head)
    done, after = released(head, place, found(head.files))
    verify(head.files[place], done.data, [CLEAN.value], blanked=done.blanked)
    pixels = after.pixel_array.copy()
    blanked = cut(head, found(head.files))[place]
    row, column = np.argwhere(~blanked)[100]
    pixels[row, column] += 1
    after.PixelData = pixels.tobytes()
    with pytest.raises(StructureChanged):
        verify(head.files[place], saved(after), [CLEAN.value], blanked=done.blanked)
    with pytest.raises(StructureChanged):
        verify(head.files[place], done.data, [CLEAN.value], blanked=done.blanked[1:])
    with pytest.raises(StructureChanged):
        verify(head.files[place], done.data, blanked=done.blanked)


# The parts.


def test_boxes_hold_the_pixels_of_a_region() -> None:
    plane = Plane((0, 0, 0), (1, 0, 0), (0, 1, 0), 1.0, 1.0, 4, 5)
    left = HalfSpace((1.0, 0.0, 0.0), 1.5)
    assert boxes_in((left,), plane) == [Box(0, 2, 4, 5)]
    assert boxes_in((left, HalfSpace((0.0, -1.0, 0.0), -1.0)), plane) == [Box(0, 2, 2, 5)]
    slanted = HalfSpace((0.5, 0.5, 0.0), 2.0)
    assert boxes_in((slanted,), plane) == [Box(0, 4, 1, 5), Box(1, 3, 2, 5), Box(2, 2, 3, 5),
                                           Box(3, 1, 4, 5)]  # fmt: skip
    assert boxes_in((HalfSpace((0.0, 0.0, 1.0), 1.0),), plane) == []


def test_masks_grow_fill_and_part() -> None:
    ball = np.zeros((15, 15, 15), bool)
    ball[3:12, 3:12, 3:12] = True
    hollow = ball.copy()
    hollow[6:9, 6:9, 6:9] = False
    assert np.array_equal(filled(hollow), ball)
    seed, steps = thickest(ball)
    assert seed[7, 7, 7]
    assert steps >= 3
    assert shrunk(ball, 1).sum() == 7**3
    assert (grown(shrunk(ball, 2), 2) <= ball).all()
    apart = ball.copy()
    apart[0, 0, 0] = True
    assert np.array_equal(joined(seed, apart), ball)


def test_axes_that_are_none_place_no_frame() -> None:
    dataset = Dataset()
    dataset.Rows = dataset.Columns = 4
    dataset.PixelSpacing, dataset.ImagePositionPatient = [1, 1], [0, 0, 0]
    dataset.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]
    assert planes(dataset) == [None]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    assert planes(dataset)[0] is not None
    dataset.NumberOfFrames = 1 << 30
    with pytest.raises(ValueError, match="frames"):
        planes(dataset)


# The command.


def test_a_folder_loses_the_face_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = scan("MR")
    (tmp_path / "study").mkdir()
    for number, data in enumerate(head.files):
        (tmp_path / "study" / f"{number:03}").write_bytes(data)
    (tmp_path / "study" / "notes.txt").write_text("no image")
    argv = ["imaging", "deidentify", str(tmp_path / "study"), str(tmp_path / "out"), "--json"]
    monkeypatch.setattr(sys, "argv", ["medibloc", *argv, "--option", CLEAN.value])
    with pytest.raises(SystemExit):
        cli.main()
    report = json.loads(capsys.readouterr().out)
    faces = {each["face"] for each in report["files"]}
    assert len(report["files"]) == len(head.files)
    assert faces == {"removed", "outside"}
    out = sorted((tmp_path / "out").iterdir())[through_face(head)]
    after = dcmread(out)
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert after.RecognizableVisualFeatures == "NO"
    assert (after.pixel_array[head.face[through_face(head)]] == after.pixel_array.min()).all()
