"""A researcher's way: from a description that anyone can search to volumes of what was bought."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib
import nibabel
import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.datasets import VolumeDataset
from medibloc_py.flows.catalogue import (
    Group,
    check_description,
    sign_description,
    write_description,
)
from tests.flow.command import Done, run
from tests.flow.scans import CROWD, SLICES, Scans, bought
from tests.flow.world import PASSWORD, PURPOSE, World
from tests.unit.datasets.records import SPACING

matplotlib.use("agg")  # no screen
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "research.ipynb"


@pytest.fixture
def scans(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scans:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    return bought(world, tmp_path / "scans")


def medibloc(scans: Scans, *argv: str | Path, code: int = 0) -> Done:
    done = run("--home", scans.world.home, "--rpc", scans.world.node.url, *argv)
    assert done.code == code, (argv, done)
    return done


def describe(scans: Scans, out: Path, *more: str | Path) -> Done:
    listing = "0x" + scans.listed.listing_id.hex()
    return medibloc(
        scans, "dataset", "describe", listing, "--as", "hospital", "--name", "CT of phantoms",
        "--about", "Three slices each.", "--out", out, "--json", *more,
    )  # fmt: skip


def test_what_was_bought_is_volumes(scans: Scans, tmp_path: Path) -> None:
    world = scans.world
    volumes = world["researcher"].volumes(scans.order, cache=tmp_path / "cache")
    assert len(volumes) == CROWD + 1
    stacks = [each for each in volumes if each.facts.modality == "CT"]
    for volume in stacks:
        assert volume.array.shape == (SLICES, 128, 128)
        assert volume.grid.spacing == pytest.approx(SPACING)
        assert volume.array[:, 0, 0].tolist() == list(range(SLICES))
    ct = volumes[[each.modality for each in volumes.facts].index("CT")]
    opened = world["researcher"].open_dataset(scans.order).find(ct.facts.record)
    lowest = ct.facts.files[0]
    np.testing.assert_array_equal(ct.slice(0), imaging.arrays(opened.read(lowest), "file"))
    assert len(list((tmp_path / "cache").iterdir())) == CROWD
    # It comes from the cache alone, by a key in the vault.
    again = world["researcher"].volumes(scans.order, cache=tmp_path / "cache")
    held = [each for each in again if each.facts.modality == "CT"]
    shutil.rmtree(world.store)
    assert len(VolumeDataset(held)) == CROWD
    assert VolumeDataset(held)[0]["image"].shape == (1, SLICES, 128, 128)

    done = medibloc(
        scans, "dataset", "export", "0x" + scans.order.hex(), "--as", "researcher",
        "--out", tmp_path / "nifti", code=5,
    )  # fmt: skip
    assert "BlobMissing" in done.err


def test_a_listing_is_described_and_found_and_exported(scans: Scans, tmp_path: Path) -> None:
    out, croissant = tmp_path / "catalogue" / "ct.description.json", tmp_path / "ct.croissant.json"
    told = describe(scans, out, "--croissant", croissant).json["description"]
    assert told["groups"] == [{"modality": "CT", "patients": CROWD, "images": 10}]
    assert "MR" not in out.read_text()  # one person's
    said = check_description(out.read_bytes(), out)
    assert said.groups == (Group("CT", CROWD, 10),)
    assert json.loads(croissant.read_text())["name"] == "CT of phantoms"
    again = describe_again(scans, out)
    assert "FileExists" in again.err
    require_croissants_of(scans, out, json.loads(croissant.read_text()), tmp_path / "croissants")

    (out.parent / "other.description.json").write_text("{}")
    asked = ("--modality", "ct", "--patients", "5", "--for", PURPOSE, "--check", "--json")
    found = medibloc(scans, "dataset", "search", out.parent, *asked).json
    (hit,) = found["found"]
    assert hit["description"] == told
    assert hit["answer"] == "permit"
    assert len(found["left_out"]) == 1
    stranger = scans.world.me("stranger").signer
    forged = replace(said, steward=stranger.address, price=1, at=said.at + 1)
    lure = write_description(sign_description(stranger, forged))
    (out.parent / "lure.description.json").write_bytes(lure)
    checked = medibloc(scans, "dataset", "search", out.parent, *asked).json
    assert checked["found"] == found["found"]
    assert len(checked["left_out"]) == 2
    for nothing in (("--modality", "MR"), ("--patients", "6"), ("--for", "POA+COMMERCIAL")):
        assert not medibloc(scans, "dataset", "search", out, *nothing, "--json").json["found"]

    order = "0x" + scans.order.hex()
    words = ("dataset", "export", order, "--as", "researcher", "--out", tmp_path / "nifti")
    done = medibloc(scans, *words, "--modality", "CT", "--json").json
    assert [each["reason"] for each in done["left_out"]] == []
    assert len(done["saved"]) == CROWD
    image = nibabel.load(done["saved"][0]["path"])
    assert image.shape == (128, 128, SLICES)
    left = medibloc(scans, *words, "--modality", "CT", "--json").json["left_out"]
    assert len(left) == CROWD  # they are there


def require_croissants_of(
    scans: Scans, described: Path, told: dict[str, Any], folder: Path
) -> None:
    """Every listing has a Croissant, with its description and without."""
    listing = "0x" + scans.listed.listing_id.hex()
    words = ("dataset", "croissant", "--out", folder, "--json")
    file = folder / f"{listing[2:]}.croissant.json"
    for which in ((listing,), ("--all",)):
        done = medibloc(scans, *words, *which).json
        assert {"listing": listing, "path": str(file), "described": False} in done["written"]
        assert done["left_out"] == []
        bare = json.loads(file.read_text())
        assert (bare["name"], bare["recordSet"]) == (f"Listing {listing}", [])
        assert {key: bare[key] for key in ("url", "license", "offers", "creator")} == {
            key: told[key] for key in ("url", "license", "offers", "creator")
        }
        now = datetime.fromtimestamp(scans.world.exchange.network.now(), UTC)
        assert bare["datePublished"] == now.date().isoformat()

    done = medibloc(scans, *words, "--all", "--described", described.parent).json
    assert {"listing": listing, "path": str(file), "described": True} in done["written"]
    assert json.loads(file.read_text()) == told
    for wrong in ((), ("--all", listing)):
        assert medibloc(scans, *words, *wrong, code=3).json["error"] == "InvalidValue"
    unknown = medibloc(scans, *words, "0x" + "ab" * 32, code=4)
    assert unknown.json["error"] == "ListingUnknown"


def test_the_notebook_runs_from_the_search_to_the_histogram(
    scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib import pyplot as plots

    describe(scans, tmp_path / "ct.description.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDIBLOC_HOME", str(scans.world.home))
    monkeypatch.setenv("MEDIBLOC_RPC_LOCAL", scans.world.node.url)
    monkeypatch.setenv("MEDIBLOC_CATALOGUE", str(tmp_path))
    monkeypatch.setenv("MEDIBLOC_ORDER", scans.order.hex())
    notebook = json.loads(NOTEBOOK.read_text())
    code = [each for each in notebook["cells"] if each["cell_type"] == "code"]
    assert not [each["outputs"] for each in code if each["outputs"]]
    names: dict[str, Any] = {}
    try:
        for number, cell in enumerate(code, 1):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        (image,) = plots.figure(1).axes[0].images
        assert image.get_array().shape == (128, 128)
        assert names["counts"].sum() > 0.9 * SLICES * 128 * 128
    finally:
        plots.close("all")
    assert [hit.description.name for hit in names["found"]] == ["CT of phantoms"]
    assert nibabel.load(tmp_path / "volume.nii.gz").shape == (128, 128, SLICES)


def describe_again(scans: Scans, out: Path) -> Done:
    return medibloc(
        scans, "dataset", "describe", "0x" + scans.listed.listing_id.hex(), "--as", "hospital",
        "--name", "n", "--about", "a", "--out", out, code=3,
    )  # fmt: skip
