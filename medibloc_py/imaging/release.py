"""What may leave: a file without its patient, looked at by two that know different things."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from medibloc_py.imaging.deidentify.faces import Faces
from medibloc_py.imaging.deidentify.file import Deidentified, deidentify, file_bytes
from medibloc_py.imaging.deidentify.keyed import Pseudonyms
from medibloc_py.imaging.deidentify.options import Option, chosen
from medibloc_py.imaging.verify import verify

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset


def release(
    source: bytes | Path | FileDataset,
    pseudonyms: Pseudonyms,
    options: Iterable[Option | str] = (),
    *,
    name: str = "",
    faces: Faces | None = None,
) -> Deidentified:
    """De-identify a file as `deidentify` does, and let it go only if the check finds nothing.

    With `clean-recognizable-visual-features`, `faces` is what `find_faces` found in all files
    of the study.

    Raises:
        DeidentificationRefused, ExtraMissing, InvalidValue, NotDicom, StudyUnreadable: as
            `deidentify`.
        IdentityLeft: something of the original is still in it.
        StructureChanged: the images are not what they were.
    """
    asked = chosen(options)
    name = name or (str(source) if isinstance(source, Path) else "the data set")
    original = file_bytes(source, name)
    done = deidentify(original, pseudonyms, asked, name=name, faces=faces)
    names = [each.value for each in asked]
    verify(original, done.data, names, name=name, blanked=done.blanked)
    return done
