"""Blobs beyond 1,024 leaves, where the tree gets a second level: seconds, not milliseconds."""

from __future__ import annotations

import pytest

from tests.unit.storage.test_cid import STREAMS, VECTORS, check_stream

LONG = [vector for vector in VECTORS["streams"] if vector not in STREAMS]


@pytest.mark.parametrize("vector", LONG, ids=lambda vector: str(vector["size_bytes"]))
def test_cid_of_a_gibibyte_is_golden_and_memory_constant(vector: dict[str, str | int]) -> None:
    check_stream(vector)
