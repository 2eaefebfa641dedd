"""`medibloc gateway run`: the service."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.peers import private_text
from medibloc_py.errors import TokenExposed
from medibloc_py.imaging.deidentify.options import Option

if TYPE_CHECKING:
    from medibloc_py.flows.gateway.service import Places
    from medibloc_py.pacs.model import Certificates

_DICOM = "127.0.0.1:11112"


def run(
    context: typer.Context,
    account: As,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help=f"Receive by C-STORE there. Without --dicom and --web: at {_DICOM}.",
        ),
    ] = None,
    aet: Annotated[
        str, typer.Option("--aet", help="Our AE title; callers must know it.")
    ] = "MEDIBLOC",
    callers: Annotated[
        list[str] | None,
        typer.Option(
            "--caller", help="AE title that may send; repeatable. None: all of this machine."
        ),
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Receive by STOW-RS there, at /studies."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File (mode 0600) with the token that senders by STOW-RS must show."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--tls-cert", help="Our certificate in PEM: both ways go under TLS."),
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--tls-key", help="Its private key.")] = None,
    authorities: Annotated[
        Path | None,
        typer.Option("--tls-ca", help="With --tls-cert: senders need a certificate of these."),
    ] = None,
    quiet: Annotated[
        float,
        typer.Option(min=0, help="A study is complete after so many seconds without an instance."),
    ] = 60,
    treatment: Annotated[
        bool,
        typer.Option("--treatment", help="Keep identity: the records are for treatment only."),
    ] = False,
    option: Annotated[
        list[Option] | None,
        typer.Option(help="An option of DICOM PS3.15 E, by the standard's name; repeatable."),
    ] = None,
    require_consent: Annotated[
        bool,
        typer.Option("--require-consent", help="Publish only while the patient's consent stands."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the record files to hand to the patients."),
    ] = None,
    json: Json = False,
) -> None:
    """Receive studies and publish them, until SIGTERM or Ctrl-C.

    "Success" is answered when an instance is sealed and on the disk: a crash at any moment
    neither loses it nor publishes it twice. The same instance again is taken for granted;
    other bytes under its UID are refused. A study without a new instance for --quiet seconds
    becomes one record, without identity unless --treatment; instances that come later become
    a further record. A study of an unknown patient waits until `medibloc gateway patients add`.

    Only this machine can send, unless --dicom or --web name another address; --caller and
    --token-file are needed then. A line of the log says what happened, never to whom. Example:
    `medibloc gateway run --as hospital --dicom 0.0.0.0:11112 --caller PACS --tls-cert cert.pem
    --tls-key key.pem`.
    """
    from medibloc_py.flows.gateway.service import run_gateway, spool_folder
    from medibloc_py.flows.gateway.worker import Rules

    session: Session = context.obj
    options = tuple(each.value for each in option or ())
    rules = Rules(quiet, treatment, options, require_consent, out)
    if out is not None:
        require_writable(out)
    places = _places(
        dicom,
        aet,
        callers or [],
        web,
        token_file,
        _certificates(certificate, key_file, authorities),
    )
    hospital = session.identity(account)
    hospital.signer.ready()  # now, while somebody is there to see that it does not open
    with _told_to_stop() as stop:
        run_gateway(
            spool_folder(session.settings().home, hospital.address),
            hospital,
            lambda: session.client().exchange,
            rules,
            places,
            Output(json).log,
            stop,
        )


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that is set by what ends a service."""
    stop = threading.Event()
    numbers = signal.SIGTERM, signal.SIGINT
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _certificates(own: Path | None, key: Path | None, ca: Path | None) -> Certificates | None:
    from medibloc_py.errors import InvalidValue
    from medibloc_py.pacs.model import Certificates

    if own is not None:
        return Certificates(ca, own, key)
    if key is not None or ca is not None:
        raise InvalidValue(name="--tls-cert", given="not set", allowed="set with the others")
    return None


def _places(
    dicom: str | None,
    aet: str,
    callers: list[str],
    web: str | None,
    token_file: Path | None,
    certificates: Certificates | None,
) -> Places:
    from medibloc_py.flows.gateway.service import Places
    from medibloc_py.pacs.intake import read_address
    from medibloc_py.pacs.listener import DicomPlace
    from medibloc_py.pacs.model import require_aet
    from medibloc_py.pacs.stow import WebPlace

    if dicom is None and web is None:
        dicom = _DICOM
    allowed = tuple(require_aet(each) for each in callers)
    return Places(
        None
        if dicom is None
        else DicomPlace(read_address(dicom), require_aet(aet), allowed, certificates),
        None
        if web is None
        else WebPlace(
            read_address(web), "" if token_file is None else _token(token_file), certificates
        ),
    )


def _token(path: Path) -> str:
    """The token in a file that nobody else can read.

    Raises:
        TokenExposed: it cannot be read, is empty, or others can read it.
    """
    token = private_text(path).partition("\n")[0].strip()
    if not token:
        raise TokenExposed(path=path, reason="it is empty")
    return token
