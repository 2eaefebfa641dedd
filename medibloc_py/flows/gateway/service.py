"""The gateway as it runs: listeners that fill the spool, and one worker that empties it."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import InvalidValue, MediBlocError
from medibloc_py.flows.gateway.receiving import receiver
from medibloc_py.flows.gateway.spool import RESERVE_BYTES, Spool
from medibloc_py.flows.gateway.stages import LAST_ERROR, RETRY, Stages
from medibloc_py.flows.gateway.status import lock_of, telling
from medibloc_py.flows.gateway.worker import Rules, Worker
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.imaging.deidentify.options import chosen
from medibloc_py.pacs.intake import Note
from medibloc_py.pacs.listener import DicomListener, DicomPlace
from medibloc_py.pacs.stow import WebListener, WebPlace
from medibloc_py.storage.locks import sole

SPOOL_KEY: Final = "spool-key"
"""The vault's document with the key; without it, what waits in the spool is noise."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 300.0
_LOOK_S: Final = 1.0
"""How often the worker looks whether a study is complete, a patient known, or a retry wanted."""
_SWEEP_S: Final = 600.0
_LEAST_TOKEN: Final = 32


@dataclass(frozen=True, slots=True)
class Places:
    """Where a gateway listens; None where it does not."""

    dicom: DicomPlace | None = None
    web: WebPlace | None = None


class _Stopped(BaseException):
    """The gateway was told to end; what is under way is gone on with by the next run.

    Like a keyboard's interrupt, it is nothing that went wrong and that somebody could blame.
    """


def spool_folder(home: Path, account: str) -> Path:
    """Where an account's spool is."""
    return home / "gateway" / account.lower()


@contextmanager
def open_stages(
    folder: Path, hospital: Identity, reserve_bytes: int = RESERVE_BYTES
) -> Iterator[Stages]:
    """Opens the spool of an account.

    Raises:
        MediBlocError: as `Identity.own_secret` and `Spool`.
    """
    cipher = AtRestCipher(hospital.own_secret(SPOOL_KEY, "make the spool's key"))
    spool = Spool(folder, cipher, reserve_bytes=reserve_bytes)
    try:
        yield Stages(spool, cipher)
    finally:
        spool.close()


def run_gateway(
    folder: Path,
    hospital: Identity,
    connect: Callable[[], Exchange],
    rules: Rules,
    places: Places,
    note: Note,
    stop: threading.Event,
    reserve_bytes: int = RESERVE_BYTES,
) -> None:
    """Receives and publishes until it is told to stop.

    Args:
        folder: of the spool.
        hospital: who publishes.
        connect: gives the exchange; asked again while the chain or the store cannot be reached.
        rules: how studies become records.
        places: where to listen.
        note: told what happens.
        stop: ends it, when it is set. What is acknowledged is on the disk by then.
        reserve_bytes: room on the disk that no instance takes.

    Raises:
        InvalidValue: options contradict each other, or a place is open to more than it may be.
        WorkUnderway: another gateway works for this account.
        ListenerFailed: an address cannot be had.
        ExtraMissing: the extra `pacs` is not installed.
        MediBlocError: the spool cannot be opened.
    """
    _check(rules, places)
    with ExitStack() as work:
        work.enter_context(_unwarned())
        work.enter_context(sole(lock_of(folder), "run the gateway"))
        stages = work.enter_context(open_stages(folder, hospital, reserve_bytes))
        receive = receiver(stages.spool, note)
        listeners: list[tuple[str, DicomListener | WebListener]] = []
        if places.dicom is not None:
            listeners.append(("DICOM", DicomListener(places.dicom, receive, note)))
        if places.web is not None:
            listeners.append(("DICOMweb", WebListener(places.web, receive, note)))
        listening = {}
        for kind, listener in listeners:
            work.callback(listener.stop)
            listening[kind] = str(listener.start())
            note("listening", by=kind, at=listening[kind])
        work.enter_context(telling(stages, listening))
        _Loop(hospital, stages, rules, note, stop).run(connect)
        note("stopping")
    note("stopped")


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keeps the warnings of libraries out of the log: they quote what a file says.

    For the whole process, because such a filter that one thread sets and takes back is seen by
    all others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check(rules: Rules, places: Places) -> None:
    """Raises `InvalidValue` for rules that no study could meet, and for doors left open."""
    if chosen(rules.options) and rules.treatment:
        given = ", ".join(rules.options)
        raise InvalidValue(name="options", given=given, allowed="none where identity is kept")
    dicom, web = places.dicom, places.web
    if dicom is not None and not dicom.address.is_loopback and not dicom.callers:
        raise InvalidValue(
            name="callers", given="none", allowed="named, where other machines can reach the port"
        )
    if web is not None and not web.address.is_loopback and len(web.token) < _LEAST_TOKEN:
        raise InvalidValue(
            name="access token",
            given=f"{len(web.token)} characters",
            allowed=f"{_LEAST_TOKEN} or more, where other machines can reach the port",
        )


class _Loop:
    """The worker, again and again; with longer and longer pauses while something is in its way."""

    def __init__(
        self,
        hospital: Identity,
        stages: Stages,
        rules: Rules,
        note: Note,
        stop: threading.Event,
    ) -> None:
        self._stages = stages
        self._note = note
        self._stop = stop
        self._worker = Worker(hospital, stages, rules, note, self._go_on)
        self._exchange: Exchange | None = None
        self._pause_s = 0.0
        self._troubled = bool(stages.noted(LAST_ERROR)[1])
        self._swept_at = 0.0

    def run(self, connect: Callable[[], Exchange]) -> None:
        """Works until it is told to stop."""
        while not self._stop.is_set():
            try:
                self._sweep()
                if self._exchange is None:
                    self._exchange = connect()
                self._worker.work(self._exchange)
            except _Stopped:
                return
            except MediBlocError as error:
                self._failed(type(error).__name__, str(error))
            except Exception as error:  # its words could quote a file
                self._failed(type(error).__name__, "a defect of MediBloc")
            else:
                self._went_well()
            self._wait()

    def _go_on(self, _step: str, _done: int, _total: int) -> None:
        """A listener of progress, which is told often."""
        if self._stop.is_set():
            raise _Stopped

    def _failed(self, name: str, reason: str) -> None:
        self._pause_s = min(max(_FIRST_PAUSE_S, 2 * self._pause_s), _LONGEST_PAUSE_S)
        self._troubled = True
        self._note("cannot go on", error=name, reason=reason, again_in_s=self._pause_s)
        self._tell(f"{name}: {reason}")

    def _went_well(self) -> None:
        self._pause_s = 0.0
        if self._troubled:
            self._troubled = False
            self._note("goes on")
            self._tell("")

    def _tell(self, text: str) -> None:
        """Keeps an error for `status`; should the disk be what is wrong, it was noted above."""
        with suppress(MediBlocError):
            self._stages.note(LAST_ERROR, text)

    def _wait(self) -> None:
        """Waits until there may be something to do."""
        began, until = time.time(), time.monotonic() + max(self._pause_s, _LOOK_S)
        while time.monotonic() < until and not self._stop.wait(
            min(_LOOK_S, self._pause_s or _LOOK_S)
        ):
            if self._pause_s and self._stages.noted(RETRY)[0] >= int(began):
                return

    def _sweep(self) -> None:
        if not self._swept_at or time.monotonic() > self._swept_at + _SWEEP_S:
            self._stages.spool.sweep()
            self._swept_at = time.monotonic()
