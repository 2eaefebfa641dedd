"""Pixel data without what is none: the frames keep their values, all else becomes zeros."""

from __future__ import annotations

import re
import struct
from math import prod
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.deidentify.pixels.cells import SUBSAMPLED, without_unused_bits
from medibloc_py.imaging.deidentify.raw import text_of
from medibloc_py.imaging.deidentify.streams import j2k, jpeg, rle
from medibloc_py.imaging.deidentify.streams.items import Items
from medibloc_py.imaging.parsing import UNDEFINED_LENGTH

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PIXELS: Final = 0x7FE00010
# Bytes of a value of Float and Double Float Pixel Data.
_FLOATS: Final = {0x7FE00008: 4, 0x7FE00009: 8}
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_ROWS, _COLUMNS, _SAMPLES = 0x00280010, 0x00280011, 0x00280002
_FRAMES, _ALLOCATED, _STORED, _PHOTOMETRIC = 0x00280008, 0x00280100, 0x00280101, 0x00280004
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
_RLE: Final = "1.2.840.10008.1.2.5"
_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"
_CELLS: Final = (8, 16, 32, 64)
_MORE: Final = "it has more pixels than the frames it tells of"


def frames_told(dataset: Dataset) -> int:
    """How many frames a data set says it has; 0 if what it says is no number."""
    told = text_of(dataset, _FRAMES)
    return max(int(told), 1) if _COUNT.fullmatch(told) else int(not told)


def bare_pixels(dataset: Dataset, syntax: str, frames: int) -> None:
    """Make zeros of what a data set's pixels carry besides the values of its frames.

    Comments and segments of applications, bytes behind an image, bits that no value uses. No
    frame is decoded, none is compressed again. Offset tables that are not true go.

    Args:
        dataset: it is changed in place.
        syntax: its transfer syntax.
        frames: how many it has; 0 if nobody knows.

    Raises:
        ValueError: nobody can tell which bytes are values.
    """
    for tag in (_PIXELS, *_FLOATS):
        element: Any = dataset.get_item(tag) if tag in dataset else None
        value = element.value if element is not None else b""
        if not value or not isinstance(value, bytes):
            continue
        if _is_encapsulated(element):
            changed = _bare_items(dataset, value, syntax, frames)
        else:
            changed = _bare_native(dataset, tag, element, syntax, frames)
        if changed is not value:
            _put(dataset, tag, element, changed)
    _drop_false_tables(dataset)


def _is_encapsulated(element: Any) -> bool:
    length = getattr(element, "length", None)
    return bool(length == UNDEFINED_LENGTH or getattr(element, "is_undefined_length", False))


def _put(dataset: Dataset, tag: int, element: Any, value: bytes) -> None:
    if hasattr(element, "_replace"):  # as it was read
        length = element.length if element.length == UNDEFINED_LENGTH else len(value)
        dataset[tag] = element._replace(value=value, length=length)
    else:
        element.value = value


def _bare_items(dataset: Dataset, value: bytes, syntax: str, count: int) -> bytes:
    items = Items.of(value).with_true_table()
    frames = items.frames(count)
    if count and max(len(frames), len(items.table) // 4) > count:
        raise ValueError(_MORE)
    cells = _number(dataset, _ROWS) * _number(dataset, _COLUMNS)
    for numbers in frames:
        fragments = [items.fragments[number] for number in numbers]
        frame = bytearray(b"".join(fragments))
        if any(frame):
            _bare_frame(frame, syntax, cells, -(-_frame_bits(dataset, _PIXELS, 0) // 8))
        at = 0
        for number, fragment in zip(numbers, fragments, strict=True):
            items.fragments[number] = bytes(frame[at : at + len(fragment)])
            at += len(fragment)
    return items.value()


def _bare_frame(frame: bytearray, syntax: str, cells: int, frame_bytes: int) -> None:
    if syntax == _RLE:
        rle.bare(frame, cells)
    elif syntax == _UNCOMPRESSED:
        jpeg.blank(frame, frame_bytes, len(frame))
    elif frame.startswith(jpeg.SIGNATURE):
        jpeg.bare(frame)
    elif frame.startswith(j2k.SIGNATURE):
        j2k.bare(frame)
    elif frame.startswith(j2k.BOXES):
        j2k.bare_boxes(frame)
    else:
        raise ValueError("its pixels are compressed in a form in which a text cannot be told")


def _bare_native(dataset: Dataset, tag: int, element: Any, syntax: str, count: int) -> bytes:
    value: bytes = element.value
    one = _frame_bits(dataset, tag, len(value) // max(count, 1))
    if not one:
        return value  # no image; what stands here the check takes for text
    count = count or max(len(value) * 8 // one, 1)
    size = -(-one * count // 8)
    big = syntax == _BIG_ENDIAN
    # Bytes that were written as big-endian words changed places in pairs.
    swapped = big and element.VR == "OW" and _number(dataset, _ALLOCATED) == 8
    last = value[size : size + 1] if swapped and size % 2 else b""
    kept = value[: size - len(last)] + (b"\0" + last if last else b"")
    slack = value[len(kept) :]
    if slack.strip(b"\0") and len(slack) * 8 >= one:
        raise ValueError(_MORE)
    value = kept + bytes(len(slack))
    return value if tag in _FLOATS else _without_unused_bits(dataset, value, size, big)


def _without_unused_bits(dataset: Dataset, value: bytes, size: int, big: bool) -> bytes:
    import numpy as np

    allocated, stored = _number(dataset, _ALLOCATED), _number(dataset, _STORED)
    if allocated not in _CELLS or not 0 < stored < allocated:
        return value
    signed = dataset.get("PixelRepresentation") == 1
    count = min(size, len(value)) // (allocated // 8)
    cells = np.frombuffer(value, f"{'<>'[big]}{'ui'[signed]}{allocated // 8}", count)
    if not signed and int(np.bitwise_or.reduce(cells)) >> stored == 0:
        return value  # without the cost of looking closer
    clean = without_unused_bits(cells, dataset)
    return value if clean is cells else clean.tobytes() + value[clean.nbytes :]


def _frame_bits(dataset: Dataset, tag: int, actual: int) -> int:
    """Bits of a frame's values; 0 if it is not told. Colour is subsampled if it must be."""
    values = prod(_number(dataset, each) for each in (_ROWS, _COLUMNS))
    values *= max(_number(dataset, _SAMPLES), 1)
    if tag in _FLOATS:
        return values * 8 * _FLOATS[tag]
    bits = values * _number(dataset, _ALLOCATED)
    subsampled = text_of(dataset, _PHOTOMETRIC) == SUBSAMPLED
    return bits // 3 * 2 if subsampled and actual * 8 < bits else bits


def _drop_false_tables(dataset: Dataset) -> None:
    """Remove an Extended Offset Table that holds anything but where fragments are."""
    if _OFFSETS not in dataset and _LENGTHS not in dataset:
        return
    element: Any = dataset.get_item(_PIXELS) if _PIXELS in dataset else None
    tables = [dataset.get_item(tag).value for tag in (_OFFSETS, _LENGTHS) if tag in dataset]
    if element is not None and _is_encapsulated(element) and len(tables) == 2:
        items = Items.of(element.value)
        offsets, lengths = map(_numbers, tables)
        odd = [len(each) - told for each, told in zip(items.fragments, lengths, strict=False)]
        one_each = len(lengths) == len(items.fragments) and set(odd) <= {0, 1}
        if not items.table and offsets == items.starts() and one_each:
            return
    for tag in (_OFFSETS, _LENGTHS):
        if tag in dataset:
            del dataset[tag]


def _numbers(table: Any) -> list[int]:
    if not isinstance(table, bytes) or len(table) % 8:
        return []
    return [number for (number,) in struct.iter_unpack("<Q", table)]


def _number(dataset: Dataset, tag: int) -> int:
    value = dataset[tag].value if tag in dataset else 0
    return int(value) if isinstance(value, int) and value > 0 else 0
