"""Cells of pixels: what hides in their unused bits, and what they hold where nothing is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.picture import coloured

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    Cells = NDArray[Any]

SUBSAMPLED: Final = "YBR_FULL_422"
_INVERSE: Final = "MONOCHROME1"
_PALETTE: Final = "PALETTE COLOR"


def without_unused_bits(cells: Cells, header: Dataset) -> Cells:
    """Cells whose unused bits hold nothing: an old overlay lies there (PS3.5 8.1.1).

    Bits that only repeat the sign stay, and cells of padding.

    Args:
        cells: stored values of any shape, of the size of Bits Allocated.
        header: the attributes of its file.

    Returns:
        The same object if nothing had to change.
    """
    import numpy as np

    allocated = int(header.get("BitsAllocated") or 0)
    stored = int(header.get("BitsStored") or allocated)
    if cells.dtype.kind not in "iu" or not 0 < stored < allocated or allocated == 1:
        return cells
    high = int(header.get("HighBit", stored - 1))
    if not stored - 1 <= high < allocated:
        high = stored - 1
    used = cells.dtype.type(0) | _mask(cells.dtype, stored, high)
    plain = cells & used
    above = allocated - 1 - high
    signed = cells.view(cells.dtype.str.replace("u", "i"))
    extended = ((signed << above) >> above).view(cells.dtype) & _mask(
        cells.dtype, allocated - (high - stored + 1), allocated - 1
    )
    if np.array_equal(cells, plain) or np.array_equal(cells, extended):
        return cells
    clean = extended if header.get("PixelRepresentation") else plain
    padding = header.get("PixelPaddingValue")
    if isinstance(padding, int):
        as_stored = np.array(padding & (1 << allocated) - 1, f"u{allocated // 8}")
        is_padding = cells == as_stored.astype(cells.dtype)
        clean = np.where(is_padding, cells, clean)
    return cells if np.array_equal(cells, clean) else clean


def darkest(cells: Cells, said: str, header: Dataset) -> Any:
    """What a frame's cells hold where it is black: a value, or one for each sample.

    Args:
        cells: one frame, of shape (rows, columns, samples).
        said: the Photometric Interpretation they have.
        header: the attributes of its file.
    """
    import numpy as np

    if said.startswith("YBR_FULL"):
        middle = 1 << int(header.BitsStored) - 1
        return [0] * (cells.shape[2] - 2) + [middle, middle]
    if cells.shape[2] > 1:
        return 0
    grey = cells[..., 0]
    if said == _PALETTE:
        light = coloured(grey, header).sum(axis=-1, dtype=np.int64)
        return grey[np.unravel_index(light.argmin(), light.shape)]
    return np.nanmax(grey) if said == _INVERSE else np.nanmin(grey)


def _mask(kind: Any, bits: int, high: int) -> Any:
    """A cell with ones from `high` down, as many as `bits`."""
    import numpy as np

    mask = (1 << bits) - 1 << high - bits + 1
    return np.array(mask, kind.str.replace("i", "u")).view(kind)
