"""Which volumes a record holds, by its manifest alone (docs/envelope-v1.md, section 4)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from medibloc_py.crypto.manifest import Manifest
from medibloc_py.model import RecordId


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """What is known of a volume before anything of it is fetched.

    Attributes:
        record: whose study it is part of.
        series: number of the series in the study, from 1; 0 if it is not said.
        modality: as DICOM names it, such as `CT`; empty if it is not said.
        shape: (slices, rows, columns), or with a last axis of samples.
        spacing: between rows and columns, in millimetres; None where it is not said.
        files: the places of its files in the record, in the order of its slices. A single one
            that has several frames is the volume by itself.
    """

    record: RecordId
    series: int
    modality: str
    shape: tuple[int, ...]
    spacing: tuple[float, float] | None
    files: tuple[int, ...]

    @property
    def name(self) -> str:
        """A name for messages and files."""
        return f"{self.record.hex()[:16]}-{self.series}-{self.files[0] + 1:04}"


def volumes_of(record: RecordId, manifest: Manifest) -> list[VolumeFacts]:
    """The volumes of a record, by series.

    The single frames of a series that have one size are one volume, from feet to head or as
    the series counts them. A file of several frames is one by itself.
    """
    stacks: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, entry in enumerate(manifest.files):
        meta = entry.meta
        if not meta.get("has_pixels"):
            continue
        frames = _whole(meta, "frames")
        alone = place if frames > 1 else None
        stacks[(_whole(meta, "series"), _cells(meta), meta.get("modality"), alone)].append(place)
    found = [_facts(record, manifest, places) for places in stacks.values()]
    return sorted(found, key=lambda each: (each.series, each.files[0]))


def _facts(record: RecordId, manifest: Manifest, places: list[int]) -> VolumeFacts:
    metas = {place: manifest.files[place].meta for place in places}
    if all("slice_um" in meta for meta in metas.values()):
        places.sort(key=lambda place: _whole(metas[place], "slice_um"))
    else:
        places.sort(key=lambda place: _whole(metas[place], "order"))
    meta = metas[places[0]]
    slices = len(places) if len(places) > 1 else max(_whole(meta, "frames"), 1)
    return VolumeFacts(
        record,
        _whole(meta, "series"),
        str(meta.get("modality", "")),
        (slices, *_cells(meta)),
        _spacing(meta),
        tuple(places),
    )


def _cells(meta: Mapping[str, str | int]) -> tuple[int, ...]:
    """Rows and columns, and samples if there are several."""
    samples = _whole(meta, "samples")
    size = _whole(meta, "rows"), _whole(meta, "columns")
    return (*size, samples) if samples > 1 else size


def _spacing(meta: Mapping[str, str | int]) -> tuple[float, float] | None:
    try:
        spacing = float(meta["row_spacing"]), float(meta["column_spacing"])
    except (KeyError, ValueError):
        return None
    return spacing if all(0 < each < math.inf for each in spacing) else None


def _whole(meta: Mapping[str, str | int], key: str) -> int:
    value = meta.get(key, 0)
    return value if isinstance(value, int) else 0
