"""De-identifies one DICOM file: bytes in, bytes out, nothing in between on the disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import DeidentificationRefused, NotDicom, StudyUnreadable
from medibloc_py.imaging.deidentify.admit import PDF, admit, known_syntax, uid_of
from medibloc_py.imaging.deidentify.cut import PIXELS, read_whole
from medibloc_py.imaging.deidentify.dicomdir import Directory
from medibloc_py.imaging.deidentify.faces import Faces, find_faces
from medibloc_py.imaging.deidentify.items import Cleaner
from medibloc_py.imaging.deidentify.keyed import Pseudonyms
from medibloc_py.imaging.deidentify.options import BASIC, EDITION, Option, chosen
from medibloc_py.imaging.deidentify.pixels import Blanked, CleanPixels, clean_pixels
from medibloc_py.imaging.deidentify.raw import text_of
from medibloc_py.imaging.deidentify.rules import DIRECTORY
from medibloc_py.imaging.deidentify.streams import bare_pixels, frames_told
from medibloc_py.imaging.ocr import Box
from medibloc_py.imaging.parsing import parse_failures, reason_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

IMPLEMENTATION_UID: Final = "2.25.253193526834297184212437018205216306449"
_SOP_CLASS, _SOP_INSTANCE, _BURNED_IN = 0x00080016, 0x00080018, 0x00280301
_DOCUMENT, _DOCUMENT_BYTES = 0x00420011, 0x00420015
_SHOWN: Final = (
    "it says that its pixels show who the patient is",
    "it says that its pixels show who the patient is, and no text was found in them",
)
_EMPTY_PDF: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A de-identified file.

    Attributes:
        data: its bytes, a file of PS3.10.
        counts: attributes kept, replaced and removed, by the name of what was done.
        said_clean: the pixels do not show the patient's name: every frame was looked at
            (with `clean-pixel-data`), or the file itself says so (Burned In Annotation, PS3.3
            C.7.6.1) or has none, and nobody looked.
        blanked: parts of frames that were made black, for there was text or a face.
        face: what is known of a face, with `clean-recognizable-visual-features`: `removed`;
            `outside`, where a head was found and none of its face is in this file; `none`.
            Empty if nobody looked.
    """

    data: bytes
    counts: dict[str, int]
    said_clean: bool
    blanked: tuple[Blanked, ...] = ()
    face: str = ""


def deidentify(
    source: bytes | Path | FileDataset,
    pseudonyms: Pseudonyms,
    options: Iterable[Option | str] = (),
    *,
    name: str = "",
    faces: Faces | None = None,
) -> Deidentified:
    """Remove from a DICOM file who the patient is, by PS3.15 Annex E.

    The Basic Application Level Confidentiality Profile with the options chosen. What
    table E.1-1 does not name stays only if it is known to be safe. Pixels stay as they
    are; with the option `clean-pixel-data` every frame is looked at for text, which is
    blanked, and with `clean-recognizable-visual-features` the face of a head in a volume.

    Args:
        source: a file's bytes, its path, or a data set.
        pseudonyms: the keyed map of UIDs, patients and dates; one for all files that must
            stay together.
        options: options of the profile, or their names.
        name: what to call the file in errors.
        faces: where the faces of its study are, from `find_faces` over all of its files; if
            none, the file is the study.

    Raises:
        DeidentificationRefused: it cannot be done for this file.
        ExtraMissing: the option `clean-pixel-data` needs the extra `pixels`.
        InvalidValue: an option is unknown or contradicts another.
        NotDicom: the source is not DICOM.
        StudyUnreadable: the path cannot be read.
    """
    asked = chosen(options)
    name = name or (str(source) if isinstance(source, Path) else "the data set")
    data = file_bytes(source, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not standard is judged here
            return _deidentify(data, pseudonyms, asked, name, faces)
    except parse_failures() as error:
        raise DeidentificationRefused(name=name, reason=reason_of(error)) from error


def file_bytes(source: bytes | Path | FileDataset, name: str) -> bytes:
    """A source as the bytes of a file.

    Raises:
        DeidentificationRefused: a data set that cannot be written.
        StudyUnreadable: the path cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, Path):
        try:
            return source.read_bytes()
        except OSError as error:
            reason = error.strerror or "unknown"
            raise StudyUnreadable(path=source, reason=reason) from error
    out = BytesIO()
    try:
        source.save_as(out, enforce_file_format=True)
    except parse_failures() as error:
        raise DeidentificationRefused(name=name, reason=reason_of(error)) from error
    return out.getvalue()


def _deidentify(
    data: bytes,
    pseudonyms: Pseudonyms,
    options: frozenset[Option],
    name: str,
    faces: Faces | None,
) -> Deidentified:
    dataset = read_whole(data, name)
    meta = dataset.file_meta
    sop_class = uid_of(text_of(dataset, _SOP_CLASS)) or uid_of(meta.get("MediaStorageSOPClassUID"))
    if not (sop_class or _has_pixels(dataset) or (dataset.preamble and meta)):
        raise NotDicom(path=name, reason="it has neither a SOP class nor pixels")
    admit(dataset, sop_class, name)
    looked = Option.CLEAN_PIXEL_DATA in options
    says = text_of(dataset, _BURNED_IN).upper()
    syntax = known_syntax(dataset)
    has_pixels = _has_pixels(dataset)
    cut, face = _faces(data, options, name, faces, has_pixels)
    pixels = (
        clean_pixels(data, syntax, name, text=looked, cut=cut)
        if looked or cut
        else CleanPixels(syntax)
    )
    if says == "YES" and not pixels.has_text:
        raise DeidentificationRefused(name=name, reason=_SHOWN[looked])
    directory = Directory(dataset) if sop_class == DIRECTORY else None
    frames = frames_told(dataset)
    cleaner = Cleaner(dataset, pseudonyms, options, sop_class)
    cleaner.clean(dataset)
    counts = cleaner.counts
    if directory is not None:
        counts += directory.clean(pseudonyms, options)
    pixels.put(dataset)
    bare_pixels(dataset, pixels.syntax, frames)
    if looked and has_pixels:
        dataset.BurnedInAnnotation = "NO"
    if face and has_pixels:
        dataset.RecognizableVisualFeatures = "NO"
    if sop_class == PDF:
        _put_document(dataset)
    _declare(dataset, options)
    medium = uid_of(meta.get("MediaStorageSOPInstanceUID"))  # all that a DICOMDIR is known by
    if Option.RETAIN_UIDS not in options:
        medium = cleaner.mapped(medium)
    instance = text_of(dataset, _SOP_INSTANCE) or medium
    dataset.file_meta = _file_meta(sop_class, instance, pixels.syntax)
    dataset.preamble = bytes(128)
    return Deidentified(
        directory.linked(lambda: _written(dataset)) if directory else _written(dataset),
        {act.name.lower(): count for act, count in sorted(counts.items(), key=str)},
        looked or says == "NO" or not has_pixels,
        pixels.blanked,
        face,
    )


def _faces(
    data: bytes, options: frozenset[Option], name: str, faces: Faces | None, has_pixels: bool
) -> tuple[dict[int, list[Box]], str]:
    """What of a file's frames is to be blanked for the face, and what was found, in a word."""
    if Option.CLEAN_VISUAL_FEATURES not in options:
        return {}, ""
    return (faces or find_faces([lambda: BytesIO(data)])).boxes(data, name, has_pixels=has_pixels)


def _has_pixels(dataset: Dataset) -> bool:
    return any(tag in dataset for tag in PIXELS)


def _put_document(dataset: Dataset) -> None:
    """An empty page in the place of a document; its size was told before."""
    document = _EMPTY_PDF + b"\0" * (len(_EMPTY_PDF) % 2)
    dataset.add_new(_DOCUMENT, "OB", document)
    if _DOCUMENT_BYTES in dataset:
        dataset.add_new(_DOCUMENT_BYTES, "UL", len(_EMPTY_PDF))


def _declare(dataset: Dataset, options: frozenset[Option]) -> None:
    """Say in the file what was done to it (PS3.15 E.2, PS3.3 C.12.1.1.7)."""
    from pydicom.dataset import Dataset as NewDataset

    methods = [BASIC, *(each.method for each in Option if each in options)]
    codes = []
    for method in methods:
        item = NewDataset()
        item.CodeValue, item.CodingSchemeDesignator = method.code, "DCM"
        item.CodeMeaning = method.meaning
        codes.append(item)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"MediBloc {_version()}, PS3.15 {EDITION}"
    dataset.DeidentificationMethodCodeSequence = codes
    dataset.LongitudinalTemporalInformationModified = (
        "UNMODIFIED" if Option.RETAIN_FULL_DATES in options
        else "MODIFIED" if Option.RETAIN_MODIFIED_DATES in options
        else "REMOVED"
    )  # fmt: skip


@cache
def _version() -> str:
    return version("medibloc-py")


def _file_meta(sop_class: str, instance: str, syntax: str) -> FileMetaDataset:
    """File meta information of our own: nothing of the source's stays but what it is."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # counted when it is written
    meta.FileMetaInformationVersion = b"\x00\x01"
    if sop_class:
        meta.MediaStorageSOPClassUID = UID(sop_class)
    if instance:
        meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = f"MEDIBLOC_{_version()}"[:16]
    return meta


def _written(dataset: FileDataset) -> bytes:
    from pydicom import dcmwrite

    out = BytesIO()
    if dataset.file_meta.TransferSyntaxUID.is_private:
        implicit, little = dataset.original_encoding
        dcmwrite(out, dataset, implicit_vr=implicit, little_endian=little)
    else:
        dcmwrite(out, dataset)
    return out.getvalue()
