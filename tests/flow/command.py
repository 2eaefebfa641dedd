"""The command line as a test runs it: in this process, or in one of its own."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from medibloc_py import cli


@dataclass(frozen=True)
class Done:
    """What a command printed, and the status it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result, or else the error, as a machine reads it."""
        return json.loads(self.out if self.code == 0 else self.err)


def run(*argv: str | Path) -> Done:
    """Runs `medibloc` in this process, with pipes for terminals."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["medibloc", *map(str, argv)]),
        patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def processes_of(mark: str) -> list[int]:
    """The processes whose environment holds a mark, this one left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # it ended, or is somebody else's
            continue
        if mark.encode() in environment:
            found.append(int(folder.name))
    return found
