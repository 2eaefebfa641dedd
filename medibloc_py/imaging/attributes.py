"""Plain attributes of a DICOM file as texts, read without its pixels."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, BinaryIO

from medibloc_py.errors.plain import plain
from medibloc_py.imaging.parsing import parse_failures, read_up_to_pixels

_LONGEST = 1024
_PADDING = " \0\t\r\n"
_SPACE = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")


def read_attributes(file: BinaryIO, keywords: Sequence[str]) -> dict[str, str]:
    """Reads top-level attributes by their keywords, decoded by the file's own character set.

    Args:
        file: a seekable file at its start.
        keywords: which, as PS3.6 has them.

    Returns:
        Those that are there and have a value: the first of several, in one line. None at all
        where the file cannot be parsed.

    Raises:
        OSError: it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not standard is judged by whoever asks
        try:
            header, _ = read_up_to_pixels(file, ("SpecificCharacterSet", *keywords))
            found = {keyword: _text(header.get(keyword)) for keyword in keywords}
        except parse_failures() as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's own; pydicom raises some without a number
            return {}
    return {keyword: text for keyword, text in found.items() if text}


def _text(value: Any) -> str:
    from pydicom.multival import MultiValue

    if isinstance(value, MultiValue):
        value = value[0] if value else None
    # A space of another script commands no terminal: names in Japanese have it.
    return "" if value is None else plain(_SPACE.sub(" ", str(value)).strip(_PADDING), _LONGEST)
