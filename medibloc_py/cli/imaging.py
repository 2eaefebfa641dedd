"""`medibloc imaging`: what is done to images before they are published."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from medibloc_py.cli.options import Json, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import check_receipt
from medibloc_py.errors import (
    FileExists,
    InvalidValue,
    MediBlocError,
    RefusedError,
    StudyUnreadable,
)
from medibloc_py.imaging.deidentify.options import Option, chosen
from medibloc_py.storage.files import make_folder, on_disk, part_file, write_all, write_atomic

if TYPE_CHECKING:
    from medibloc_py.imaging.deidentify import Pseudonyms
    from medibloc_py.imaging.deidentify.faces import Faces
    from medibloc_py.imaging.review import Row

app = typer.Typer(no_args_is_help=True, help="Imaging: remove from DICOM files who the patient is.")


_FACES = {
    "": "",
    "none": "shows no face",
    "outside": "of a head, and none of its face",
    "removed": "its face blanked",
}
_SHEETS = {".html": "html", ".htm": "html", ".png": "png"}


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
    it as safe as the names. Pixels are looked at with two options only. With clean-pixel-data text
    that is burned into them is found in every frame, blanked, and looked for again (with the extra
    `pixels`). With clean-recognizable-visual-features the face is blanked in CT and MR volumes
    of a head; it is found in the whole series, so give the folder of the study, not a slice.

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
    faces = _faces(options, [path for path, _ in work])
    make_folder(out.parent if source.is_file() else out)
    done: list[dict[str, Any]] = []
    refused: list[tuple[Path, MediBlocError]] = []
    with console.progress() as progress:
        for number, (path, target) in enumerate(work, 1):
            try:
                file = release(path, pseudonyms, options, faces=faces)
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
                        "blanked": [each._asdict() for each in file.blanked],
                        "face": file.face,
                    }
                )
            progress("de-identify", number, len(work))
    _report(console, done, refused, looked=Option.CLEAN_PIXEL_DATA in options)
    if refused:
        raise typer.Exit(RefusedError.exit_code)


def _faces(options: frozenset[Option], paths: list[Path]) -> Faces | None:
    """Where the faces of a study are, if they are to be removed; all files are read."""
    from medibloc_py.imaging.deidentify.faces import find_faces

    if Option.CLEAN_VISUAL_FEATURES not in options:
        return None
    return find_faces(map(_opener, paths))


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _planned(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each file and what it will become.

    Raises:
        FileExists: something has the name of a new file; nothing was done.
    """
    work = _pairs(source, out)
    for _, target in work:
        if os.path.lexists(target):
            raise FileExists(path=target)
    return work


def _pairs(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each file and what is made of it.

    Raises:
        StudyEmpty, StudyUnreadable: there is nothing to read.
    """
    from medibloc_py.errors import StudyEmpty
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
    console: Output,
    done: list[dict[str, Any]],
    refused: list[tuple[Path, MediBlocError]],
    *,
    looked: bool,
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
                    _of_pixels(each, looked),
                )
                for each in done
            ),
            *((str(path), "refused", error.message) for path, error in refused),
        ],
    )


app.command("check-receipt")(check_receipt)


def _of_pixels(file: dict[str, Any], looked: bool) -> str:
    """What is known of a file's pixels, in words."""
    said = "said to show nobody" if file["said_clean"] else "not looked at"
    face = _FACES[file["face"]]
    if looked:
        said = f"looked at{', texts' * (not face)} blanked: {len(file['blanked'])}"
    return f"{said}; {face}" if face else said


@app.command("review")
def review(
    original: Annotated[
        Path, typer.Argument(metavar="ORIGINAL", help="The file or folder before.")
    ],
    released: Annotated[
        Path,
        typer.Argument(metavar="RELEASED", help="What `deidentify` made of it."),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The sheet to write: .html, or .png for one picture.")
    ],
    most: Annotated[int, typer.Option(min=1, help="Files to show, from the first.")] = 100,
    skip: Annotated[int, typer.Option(min=0, help="Files to leave out before them.")] = 0,
    all_frames: Annotated[
        bool,
        typer.Option(
            "--all-frames", help="Every frame, not only the one of which most was blanked."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Make a contact sheet: each image before and after, what was blanked outlined in red.

    For a person to look at before anything leaves the house. A folder's files are paired by
    their order, as `deidentify` names them. Of several frames it shows that of which most was
    blanked, or the middle one, and says in how many something was. In the .html a click enlarges
    a picture: look there for small letters that were missed. The sheet is one file that needs
    nothing else. It names new files only, but **its left pictures are of the originals: keep it
    like them**.
    Needs the extra `pixels`. Example: `medibloc imaging review study clean --out review.html`.
    """
    from medibloc_py.imaging import review as sheet

    console = Output(json)
    kind = _SHEETS.get(out.suffix.lower())
    if kind is None:
        raise InvalidValue(name="--out", given=out.name, allowed="a name with .html or .png")
    if os.path.lexists(out):
        raise FileExists(path=out)
    if released.is_dir() != original.is_dir() or not released.exists():
        kind_of = "folder" if original.is_dir() else "file"
        raise StudyUnreadable(path=released, reason=f"it is no {kind_of} as {original} is")
    work = _pairs(original, released)
    shown = work[skip : skip + most]
    pictures = 0

    def rows() -> Iterator[Row]:
        nonlocal pictures
        for number, (before, after) in enumerate(shown, 1):
            there = read_bytes(after) if after.exists() else None
            pair = sheet.Pair(after.name, read_bytes(before), there)
            for row in sheet.rows_of(pair, all_frames=all_frames):
                pictures += row.after is not None
                yield row
            progress("review", number, len(shown))

    with console.progress() as progress:
        left_out = len(work) - len(shown)
        data = sheet.png(rows()) if kind == "png" else sheet.html(rows(), left_out).encode()
    make_folder(out.parent)
    _write_new(out, data)
    console.result(
        {"path": str(out), "files": len(shown), "pictures": pictures, "size_bytes": len(data)},
        [f"Wrote {out}: {len(shown)} of {len(work)} files. Its left pictures show the originals."],
    )
