"""Looks at all files of a study for heads, before any of them is released."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from medibloc_py.errors import DeidentificationRefused, PixelsUnreadable, StudyUnreadable
from medibloc_py.imaging.deidentify.faces.frames import TAGS, Scale, planes, scales
from medibloc_py.imaging.deidentify.faces.head import Elsewhere, NoHead, find_head
from medibloc_py.imaging.deidentify.faces.kinds import (
    VOLUMES,
    is_elsewhere,
    is_placed,
    modality_of,
    part_of,
    refusal,
)
from medibloc_py.imaging.deidentify.faces.region import Plane, Region, boxes_in, dot
from medibloc_py.imaging.deidentify.faces.volume import Slice, chosen_slices, volume_of
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.ocr import Box
from medibloc_py.imaging.parsing import parse_failures, read_up_to_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

Opener = Callable[[], BinaryIO]
Key = tuple[str, str, tuple[float, ...]]
"""Series, frame of reference, and the direction and the pixels of its frames."""

_LEAST_MM: Final = 40.0
_LEAST_SLICES: Final = 6
_PLACES: Final = 2


class Judged(NamedTuple):
    """What is known of the frames of a series that are alike.

    Attributes:
        regions: what to remove of them; nothing if no face can be in them.
        refusal: why it cannot be told where the face is; empty if it can.
        head: a head was found in it or beside it.
    """

    regions: tuple[Region, ...] = ()
    refusal: str = ""
    head: bool = False


@dataclass(frozen=True, slots=True)
class Faces:
    """Where the faces of a study are; small, for workers.

    Attributes:
        judged: what is known, by series and kind of frames.
    """

    judged: dict[Key, Judged] = field(default_factory=dict)

    def boxes(
        self, data: bytes, name: str, *, has_pixels: bool = True
    ) -> tuple[dict[int, list[Box]], str]:
        """What of a file's frames is to be blanked.

        Args:
            data: the file.
            name: what to call it in errors.
            has_pixels: whether its data set, read whole, has pixels.

        Returns:
            Boxes by frame; and what was found, in a word: `removed`, `outside` (a head was
            found, and none of its face is in this file), or `none`.

        Raises:
            DeidentificationRefused: it may show a face, and it cannot be told where.
        """
        header, in_order = _header(BytesIO(data))
        reason = refusal(header, has_pixels)
        if has_pixels and not in_order:
            reason = "its pixels stand behind what they should stand before"
        if reason:
            raise DeidentificationRefused(name=name, reason=reason)
        if not has_pixels or not is_placed(header):
            return {}, "none"
        boxes: dict[int, list[Box]] = {}
        head = False
        for number, plane in enumerate(_planes(header)):
            judged = self.judged.get(_key(header, plane), Judged(refusal=_UNSEEN))
            if judged.refusal:
                raise DeidentificationRefused(name=name, reason=judged.refusal)
            head = head or judged.head
            if plane is None:
                continue
            if found := [box for region in judged.regions for box in boxes_in(region, plane)]:
                boxes[number] = found
        return boxes, "removed" if boxes else "outside" if head else "none"


_UNSEEN: Final = "the rest of its series was not looked at for a face"
_NOWHERE: Final = "it may show a face, and does not say where its frames lie"
_THIN: Final = (
    "it may be a part of a head, too thin to tell where the face is, and no other series of "
    "the study lies in its frame of reference"
)


def find_faces(openers: Iterable[Opener]) -> Faces:
    """Find the faces in all volumes of a study.

    Headers of all files are read, then the pixels of those series that may show a head: a
    coarse volume is in memory at a time. Files that cannot be read, or are no DICOM, are left
    out; `release` refuses them.

    Args:
        openers: what opens each file; one that is not seekable is read whole.
    """
    series: dict[Key, _Series] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not standard is judged by the release
        for opener in openers:
            with suppress(OSError, StudyUnreadable):
                _take(series, opener)
        judged = {key: each.judged() for key, each in series.items()}
    by_reference: dict[str, Judged] = {}
    for key, _ in sorted(series.items(), key=lambda item: len(item[1].slices), reverse=True):
        if key[1] and judged[key].regions:
            by_reference.setdefault(key[1], judged[key])
    return Faces(
        {
            key: each if each.regions else by_reference.get(key[1], each)
            if series[key].placed else each
            for key, each in judged.items()
        }
    )  # fmt: skip


@dataclass(slots=True)
class _Series:
    """The frames of a series that are alike.

    Attributes:
        part: Body Part Examined.
        modality: of the series.
        placed: whether it is known where its frames lie.
        slices: they.
    """

    part: str
    modality: str
    placed: bool
    slices: list[Slice] = field(default_factory=list)

    def judged(self) -> Judged:
        if is_elsewhere(self.part):
            return Judged()
        if not (self.placed and self.slices):
            return Judged(refusal=_NOWHERE)
        if self.modality not in VOLUMES:
            return Judged(refusal=f"it may show a face, which is not looked for in {self.modality}")
        try:
            slices = chosen_slices(self.slices)
            axis = slices[0].plane.normal
            ends = [dot(axis, each.plane.origin) for each in (slices[0], slices[-1])]
            if len(slices) < _LEAST_SLICES or ends[1] - ends[0] < _LEAST_MM:
                return Judged(refusal=_THIN)
            head = find_head(volume_of(slices, is_ct=self.modality == "CT"))
        except Elsewhere:
            return Judged()
        except NoHead as error:
            return Judged(
                refusal=f"it may be a head, and where its face is cannot be told: {error}"
            )
        except PixelsUnreadable as error:
            return Judged(refusal=str(error.values["reason"]))
        except StudyUnreadable:
            return Judged(refusal=_UNSEEN)
        except parse_failures():
            return Judged(refusal=_NOWHERE)
        return Judged(head.face(), head=True)


def _take(series: dict[Key, _Series], opener: Opener) -> None:
    """Add the frames of one file to their series."""
    with opener() as file:
        source = file if file.seekable() else BytesIO(file.read())
        try:
            header, has_pixels = _header(source)
        except DeidentificationRefused:
            return
        if not has_pixels or not is_placed(header) or refusal(header, has_pixels):
            return
        try:
            meaning = scales(header)
        except parse_failures():
            meaning = []
    for number, plane in enumerate(_planes(header)):
        key = _key(header, plane)
        each = series.setdefault(
            key, _Series(part_of(header), modality_of(header), plane is not None)
        )
        if is_elsewhere(each.part) and not is_elsewhere(part_of(header)):
            each.part = part_of(header)
        if plane is not None and meaning:
            each.slices.append(Slice(plane, partial(_read, opener, number, meaning[number])))


def _read(opener: Opener, frame: int, scale: Scale) -> NDArray[Any]:
    """The values of a frame in the units of its modality."""
    import numpy as np

    with opener() as file:
        source = file if file.seekable() else BytesIO(file.read())
        values = FrameReader(source, "").read(frame)
    if values.ndim != 2:
        raise ValueError("it is in colour")
    return values.astype(np.float32) * scale.slope + scale.intercept


def _header(file: BinaryIO) -> tuple[Dataset, bool]:
    """A file's header, and whether it has pixels.

    Raises:
        DeidentificationRefused: it cannot be parsed.
    """
    try:
        file.seek(0)
        header, pixels = read_up_to_pixels(file, TAGS)
        for keyword in TAGS:
            header.get(keyword)  # what is not read until it is asked for fails here
    except parse_failures() as error:
        raise DeidentificationRefused(name="", reason="it cannot be parsed") from error
    return header, pixels is not None


def _planes(header: Dataset) -> list[Plane | None]:
    try:
        return planes(header)
    except parse_failures():
        return [None]


def _key(header: Dataset, plane: Plane | None) -> Key:
    alike = (
        (*plane.along_row, *plane.along_column, plane.row_mm, plane.column_mm, plane.rows,
         plane.columns)
        if plane else ()
    )  # fmt: skip
    return (
        str(header.get("SeriesInstanceUID") or ""),
        str(header.get("FrameOfReferenceUID") or ""),
        tuple(round(each, _PLACES) + 0.0 for each in alike),
    )
