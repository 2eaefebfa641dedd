"""Blanks parts of a file's pixels: text that is burned into them, and what is told to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.errors import DeidentificationRefused, PixelsUnreadable
from medibloc_py.imaging.deidentify.cut import read_whole
from medibloc_py.imaging.deidentify.pixels.cells import darkest, without_unused_bits
from medibloc_py.imaging.deidentify.pixels.compressed import Written, replace_frames
from medibloc_py.imaging.deidentify.pixels.find import find_text
from medibloc_py.imaging.deidentify.pixels.native import NativePixels
from medibloc_py.imaging.deidentify.pixels.tiles import text_across
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.ocr import Box
from medibloc_py.imaging.parsing import parse_failures, reason_of
from medibloc_py.imaging.picture import photometric

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset, FileDataset
    from pydicom.uid import UID

    Values = NDArray[Any]

_KEYWORDS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_OFFSET_TABLES: Final = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


class Blanked(NamedTuple):
    """A part of a frame that was made black; the end of its rows and columns is not in it."""

    frame: int
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class CleanPixels:
    """What became of a file's pixels.

    Attributes:
        syntax: the transfer syntax they are written in.
        blanked: what was made black.
        has_text: text was found.
        written: the new pixels, and what of their description is new; none if nothing changed.
    """

    syntax: str
    blanked: tuple[Blanked, ...] = ()
    has_text: bool = False
    written: Dataset | None = None

    def put(self, dataset: Dataset) -> None:
        """Put them in the place of a data set's pixels."""
        if self.written is None:
            return
        for keyword in _OFFSET_TABLES:
            dataset.pop(keyword, None)
        dataset.update(self.written)


def clean_pixels(
    data: bytes,
    syntax: str,
    name: str,
    *,
    text: bool = True,
    cut: Mapping[int, list[Box]] | None = None,
) -> CleanPixels:
    """Blank parts of frames: those that are given, and the text that is found in any.

    Uncompressed pixels are changed where they stand. Of compressed ones a frame with text is
    written again without loss; if the transfer syntax cannot do that, all frames become
    uncompressed.

    Args:
        data: the file.
        syntax: its transfer syntax.
        name: what to call it in errors.
        text: look at every frame for text.
        cut: what is to be blanked in any case, by frame.

    Raises:
        DeidentificationRefused: its pixels cannot be decoded.
        ExtraMissing: rapidocr is not installed.
    """
    from pydicom.uid import UID

    dataset = read_whole(data, name)
    keyword = next((each for each in _KEYWORDS if each in dataset), None)
    if keyword is None:
        return CleanPixels(syntax)
    try:
        return _Frames(data, dataset, name, text, cut or {}).cleaned(UID(syntax), keyword)
    except PixelsUnreadable as error:
        raise DeidentificationRefused(name=name, reason=str(error.values["reason"])) from error
    except parse_failures() as error:
        raise DeidentificationRefused(name=name, reason=reason_of(error)) from error


class _Frames:
    """The frames of one file, and what is to be blanked in each."""

    def __init__(
        self,
        data: bytes,
        dataset: FileDataset,
        name: str,
        text: bool,
        cut: Mapping[int, list[Box]],
    ) -> None:
        self._dataset = dataset
        self._text = text
        self._cut = cut
        self._reader = FrameReader(BytesIO(data), name, whole_cells=True)
        self._across: dict[int, list[Box]] = {}
        self._boxes: dict[int, list[Box]] = {}
        self._known: dict[bytes, list[Box]] = {}

    def cleaned(self, syntax: UID, keyword: str) -> CleanPixels:
        if self._text:
            self._across = text_across(self._dataset, self._reader.frames, self._reader.read)
        if syntax.is_encapsulated:
            written = self._blank_compressed(syntax)
        else:
            written = self._blank_native(syntax, keyword)
        if written is None:
            return CleanPixels(str(syntax))
        blanked = (Blanked(number, *box) for number in self._boxes for box in self._boxes[number])
        has_text = any(self._known.values()) or bool(self._across)
        return CleanPixels(written.syntax, tuple(blanked), has_text, written.elements)

    def _blank_native(self, syntax: UID, keyword: str) -> Written | None:
        from pydicom import Dataset

        for number in self._numbers():
            self._look(number, self._reader.read(number))
        pixels = NativePixels(self._dataset, keyword, little=syntax.is_little_endian)
        changed = self._text and pixels.clear_unused_bits()
        for number, boxes in self._boxes.items():
            self._boxes[number] = pixels.blank(number, boxes)
        if not (changed or self._boxes):
            return None
        elements = Dataset()
        elements.add_new(keyword, self._dataset[keyword].VR, pixels.data())
        return Written(str(syntax), elements)

    def _blank_compressed(self, syntax: UID) -> Written | None:
        changed = {}
        for number in self._numbers():
            values = self._reader.read(number)
            clean = without_unused_bits(values, self._dataset) if self._text else values
            boxes = self._look(number, clean)
            if boxes or clean is not values:
                changed[number] = self._black(clean, boxes)
        if not changed:
            return None
        return replace_frames(self._dataset, syntax, changed, self._reader.read)

    def _numbers(self) -> Iterable[int]:
        """The frames that must be decoded."""
        frames = range(self._reader.frames)
        return frames if self._text else [number for number in frames if number in self._cut]

    def _look(self, number: int, values: Values) -> list[Box]:
        """What is to be blanked in a frame."""
        boxes = [*self._cut.get(number, ()), *self._across.get(number, ())]
        if self._text:
            boxes += self._texts(self._black(values, boxes) if boxes else values)
        if boxes:
            self._boxes[number] = boxes
        return boxes

    def _texts(self, values: Values) -> list[Box]:
        """The text of a frame; one that is like another is looked at once."""
        digest = sha256(values.tobytes()).digest()
        if digest not in self._known:
            self._known[digest] = find_text(values, self._dataset)
        return self._known[digest]

    def _black(self, values: Values, boxes: list[Box]) -> Values:
        values = values.copy()
        said = photometric(self._dataset) if values.ndim == 2 else "RGB"
        cells = values[..., None] if values.ndim == 2 else values
        fill = darkest(cells, said, self._dataset)
        for box in boxes:
            cells[box.top : box.bottom, box.left : box.right] = fill
        return values
