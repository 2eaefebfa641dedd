"""Which store a setting names."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py import load_settings
from medibloc_py.client import open_store
from medibloc_py.storage import GatewayStore, KuboStore, LocalStore


@pytest.mark.parametrize(
    ("place", "room"),
    [
        ("https://gateway.example", GatewayStore),
        ("http://127.0.0.1:8080/gateway/", GatewayStore),
        ("/ip4/127.0.0.1/tcp/5001", KuboStore),
        ("/dns4/kubo.example/tcp/5001", KuboStore),
        ("store", LocalStore),
        ("/var/lib/medibloc", LocalStore),
    ],
)
def test_a_setting_names_a_store(place: str, room: type, tmp_path: Path) -> None:
    settings = load_settings(home=str(tmp_path), store=place, environ={})
    assert settings.store == place
    assert type(open_store(settings.store)) is room
