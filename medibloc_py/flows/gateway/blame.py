"""What is wrong with one study, told from what is in the way of all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    DeidentificationRefused,
    DocumentInvalid,
    IdentityLeft,
    InvalidValue,
    MediBlocError,
    NotDicom,
    PixelsUnreadable,
    StructureChanged,
    StudyUnreadable,
)
from medibloc_py.flows.gateway.rows import Study

OF_A_STUDY: Final = (
    BlobMissing,
    Corrupted,
    DeidentificationRefused,
    DocumentInvalid,
    IdentityLeft,
    InvalidValue,
    NotDicom,
    PixelsUnreadable,
    StructureChanged,
    StudyUnreadable,
)
"""What is wrong with one study, while it is made into what is sealed; others go on."""


class Blamed(Exception):
    """One study stops a batch."""

    def __init__(self, study: Study, error: str, reason: str) -> None:
        super().__init__(error, reason)
        self.study = study
        self.error = error
        self.reason = reason


@contextmanager
def blaming(study: Study) -> Iterator[None]:
    """Tells what is wrong with one study from what is in the way of all."""
    try:
        yield
    except OF_A_STUDY as error:
        raise Blamed(study, type(error).__name__, str(error)) from error
    except MediBlocError:
        raise
    except Exception as error:  # its words could quote a file
        name = type(error).__name__
        raise Blamed(study, name, f"MediBloc has a defect that it shows ({name}).") from error
