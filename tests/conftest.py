from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Machines that test are shared and slow at times: how long examples take to find or to run
# says nothing of what is tested.
settings.register_profile(
    "house",
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set for daily use does not reach the tests; where Anvil is, does."""
    for name in os.environ:
        if name.startswith("MEDIBLOC_") and name != "MEDIBLOC_ANVIL":
            monkeypatch.delenv(name)
