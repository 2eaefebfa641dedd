"""Locators as the contract takes them."""

from __future__ import annotations


def parts(locator: bytes) -> tuple[bytes, bytes, bytes]:
    """Encapsulated key, body and tag of 80 bytes."""
    return locator[:32], locator[32:64], locator[64:]
