"""Scripts run for real: in a copy of the project, as a user with an empty home runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from brownie import network, web3

from medibloc_py.chain import Deployment
from medibloc_py.client import Client
from medibloc_py.config import Settings, load

ROOT = Path(__file__).parents[3]
COPIED = ("contracts", "scripts", "build/contracts", "brownie-config.yaml", "brownie_hooks.py")
LINKED = ("medibloc_py", "tools", ".cache", ".venv")
EMPTY = ("build", "tests/contracts")  # where brownie looks before it knows a project


@dataclass(frozen=True)
class Workshop:
    """A copy of the project, with deployments and a home of its own.

    Attributes:
        project: folder that brownie runs in.
        home: folder of the person who runs it.
        environment: what is set besides.
    """

    project: Path
    home: Path
    environment: dict[str, str]

    def run(
        self, script: str, network_name: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script by brownie, in a process of its own."""
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("brownie")),
                "run",
                f"scripts/{script}.py",
                "--network",
                network_name,
            ],
            cwd=self.project,
            env={"HOME": str(self.home), "PATH": os.defpath, **self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def deployment(self, chain_id: int) -> Deployment:
        """What `deploy` wrote."""
        return Deployment.load(self.project / "deployments", chain_id)

    def settings(self) -> Settings:
        """What the library needs to meet the scripts where they are."""
        known = load(
            home=str(self.home / ".medibloc"),
            network=network.show_active(),
            rpc_url=web3.provider.endpoint_uri,
        )
        return replace(known, deployments=(self.project / "deployments",))

    def client(self, name: str, password: str) -> Client:
        """The library's client for an account of this home, newly connected."""
        return Client.connect(self.settings()).acting_as(name, password)


def open_workshop(folder: Path) -> Workshop:
    """Copies the project into a folder, beside an empty home."""
    project, home = folder / "exchange", folder / "home"
    home.mkdir()
    for name in EMPTY:
        (project / name).mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    for name in LINKED:
        (project / name).symlink_to(ROOT / name)
    active = f"MEDIBLOC_RPC_{network.show_active().upper()}"
    return Workshop(project, home, {active: web3.provider.endpoint_uri})


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that a script printed."""
    return done.stdout + done.stderr


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """What a script told that must have succeeded."""
    assert done.returncode == 0, said(done)
    assert "Traceback" not in said(done), said(done)
    return done.stdout
