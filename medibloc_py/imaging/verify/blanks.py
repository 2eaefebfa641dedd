"""The second look at pixels that were blanked: what changed, and what can still be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.ocr import texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

Area = tuple[int, int, int, int, int]
"""Frame, top, left, bottom, right; the end of its rows and columns is not in it."""

_READ: Final = 0.8
"""How surely two characters or more must be read to be a text that was left."""
_WHITE: Final = 255


def changed_outside(original: bytes, output: bytes, areas: Collection[Area]) -> str:
    """What of the pixels is another outside the areas that were blanked, in words.

    All frames of both are decoded. Within the areas of a frame there must be nothing but one
    value: what is not uniform could still be read.
    """
    try:
        then, now = FrameReader(BytesIO(original), ""), FrameReader(BytesIO(output), "")
        if then.frames != now.frames:
            return "it has another number of frames"
        inside = defaultdict(list)
        for number, *area in areas:
            inside[number].append(area)
        for number in range(then.frames):
            if reason := _differs(then.read(number), now.read(number), inside[number]):
                return f"frame {number + 1} {reason}"
    except PixelsUnreadable:
        return "its pixels cannot be decoded"
    return ""


def readable_frames(output: bytes) -> list[int]:
    """Numbers of the frames, from 0, in which a text can be read."""
    reader = FrameReader(BytesIO(output), "the output")
    known: dict[bytes, bool] = {}
    found = []
    for number in range(reader.frames):
        values = reader.read(number)
        key = values.tobytes()
        if key not in known:
            known[key] = any(
                text.chars > 1 and text.read >= _READ
                for picture in _pictures(values)
                for text in texts(picture)
            )
        if known[key]:
            found.append(number)
    return found


def _differs(then: Values, now: Values, inside: Sequence[Sequence[int]]) -> str:
    import numpy as np

    if then.shape != now.shape:
        return "has pixels of another size"
    blanked = np.zeros(then.shape[:2], bool)
    for top, left, bottom, right in inside:
        blanked[top:bottom, left:right] = True
    if not np.array_equal(then[~blanked], now[~blanked], equal_nan=now.dtype.kind == "f"):
        return "has other pixels where nothing was blanked"
    black = now[blanked]
    if black.size and (black != black[0]).any():
        return "is not uniform where it was blanked"
    return ""


def _pictures(values: Values) -> Iterator[Values]:
    """A frame with all its values from black to white."""
    import numpy as np

    if values.min() == values.max():
        return
    grey = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    scaled = (grey - grey.min()) * (_WHITE / max(np.ptp(grey), 1e-9))
    picture = scaled.astype(np.uint8)
    picture = picture[..., None] if picture.ndim == 2 else picture[..., :3]
    yield np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
