from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.command import Done, run
from tests.flow.world import PASSWORD, World

Medibloc = Callable[..., Done]


@pytest.fixture
def medibloc(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Medibloc:
    """`medibloc` in an empty folder, with the world's home and node and everybody's password.

    Fails unless the command ends with the status `code`, and whenever it prints or logs a
    secret.
    """
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    caplog.set_level("DEBUG")
    secrets = [PASSWORD]
    for client in world.clients.values():
        me = client.me
        secrets += [me.signer.export_key().hex(), me.keys.root_secret.hex()]

    def medibloc(*argv: str | Path, code: int = 0) -> Done:
        done = run("--home", world.home, "--rpc", world.node.url, *argv)
        assert done.code == code, (argv, done)
        said = done.out + done.err + caplog.text
        assert not [secret for secret in secrets if secret in said]
        return done

    return medibloc
