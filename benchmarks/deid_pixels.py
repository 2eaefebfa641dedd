"""Measures how text that is burned into images is blanked: what is left, and what is lost."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import burn_ins
from medibloc_py.errors import MediBlocError
from medibloc_py.imaging.deidentify import Deidentified, Option, Pseudonyms
from medibloc_py.imaging.release import release


def measure(sources: list[Path], told: Callable[[int], Any]) -> dict[str, Any]:
    """The figures of the forty images.

    Args:
        sources: the bundled files.
        told: called with how many images are done.
    """
    warnings.simplefilter("ignore")
    # Where both packages have a file of a name, pydicom's.
    paths = {path.name: path for path in reversed(sources)}
    missed, false_areas, spent = {}, [], 0.0
    count = 0
    for count, image in enumerate(burn_ins.make(paths), 1):
        begun = time.process_time()
        try:
            done = release(image.data, Pseudonyms(bytes(32)), [Option.CLEAN_PIXEL_DATA])
        except MediBlocError as error:
            missed[f"{count}: {image.name}"] = f"{type(error).__name__}: {error}"[:200]
        else:
            if not image.is_gone(done.data):
                missed[f"{count}: {image.name}"] = f"{image.drawn} is left"
            if image.bare:
                false_areas.append(_false_area(image, done))
        spent += time.process_time() - begun
        told(count)
    return {
        "burned_in": count,
        "burned_in_blanked": count - len(missed),
        "false_area": round(float(np.mean(false_areas)), 4),
        "burn_in_seconds": round(spent / count, 2),
        "burned_in_missed": missed,
    }


def _false_area(image: burn_ins.BurnIn, done: Deidentified) -> float:
    """The share of the first frame that was blanked outside the text's own rectangle."""
    blanked = np.zeros(image.glyphs.shape, bool)
    for area in done.blanked:
        if area.frame == 0:
            blanked[area.top : area.bottom, area.left : area.right] = True
    top, left, bottom, right = image.text_box
    blanked[top:bottom, left:right] = False
    return float(blanked.mean())
