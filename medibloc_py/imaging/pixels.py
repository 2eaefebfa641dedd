"""Pixel arrays out of DICOM bytes, from whoever sent them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging.codestream import FrameSize, frame_size
from medibloc_py.imaging.parsing import parse_failures, plain_syntax, read_all, reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset, FileDataset
    from pydicom.uid import UID

MAX_DECODED_BYTES: Final = 1 << 32
"""Most that compressed pixels may decode to: a few hundred bytes can declare any amount."""


def arrays(data: bytes | BinaryIO, name: str) -> NDArray[Any]:
    """Decode the pixels of one DICOM file, compressed or not.

    Args:
        data: the file's bytes, or a seekable file.
        name: what to call it in errors.

    Returns:
        Stored values of shape (rows, columns), (frames, rows, columns), or either with a
        last axis of samples; YBR colour becomes RGB. As pydicom's `Dataset.pixel_array`.

    Raises:
        PixelsUnreadable: no pixels, or none that can be decoded.
    """
    file = BytesIO(data) if isinstance(data, bytes) else data
    with decoding(name):
        dataset = read_all(file)
        dataset.file_meta.TransferSyntaxUID = syntax = syntax_of(dataset)
        if syntax.is_encapsulated:
            _check_frames(dataset)
        pixels: NDArray[Any] = dataset.pixel_array
    return pixels


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Have whatever goes wrong with the pixels of `name` end as `PixelsUnreadable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not standard either decodes or fails
            yield
    except parse_failures() as error:
        raise PixelsUnreadable(name=name, reason=reason_of(error)) from error


def syntax_of(dataset: FileDataset) -> UID:
    """The transfer syntax a file declares, or else the one it was found in."""
    from pydicom.uid import UID

    return UID(dataset.file_meta.get("TransferSyntaxUID") or plain_syntax(dataset))


def declared_size(options: dict[str, Any], frames: int) -> FrameSize:
    """The size that the header declares for a frame.

    Args:
        options: pydicom's pixel options of the file.
        frames: how many are to be decoded.

    Raises:
        ValueError: they would decode to nothing, or to too much.
    """
    size = FrameSize(options["rows"], options["columns"], options["samples_per_pixel"])
    decoded = frames * size.rows * size.columns * size.samples
    decoded *= -(-options["bits_allocated"] // 8)
    if not 0 < decoded <= MAX_DECODED_BYTES:
        raise ValueError(f"it declares {decoded} bytes of pixels, which is not decoded")
    return size


def check_frame(frame: bytes, size: FrameSize, syntax: UID) -> None:
    """Hold a compressed frame to the size that its header declares.

    Raises:
        ValueError: it has another, or none that can be read.
    """
    from pydicom.uid import RLELossless

    if syntax != RLELossless and frame_size(frame) != size:
        raise ValueError("a compressed frame has another size than its header says")


def _check_frames(dataset: Dataset) -> None:
    """Hold every compressed frame to what the header says, before any is decoded.

    Raises:
        ValueError: they differ, or would decode to too much.
    """
    from pydicom.encaps import generate_frames
    from pydicom.pixels.utils import as_pixel_options

    options = as_pixel_options(dataset)
    frames = options["number_of_frames"]
    size = declared_size(options, frames)
    found = 0
    for frame in generate_frames(
        dataset.PixelData,
        number_of_frames=frames,
        extended_offsets=options.get("extended_offsets"),
    ):
        found += 1
        check_frame(frame, size, dataset.file_meta.TransferSyntaxUID)
    if found < frames:
        raise ValueError(f"it has {found} of {frames} frames")
