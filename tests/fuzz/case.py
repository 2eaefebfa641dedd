"""One case: a bundled file with a name of its own, mutated, on the whole way to a sealed record."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from random import Random

import pydicom
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_frames

from medibloc_py.crypto.envelope import RecordReader, SourceFile, seal_record
from medibloc_py.errors import MediBlocError
from medibloc_py.imaging import FrameReader
from medibloc_py.imaging.deidentify import Pseudonyms
from medibloc_py.imaging.header import read_header
from medibloc_py.imaging.parsing import parse_failures
from medibloc_py.imaging.release import release
from medibloc_py.imaging.study import facts_of_study
from medibloc_py.imaging.verify.parse import parse
from tests.fuzz.mutations import mutated

ROOT = Path(pydicom.__file__).parent / "data" / "test_files"
MOST_BYTES = 600_000
NAME, PATIENT = "Quenchwater^Ysolde", "QX-4471093-KV"
PLACE, NOTE = "Upper Zwickmoor Infirmary", "fell off the Vlixton carousel"
CANARIES = tuple(text.encode() for text in ("Quenchwater", "Ysolde", PATIENT, PLACE, NOTE))
PSEUDONYMS = Pseudonyms(bytes(range(32)))
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
KEY, SALT = bytes(32), bytes(range(32))


class Hung(BaseException):
    """A case took too long; no `except Exception` may hide it."""


@dataclass(frozen=True)
class Drawn:
    """A mutated file, the bundled one it was, and the mutations."""

    file: str
    how: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes:
        file: the bundled file.
        how: the mutations.
        ended: the step that refused it and the error, or `sealed`.
        wrong: what must not have happened; empty if nothing did.
    """

    file: str
    how: str
    ended: str
    wrong: str = ""


@dataclass(frozen=True)
class Released:
    """What the walk takes of a released file."""

    data: bytes


@cache
def pool() -> tuple[Path, ...]:
    """Bundled files that are DICOM and not too large to be done thousands of times."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            continue
        try:
            with path.open("rb") as file:
                read_header(file, path.name)
        except MediBlocError:
            continue
        found.append(path)
    return tuple(found)


@cache
def named(path: Path) -> bytes:
    """A file with the canaries in it, each twice and at two depths, a name among its pixels;
    one that cannot be written stays as it is."""
    try:
        dataset = dcmread(path, force=True)
        _plant(dataset)
        _plant_in_pixels(dataset)
        out = io.BytesIO()
        dataset.save_as(out, implicit_vr=dataset.original_encoding[0],
                        little_endian=dataset.original_encoding[1])  # fmt: skip
        return out.getvalue()
    except parse_failures():
        return path.read_bytes()


def _plant(dataset: FileDataset) -> None:
    item = Dataset()
    for each in (dataset, item):
        each.PatientName, each.PatientID = NAME, PATIENT
        each.InstitutionName, each.PatientComments = PLACE, NOTE
        each.add_new(0x00091001, "LO", NAME)
        each.add_new(0x00090010, "LO", PLACE)
    dataset.RequestAttributesSequence = [item]


def _plant_in_pixels(dataset: FileDataset) -> None:
    """A name behind the values, behind each compressed frame, and in a comment of JPEG."""
    if "PixelData" not in dataset:
        return
    name = NAME.encode() + b" "
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.PixelData += name
        return
    count = int(dataset.get("NumberOfFrames") or 1)
    comment = b"\xff\xfe" + struct.pack(">H", len(name) + 2) + name
    dataset.PixelData = encapsulate(
        [
            (frame[:2] + comment + frame[2:] if frame.startswith(b"\xff\xd8") else frame) + name
            for frame in generate_frames(dataset.PixelData, number_of_frames=count)
        ]
    )


@cache
def load() -> None:
    """Loads all libraries that a case needs, and names the files."""
    for path in pool():
        named(path)
    example = named(ROOT / "CT_small.dcm")
    release(example, PSEUDONYMS)
    _read(example)


def draw(seed: str, number: int) -> Drawn:
    """The mutated file of a case."""
    draws = Random(f"{seed}/{number}")
    path = draws.choice(pool())
    data, how = mutated(named(path), draws, named(draws.choice(pool())))
    return Drawn(path.name, how, data)


def run(drawn: Drawn, begin: Callable[[], object] = lambda: None) -> Outcome:
    """Does a case; whatever is no error of ours goes into `wrong`.

    Args:
        drawn: the mutated file.
        begin: called before each step: reading, de-identification with its check, packaging.
    """
    done = partial(Outcome, drawn.file, drawn.how)
    try:
        return _walked(drawn.data, done, begin)
    except Hung:
        return done("hung", "took too long")
    except Exception as error:
        return done("crashed", f"{type(error).__name__}: {str(error)[:200]}")


def _walked(data: bytes, done: Callable[..., Outcome], begin: Callable[[], object]) -> Outcome:
    begin()
    try:
        _read(data)
        reading = ""
    except MediBlocError as error:
        reading = _told(error)
    begin()
    try:
        output = release(data, PSEUDONYMS, name="case").data
    except MediBlocError as error:
        told = _told(error)
        return done(f"release {told}", _memory(reading) or _memory(told))
    begin()
    if _packaged(output) != sha256(output).digest():
        return done("sealed", "another content came out")
    begin()
    known, (pixels, rest) = _parts(data)[1], _parts(output)
    left = [each for each in CANARIES if each in rest or (each in pixels and each in known)]
    return done("sealed", f"left: {left}" if left else _memory(reading))


def _packaged(output: bytes) -> bytes:
    """SHA-256 of what comes out of a sealed record of a released file."""
    (meta,) = facts_of_study([read_header(io.BytesIO(output), "output")])
    source = SourceFile("0001.dcm", len(output), partial(io.BytesIO, output), meta)
    record = b"".join(seal_record([source], KEY, SALT))
    reader = RecordReader(lambda at, size: iter([record[at : at + size]]), len(record), KEY, SALT)
    return sha256(reader.read(0)).digest()


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The pixels of a file, and the rest; what only ever stood among pixels nobody can know."""
    parsed = parse(data)
    pixels, rest, at = [], [], 0
    for each in parsed.values:
        if each.tag in PIXELS:
            rest.append(parsed.data[at : each.start])
            pixels.append(parsed.data[each.start : each.end])
            at = each.end
    return b"".join(pixels), b"\0".join((*rest, parsed.data[at:]))


def _read(data: bytes) -> None:
    read_header(io.BytesIO(data), "case")
    FrameReader(io.BytesIO(data), "case").read(0)


def _told(error: BaseException) -> str:
    """Name of an error, and of a lack of memory behind it."""
    name, cause = type(error).__name__, error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, MemoryError):
            return f"{name} of MemoryError"
        cause = cause.__cause__ or cause.__context__
    return name


def _memory(told: str) -> str:
    return told if "MemoryError" in told else ""
