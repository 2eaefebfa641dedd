from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.command import Done, run
from tests.flow.world import PASSWORD, World

Medibloc = Callable[..., Done]


@pytest.fixture
def medibloc(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Medibloc:
    """`medibloc` in an empty folder, with the world's home and node and everybody's password.

    Fails unless the command ends with the status `code`, and whenever it prints a secret.
    """
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("HOME", "NETWORK", "RPC", "STORE"):
        monkeypatch.delenv(f"MEDIBLOC_{name}", raising=False)
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    secrets = [PASSWORD]
    for client in world.clients.values():
        me = client.me
        secrets += [me.signer.export_key().hex(), me.keys.root_secret.hex()]

    def medibloc(*argv: str | Path, code: int = 0) -> Done:
        done = run("--home", world.home, "--rpc", world.node.url, *argv)
        assert done.code == code, (argv, done)
        assert not [secret for secret in secrets if secret in done.out + done.err]
        return done

    return medibloc
