"""What the command line prints: for a person by default, for a machine with --json."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from medibloc_py.errors import MediBlocError, OutputLost
from medibloc_py.errors.plain import plain


class Output:
    """Prints results on stdout and everything else on stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, data: Any, lines: Sequence[str] = ()) -> None:
        """Prints a result: `data` for machines, `lines` for people.

        It is out when this returns: what is left to do may depend on its having been told.
        """
        if self.as_json:
            from medibloc_py.flows.papers import as_json

            print(json.dumps(as_json(data), indent=2), flush=True)
        else:
            for line in lines:
                print(plain(line, None), flush=True)

    def table(
        self, data: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Prints a result as a table, or as JSON."""
        if self.as_json:
            self.result(data)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        # A pipe gets every row on one line, however long.
        console = Console(width=None if sys.stdout.isatty() else 10_000)
        table = Table(title=Text(plain(title, None)), title_justify="left")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(plain(cell, None)) for cell in row))
        console.print(table)

    def error(self, error: MediBlocError) -> None:
        """Prints an error: what happened and why, then what to do."""
        if self.as_json:
            print(json.dumps(error.as_json(), indent=2), file=sys.stderr)
            return
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        console.print(plain(error.message, None), markup=False)
        if error.advice:
            console.print(plain(error.advice, None), markup=False, style="dim")

    def log(self, event: str, **values: Any) -> None:
        """Prints a line of a service's log on stderr: the time, what happened, and its values."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self.as_json:
            line = json.dumps({"at": at, "event": event, **values}, default=str)
        else:
            line = " ".join([at, event, *(f"{name}={value}" for name, value in values.items())])
        print(plain(line, None), file=sys.stderr, flush=True)

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """A progress bar on stderr, yielded as a listener; none for machines and pipes."""
        from medibloc_py.flows.parties import silent

        if self.as_json or not sys.stderr.isatty():
            yield silent
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with bar:
            tasks: dict[str, Any] = {}

            def listen(step: str, done: int, total: int) -> None:
                if step not in tasks:
                    tasks[step] = bar.add_task(step, total=total)
                bar.update(tasks[step], completed=done, total=total)

            yield listen


@contextmanager
def told_or_lost() -> Iterator[None]:
    """Whatever is printed on stdout meanwhile is out at the end, or its loss is named.

    A reader that had enough, like `head`, is no failure: typer ends then without a word.

    Raises:
        OutputLost: the disk or device behind stdout does not take it.
    """
    stream = sys.stdout
    watched = _Watched(stream)
    sys.stdout = watched
    try:
        try:
            yield
        except SystemExit:  # how typer ends; it has put its own in place where a reader left
            if sys.stdout is watched:
                watched.flush()
            raise
        watched.flush()
    except OutputLost:
        _drop(stream)
        raise
    finally:
        if sys.stdout is watched:
            sys.stdout = stream


class _Watched:
    """A stream that names why it cannot be written; in all else the stream itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _loss_named():
            return self._stream.write(text)

    def flush(self) -> None:
        with _loss_named():
            self._stream.flush()


@contextmanager
def _loss_named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(reason=error.strerror or type(error).__name__) from error


def _drop(stream: TextIO) -> None:
    """Drops what a stream still holds, which Python would try to write once more at its end."""
    with suppress(OSError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
