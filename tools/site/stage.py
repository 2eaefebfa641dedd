"""Where recordings are made: a chain, people and their records, and images to de-identify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from medibloc_py.chain import LocalNode
from medibloc_py.chain.node import find_anvil
from medibloc_py.flows.catalogue import describe, write_description
from medibloc_py.model import ListingId
from medibloc_py.storage.program import find_kubo
from tests.flow.scans import Scans, bought
from tests.flow.world import PASSWORD, World, build

ROOT = Path(__file__).parents[2]
HOME = "clinic"
"""The home folder, seen in what commands print: all they are told lies below where they run."""
BURNED = {
    "examples_overlay.dcm": {6: "DOE^JANE  1970-03-12", -26: "St. Mary Hospital"},
    "examples_rgb_color.dcm": {-54: "DOE^JANE  ID 4711-0815", -26: "12 March 2025 14:22"},
}
"""Images of pydicom, and what is drawn into them: by its row, from below if negative."""
SHOWN = ("alice", "clinic", "hospital", "researcher")
"""Accounts that stay on the machine that is shown."""


class Stage(NamedTuple):
    """Where commands run, and the environment they have."""

    folder: Path
    environ: dict[str, str]


@contextmanager
def stage() -> Iterator[Stage]:
    """A chain with people, records and a described dataset.

    The folder has `catalogue`, and `original` with images to de-identify. It goes at the end.
    """
    programs = {"anvil": find_anvil(), "ipfs": find_kubo()}
    with TemporaryDirectory() as place, LocalNode.start() as node:
        folder = Path(place)
        (folder / "bin").mkdir()
        for name, program in programs.items():
            (folder / "bin" / name).symlink_to(program)
        draw(folder / "original")
        world = build(node, folder / HOME)
        scans = bought(world, folder / "scans")
        _decide(world)
        _describe(scans, folder / "catalogue")
        for file in (folder / HOME / "keys").iterdir():
            if not file.name.startswith(SHOWN):
                file.unlink()
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": place,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            **{f"MEDIBLOC_{name.upper()}": f"bin/{name}" for name in programs},
            "MEDIBLOC_HOME": HOME,
            "MEDIBLOC_PASSWORD": PASSWORD,
            "MEDIBLOC_RPC_LOCAL": node.url,
            "MEDIBLOC_CATALOGUE": str(folder / "catalogue"),
            "MEDIBLOC_ORDER": scans.order.hex(),
        }
        yield Stage(folder, environ)


def _decide(world: World) -> None:
    """What Alice does, for there to be something to look back at."""
    alice, record, clinic = world["alice"], world.records["alice"], world.address("clinic")
    alice.set_consent("HMB+NCU", world.in_days(365), "en: the consent form")
    alice.name_custodian(world.address("hospital"), world.in_days(365))
    alice.grant(record, clinic, "TREATMENT", world.in_days(7))
    world["clinic"].open_granted(record)
    alice.revoke_grant(record, clinic)


def _describe(scans: Scans, folder: Path) -> None:
    hospital = scans.world["hospital"]
    signed = describe(
        hospital.exchange,
        hospital.me,
        ListingId(scans.listed.listing_id),
        name="CT of phantoms",
        about="Three slices of each of five people.",
    )
    folder.mkdir()
    (folder / "phantoms.description.json").write_bytes(write_description(signed))


def draw(folder: Path) -> None:
    """Images with text burned into their corners."""
    folder.mkdir()
    font = ImageFont.load_default(16)
    for name, texts in BURNED.items():
        dataset = pydicom.dcmread(str(get_testdata_file(name)))
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(generate_instance_uid=False)
        mask = Image.new("L", (dataset.Columns, dataset.Rows))
        pen = ImageDraw.Draw(mask)
        for row, text in texts.items():
            pen.text((8, row % dataset.Rows), text, fill=255, font=font)
        pixels = dataset.pixel_array.copy()
        pixels[np.asarray(mask) > 96] = pixels.max()
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(folder / name)


def compare(at: Stage, out: Path) -> None:
    """The contact sheet of what `deidentify` makes of the images."""
    sheet = at.folder / "sheet.png"
    _run(at, "imaging", "deidentify", "original", "compared", "--option", "clean-pixel-data")
    _run(at, "imaging", "review", "original", "compared", "--out", sheet)
    Image.open(sheet).convert("RGB").save(out, quality=60, optimize=True)


def slice_of(at: Stage, notebook: Path, out: Path) -> None:
    """The slice that the notebook plots, from its own cells."""
    import matplotlib

    matplotlib.use("agg")  # no screen
    from matplotlib import pyplot as plots

    os.environ.update(at.environ | {"MEDIBLOC_HOME": str(at.folder / HOME)})
    names: dict[str, Any] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and not plots.get_fignums():
            exec(compile("".join(cell["source"]), str(notebook), "exec"), names)  # noqa: S102
    drawn = at.folder / "slice.png"
    plots.figure(1).savefig(drawn, dpi=80, bbox_inches="tight")
    Image.open(drawn).convert("L").save(out, optimize=True)


def _run(at: Stage, *words: str | Path) -> None:
    program = [sys.executable, "-m", "medibloc_py"]
    subprocess.run(
        [*program, *words], cwd=at.folder, env=at.environ, check=True, stdout=subprocess.DEVNULL
    )
