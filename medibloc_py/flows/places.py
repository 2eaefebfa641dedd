"""Places that keep blobs, told to let go of them, and asked afterwards what they still hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from medibloc_py.errors import MediBlocError
from medibloc_py.flows.receipts import PlaceTold
from medibloc_py.model import Cid
from medibloc_py.storage import PinningService

_IN_ITS_TIME: Final = "no request for them stands; the service frees its copies in its own time"


class Place(Protocol):
    """Where blobs are kept: a store, or a pinning service."""

    def unpin(self, cid: Cid) -> None:
        """Let go of a blob; no error if it is not kept."""
        ...

    def collect(self) -> None:
        """Free at once what nothing keeps."""
        ...

    def has(self, cid: Cid) -> bool:
        """Whether it still holds a blob."""
        ...


class PinnedPlace:
    """A pinning service as a place: letting go withdraws every request for a blob."""

    def __init__(self, service: PinningService) -> None:
        self._service = service

    def unpin(self, cid: Cid) -> None:
        """Withdraw every request (see `Place`)."""
        for request in list(self._service.requests(cid)):
            self._service.unpin(request.request)

    def collect(self) -> None:
        """Nothing: the service frees space in its own time."""

    def has(self, cid: Cid) -> bool:
        """Whether a request for the blob stands."""
        return any(True for _ in self._service.requests(cid))


class LatePlace:
    """A place that is opened when it is asked: one that is away is told of, and stops nothing."""

    def __init__(self, opened: Callable[[], Place]) -> None:
        self._opened = opened

    def unpin(self, cid: Cid) -> None:
        """As the place does (see `Place`)."""
        self._opened().unpin(cid)

    def collect(self) -> None:
        """As the place does (see `Place`)."""
        self._opened().collect()

    def has(self, cid: Cid) -> bool:
        """As the place does (see `Place`)."""
        return self._opened().has(cid)


def let_go(name: str, place: Place, blobs: Sequence[Cid]) -> PlaceTold:
    """Tells a place to let go of blobs, and asks it afterwards; what fails is told, not raised."""
    try:
        for cid in blobs:
            place.unpin(cid)
        place.collect()
        left = [cid for cid in blobs if place.has(cid)]
    except MediBlocError as error:
        return PlaceTold(name, False, f"{type(error).__name__}: {error.message}")
    if left:
        return PlaceTold(name, False, f"it still holds {len(left)} of them: {', '.join(left)}")
    return PlaceTold(name, True, _IN_ITS_TIME if isinstance(place, PinnedPlace) else "")
