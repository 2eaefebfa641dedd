"""One volume of a record, fetched as far as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from medibloc_py import imaging
from medibloc_py.datasets.cache import Loaded, VolumeCache
from medibloc_py.datasets.facts import VolumeFacts
from medibloc_py.datasets.grid import Grid, grid_of
from medibloc_py.errors import InvalidValue, PixelsUnreadable
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.imaging.geometry import FrameFacts, facts_of_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_FRAMES: Final = 1 << 20
"""Most frames that a header may tell of as one."""


class Volume:
    """A stack of slices as a numpy array, with where its cells lie.

    `facts` cost nothing. `slice` fetches one slice, `grid` headers, `array` all; an array that
    was asked for is held as long as the volume is.

    Attributes:
        facts: record, series, modality, shape and spacing, by the manifest.
    """

    def __init__(
        self, opened: OpenedRecord, facts: VolumeFacts, cache: VolumeCache | None = None
    ) -> None:
        """Names a volume of an opened record; nothing is fetched yet."""
        self.facts = facts
        self._opened = opened
        self._cache = cache
        self._loaded: Loaded | None = None

    @property
    def array(self) -> NDArray[Any]:
        """Stored values of shape (slices, rows, columns), or with a last axis of samples.

        Raises:
            PixelsUnreadable: a file cannot be decoded, or is none of such a volume.
            MediBlocError: the record cannot be read.
        """
        return self._load().array

    def values(self) -> NDArray[Any]:
        """The values meant, such as Hounsfield units: float32, as `array` and of its shape.

        Raises:
            MediBlocError: as `array`.
        """
        loaded = self._load()
        frames = loaded.frames
        columns = (len(frames), *[1] * (loaded.array.ndim - 1))
        slope = np.array([each.slope for each in frames], np.float32).reshape(columns)
        intercept = np.array([each.intercept for each in frames], np.float32).reshape(columns)
        values: NDArray[Any] = loaded.array * slope + intercept
        return values.astype(np.float32, copy=False)

    @cached_property
    def frames(self) -> tuple[FrameFacts, ...]:
        """What the headers say of each slice.

        Raises:
            PixelsUnreadable: a header cannot be read.
            MediBlocError: the record cannot be read.
        """
        if self._loaded is not None:
            return self._loaded.frames
        found: list[FrameFacts] = []
        for place in self.facts.files:
            told = facts_of_frames(self._opened.open_file(place), self._name_of(place))
            found += self._for_each(told)
        return tuple(found)

    @property
    def grid(self) -> Grid:
        """Where its cells lie.

        Raises:
            GridMissing: its slices are not evenly spaced, or do not say where they lie.
            MediBlocError: as `frames`.
        """
        return grid_of(self.frames, self.facts.name)

    def slice(self, number: int) -> NDArray[Any]:
        """Stored values of one slice, of shape (rows, columns) or with samples.

        Nothing else of the volume is fetched.

        Args:
            number: of the slice, from 0.

        Raises:
            InvalidValue: there is no such slice.
            MediBlocError: as `array`.
        """
        if not 0 <= number < len(self):
            raise InvalidValue(name="slice", given=number, allowed=f"from 0 to {len(self) - 1}")
        if self._loaded is not None:
            found: NDArray[Any] = self._loaded.array[number]
            return found
        files = self.facts.files
        if len(files) == 1:
            return self._opened.read_frame(files[0], number)
        return self._opened.read_frame(files[number], 0)

    def __len__(self) -> int:
        """How many slices."""
        return self.facts.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Its slices, fetched one by one."""
        return (self.slice(number) for number in range(len(self)))

    def _load(self) -> Loaded:
        if self._loaded is None:
            which = self.facts.record.hex(), *map(str, self.facts.files)
            held = self._cache.get(*which) if self._cache else None
            if held is None:
                held = self._read()
                if self._cache:
                    self._cache.put(held, *which)
            self._loaded = held
        return self._loaded

    def _read(self) -> Loaded:
        slices: list[NDArray[Any]] = []
        frames: list[FrameFacts] = []
        for place in self.facts.files:
            name, data = self._name_of(place), self._opened.read(place)
            pixels = imaging.arrays(data, name)
            one = len(self.facts.shape) - 1
            pixels = pixels if pixels.ndim > one else pixels[None]
            if pixels.shape[1:] != self.facts.shape[1:]:
                raise PixelsUnreadable(name=name, reason="its size is not that of its series")
            slices.append(pixels)
            frames += self._for_each(facts_of_frames(BytesIO(data), name))
        array = slices[0] if len(slices) == 1 else np.concatenate(slices)
        if len(array) != len(self):
            reason = f"it has {len(array)} frames, and its manifest says {len(self)}"
            raise PixelsUnreadable(name=self.facts.name, reason=reason)
        return Loaded(array, tuple(frames))

    def _for_each(self, told: tuple[FrameFacts, ...]) -> tuple[FrameFacts, ...]:
        """What a file's header says of each of its frames; of their places only if it says all."""
        count = 1 if len(self.facts.files) > 1 else len(self)
        if len(told) == count:
            return told
        if count > _MOST_FRAMES:
            reason = f"its manifest declares {count} frames, and its header tells of {len(told)}"
            raise PixelsUnreadable(name=self.facts.name, reason=reason)
        return (FrameFacts(None, told[0].slope, told[0].intercept),) * count

    def _name_of(self, place: int) -> str:
        return self._opened.manifest.files[place].name
