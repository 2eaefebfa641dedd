"""What becomes a record: where it comes from, and what is sealed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from medibloc_py.crypto.sealing import SourceFile
from medibloc_py.flows.parties import Exchange
from medibloc_py.flows.scratch import Scratch
from medibloc_py.model import Address


@dataclass(frozen=True, slots=True)
class Content:
    """What is sealed into one record.

    Attributes:
        files: in this order.
        meta: short facts about the record, for its sealed manifest.
    """

    files: tuple[SourceFile, ...]
    meta: Mapping[str, str | int] = field(default_factory=dict)


Made: TypeAlias = Callable[[int], None]
"""Told the bytes of the source that were worked on, each time some were."""
Make: TypeAlias = Callable[[Exchange, Scratch, Made], Content]
"""Makes what is sealed. What it holds in the scratch file lasts until the record is sealed."""


@dataclass(frozen=True, slots=True)
class Source:
    """What becomes one record.

    Attributes:
        name: where it comes from; with the patient it tells a later run that it is the same.
        patient: whose record it is.
        label: a private note that only holders of the record file see.
        kind: of the record; see `model.KIND_DICOM_STUDY`.
        edition: 32 bytes that are others when what is made of it is another.
        size_bytes: of what is worked on.
        files: what each file is called here, for people; such a name is kept nowhere.
        make: makes what is sealed; called once, before anything is stored.
    """

    name: str
    patient: Address
    label: str
    kind: int
    edition: bytes
    size_bytes: int
    files: tuple[str, ...]
    make: Make
