"""A store on a disk of its own, which is really full."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Runs where nobody else sees the disk, and the disk goes with it.
FULL_DISK = """
import json, os, sys
from pathlib import Path
from medibloc_py.errors import StoreFailed
from medibloc_py.storage import LocalStore, Vault

disk = Path(sys.argv[1])
store, vault = LocalStore(disk / "store"), Vault(disk / "vault")
old = os.urandom(2_500_000)
kept = store.put([old])
vault.put("document", b"the old one")

def files():
    return sorted(str(p.relative_to(disk)) for p in disk.rglob("*") if p.is_file())

def free():
    stat = os.statvfs(disk)
    return stat.f_bavail * stat.f_frsize

def fill(leave):
    with (disk / "ballast").open("wb") as ballast:
        while (room := free() - leave) > 0:
            try:
                ballast.write(bytes(min(room, 65536)))
                ballast.flush()
            except OSError:
                break

def attempt(act):
    try:
        act()
    except StoreFailed as error:
        return str(error.values["reason"])
    return "done"

new = os.urandom(3_000_000)
outcomes = []
before = files()
for leave in (0, 4096, 60_000, 1_000_000, 1_100_000, 2_200_000, 2_999_000, 3_000_500):
    fill(leave)
    said = [attempt(lambda: store.put([new]))]
    if leave < 2_500_000:
        said.append(attempt(lambda: store.put([old])))
    if leave < 1_000_000:
        said.append(attempt(lambda: vault.put("document", bytes(1 << 20))))
    outcomes.append({
        "leave": leave,
        "said": said,
        "left": sorted(set(files()) - set(before) - {"ballast"}),
        "old": b"".join(store.get(kept.cid)) == old and vault.get("document") == b"the old one",
    })
(disk / "ballast").unlink()
again = store.put([new])
print(json.dumps({
    "outcomes": outcomes,
    "again": b"".join(store.get(again.cid)) == new,
    "files": len(files()) - len(before),
}))
"""
MOUNTED = 'mount -t tmpfs -o size=8m none "$1" && exec "$2" -c "$3" "$1"'


@pytest.mark.fault("full disk")
def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare here: no disk of one's own")
    trial = subprocess.run(
        [unshare, "-Urm", "sh", "-c", 'mount -t tmpfs -o size=8m none "$1"', "sh", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode:
        pytest.skip(f"no disk of one's own: {trial.stderr.strip()}")
    done = subprocess.run(
        [unshare, "-Urm", "sh", "-c", MOUNTED, "sh", str(tmp_path), sys.executable, FULL_DISK],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    said = json.loads(done.stdout)
    for outcome in said["outcomes"]:
        assert set(outcome["said"]) == {"No space left on device"}, outcome
        assert outcome["left"] == [], outcome
        assert outcome["old"], outcome
    assert said["again"]
    assert said["files"] == 1
