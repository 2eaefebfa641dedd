"""Consent-gated exchange of sealed medical imaging on Ethereum-compatible chains."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.config import Settings
    from medibloc_py.config import load as load_settings
    from medibloc_py.errors import MediBlocError
    from medibloc_py.flows.publish import StudyToPublish

__all__ = ["Client", "MediBlocError", "Settings", "StudyToPublish", "load_settings"]

_HOME = {
    "Client": ("medibloc_py.client", "Client"),
    "MediBlocError": ("medibloc_py.errors", "MediBlocError"),
    "Settings": ("medibloc_py.config", "Settings"),
    "StudyToPublish": ("medibloc_py.flows.publish", "StudyToPublish"),
    "load_settings": ("medibloc_py.config", "load"),
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used: importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(importlib.import_module(module), attribute)
