"""Replicas on the command line: asked for, listed, let go of, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medibloc_py.cli import replicas
from medibloc_py.cli.options import Session
from medibloc_py.errors import InvalidValue, StudyUnreadable, TokenMissing, TokenRefused
from medibloc_py.storage import LocalStore, again, pinning, raw_cid
from tests.fakes.pinning_service import TOKEN, Service, serve

ONE, TWO = (raw_cid(bytes([number]) * 32) for number in (1, 2))

Replicas = Callable[..., Any]


@pytest.fixture(scope="module")
def _service() -> Iterator[Service]:
    with serve() as service:
        yield service


@pytest.fixture
def service(_service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(again, "PAUSES_S", (0.01,))
    monkeypatch.setattr(pinning, "_POLL_S", 0.01)
    monkeypatch.setenv("MEDIBLOC_PINNING_SERVICE", _service.url)
    monkeypatch.setenv("MEDIBLOC_PINNING_TOKEN", TOKEN)
    _service.clear()
    return _service


@pytest.fixture
def run(service: Service) -> Replicas:
    """Runs a command; gives what --json prints, or raises what it raised."""

    def run(*argv: str, code: int = 0, session: Session | None = None) -> Any:
        done = CliRunner().invoke(replicas.app, [*argv, "--json"], obj=session or Session())
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return run


def test_add_waits_until_all_are_pinned(run: Replicas, service: Service) -> None:
    said = run("add", ONE, TWO, ONE, "--origin", "/ip4/192.0.2.1/tcp/4001")
    assert [(each["cid"], each["state"], each["error"]) for each in said] == [
        (ONE, "pinned", None), (TWO, "pinned", None),
    ]  # fmt: skip
    assert service.bodies == [
        {"cid": cid, "origins": ["/ip4/192.0.2.1/tcp/4001"]} for cid in (ONE, TWO)
    ]


def test_add_without_patience_does_not_wait(run: Replicas) -> None:
    assert run("add", ONE, "--patience", "0")[0]["state"] == "queued"


def test_add_goes_on_behind_one_that_fails(run: Replicas, service: Service) -> None:
    service.lifecycle = ["queued", "failed"]
    failed, queued = run("add", ONE, TWO, code=5)
    assert failed["error"]["error"] == queued["error"]["error"] == "PinFailed"
    assert len(service.pins) == 2


def test_add_takes_all_that_the_store_keeps(
    run: Replicas, service: Service, tmp_path: Path
) -> None:
    kept = [LocalStore(tmp_path / "store").put([blob]).cid for blob in (b"one", b"two")]
    run("add", "--all", "--patience", "0", session=Session(store=str(tmp_path / "store")))
    assert [each["cid"] for each in service.bodies] == sorted(kept)
    for argv in (("--all", ONE), ()):
        with pytest.raises(InvalidValue, match="one of them"):
            run("add", *argv)


def test_status_tells_all_or_some(run: Replicas, service: Service) -> None:
    for cid, state in ((ONE, "pinned"), (TWO, "failed")):
        service.add({"cid": cid}, state)
    assert [(each["cid"], each["state"]) for each in run("status")] == [
        (TWO, "failed"), (ONE, "pinned"),
    ]  # fmt: skip
    assert [each["cid"] for each in run("status", ONE)] == [ONE]


def test_remove_lets_go_of_every_request_for_a_blob(run: Replicas, service: Service) -> None:
    for state in ("failed", "pinned"):
        service.add({"cid": ONE}, state)
    kept = service.add({"cid": TWO}, "pinned")
    assert [each["request"] for each in run("remove", ONE)] == ["request/1", "request/0"]
    assert list(service.pins) == [kept["requestid"]]
    assert run("remove", ONE) == []


def test_what_a_person_reads_is_a_table(service: Service) -> None:
    service.add({"cid": ONE}, "pinned")
    shown = CliRunner().invoke(replicas.app, ["status"]).stdout
    assert ONE in shown
    assert "pinned" in shown
    assert CliRunner().invoke(replicas.app, ["remove", TWO], obj=Session()).stdout == (
        "The service kept none of them.\n"
    )


def test_a_token_comes_from_a_file_before_the_environment(
    run: Replicas, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEDIBLOC_PINNING_TOKEN", "another")
    with pytest.raises(TokenRefused):
        run("status")
    (tmp_path / "token").write_text(f"{TOKEN}\r\nand more")
    assert run("status", "--token-file", str(tmp_path / "token")) == []


def test_without_a_token_nothing_is_sent(
    run: Replicas, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MEDIBLOC_PINNING_TOKEN")
    (tmp_path / "empty").write_text("")
    with pytest.raises(TokenMissing, match="MEDIBLOC_PINNING_TOKEN"):
        run("status")
    with pytest.raises(TokenMissing):
        run("status", "--token-file", str(tmp_path / "empty"))
    with pytest.raises(StudyUnreadable):
        run("status", "--token-file", str(tmp_path / "nowhere"))
    assert not service.requests


@pytest.mark.parametrize("verb", ["add", "status", "remove"])
def test_what_is_no_cid_is_found_before_anything_is_sent(
    run: Replicas, service: Service, verb: str
) -> None:
    with pytest.raises(InvalidValue):
        run(verb, ONE, "not a CID")
    assert not service.requests
