"""Worker processes for pure functions of this room, and of its neighbours.

A worker is a fresh interpreter that imports `medibloc_py.crypto`, the room of the function,
and nothing of the program around it. `multiprocessing` would import the program's
`__main__` again in every worker: a script without a guard would sell or pay twice. Work,
and the secrets in it, travels through a socket pair that only the two processes hold.
Workers end with the block that started them, and by themselves should their parent be
killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from medibloc_py.cores import usable_cores
from medibloc_py.errors import InvalidValue, MediBlocError, WorkerLost

if TYPE_CHECKING:
    from multiprocessing import connection

    Connection = connection.Connection[Any, Any]

Result = TypeVar("Result")

_READY = "ready"
_START_S = 30
# The parent's search path comes first: what it can import, the worker can.
_WORKER = """
import sys
from multiprocessing.connection import Connection
parent = Connection(int(sys.argv[1]))
sys.path[:] = parent.recv()
from medibloc_py.crypto.workers import serve

from medibloc_py.errors import WorkerLost
serve(parent)
"""


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    line: Connection


class Crew:
    """Works on parts of many rows, in this process or in workers.

    Attributes:
        parts: the rows, cut into slices of equal length.
    """

    def __init__(
        self,
        parts: Sequence[slice],
        workers: Sequence[_Worker] = (),
        threads: ThreadPoolExecutor | None = None,
    ) -> None:
        self.parts = parts
        self._threads = threads
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in workers:
            self._free.put(worker)

    def map(
        self, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]
    ) -> Iterator[Result]:
        """Yields the result of each call, in the order of the calls.

        Args:
            function: pure, at the top of a module of a room.
            calls: arguments of each call; they and the results can be pickled.

        Raises:
            WorkerLost: a worker died.
            MediBlocError: what `function` raised.
        """
        if self._threads is None:
            return (function(*arguments) for arguments in calls)
        return self._threads.map(lambda arguments: self._ask(function, arguments), calls)

    def _ask(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        worker = self._free.get()
        try:
            worker.line.send((function, arguments))
            result, refusal = worker.line.recv()
        except (EOFError, OSError):
            raise WorkerLost(status=worker.process.wait()) from None
        finally:
            self._free.put(worker)
        if refusal:
            kind, values = refusal
            raise kind(**values)
        return cast(Result, result)


@contextmanager
def crew(workers: int | None, rows: int, most: int) -> Iterator[Crew]:
    """Starts workers and ends them with the block.

    With one, or where none can be started, the work is done in this process.

    Args:
        workers: how many; None is one for each usable core, but none for less than `most` rows.
        rows: how many there are, one or more.
        most: the most rows of a part.

    Raises:
        InvalidValue: `workers` is below 1.
    """
    if workers is None:
        workers = max(1, min(usable_cores(), rows // most))
    if workers < 1:
        raise InvalidValue(name="workers", given=workers, allowed="1 or more")
    size = min(workers, rows)
    parts = _cut(rows, most, size)
    with ExitStack() as running:
        members = _start(size, running) if size > 1 else []
        if not members:
            yield Crew(parts)
            return
        with ThreadPoolExecutor(len(members), thread_name_prefix="medibloc-crew") as threads:
            try:
                yield Crew(parts, members, threads)
            finally:
                # Threads wait for answers and end with the workers.
                for worker in members:
                    worker.process.kill()
                threads.shutdown(cancel_futures=True)


def serve(parent: Connection) -> None:
    """Does a worker's work until the parent hangs up."""
    with suppress(EOFError, OSError):
        parent.send(_READY)
        while True:
            function, arguments = parent.recv()
            result, refusal = None, None
            try:
                result = function(*arguments)
            except MediBlocError as error:
                refusal = type(error), error.values
            parent.send((result, refusal))


def _cut(rows: int, most: int, size: int) -> list[slice]:
    """Cuts rows into equal parts, as many for each worker."""
    parts = -(-rows // (most * size)) * size
    each = -(-rows // parts)
    return [slice(start, start + each) for start in range(0, rows, each)]


def _start(size: int, running: ExitStack) -> list[_Worker]:
    """Starts workers that end with `running`; none where they cannot run."""
    # A frozen program would start itself again.
    if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False):
        return []
    try:
        workers = [_start_one(running) for _ in range(size)]
        for worker in workers:
            if not worker.line.poll(_START_S) or worker.line.recv() != _READY:
                return []
    except (EOFError, OSError):
        return []
    return workers


def _start_one(running: ExitStack) -> _Worker:
    line, far_end = Pipe()
    running.enter_context(line)
    with far_end:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _WORKER, str(far_end.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[far_end.fileno()],
            start_new_session=True,  # Ctrl-C is for the parent to handle
        )
    running.enter_context(process)
    running.callback(process.kill)
    line.send(sys.path)
    return _Worker(process, line)
