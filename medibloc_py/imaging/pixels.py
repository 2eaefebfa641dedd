"""Pixel arrays out of DICOM bytes."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging.header import PARSE_FAILURES, reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(BytesIO(data) if isinstance(data, bytes) else data, force=True)
            pixels: NDArray[Any] = dataset.pixel_array
    except (*PARSE_FAILURES, OSError) as error:
        raise PixelsUnreadable(name=name, reason=reason_of(error)) from error
    return pixels
