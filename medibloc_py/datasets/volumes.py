"""The volumes of a dataset: a sequence that fetches what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol, overload

from medibloc_py.datasets.cache import VolumeCache
from medibloc_py.datasets.facts import VolumeFacts, volumes_of
from medibloc_py.datasets.volume import Volume
from medibloc_py.errors import InvalidValue
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.storage.recent import Recent

_KEPT_RECORDS: Final = 16


class Records(Protocol):
    """Records by their places, such as `flows.buyer.OpenedDataset`."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def record(self, index: int) -> OpenedRecord:
        """Opens one by its place, from 0."""
        ...


class Volumes(Sequence[Volume]):
    """All volumes of all records, in their order.

    To iterate reads one record's manifest after the other. Its length and access by index need
    the manifests of all, which are read once. Pixels are fetched when a volume is asked for
    them. Threads may share one.
    """

    def __init__(
        self, records: Records, cache: VolumeCache | None = None, progress: Progress = silent
    ) -> None:
        """Names the records; nothing is fetched yet.

        Args:
            records: of a dataset.
            cache: where decoded volumes are kept; None to keep none.
            progress: told of manifests read.
        """
        self._records = records
        self._cache = cache
        self._progress = progress
        self._held: Recent[int, OpenedRecord] = Recent(_KEPT_RECORDS)
        self._facts: dict[int, list[VolumeFacts]] = {}
        self._places: list[tuple[int, VolumeFacts]] | None = None

    def __len__(self) -> int:
        """How many volumes the dataset has."""
        return len(self._index())

    @overload
    def __getitem__(self, index: int) -> Volume: ...

    @overload
    def __getitem__(self, index: slice) -> list[Volume]: ...

    def __getitem__(self, index: int | slice) -> Volume | list[Volume]:
        """One volume or several by their places; from the end if negative.

        Raises:
            IndexError: there is none; a sequence ends so.
            MediBlocError: a manifest cannot be read.
        """
        if isinstance(index, slice):
            return [self._volume(*place) for place in self._index()[index]]
        return self._volume(*self._index()[index])

    def __iter__(self) -> Iterator[Volume]:
        """The volumes of one record after the other."""
        for place in range(len(self._records)):
            yield from self.of_record(place)

    def of_record(self, place: int) -> list[Volume]:
        """The volumes of one record.

        Args:
            place: of the record in the dataset, from 0.

        Raises:
            InvalidValue: there is no such record.
            MediBlocError: its manifest cannot be read.
        """
        if not 0 <= place < len(self._records):
            allowed = f"from 0 to {len(self._records) - 1}"
            raise InvalidValue(name="record", given=place, allowed=allowed)
        return [self._volume(place, facts) for facts in self._facts_of(place)]

    @property
    def facts(self) -> list[VolumeFacts]:
        """What the manifests say of each volume."""
        return [facts for _, facts in self._index()]

    def _index(self) -> list[tuple[int, VolumeFacts]]:
        if self._places is None:
            places = []
            for place in range(len(self._records)):
                places += [(place, facts) for facts in self._facts_of(place)]
                self._progress("read manifests", place + 1, len(self._records))
            self._places = places
        return self._places

    def _facts_of(self, place: int) -> list[VolumeFacts]:
        if place not in self._facts:
            opened = self._record(place)
            self._facts[place] = volumes_of(opened.record, opened.manifest)
        return self._facts[place]

    def _volume(self, place: int, facts: VolumeFacts) -> Volume:
        return Volume(self._record(place), facts, self._cache)

    def _record(self, place: int) -> OpenedRecord:
        return self._held.get(place, lambda: self._records.record(place))
