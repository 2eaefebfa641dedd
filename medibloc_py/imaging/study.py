"""A study as it lies on the disk: which files, and what they are.

Nothing that tells who the patient is leaves this module: files are named by their
order, and the facts kept about each are technical.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from medibloc_py.errors import NotDicom, StudyEmpty, StudyUnreadable
from medibloc_py.imaging.header import Header, read_header

_MOST_SHOWN: Final = 16_384
_MOST_PLACE_CHARS: Final = 4 << 20
"""How many files a study may have whose manifest says how to show them, and how many characters
may say where frames lie: a manifest has at most 16 MiB."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of a study that nobody has looked into.

    Attributes:
        path: where it lies.
        size_bytes: its length when it was found.
        changed_ns: when its content was last written, as the file system tells; unix ns.
    """

    path: Path
    size_bytes: int
    changed_ns: int

    def open(self) -> BinaryIO:
        """The file's bytes from the start; the caller closes.

        Raises:
            StudyUnreadable: it cannot be opened.
        """
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from error


@dataclass(frozen=True, slots=True)
class StudyFile(FoundFile):
    """One DICOM file of a study.

    Attributes:
        name: `0001.dcm` by its order in the study; says nothing of where it came from.
        meta: `modality`, `transfer_syntax`, `sop_class` (str, empty when absent), `rows`,
            `columns`, `frames` (int, 0 when absent), `has_pixels` (0 or 1), and what is said
            of files of a study in docs/envelope-v1.md, section 4.
    """

    name: str
    meta: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Study:
    """The files of one study, in order."""

    files: tuple[StudyFile, ...]


def find_study(path: Path) -> tuple[FoundFile, ...]:
    """Find what `path` holds: one file, or all files in a folder and below.

    Files are ordered by their path, byte by byte. Links to folders are not followed.

    Raises:
        NotDicom: one is not a regular file.
        StudyEmpty: a folder without files.
        StudyUnreadable: a path is missing or may not be read.
    """
    try:
        paths = sorted(files_below(path), key=os.fsencode) if path.is_dir() else [path]
    except OSError as error:
        raise _unreadable(path, error) from error
    if not paths:
        raise StudyEmpty(path=path)
    return tuple(_find_file(each) for each in paths)


def read_study(path: Path) -> Study:
    """Read the headers of what `find_study` finds.

    Raises:
        NotDicom: a file is not DICOM (PS3.10), or not a regular file.
        StudyEmpty, StudyUnreadable: as `find_study`.
    """
    found = find_study(path)
    digits = max(4, len(str(len(found))))
    metas = facts_of_study([_read_file(each) for each in found])
    return Study(
        tuple(
            StudyFile(each.path, each.size_bytes, each.changed_ns, f"{number:0{digits}}.dcm", meta)
            for number, (each, meta) in enumerate(zip(found, metas, strict=True), 1)
        )
    )


def facts_of_study(headers: Sequence[Header]) -> list[dict[str, str | int]]:
    """What a manifest tells of each file of a study, in the order given.

    Series are numbered from 1, by their numbers and then by their first file, and so are the
    files of each; no UID is told. Of a study of very many files that is all; else it is told how
    to show pixels, and where frames lie as long as there is room for it.
    """
    metas = [dict(each.meta) for each in headers]
    series: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(headers):
        if each.series:
            series[each.series].append(place)
    in_order = sorted(series.values(), key=lambda places: headers[places[0]].series_number)
    for number, places in enumerate(in_order, 1):
        places.sort(key=lambda place: headers[place].instance_number)
        for order, place in enumerate(places, 1):
            metas[place] |= {"series": number, "order": order}
    if len(headers) > _MOST_SHOWN:
        return metas
    room = _MOST_PLACE_CHARS
    for meta, each in zip(metas, headers, strict=True):
        meta |= each.shown
        chars = sum(len(str(value)) for value in each.frames.values())
        if chars <= room:
            meta |= each.frames
            room -= chars
    return metas


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and below, in no order; links to folders are not followed.

    Raises:
        OSError: a folder may not be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=fail):
        for name in names:
            yield Path(parent, name)


def _find_file(path: Path) -> FoundFile:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited on for ever
        raise NotDicom(path=path, reason="it is not a regular file")
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def _read_file(found: FoundFile) -> Header:
    try:
        with found.path.open("rb") as file:
            return read_header(file, str(found.path))
    except OSError as error:
        raise _unreadable(found.path, error) from error


def _unreadable(path: Path, error: OSError) -> StudyUnreadable:
    return StudyUnreadable(path=path, reason=error.strerror or str(error))
