"""Runs one tool over files, in the environment the tool lives in, and says how long it took.

    python benchmarks/deid_tools.py TOOL < pairs.json

Reads `[[source, target], ...]`, de-identifies each by the tool's strictest documented call,
and prints `{"core_seconds": ..., "refused": {source: error}}`. Core seconds are counted, for
others may use the machine; the first file is done once before, so that nothing is counted
but the work.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

Tool = Callable[[Path, Path], None]


def medibloc(*, checked: bool = True) -> Tool:
    """Ours, with the independent check or without."""
    from medibloc_py.imaging.deidentify import Pseudonyms, deidentify
    from medibloc_py.imaging.release import release

    pseudonyms = Pseudonyms(bytes(32))
    work = release if checked else deidentify

    def run(source: Path, target: Path) -> None:
        target.write_bytes(work(source, pseudonyms).data)

    return run


def dicom_anonymizer() -> Tool:
    """With the newest edition of the profile it has."""
    from functools import partial

    from dicomanonymizer import simpledicomanonymizer as tool

    rules = partial(tool.initialize_actions, "dicomfields_2026c")

    def run(source: Path, target: Path) -> None:
        tool.anonymize_dicom_file(str(source), str(target), base_rules_gen=rules)

    return run


def dicognito() -> Tool:
    """One anonymizer for all files, as its documentation says."""
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer()

    def run(source: Path, target: Path) -> None:
        with pydicom.dcmread(source, force=True) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(target)

    return run


def deid() -> Tool:
    """Its default recipe, private attributes removed."""
    from deid.dicom import replace_identifiers

    def run(source: Path, target: Path) -> None:
        files = replace_identifiers(
            dicom_files=[str(source)],
            save=True,
            overwrite=True,
            output_folder=str(target.parent),
            remove_private=True,
        )
        if len(files) != 1 or not files[0]:
            raise ValueError("it gave no file")
        written = target.parent / source.name
        if written != target:
            written.replace(target)

    return run


TOOLS: dict[str, Callable[[], Tool]] = {
    "medibloc": medibloc,
    "medibloc_unchecked": lambda: medibloc(checked=False),
    "dicom-anonymizer": dicom_anonymizer,
    "dicognito": dicognito,
    "deid": deid,
}


def main() -> None:
    """Does all files and prints what came of it."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    run = TOOLS[sys.argv[1]]()
    pairs = [(Path(source), Path(target)) for source, target in json.load(sys.stdin)]
    out, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115 - tools talk
    refused: dict[str, str] = {}
    spent = 0.0
    for number, (source, target) in enumerate([pairs[0], *pairs]):
        begun = time.process_time()
        try:
            run(source, target)
        except Exception as error:  # whatever a tool ends with, it did not do the file
            told = f"{type(error).__name__}: {error}".replace(str(source), source.name)
            refused[str(source)] = told[:200]
            target.unlink(missing_ok=True)
        if number:
            spent += time.process_time() - begun
    json.dump({"core_seconds": round(spent, 3), "refused": refused}, out)


if __name__ == "__main__":
    main()
