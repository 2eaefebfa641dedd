"""Stored values as pictures of 8 bit, for eyes and for whoever looks for text in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    Values = NDArray[Any]

_WINDOW: Final = (1.0, 99.0)
"""Percentiles of the values that are shown black and white."""
_AROUND: Final = 33
"""Rows and columns around a pixel that its value is compared with."""
_CONTRAST: Final = 48
"""Levels of grey for one standard deviation."""
_WHITE: Final = 255
_PALETTE: Final = "PALETTE COLOR"
_INVERSE: Final = "MONOCHROME1"


def shown(values: Values, header: Dataset) -> Values:
    """A frame as a viewer shows it, windowed to its own values.

    Args:
        values: decoded, of shape (rows, columns) or (rows, columns, samples); colour is RGB.
        header: the attributes of its file.

    Returns:
        8 bit, of shape (rows, columns, 3), RGB.
    """
    values = coloured(values, header)
    if values.ndim == 3:
        return three(eight_bit(values))
    picture = windowed(values)
    return three(_WHITE - picture if photometric(header) == _INVERSE else picture)


def coloured(values: Values, header: Dataset) -> Values:
    """A frame with its palette applied, if it has one; any other as it is."""
    from pydicom.pixels.processing import apply_color_lut

    if photometric(header) != _PALETTE or values.ndim != 2:
        return values
    return apply_color_lut(values, header)


def photometric(header: Dataset) -> str:
    """The Photometric Interpretation of a file."""
    return str(header.get("PhotometricInterpretation", "")).strip()


def eight_bit(values: Values) -> Values:
    """Values of 8 bit as they are, others windowed."""
    return values if values.dtype == "uint8" else windowed(values)


def windowed(values: Values) -> Values:
    """Values between two percentiles, made 0 to 255."""
    import numpy as np

    finite = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = np.percentile(finite, _WINDOW)
    if low == high:
        low, high = finite.min(), finite.max()
    scaled = (finite - low) * (_WHITE / max(float(high - low), 1e-9))
    picture: Values = np.clip(scaled, 0, _WHITE).astype(np.uint8)
    return picture


def levelled(values: Values) -> Values:
    """Values by how far they are from those around them: the faintest text stands out.

    Args:
        values: of shape (rows, columns).

    Returns:
        8 bit of the same shape; 128 is the mean of what is around.
    """
    import cv2
    import numpy as np

    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    size = (_AROUND, _AROUND)
    mean = cv2.blur(finite, size, borderType=cv2.BORDER_REFLECT)
    square = cv2.blur(finite * finite, size, borderType=cv2.BORDER_REFLECT)
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    least = 1e-6 * max(1.0, float(np.abs(finite).max()))
    far = (finite - mean) / np.maximum(spread, least)
    picture: Values = np.clip(_WHITE // 2 + far * _CONTRAST, 0, _WHITE).astype(np.uint8)
    return picture


def three(picture: Values) -> Values:
    """A picture with three samples: grey is all three, of more the first three count."""
    import numpy as np

    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    if picture.shape[2] < 3:
        return np.repeat(picture[..., :1], 3, axis=2)
    return np.ascontiguousarray(picture[..., :3])
