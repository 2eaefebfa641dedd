"""Measures how faces go from heads: what is left of them, and what is lost of the brain."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from benchmarks import heads
from medibloc_py.errors import MediBlocError
from medibloc_py.imaging.deidentify import Option, Pseudonyms
from medibloc_py.imaging.deidentify.faces import find_faces
from medibloc_py.imaging.release import release

PLANS = tuple((modality, direction) for modality in heads.VALUES for direction in heads.DIRECTIONS)


def measure(told: Callable[[int], Any]) -> dict[str, Any]:
    """The figures of the heads.

    Args:
        told: called with how many series are done.
    """
    left, lost, missed, spent = 0, [], {}, 0.0
    for number, (modality, direction) in enumerate(PLANS, 1):
        scan = heads.scan(modality, direction)
        begun = time.process_time()
        try:
            blanked = blanked_in(scan)
        except MediBlocError as error:
            missed[f"{modality} {direction}"] = str(error)[:200]
        else:
            kept = float((scan.face & ~blanked).sum() / scan.face.sum())
            left += kept == 0
            lost.append(float((scan.brain & blanked).sum() / scan.brain.sum()))
            if kept:
                missed[f"{modality} {direction}"] = f"{kept:.2%} of the face is left"
        spent += time.process_time() - begun
        told(number)
    return {
        "heads": len(PLANS),
        "faces_removed": left,
        "brain_lost": round(max(lost, default=1.0), 5),
        "head_seconds": round(spent / len(PLANS), 2),
        "faces_missed": missed,
    }


def blanked_in(scan: heads.Scan) -> np.ndarray[Any, Any]:
    """What of a series was blanked on its way out, of the shape of its pixels."""
    faces = find_faces(partial(BytesIO, each) for each in scan.files)
    blanked = np.zeros(scan.brain.shape, bool)
    for place, data in enumerate(scan.files):
        done = release(data, Pseudonyms(bytes(32)), [Option.CLEAN_VISUAL_FEATURES], faces=faces)
        for area in done.blanked:
            blanked[place, area.top : area.bottom, area.left : area.right] = True
    return blanked
