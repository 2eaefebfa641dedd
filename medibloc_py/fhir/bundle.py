"""What holds resources together: a Bundle, or one resource a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from medibloc_py.fhir.values import Place, Resource, instant

_URN: Final = "urn:uuid:"


def collection(place: Place, resources: Sequence[Resource], now: int) -> Iterator[str]:
    """A Bundle of type collection, in pieces: none of them holds more than one resource.

    Args:
        place: the deployment.
        resources: what it holds; references among them are by `urn:uuid`.
        now: when it was made, unix seconds.
    """
    name = place.id_of("bundle", *(each["id"] for each in resources))
    head = {"resourceType": "Bundle", "id": name, "type": "collection", "timestamp": instant(now)}
    yield _dump(head)[:-1] + ', "entry": ['
    for number, each in enumerate(resources):
        entry = {"fullUrl": _URN + each["id"], "resource": each}
        yield (",\n" if number else "\n") + _dump(entry)
    yield "\n]}\n"


def ndjson(resources: Iterable[Resource]) -> Iterator[str]:
    """One resource a line, as bulk data has it; references are `Patient/id`."""
    for each in resources:
        yield _dump(_relative(each)) + "\n"


def _relative(value: Any) -> Any:
    if isinstance(value, list):
        return [_relative(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _relative(each) for key, each in value.items()}
    target = found.get("reference")
    if isinstance(target, str) and target.startswith(_URN):
        found["reference"] = f"{found['type']}/{target.removeprefix(_URN)}"
    return found


def _dump(value: Resource) -> str:
    return json.dumps(value, ensure_ascii=False)
