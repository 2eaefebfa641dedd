"""Reasons and findings: what is hashed is salt and text, and nothing less."""

from __future__ import annotations

import pytest
from eth_hash.auto import keccak

from medibloc_py.errors import DocumentInvalid
from medibloc_py.flows import papers
from medibloc_py.flows.glass import Statement, read_statement
from medibloc_py.flows.papers import Bytes32

SALT = Bytes32(bytes(range(32)))


def test_the_digest_is_of_salt_and_text() -> None:
    told = Statement(SALT, "Sturz, bewußtlos")
    assert told.digest == keccak(SALT + "Sturz, bewußtlos".encode())
    assert told.digest != Statement(Bytes32(bytes(32)), told.text).digest
    assert told.digest != keccak(told.text.encode())


def test_a_statement_goes_round() -> None:
    told = Statement(SALT, 'with "quotes" and\nlines')
    assert read_statement(papers.write("statement", told), "file") == told


@pytest.mark.parametrize("data", [b"{}", b"", b"[]", b"x"])
def test_what_is_no_statement(data: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        read_statement(data, "file")


def test_a_short_salt_is_refused() -> None:
    short = papers.write("statement", Statement(Bytes32(b"\x01" * 31), "text"))
    with pytest.raises(DocumentInvalid, match="32 bytes"):
        read_statement(short, "file")
