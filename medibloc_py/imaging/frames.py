"""One frame of a DICOM file, found and decoded without reading the others.

Where a frame lies follows from the header (native pixels), from an offset table, or from
the headers of the fragments (PS3.5 A.4). It is then decoded as a file of this one frame.
"""

from __future__ import annotations

import io
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from medibloc_py.errors import InvalidValue
from medibloc_py.imaging.fragments import EncapsulatedFrames, read_at
from medibloc_py.imaging.layout import Layout
from medibloc_py.imaging.parsing import UNDEFINED_LENGTH, PixelElement, read_up_to_pixels
from medibloc_py.imaging.pixels import arrays, check_frame, declared_size, decoding, syntax_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEYWORDS: Final = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)


class FrameReader:
    """Reads single frames of one DICOM file.

    The header is read at once; of the pixels only what a frame needs is read. A deflated data
    set cannot be entered in its middle: it is read and inflated whole for every frame.
    Threads may share a reader.

    Attributes:
        frames: how many frames the header declares; 1 where it says nothing.
    """

    def __init__(self, file: BinaryIO, name: str, *, whole_cells: bool = False) -> None:
        """Read the header.

        Args:
            file: a seekable file; it is kept.
            name: what to call it in errors.
            whole_cells: give compressed cells with the bits that no value uses; else those
                are corrected.

        Raises:
            PixelsUnreadable: no pixels, or a header that is none.
        """
        # Imported late: pydicom and numpy cost most of a second.
        from pydicom.pixels.utils import as_pixel_options
        from pydicom.uid import DeflatedExplicitVRLittleEndian

        self._file = file
        self._name = name
        with decoding(name):
            file.seek(0)
            header, pixels = read_up_to_pixels(file, _KEYWORDS)
            if pixels is None:
                raise ValueError("it has no pixels")
            self._pixels = pixels
            self._options: dict[str, Any] = as_pixel_options(header)
            self._extended = self._options.pop("extended_offsets", None)
            self._syntax = syntax_of(header)
            if whole_cells and self._syntax.is_encapsulated:
                self._options["correct_unused_bits"] = False
            self.frames = int(self._options["number_of_frames"])
            if self.frames < 1:
                raise ValueError(f"it declares {self.frames} frames")
            endless = pixels.length == UNDEFINED_LENGTH
            self._whole = self._syntax == DeflatedExplicitVRLittleEndian or (
                endless and not self._syntax.is_encapsulated
            )
            size_bytes = file.seek(0, io.SEEK_END)
            self._stop = size_bytes if endless else min(pixels.start + pixels.length, size_bytes)
        self._places: EncapsulatedFrames | None = None
        self._lock = Lock()  # a file has one place at which it is read

    def read(self, frame: int) -> NDArray[Any]:
        """Decode one frame.

        Args:
            frame: its number, from 0.

        Returns:
            Stored values of shape (rows, columns), or (rows, columns, samples); the same as
            `arrays` gives for it.

        Raises:
            InvalidValue: there is no such frame.
            PixelsUnreadable: its pixels cannot be found or decoded.
        """
        if not 0 <= frame < self.frames:
            raise InvalidValue(name="frame", given=frame, allowed=f"from 0 to {self.frames - 1}")
        with decoding(self._name):
            with self._lock:
                if self._whole:
                    return self._from_whole(frame)
                encapsulated = self._syntax.is_encapsulated
                data, pixels = self._compressed(frame) if encapsulated else self._native(frame)
            return self._decoded(data, pixels)

    def layout(self) -> Layout | None:
        """Where the frames lie; none if one cannot be read by its place alone.

        Raises:
            PixelsUnreadable: the pixels cannot be found.
        """
        if self._whole:
            return None
        with decoding(self._name), self._lock:
            if self._syntax.is_encapsulated:
                return Layout.of_spans(self._fragments().spans(self.frames))
            bits = _native_bits(self._options)
            _check_length(self._options, bits * self.frames, self._stop - self._pixels.start)
            swapped = _is_swapped(self._pixels, self._options, little=self._syntax.is_little_endian)
            if swapped or (bits % 8 and self.frames > 1):
                return None
            return Layout(self._pixels.start, (-(-bits // 8),), self.frames, encapsulated=False)

    def _from_whole(self, frame: int) -> NDArray[Any]:
        self._file.seek(0)
        pixels = arrays(self._file, self._name)
        one = 2 + (self._options["samples_per_pixel"] > 1)
        return pixels[frame] if pixels.ndim > one else pixels

    def _native(self, frame: int) -> tuple[bytes, PixelElement]:
        declared_size(self._options, 1)
        bits = _native_bits(self._options)
        _check_length(self._options, bits * self.frames, self._stop - self._pixels.start)
        begin = frame * bits
        pixels = self._pixels
        if _is_swapped(pixels, self._options, little=self._syntax.is_little_endian):
            pixels = pixels._replace(vr="OB")
            data = self._swapped(begin // 8, bits // 8)
        else:
            data = self._bits(begin, bits)
        return data, pixels

    def _bits(self, begin: int, length: int) -> bytes:
        """Bits of the pixels, the lowest of each byte first, moved to begin with a byte."""
        start, shift = divmod(begin, 8)
        size = -(-length // 8)
        data = self._at(start, -(-(begin + length) // 8) - start)
        if not shift:
            return data
        return (int.from_bytes(data, "little") >> shift & (1 << length) - 1).to_bytes(
            size, "little"
        )

    def _swapped(self, begin: int, length: int) -> bytes:
        """Bytes of pixels that were written as big-endian words of two."""
        start = begin & ~1
        words = self._at(start, (begin + length - start + 1) & ~1)
        data = bytearray(len(words))
        data[::2], data[1::2] = words[1::2], words[::2]
        return bytes(data[begin - start : begin - start + length])

    def _at(self, offset: int, size: int) -> bytes:
        """Bytes of the pixels; fewer at their end."""
        start = self._pixels.start + offset
        return read_at(self._file, start, min(size, self._stop - start))

    def _compressed(self, frame: int) -> tuple[bytes, PixelElement]:
        from pydicom.encaps import encapsulate

        size = declared_size(self._options, 1)
        encoded = self._fragments().read(frame)
        check_frame(encoded, size, self._syntax)
        return encapsulate([encoded], has_bot=False), self._pixels

    def _fragments(self) -> EncapsulatedFrames:
        if self._places is None:
            self._places = EncapsulatedFrames(
                self._file, self._pixels.start, self._stop, self.frames, self._extended
            )
        return self._places

    def _decoded(self, data: bytes, pixels: PixelElement) -> NDArray[Any]:
        from pydicom.pixels.decoders.base import get_decoder

        options = self._options | {"number_of_frames": 1, "pixel_keyword": pixels.keyword}
        if pixels.vr is not None:
            options["pixel_vr"] = pixels.vr
        array, _ = get_decoder(self._syntax).as_array(data, index=0, **options)
        return array


def _native_bits(options: dict[str, Any]) -> int:
    """Bits of one frame of native pixels (PS3.5 8.1.1): frames follow one another unpadded."""
    values = int(options["rows"] * options["columns"] * options["samples_per_pixel"])
    allocated = options["bits_allocated"]
    if allocated == 1:
        return values
    if allocated % 8:
        raise ValueError(f"it has {allocated} bits for each value")
    size = values * (allocated // 8)
    if options["photometric_interpretation"] == "YBR_FULL_422":  # PS3.3 C.7.6.3.1.2
        size = size // 3 * 2
    return 8 * int(size)


def _check_length(options: dict[str, Any], bits: int, actual: int) -> None:
    """Hold native pixels to the length that their header declares.

    Raises:
        ValueError: they are shorter, or of another kind than declared.
    """
    expected = -(-bits // 8)
    if actual < expected:
        raise ValueError(f"it has {actual} of {expected} bytes of pixels")
    subsampled = options["photometric_interpretation"] == "YBR_FULL_422"
    if subsampled and actual >= expected // 2 * 3 > expected:
        raise ValueError("its colours are not subsampled as its header says")


def _is_swapped(pixels: PixelElement, options: dict[str, Any], *, little: bool) -> bool:
    """Whether bytes were written as big-endian words, which moves them within pairs."""
    bytewise = options["bits_allocated"] == 8 and pixels.keyword == "PixelData"
    return bytewise and pixels.vr == "OW" and not little
