"""The quick validator, with R4's own definitions, as the tests ask it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).parents[3] / "tools"


def errors_in(documents: Sequence[Any]) -> list[list[str]]:
    """What is wrong with each document, by cardinality, elements and required codes."""
    done = subprocess.run(
        ["node", str(TOOLS / "fhir" / "quick.js")],
        input="\n".join(json.dumps(each) for each in documents),
        env=os.environ | {"NODE_PATH": str(TOOLS / "node_modules")},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        timeout=120,
    )
    found: list[list[str]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(documents)
    return found
