"""A contact sheet of pictures before and after de-identification, for a person to look at."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.errors import PixelsUnreadable
from medibloc_py.imaging import ocr
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.parsing import DicomSource
from medibloc_py.imaging.picture import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[Any]

_SIDE: Final = 360
"""Longer side of a picture as the sheet shows it, pixels; small ones are enlarged to it."""
_LARGE: Final = 1024
"""The same of a picture that the page enlarges: small letters that were missed can be seen."""
_QUALITY: Final = 85
_RED: Final = (230, 30, 30)
_LABEL_ROWS: Final = 24
_WARNING: Final = "The left pictures are of the original: they can show who the patient is."
_STYLE: Final = (
    "body{font:14px sans-serif;margin:2em;background:#fff;color:#222}"
    "td{padding:.4em;vertical-align:top}th{text-align:left}"
    "img{background:#000;max-width:360px;max-height:360px;cursor:zoom-in}"
    "input{display:none}input:checked+img{max-width:none;max-height:none;cursor:zoom-out}"
    ".warning{border:2px solid #e61e1e;padding:.6em;display:inline-block}"
)


class Pair(NamedTuple):
    """One file before and after.

    Attributes:
        name: what the new file is called; the old name may tell who the patient is.
        before: the original.
        after: the released file, or nothing if it was refused.
    """

    name: str
    before: bytes
    after: bytes | None


class Row(NamedTuple):
    """One frame before and after, or why there is none to see.

    Attributes:
        name: of the new file.
        frame: its number, from 1; 0 where there is none.
        before: 8 bit RGB, what was blanked outlined in red; none where there is none.
        after: the same of the released file.
        note: what there is to say of it.
        blanked: the share of it that was blanked.
    """

    name: str
    frame: int
    before: Picture | None
    after: Picture | None
    note: str
    blanked: float = 0.0


def rows_of(pair: Pair, *, all_frames: bool = False) -> Iterator[Row]:
    """The frames of a file before and after: one, or all.

    The one is that of which most was blanked; the middle one, if nothing was blanked in any.

    Raises:
        ExtraMissing: OpenCV is not installed.
    """
    ocr.require()
    if pair.after is None:
        yield Row(pair.name, 0, None, None, "refused: there is no released file")
        return
    try:
        then, now = (_Frames(data, pair.name) for data in (pair.before, pair.after))
        if then.count != now.count:
            yield Row(pair.name, 0, None, None, "it has another number of frames")
            return
        if all_frames:
            for number in range(then.count):
                yield _row(pair.name, number, then, now)
        else:
            yield _most_blanked(pair.name, then, now)
    except PixelsUnreadable as error:
        yield Row(pair.name, 0, None, None, f"no picture: {error.values['reason']}")


def html(rows: Iterable[Row], left_out: int = 0) -> str:
    """One page that needs nothing else; a click on a picture enlarges it.

    Args:
        rows: what to show, taken one by one.
        left_out: files that are not shown.
    """
    body, pictures, blanked = "", 0, 0
    for row in rows:
        pictures += row.after is not None
        blanked += row.blanked > 0
        body += (
            f"<tr><td>{escape(row.name)}<br>{f'frame {row.frame}' if row.frame else ''}<br>"
            f"{escape(row.note)}</td><td>{_img(row.before)}</td><td>{_img(row.after)}</td></tr>\n"
        )
    more = f" {left_out} more files are not shown." if left_out else ""
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Before and after</title>'
        f"<style>{_STYLE}</style>\n<h1>Before and after</h1>\n"
        f'<p class="warning">{_WARNING}</p>\n'
        f"<p>{pictures} shown, {blanked} with something blanked.{more} A click enlarges.</p>\n"
        f"<table><tr><th></th><th>before</th><th>after</th></tr>\n{body}</table></html>\n"
    )


def png(rows: Iterable[Row]) -> bytes:
    """One picture of all rows, one below the other."""
    import cv2
    import numpy as np

    strips = [_strip(row) for row in rows]
    sheet = np.vstack([_labelled(_WARNING), _labelled("before", "after"), *strips])
    return bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1])


class _Frames:
    """The frames of a file as they are shown."""

    def __init__(self, data: bytes, name: str) -> None:
        from pydicom import dcmread

        self._reader = FrameReader(BytesIO(data), name)
        self._header = dcmread(DicomSource(BytesIO(data)), force=True, stop_before_pixels=True)
        self.count = self._reader.frames

    def values(self, number: int) -> Picture:
        return self._reader.read(number)

    def shown(self, values: Picture) -> Picture:
        return shown(values, self._header)


def _most_blanked(name: str, then: _Frames, now: _Frames) -> Row:
    """The frame that tells most of a file, and of how many others something was blanked."""
    shares = [_share(then.values(n), now.values(n)) for n in range(then.count)]
    number = max(range(then.count), key=shares.__getitem__) if any(shares) else then.count // 2
    row = _row(name, number, then, now)
    if then.count == 1:
        return row
    if not any(shares):
        return row._replace(note=f"nothing blanked in any of {then.count} frames")
    count = sum(share > 0 for share in shares)
    return row._replace(note=f"{row.note}; something in {count} of {then.count} frames")


def _share(before: Picture, after: Picture) -> float:
    """How much of a frame is another; all of it, if it has another size."""
    return float(_changed(before, after).mean()) if before.shape == after.shape else 1.0


def _changed(before: Picture, after: Picture) -> Picture:
    """Which pixels are others; what is no number is the same as itself."""
    import numpy as np

    differs: Picture = before != after
    if before.dtype.kind == "f":
        differs &= ~(np.isnan(before) & np.isnan(after))
    if differs.ndim == 3:
        differs = np.asarray(differs.any(axis=2))
    return differs


def _row(name: str, number: int, then: _Frames, now: _Frames) -> Row:
    import cv2
    import numpy as np

    before, after = then.values(number), now.values(number)
    if before.shape != after.shape:
        return Row(name, number + 1, None, None, "it has another size")
    changed = _changed(before, after)
    mask = changed.astype(np.uint8)
    outlines, _ = cv2.findContours(cv2.dilate(mask, _kernel()), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)  # fmt: skip
    boxes = [cv2.boundingRect(outline) for outline in outlines]
    share = float(changed.mean())
    note = f"{share:.1%} blanked" if boxes else "nothing blanked"
    small = [_sized(each, boxes) for each in (then.shown(before), now.shown(after))]
    return Row(name, number + 1, small[0], small[1], note, share)


def _kernel() -> Picture:
    """What is so near to each other is outlined together."""
    import numpy as np

    return np.ones((9, 9), np.uint8)


def _sized(picture: Picture, boxes: list[Any]) -> Picture:
    """A picture of bounded size with boxes (left, top, width, height) outlined."""
    import cv2

    longer = max(picture.shape[:2])
    scale = max(_SIDE, min(longer, _LARGE)) / longer
    sized = _scaled(picture, scale)
    thick = max(1, round(max(sized.shape[:2]) / _SIDE))
    for box in boxes:
        left, top, width, height = (round(edge * scale) for edge in box)
        cv2.rectangle(sized, (left, top), (left + width, top + height), _RED, thick)
    return sized


def _scaled(picture: Picture, scale: float) -> Picture:
    import cv2

    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=how)


def _img(picture: Picture | None) -> str:
    import cv2

    if picture is None:
        return ""
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1]
    source = f"data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"
    return f'<label><input type="checkbox"><img alt="" src="{source}"></label>'


def _strip(row: Row) -> Picture:
    """A row as a picture: its label, and both pictures beside each other."""
    import numpy as np

    label = _labelled(f"{row.name} {f'frame {row.frame}' if row.frame else ''} {row.note}")
    if row.before is None or row.after is None:
        return label
    scale = _SIDE / max(row.before.shape[:2])
    before, after = _scaled(row.before, scale), _scaled(row.after, scale)
    strip = np.zeros((before.shape[0], 2 * _SIDE, 3), np.uint8)
    for left, picture in ((0, before), (_SIDE, after)):
        strip[: picture.shape[0], left : left + picture.shape[1]] = picture
    return np.vstack([label, strip])


def _labelled(text: str, right: str = "") -> Picture:
    import cv2
    import numpy as np

    label: Picture = np.full((_LABEL_ROWS, 2 * _SIDE, 3), 255, np.uint8)
    for left, words in ((4, text), (_SIDE + 4, right)):
        cv2.putText(label, words, (left, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1,
                    cv2.LINE_AA)  # fmt: skip
    return label
