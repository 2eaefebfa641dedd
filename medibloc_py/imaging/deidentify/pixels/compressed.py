"""Compressed pixels, of which some frames changed: written again without loss."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.imaging.picture import photometric

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset
    from pydicom.uid import UID

    Values = NDArray[Any]

EXPLICIT: Final = "1.2.840.10008.1.2.1"
_RLE: Final = "1.2.840.10008.1.2.5"
_J2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
_J2K: Final = "1.2.840.10008.1.2.4.91"
_LOSSY: Final = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    _J2K: "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
"""Transfer syntaxes that lose something, and the Lossy Image Compression Method of each."""
_MOST_OFFSET: Final = 1 << 32
_ITEM_BYTES: Final = 8
_WIDE_BITS: Final = 8


class Written(NamedTuple):
    """Pixels that were written again: how, and the elements that are new."""

    syntax: str
    elements: Dataset


def replace_frames(
    header: Dataset, syntax: UID, changed: dict[int, Values], read: Callable[[int], Values]
) -> Written:
    """Write compressed pixels again with some frames changed; the others stay what they were.

    Where the transfer syntax can hold a frame without loss, only changed frames are written
    again, and the others keep their bytes. Else all are written uncompressed.

    Args:
        header: the data set with the pixels; it stays as it is.
        syntax: how they are compressed.
        changed: frames by number, decoded; colour is RGB.
        read: decodes any other frame.
    """
    encoder = _encoder(header, syntax)
    if encoder is not None:
        with suppress(ValueError):  # not every number of bits is allowed in every syntax
            encoded = {number: encoder(frame) for number, frame in changed.items()}
            return Written(str(syntax), _encapsulated(header, encoded))
    elements = _uncompressed(header, syntax, lambda n: changed[n] if n in changed else read(n))
    return Written(EXPLICIT, elements)


def _encoder(dataset: Dataset, syntax: UID) -> Callable[[Values], bytes] | None:
    """What writes a frame in a transfer syntax without loss, and as it says it is coloured."""
    from pydicom.pixels.encoders.base import get_encoder
    from pydicom.uid import UID

    grey = int(dataset.get("SamplesPerPixel") or 1) == 1
    said = photometric(dataset)
    fits = {
        _RLE: grey or said == "RGB",
        _J2K_LOSSLESS: grey or said in ("RGB", "YBR_RCT"),
        _J2K: grey,  # it may be written without loss, but not with the colours of YBR_ICT
    }
    if not fits.get(str(syntax)):
        return None
    encoder = get_encoder(UID(_J2K_LOSSLESS) if syntax == _J2K else syntax)
    if not encoder.is_available:
        return None
    options: dict[str, Any] = {
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "samples_per_pixel": int(dataset.get("SamplesPerPixel") or 1),
        "number_of_frames": 1,
        "bits_allocated": int(dataset.BitsAllocated),
        "bits_stored": int(dataset.BitsStored),
        "pixel_representation": int(dataset.get("PixelRepresentation") or 0),
        "photometric_interpretation": said,
        "planar_configuration": 0,
    }
    return lambda frame: bytes(encoder.encode(frame, **options))


def _encapsulated(header: Dataset, encoded: dict[int, bytes]) -> Dataset:
    from pydicom import Dataset as NewDataset
    from pydicom.encaps import encapsulate, generate_frames
    from pydicom.pixels.utils import as_pixel_options

    options = as_pixel_options(header)
    frames = list(
        generate_frames(
            header.PixelData,
            number_of_frames=options["number_of_frames"],
            extended_offsets=options.get("extended_offsets"),
        )
    )
    for number, frame in encoded.items():
        frames[number] = frame
    fits = sum(len(frame) + _ITEM_BYTES for frame in frames) < _MOST_OFFSET
    elements = NewDataset()
    elements.add_new("PixelData", "OB", encapsulate(frames, has_bot=fits))
    elements["PixelData"].is_undefined_length = True
    return elements


def _uncompressed(header: Dataset, syntax: UID, read: Callable[[int], Values]) -> Dataset:
    """All frames uncompressed, and what that changes in their description."""
    import numpy as np
    from pydicom import Dataset as NewDataset

    allocated = int(header.BitsAllocated)
    kind = f"<{'ui'[bool(header.get('PixelRepresentation'))]}{allocated // 8}"
    count = int(header.get("NumberOfFrames") or 1)
    data = b"".join(np.ascontiguousarray(read(n), kind).tobytes() for n in range(count))
    elements = NewDataset()
    vr = "OW" if allocated > _WIDE_BITS else "OB"
    elements.add_new("PixelData", vr, data + b"\0" * (len(data) % 2))
    if int(header.get("SamplesPerPixel") or 1) > 1:
        elements.PlanarConfiguration = 0
        if photometric(header).startswith("YBR"):
            elements.PhotometricInterpretation = "RGB"
    method = _LOSSY.get(str(syntax))
    if method and header.get("LossyImageCompression") != "01":  # once lossy, always so
        elements.LossyImageCompression = "01"
        elements.LossyImageCompressionRatio = f"{len(data) / len(header.PixelData):.2f}"
        elements.LossyImageCompressionMethod = method
    return elements
