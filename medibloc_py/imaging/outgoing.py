"""One file on its way out of a hospital: all that is found out about it in one go."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple

from medibloc_py.errors import DeidentificationRefused
from medibloc_py.imaging.deidentify import Pseudonyms
from medibloc_py.imaging.deidentify.faces import Faces
from medibloc_py.imaging.header import Header, read_header
from medibloc_py.imaging.release import release


class Outgoing(NamedTuple):
    """What became of a file.

    Attributes:
        original: SHA-256 of the file as it came.
        data: the file without who the patient is.
        sha256: of it.
        said_clean: see `Deidentified.said_clean`.
        header: what may be told of it.
    """

    original: bytes
    data: bytes
    sha256: bytes
    said_clean: bool
    header: Header


def outgoing(
    data: bytes, key: bytes, options: Sequence[str], name: str, faces: Faces | None = None
) -> Outgoing:
    """Make of a file what may leave, and look at it; pure, for a worker.

    Args:
        data: the file as it came.
        key: of the pseudonyms.
        options: of the profile, by the standard's names.
        name: what to call the file in errors.
        faces: where the faces of its study are, if they are to be removed.

    Raises:
        NotDicom: it is none.
        MediBlocError: as `release`.
    """
    try:
        done = release(data, Pseudonyms(key), options, name=name, faces=faces)
    except DeidentificationRefused:
        read_header(BytesIO(data), name)  # a reason of its own, if it is no DICOM at all
        raise
    return Outgoing(
        sha256(data).digest(),
        done.data,
        sha256(done.data).digest(),
        done.said_clean,
        read_header(BytesIO(done.data), name),
    )
