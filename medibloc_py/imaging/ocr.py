"""Text in pictures: the only room that knows rapidocr, whose models ship in its wheel.

A network finds regions that look like text, a second one reads them. A region counts as text
if it can be read, or if it has the shape of a line of text: what nobody can read is rather
blanked than left.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.errors import ExtraMissing, PixelsUnreadable
from medibloc_py.imaging.parsing import reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[Any]

_TILE: Final = 1536
"""Most rows or columns that the network gets at once: its memory grows with both."""
_OVERLAP: Final = 192
_MOST_ELONGATED: Final = 4
"""The network enlarges by the shorter side: a strip is given room beside it."""
_UPRIGHT: Final = 1.5
"""A region this much taller than wide is read from its side."""
_FILLS: Final = 0.6
"""A text fills this share of its box if it does not slant."""
_FOUND: Final = {"thresh": 0.2, "box_thresh": 0.3}
_LOCK: Final = Lock()


class Box(NamedTuple):
    """A rectangle of pixels; the end of its rows and columns is not in it."""

    top: int
    left: int
    bottom: int
    right: int

    def moved(self, rows: int, columns: int) -> Box:
        """The same rectangle from another origin."""
        return Box(self.top + rows, self.left + columns, self.bottom + rows, self.right + columns)

    def widened(self, above: int, beside: int, rows: int, columns: int) -> Box:
        """With room above and below, and on both sides, within a picture of this size."""
        return Box(
            max(0, self.top - above),
            max(0, self.left - beside),
            min(rows, self.bottom + above),
            min(columns, self.right + beside),
        )

    @property
    def elongation(self) -> float:
        """Its longer side by its shorter one."""
        return max(self.bottom - self.top, self.right - self.left) / self.shorter

    @property
    def shorter(self) -> int:
        """Its shorter side, pixels: how high a line of text is, upright or not."""
        return min(self.bottom - self.top, self.right - self.left)


class Text(NamedTuple):
    """A region that looks like text.

    Attributes:
        box: where it is.
        found: how sure the first network is that it is text, up to 1.
        read: how sure the second is of what it reads there, up to 1.
        chars: how many characters it reads.
    """

    box: Box
    found: float
    read: float
    chars: int


def require() -> None:
    """Make sure that pictures can be looked at, before any work is done.

    Raises:
        ExtraMissing: rapidocr is not installed, or a library that OpenCV, which comes with
            it, needs of the system.
    """
    try:
        import cv2  # noqa: F401 - fails where the system lacks its libraries
    except ImportError as error:
        raise ExtraMissing(extra="pixels") from error
    if find_spec("rapidocr_onnxruntime") is None:
        raise ExtraMissing(extra="pixels")


def texts(picture: Picture) -> list[Text]:
    """All regions of a picture that look like text, readable or not.

    Large pictures are looked at in tiles that overlap, and once as a whole, made smaller.

    Args:
        picture: 8 bit, of shape (rows, columns, 3).

    Raises:
        ExtraMissing: rapidocr is not installed.
        PixelsUnreadable: the networks cannot take it.
    """
    engine = _engine()
    try:
        return list(_everywhere(engine, picture))
    except _failures() as error:
        raise PixelsUnreadable(name="a picture", reason=reason_of(error)) from error


def _everywhere(engine: Any, picture: Picture) -> Iterator[Text]:
    import cv2

    rows, columns = picture.shape[:2]
    for top, bottom in _spans(rows):
        for left, right in _spans(columns):
            for text in _texts(engine, picture[top:bottom, left:right]):
                yield text._replace(box=text.box.moved(top, left))
    if max(rows, columns) > _TILE:
        scale = _TILE / max(rows, columns)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for text in _texts(engine, small):
            yield text._replace(box=Box(*(round(edge / scale) for edge in text.box)))


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end, all of about one size."""
    count = max(1, -(-(length - _OVERLAP) // (_TILE - _OVERLAP)))
    size = -(-(length + (count - 1) * _OVERLAP) // count)
    for number in range(count):
        start = number * (size - _OVERLAP)
        yield start, min(start + size, length)


def _texts(engine: Any, picture: Picture) -> Iterator[Text]:
    import cv2
    import numpy as np

    rows, columns = picture.shape[:2]
    shorter = -(-max(rows, columns) // _MOST_ELONGATED)
    below, beside = max(0, shorter - rows), max(0, shorter - columns)
    if below or beside:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_CONSTANT)
    size = picture.shape[:2]
    detector = engine.text_det
    prepared = detector.get_preprocess(max(size))(picture)
    with _LOCK:  # its readers keep what they work on
        quads, scores = detector.postprocess_op(detector.infer(prepared)[0], size)
        for quad, score in zip(quads, scores, strict=True):
            left, top = np.maximum(quad.min(axis=0), 0)
            right, bottom = quad.max(axis=0)
            box = Box(int(top), int(left), min(int(bottom), rows), min(int(right), columns))
            if box.top < box.bottom and box.left < box.right:
                sure = max(_read(engine, each) for each in _regions(picture, box, quad))
                yield Text(box, float(score), *sure)


def _regions(picture: Picture, box: Box, quad: Picture) -> Iterator[Picture]:
    """What is to be read: a box, or if a slanting text is in it, that text straight.

    Which way up a slanting text stands is not known: both are read.
    """
    import cv2
    import numpy as np

    corners = quad.astype(np.float32)
    area = (box.bottom - box.top) * (box.right - box.left)
    region = picture[box.top : box.bottom, box.left : box.right]
    if cv2.contourArea(corners) > _FILLS * area:
        yield _lying(region)
        return
    width, height = (max(1, round(float(np.hypot(*(quad[at] - quad[at - 1]))))) for at in (1, 2))
    straight = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    turn = cv2.getPerspectiveTransform(corners, straight)
    region = _lying(cv2.warpPerspective(picture, turn, (width, height)))
    yield region
    yield region[::-1, ::-1]


def _lying(region: Picture) -> Picture:
    """A region that is read from its side if it stands upright."""
    import numpy as np

    return np.rot90(region) if region.shape[0] > _UPRIGHT * region.shape[1] else region


def _read(engine: Any, region: Picture) -> tuple[float, int]:
    """How surely something is read, and how many characters."""
    import numpy as np

    ((text, score),) = engine.text_rec([np.ascontiguousarray(region)])[0]
    return float(score), len(text.strip())


def _failures() -> tuple[type[Exception], ...]:
    """What the networks and OpenCV raise: there is no root class for it."""
    import cv2
    from rapidocr_onnxruntime.ch_ppocr_det.utils import ResizeImgError
    from rapidocr_onnxruntime.utils.infer_engine import ONNXRuntimeError

    return (cv2.error, MemoryError, ONNXRuntimeError, ResizeImgError)


@cache
def _engine() -> Any:
    """Both networks, on one thread: who looks at many files takes more processes."""
    require()
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        det_thresh=_FOUND["thresh"],
        det_box_thresh=_FOUND["box_thresh"],
    )
