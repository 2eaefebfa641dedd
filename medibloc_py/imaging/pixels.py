"""Pixel arrays out of DICOM bytes, from whoever sent them."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging.codestream import FrameSize, frame_size
from medibloc_py.imaging.parsing import DicomSource, parse_failures, plain_syntax, reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

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
    # Imported late: pydicom and numpy cost most of a second.
    from pydicom import dcmread
    from pydicom.uid import UID

    file = BytesIO(data) if isinstance(data, bytes) else data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not standard either decodes or fails
            dataset = dcmread(DicomSource(file), force=True)
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = UID(plain_syntax(dataset))
            if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
                _check_frames(dataset)
            pixels: NDArray[Any] = dataset.pixel_array
    except parse_failures() as error:
        raise PixelsUnreadable(name=name, reason=reason_of(error)) from error
    return pixels


def _check_frames(dataset: Dataset) -> None:
    """Hold every compressed frame to what the header says, before any is decoded.

    Raises:
        ValueError: they differ, or would decode to too much.
    """
    from pydicom.encaps import generate_frames
    from pydicom.pixels.utils import as_pixel_options
    from pydicom.uid import RLELossless

    options = as_pixel_options(dataset)
    expected = FrameSize(options["rows"], options["columns"], options["samples_per_pixel"])
    frames = options["number_of_frames"]
    decoded = frames * expected.rows * expected.columns * expected.samples
    decoded *= -(-options["bits_allocated"] // 8)
    if not 0 < decoded <= MAX_DECODED_BYTES:
        raise ValueError(f"it declares {decoded} bytes of pixels, which is not decoded")
    found = 0
    for frame in generate_frames(
        dataset.PixelData,
        number_of_frames=frames,
        extended_offsets=options.get("extended_offsets"),
    ):
        found += 1
        if dataset.file_meta.TransferSyntaxUID != RLELossless and frame_size(frame) != expected:
            raise ValueError("a compressed frame has another size than its header says")
    if found < frames:
        raise ValueError(f"it has {found} of {frames} frames")
