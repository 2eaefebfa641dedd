"""Forty images with text burned into their pixels, made from bundled files, always the same.

Each has a line of text drawn into its stored values: a name, a date or an id, 10 to 40 pixels
high, white, black or grey, in a corner or over the anatomy, in one of two typefaces. It is
then written in the transfer syntax it is to be found in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

SEED = 1895
TEXTS = (
    "DOE^JOHN", "MUELLER, ANNA", "Nguyen Thi Mai", "1970-03-12", "12.03.1970 14:22",
    "03/12/70", "ID 4711-0815", "MRN 00983441", "St. Mary Hospital", "GARCIA M 045Y",
)  # fmt: skip
SHORT = ("DOE^J", "ID 4711", "M 045Y")
PLACES = ("top left", "top right", "bottom left", "bottom right", "anatomy", "anatomy")
LOSSY_RATIO = 10
VISIBLE = 0.25
"""A text differs from what it is drawn on by this share of the values there are."""


class Plan(NamedTuple):
    """What to draw into.

    Attributes:
        source: a file of pydicom or pydicom-data.
        syntax: the transfer syntax to write; its own if none.
        bare: it has no text of its own.
    """

    source: str
    syntax: str = ""
    bare: bool = True


PLANS = (
    Plan("693_UNCR.dcm"), Plan("693_UNCR.dcm", JPEG2000Lossless), Plan("693_UNCI.dcm", JPEG2000),
    Plan("693_UNCR.dcm", RLELossless), Plan("CT_small.dcm"), Plan("CT_small.dcm", RLELossless),
    Plan("eCT_Supplemental.dcm"), Plan("eCT_Supplemental.dcm", RLELossless),
    Plan("explicit_VR-UN.dcm", ImplicitVRLittleEndian), Plan("bad_sequence.dcm"),
    Plan("MR2_UNCR.dcm"), Plan("MR2_UNCI.dcm", JPEG2000Lossless), Plan("MR_small.dcm"),
    Plan("MR_small_bigendian.dcm"), Plan("examples_overlay.dcm"),
    Plan("MR-SIEMENS-DICOM-WithOverlays.dcm", DeflatedExplicitVRLittleEndian),
    Plan("JPEG2000_UNC.dcm"), Plan("JPEG-LL.dcm", RLELossless), Plan("JPGExtended.dcm"),
    Plan("RG1_UNCR.dcm"), Plan("RG1_UNCI.dcm", JPEG2000Lossless), Plan("RG3_UNCR.dcm"),
    Plan("RG3_UNCI.dcm", RLELossless), Plan("image_dfl.dcm"),
    Plan("image_dfl.dcm", JPEGBaseline8Bit), Plan("SC_rgb.dcm"), Plan("SC_rgb_expb.dcm"),
    Plan("SC_rgb_16bit.dcm"), Plan("SC_rgb_2frame.dcm", RLELossless),
    Plan("SC_ybr_full_uncompressed.dcm"), Plan("SC_ybr_full_422_uncompressed.dcm"),
    Plan("SC_rgb_jpeg_dcmd.dcm", JPEGBaseline8Bit), Plan("US1_UNCR.dcm", bare=False),
    Plan("US1_UNCI.dcm", JPEG2000Lossless, bare=False),
    Plan("US1_UNCR.dcm", JPEGBaseline8Bit, bare=False), Plan("color-pl.dcm"),
    Plan("OBXXXX1A.dcm", bare=False), Plan("OBXXXX1A_expb.dcm", bare=False),
    Plan("OBXXXX1A_2frame.dcm", RLELossless, bare=False),
    Plan("gdcm-US-ALOKA-16.dcm", bare=False),
)  # fmt: skip


@dataclass(frozen=True)
class BurnIn:
    """One image with text in it.

    Attributes:
        name: of the file it was made from, and its transfer syntax.
        data: the file.
        glyphs: pixels of the text and those that touch them, of shape (rows, columns).
        text_box: top, left, bottom, right of the text.
        bare: there is no other text in it.
        drawn: what was drawn, and how.
    """

    name: str
    data: bytes
    glyphs: np.ndarray[Any, Any]
    text_box: tuple[int, int, int, int]
    bare: bool
    drawn: str

    def is_gone(self, output: bytes) -> bool:
        """Whether nothing of the text's form is left in any frame: all its pixels are alike."""
        for frame in frames(dcmread(BytesIO(output), force=True)):
            values = frame[self.glyphs]
            if (values != values[0]).any():
                return False
        return True


def make(sources: dict[str, Path]) -> Iterator[BurnIn]:
    """The forty images.

    Args:
        sources: path of each file by its name.
    """
    for number, plan in enumerate(PLANS):
        random = np.random.default_rng([SEED, number])
        dataset = dcmread(sources[plan.source], force=True)
        syntax = UID(plan.syntax or dataset.file_meta.TransferSyntaxUID)
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(generate_instance_uid=False)
        if syntax.is_compressed and not plan.syntax:
            syntax = ExplicitVRLittleEndian
        yield _burned(plan, dataset, syntax, random)


def frames(dataset: Dataset) -> list[np.ndarray[Any, Any]]:
    """Each frame of a file, decoded."""
    pixels = dataset.pixel_array
    return list(pixels) if int(dataset.get("NumberOfFrames") or 1) > 1 else [pixels]


def _burned(plan: Plan, dataset: Dataset, syntax: UID, random: np.random.Generator) -> BurnIn:
    rows, columns = dataset.Rows, dataset.Columns
    grey = _greys(dataset, frames(dataset)[0])
    while True:
        text, size, mask = _line(rows, columns, random)
        top, left = _place(mask.shape, (rows, columns), grey, random)
        drawn = np.zeros((rows, columns), bool)
        drawn[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        shade = float(random.choice([0.0, 0.5, 1.0]))
        if np.mean(np.abs(grey[drawn] - shade) > VISIBLE) > 1 - VISIBLE / 10:
            break
    around = np.zeros(3, int), np.ones((3, 3), np.uint8)
    _draw(dataset, drawn, shade)
    data = _written(dataset, syntax)
    found = np.argwhere(drawn)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
    return BurnIn(
        f"{plan.source} as {syntax.name}",
        data,
        cv2.dilate(drawn.astype(np.uint8), around[1]).astype(bool),
        (int(top), int(left), int(bottom), int(right)),
        plan.bare,
        f"{text!r}, {size} px, shade {shade}",
    )


def _greys(dataset: Dataset, frame: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How light each pixel is, 0 to 1 of what there is in the frame."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
    light = frame.astype(float)
    light = light if light.ndim == 2 else light.mean(axis=2)
    return (light - light.min()) / max(light.max() - light.min(), 1)


def _line(
    rows: int, columns: int, random: np.random.Generator
) -> tuple[str, int, np.ndarray[Any, Any]]:
    """A line of text as a mask, small enough for the image."""
    while True:
        text = str(random.choice(TEXTS if columns > 128 else SHORT))
        size = int(random.integers(10, 41))
        typefaces = (_true_type, _strokes)
        mask = typefaces[int(random.integers(2))](text, size)
        if mask.shape[0] + 4 <= rows and mask.shape[1] + 4 <= columns:
            return text, size, mask


def _true_type(text: str, size: int) -> np.ndarray[Any, Any]:
    font = ImageFont.load_default(size)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(image) > 96


def _strokes(text: str, size: int) -> np.ndarray[Any, Any]:
    face, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, size // 14)
    scale = cv2.getFontScaleFromHeight(face, max(8, round(size * 0.72)), thick)
    (width, height), below = cv2.getTextSize(text, face, scale, thick)
    image = np.zeros((height + below + 2, width + 2), np.uint8)
    cv2.putText(image, text, (1, height), face, scale, 255, thick)
    return image > 96


def _place(
    size: tuple[int, ...],
    room: tuple[int, int],
    grey: np.ndarray[Any, Any],
    random: np.random.Generator,
) -> tuple[int, int]:
    down, across = room[0] - size[0], room[1] - size[1]
    place = str(random.choice(PLACES))
    if place == "anatomy":
        middle = np.argwhere(grey > grey.mean())[int(random.integers((grey > grey.mean()).sum()))]
        top, left = middle[0] - size[0] // 2, middle[1] - size[1] // 2
        return int(np.clip(top, 2, down)), int(np.clip(left, 2, across))
    margin = int(random.integers(2, 7))
    top = margin if "top" in place else down - margin
    left = margin if "left" in place else across - margin
    return max(0, top), max(0, left)


def _draw(dataset: Dataset, drawn: np.ndarray[Any, Any], shade: float) -> None:
    """Change the stored values of every frame where the text is."""
    rows, columns = dataset.Rows, dataset.Columns
    samples = dataset.SamplesPerPixel
    little = dataset.original_encoding[1]
    kind = f"{'<' if little else '>'}{'iu'[1 - dataset.PixelRepresentation]}"
    cells = np.frombuffer(bytearray(dataset.PixelData), f"{kind}{dataset.BitsAllocated // 8}")
    if dataset.BitsAllocated == 8 and not little and dataset["PixelData"].VR == "OW":
        cells = cells.reshape(-1, 2)[:, ::-1].reshape(-1)
    photometric = dataset.PhotometricInterpretation
    if photometric == "YBR_FULL_422":
        view = cells[: rows * columns * 2].reshape(rows, columns // 2, 4)
        view[..., 0][drawn[:, ::2]] = view[..., 1][drawn[:, 1::2]] = round(255 * shade)
        view[drawn[:, ::2] | drawn[:, 1::2], 2:] = 128
    else:
        count = int(dataset.get("NumberOfFrames") or 1) * rows * columns * samples
        shape = (-1, rows, columns, samples)
        if samples > 1 and dataset.PlanarConfiguration == 1:
            view = cells[:count].reshape(-1, samples, rows, columns).transpose(0, 2, 3, 1)
        else:
            view = cells[:count].reshape(shape)
        view[:, drawn] = _value(dataset, view, shade)
    if dataset.BitsAllocated == 8 and not little and dataset["PixelData"].VR == "OW":
        cells = cells.reshape(-1, 2)[:, ::-1].reshape(-1)
    dataset.PixelData = cells.tobytes()


def _value(dataset: Dataset, view: np.ndarray[Any, Any], shade: float) -> Any:
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        light = _greys(dataset, view[0, ..., 0])
        where = np.unravel_index(np.abs(light - shade).argmin(), light.shape)
        return view[0, ..., 0][where]
    low, high = int(view.min()), int(view.max())
    value = round(low + shade * (high - low))
    return (value, 128, 128) if photometric == "YBR_FULL" else value


def _written(dataset: Dataset, syntax: UID) -> bytes:
    if syntax in (RLELossless, JPEG2000Lossless):
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == JPEG2000:
        dataset.compress(syntax, j2k_cr=[LOSSY_RATIO], generate_instance_uid=False)
    elif syntax == JPEGBaseline8Bit:
        _compress_jpeg(dataset)
    out = BytesIO()
    dataset.file_meta.TransferSyntaxUID = syntax
    implicit = syntax == ImplicitVRLittleEndian
    if not syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        dcmwrite(out, dataset, implicit_vr=implicit, little_endian=syntax.is_little_endian,
                 force_encoding=True)  # fmt: skip
    else:
        dcmwrite(out, dataset)
    return out.getvalue()


def _compress_jpeg(dataset: Dataset) -> None:
    encoded = []
    for frame in frames(dataset):
        out = BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=90)
        encoded.append(out.getvalue())
    if dataset.SamplesPerPixel == 3:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        dataset.PlanarConfiguration = 0
    dataset.PixelData = encapsulate(encoded)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.LossyImageCompression = "01"
    dataset._pixel_array = None
