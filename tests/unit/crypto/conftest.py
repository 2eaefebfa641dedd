"""What the tests of this room share."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

VECTORS = Path(__file__).parents[2] / "vectors"
sys.path.insert(0, str(VECTORS))

settings.register_profile(
    "crypto", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("crypto")


def unhex(value: Any) -> Any:
    """A vector with its 0x texts as bytes; addresses stay texts."""
    if isinstance(value, str) and value.startswith("0x") and len(value) != 42:
        return bytes.fromhex(value[2:])
    if isinstance(value, dict):
        return {key: unhex(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unhex(item) for item in value]
    return value


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Any]:
    """Reads tests/vectors/<name>.json."""
    return lambda name: unhex(json.loads((VECTORS / f"{name}.json").read_text()))
