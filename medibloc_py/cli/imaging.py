"""`medibloc imaging`: what is done to images before they are published."""

from __future__ import annotations

import os
import secrets
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.options import Json, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import check_receipt
from medibloc_py.errors import FileExists, MediBlocError, RefusedError
from medibloc_py.imaging.deidentify.options import Option, chosen
from medibloc_py.storage.files import make_folder, on_disk, part_file, write_all, write_atomic

if TYPE_CHECKING:
    from medibloc_py.imaging.deidentify import Pseudonyms

app = typer.Typer(no_args_is_help=True, help="Imaging: remove from DICOM files who the patient is.")


class Profile(Enum):
    """Profiles of PS3.15 Annex E."""

    BASIC = "basic"


@app.command("deidentify")
def deidentify(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A DICOM file, or a folder of them.")
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The new file, or the folder for the new files."),
    ],
    _profile: Annotated[
        Profile, typer.Option("--profile", help="The profile of DICOM PS3.15 Annex E.")
    ] = Profile.BASIC,
    option: Annotated[
        list[Option] | None,
        typer.Option(help="An option of the profile, by the standard's name; repeatable."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key",
            help="File with the key of the pseudonyms, 32 bytes; made if it is not there. Without "
            "it a key is drawn and forgotten.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Remove who the patient is, by DICOM PS3.15 Annex E, and check the result by other means.

    What the profile does not name stays only if it is known to be safe. UIDs, the patient's
    id and (with retain-longitudinal-modified-dates) dates are replaced by what the key makes
    of them: the same key keeps studies of a patient together, over any number of runs; keep
    it as safe as the names. Pixels are not looked at: text burned into them, and faces in
    volumes of a head, stay.

    Files of a folder are named by their order, 0001.dcm and on. Nothing is overwritten. A file
    that cannot be done, or in which the check finds something, is not written, and named at the
    end with exit code 4. Example: `medibloc imaging deidentify study clean --key pseudonyms.key
    --option retain-longitudinal-modified-dates`.
    """
    from medibloc_py.imaging.release import release

    console = Output(json)
    options = chosen(option or [])
    work = _planned(source, out)
    pseudonyms = _pseudonyms(key_file)
    make_folder(out.parent if source.is_file() else out)
    done: list[dict[str, Any]] = []
    refused: list[tuple[Path, MediBlocError]] = []
    with console.progress() as progress:
        for number, (path, target) in enumerate(work, 1):
            try:
                file = release(path, pseudonyms, options)
            except MediBlocError as error:
                if not source.is_dir():
                    raise
                refused.append((path, error))
            else:
                _write_new(target, file.data)
                done.append(
                    {
                        "source": str(path),
                        "path": str(target),
                        "size_bytes": len(file.data),
                        "attributes": file.counts,
                        "said_clean": file.said_clean,
                    }
                )
            progress("de-identify", number, len(work))
    _report(console, done, refused)
    if refused:
        raise typer.Exit(RefusedError.exit_code)


def _planned(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each file and what it will become.

    Raises:
        FileExists: something has the name of a new file; nothing was done.
        StudyEmpty, StudyUnreadable: there is nothing to read.
    """
    from medibloc_py.errors import StudyEmpty, StudyUnreadable
    from medibloc_py.imaging.study import files_below

    try:
        paths = sorted(files_below(source), key=os.fsencode) if source.is_dir() else [source]
    except OSError as error:
        raise StudyUnreadable(path=source, reason=error.strerror or "unknown") from error
    if not paths:
        raise StudyEmpty(path=source)
    digits = max(4, len(str(len(paths))))
    targets = [out / f"{number:0{digits}}.dcm" for number in range(1, len(paths) + 1)]
    if not source.is_dir():
        targets = [out]
    for target in targets:
        if os.path.lexists(target):
            raise FileExists(path=target)
    return list(zip(paths, targets, strict=True))


def _pseudonyms(key_file: Path | None) -> Pseudonyms:
    from medibloc_py.imaging.deidentify import Pseudonyms
    from medibloc_py.imaging.deidentify.keyed import MIN_KEY_BYTES

    if key_file is None:
        return Pseudonyms(secrets.token_bytes(MIN_KEY_BYTES))
    if not key_file.exists():
        make_folder(key_file.parent)
        write_atomic(key_file, secrets.token_bytes(MIN_KEY_BYTES))
    return Pseudonyms(read_bytes(key_file))


def _write_new(path: Path, data: bytes) -> None:
    with part_file(path.parent) as part:
        with on_disk(path):
            write_all(part.descriptor, data)
        part.become(path)


def _report(
    console: Output, done: list[dict[str, Any]], refused: list[tuple[Path, MediBlocError]]
) -> None:
    console.table(
        {
            "files": done,
            "refused": [{"source": str(path), **error.as_json()} for path, error in refused],
        },
        f"De-identified {len(done)} of {len(done) + len(refused)}",
        ("file", "became", "pixels"),
        [
            *(
                (
                    each["source"],
                    each["path"],
                    "said to show nobody" if each["said_clean"] else "not looked at",
                )
                for each in done
            ),
            *((str(path), "refused", error.message) for path, error in refused),
        ],
    )


app.command("check-receipt")(check_receipt)
