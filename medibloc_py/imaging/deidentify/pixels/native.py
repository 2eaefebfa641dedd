"""Uncompressed pixels, changed where they stand: whatever is not changed keeps its bits."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.deidentify.pixels.cells import SUBSAMPLED, darkest, without_unused_bits
from medibloc_py.imaging.picture import photometric

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    from medibloc_py.imaging.ocr import Box

    Cells = NDArray[Any]

_FLOATS: Final = frozenset({"FloatPixelData", "DoubleFloatPixelData"})


class NativePixels:
    """The pixels of one file, all frames.

    Attributes:
        cells: a view of them, of shape (frames, rows, columns, samples) however they are laid
            out; of subsampled colour two pixels make a cell of four (PS3.3 C.7.6.3.1.2).
    """

    def __init__(self, header: Dataset, keyword: str, *, little: bool) -> None:
        """Take the pixels of a data set; it stays as it is.

        Args:
            header: the data set.
            keyword: of its pixel element.
            little: whether its numbers are little endian.

        Raises:
            ValueError: it has fewer than it declares.
        """
        import numpy as np

        element = header[keyword]
        self._header = header
        self._allocated = int(header.get("BitsAllocated") or 0)
        # Bytes that were written as big-endian words changed places in pairs.
        self._swapped = self._allocated == 8 and element.VR == "OW" and not little
        data = np.frombuffer(bytearray(element.value), np.uint8)
        if self._allocated == 1:
            self._flat: Cells = np.unpackbits(data, bitorder="little")
        else:
            size = self._allocated // 8
            kind = "f" if keyword in _FLOATS else "ui"[bool(header.get("PixelRepresentation"))]
            order = "<" if little else ">"
            self._rest = data[data.size // size * size :]
            self._flat = _in_order(data, self._swapped)[: data.size // size * size]
            self._flat = self._flat.view(f"{order}{kind}{size}")
        self.cells = self._shaped(self._flat)

    def _shaped(self, flat: Cells) -> Cells:
        shape, axes = _layout(self._header)
        frames = int(self._header.get("NumberOfFrames") or 1)
        count = frames * prod(shape)
        if count > flat.size:
            raise ValueError(f"it has {flat.size} of {count} values of pixels")
        return flat[:count].reshape(frames, *shape).transpose(axes)

    def clear_unused_bits(self) -> bool:
        """Clear what hides in bits that no value uses; tells whether there was something."""
        clean = without_unused_bits(self.cells, self._header)
        if clean is self.cells:
            return False
        self.cells[...] = clean
        return True

    def blank(self, frame: int, boxes: list[Box]) -> list[Box]:
        """Make boxes of a frame black.

        Returns:
            What became black: whole cells.
        """
        cells = self.cells[frame]
        fill = darkest(cells, photometric(self._header), self._header)
        across = 2 if cells.shape[1] < int(self._header.Columns) else 1
        whole = []
        for box in boxes:
            left, right = box.left // across, -(-box.right // across)
            cells[box.top : box.bottom, left:right] = fill
            whole.append(box._replace(left=left * across, right=right * across))
        return whole

    def data(self) -> bytes:
        """The value of the pixel element."""
        import numpy as np

        if self._allocated == 1:
            return np.packbits(self._flat, bitorder="little").tobytes()
        whole = _in_order(self._flat.view(np.uint8), self._swapped)
        return whole.tobytes() + self._rest.tobytes()


def _layout(header: Dataset) -> tuple[tuple[int, int, int], tuple[int, int, int, int]]:
    """How a frame is laid out, and the axes of frames, rows, columns and samples in it."""
    rows, columns = int(header.Rows), int(header.Columns)
    samples = int(header.get("SamplesPerPixel") or 1)
    if samples > 1 and photometric(header) == SUBSAMPLED:
        return (rows, columns // 2, 4), (0, 1, 2, 3)
    if samples > 1 and header.get("PlanarConfiguration"):
        return (samples, rows, columns), (0, 2, 3, 1)
    return (rows, columns, samples), (0, 1, 2, 3)


def _in_order(data: Cells, swapped: bool) -> Cells:
    """Bytes with those of each pair in each other's place, if they are swapped."""
    import numpy as np

    if not swapped:
        return data
    pairs = data[: data.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    return np.concatenate([pairs, data[pairs.size :]])
