"""What is told of a parser that failed."""

from __future__ import annotations

import pytest

from medibloc_py.imaging.parsing import reason_of


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No decoder:\n\tpylibjpeg: no such frame\n", "No decoder: pylibjpeg: no such frame"),
        ("Invalid value for VR PN: 'Doe^Jane'", "Invalid value for VR PN: '…'"),
        ("", "ValueError"),
        ("\n", "ValueError"),
    ],
)  # fmt: skip
def test_a_reason_is_one_line_that_quotes_nothing(said: str, told: str) -> None:
    assert reason_of(ValueError(said)) == told
