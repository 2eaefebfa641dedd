"""Volumes as a map-style dataset for PyTorch; the same without PyTorch, with numpy arrays.

PyTorch is not installed with this library: where it is there, arrays become tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medibloc_py.datasets.volume import Volume

if TYPE_CHECKING:
    Base = object
else:
    try:
        from torch.utils.data import Dataset as Base
    except ImportError:
        Base = object


class VolumeDataset(Base):
    """What `torch.utils.data.DataLoader` takes: a length, and items by index.

    A loader's worker processes must be forked, not spawned: an opened dataset cannot be sent to
    another process. Volumes have different sizes: a transform brings them to one, or the loader
    gets a `collate_fn` of yours.
    """

    def __init__(
        self, volumes: Sequence[Volume], transform: Callable[[Volume], Any] | None = None
    ) -> None:
        """Names the volumes.

        Args:
            volumes: such as `Volumes`, or a list of some of them.
            transform: what an item is made by; `item_of` if not given.
        """
        self._volumes = volumes
        self._transform = transform or item_of

    def __len__(self) -> int:
        """How many items."""
        return len(self._volumes)

    def __getitem__(self, index: int) -> Any:
        """One item; raises as `Volume.array` does."""
        return self._transform(self._volumes[index])


def item_of(volume: Volume) -> dict[str, Any]:
    """An item with the values meant as float32, one channel first, and where they come from.

    Returns:
        `image` of shape (1, slices, rows, columns), or (samples, ...) in colour, a tensor where
        PyTorch is there; `record` and `series`, `modality`, and `spacing` between rows and
        columns in millimetres, zeros where it is not said.
    """
    values = volume.values()
    values = np.moveaxis(values, -1, 0) if values.ndim > 3 else values[None]
    facts = volume.facts
    return {
        "image": _tensor(np.ascontiguousarray(values)),
        "record": facts.record.hex(),
        "series": facts.series,
        "modality": facts.modality,
        "spacing": facts.spacing or (0.0, 0.0),
    }


def _tensor(values: Any) -> Any:
    try:
        from torch import from_numpy
    except ImportError:
        return values
    return from_numpy(values)
