"""The compiler as a process that stays warm: each answer takes a third of a fresh start's time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class CompileError(Exception):
    """The sources do not compile."""


class Compiler:
    """One compiling process over the files of a project.

    Args:
        root: the project; imports are read from there.
        settings: solc's settings without `outputSelection`.
    """

    # The WebAssembly's memory only grows.
    _REPLACE_AFTER = 300

    def __init__(self, root: Path, settings: dict[str, Any]) -> None:
        self._root = root
        self._settings = settings
        self._answered = 0
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def ask(
        self, sources: dict[str, str], outputs: dict[str, dict[str, list[str]]]
    ) -> dict[str, Any]:
        """Compiles.

        Args:
            sources: text by path, for the files asked for and those that differ from the project's.
            outputs: solc's `outputSelection`.

        Returns:
            solc's answer.

        Raises:
            CompileError: solc named an error.
        """
        if self._answered >= self._REPLACE_AFTER:
            self._stop()
            self._process, self._answered = self._start(), 0
        question = {
            "language": "Solidity",
            "sources": {path: {"content": text} for path, text in sources.items()},
            "settings": {**self._settings, "outputSelection": outputs},
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        self._answered += 1
        errors = [one for one in answer.get("errors", []) if one["severity"] == "error"]
        if errors:
            raise CompileError(errors[0]["formattedMessage"])
        return answer

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self._root / "tools" / "bin" / "solc"), "--serve", "--base-path", str(self._root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def _stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
