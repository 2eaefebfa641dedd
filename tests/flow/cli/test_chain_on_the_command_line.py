"""A chain, the contracts on it, and all that can be wrong between them and a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import Deployment, factory
from medibloc_py.client import Client
from medibloc_py.crypto.ids import keccak256
from medibloc_py.flows.deploy import CONTRACTS, plan
from medibloc_py.services import AccountsService
from tests.flow.cli.conftest import Medibloc
from tests.flow.command import Done, processes_of, run
from tests.flow.world import World

# medibloc up.


@contextmanager
def up(mark: str, *argv: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """`medibloc up` in a process of its own, and what it printed when it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "medibloc_py", "up", "--json", *argv],
        env=os.environ | {"MEDIBLOC_TEST": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    text = ""
    try:
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        yield process, json.loads(text)
    finally:
        process.kill()
        process.communicate()


def free_port() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def nothing_is_left(mark: str) -> bool:
    give_up = time.monotonic() + 10
    while processes_of(mark) and time.monotonic() < give_up:
        time.sleep(0.05)
    return not processes_of(mark)


def test_up_runs_until_ctrl_c_and_serves_whoever_deploys(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, port = f"medibloc-test-{uuid.uuid4()}", free_port()
    with up(mark, "--port", port) as (process, ready):
        assert ready == {"rpc_url": f"http://127.0.0.1:{port}", "chain_id": 31337}
        again = run("up", "--port", port, "--json")
        assert again.code == 5
        assert again.json["error"] == "NodeUnreachable"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        assert nothing_is_left(mark)


def test_up_says_so_when_its_chain_dies() -> None:
    mark = f"medibloc-test-{uuid.uuid4()}"
    with up(mark, "--port", free_port()) as (process, _):
        for found in processes_of(mark):
            if found != process.pid:
                with suppress(ProcessLookupError):  # it ended with the one before
                    os.kill(found, signal.SIGKILL)
        assert process.wait(30) == 5
        assert process.stderr is not None
        assert json.loads(process.stderr.read())["error"] == "NodeUnreachable"


# medibloc deploy.


def test_deploy(world: World, medibloc: Medibloc, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    argv = ("deploy", "--as", "governance", "--salt", "a test", "--out", out)
    done = medibloc(*argv, "--json").json
    deployment = Deployment.load(out, 31337)
    deployment.verify(world.exchange.network)
    assert done["deterministic"] is True
    assert done["contracts"] == deployment.contracts
    assert done["contracts"] == plan(world.address("governance"), "a test")
    assert all(gas > 100_000 for gas in done["gas"].values())
    assert set(done["gas"]) == set(CONTRACTS)
    assert deployment.governance == world.address("governance")
    records = AccountsService(world.exchange.network, deployment.contracts["Records"])
    assert records.is_accreditor(deployment.governance)


def test_deploy_again_uses_what_is_there(world: World, medibloc: Medibloc) -> None:
    network, file = world.exchange.network, world.home / "deployments" / "31337.json"
    before, block = file.read_bytes(), network.block_number()
    done = medibloc("deploy", "--as", "governance")
    assert done.out.count("already there") == 5  # the test token of before stays
    assert file.read_bytes() == before
    assert network.block_number() == block
    # Whoever deploys for the same governance, and wherever the file goes.
    argv = ("--governance", "governance", "--out", "new", "--json")
    done = medibloc("deploy", "--as", "stranger", *argv)
    assert done.json["gas"] == {}
    again = Deployment.load(Path("new"), 31337)
    contracts = dict(world.exchange.deployment.contracts)
    del contracts["TestToken"]
    assert again.contracts == contracts
    assert again.block == world.exchange.deployment.block  # found again: events are read from it


def test_deploy_goes_on_where_another_stopped(world: World, medibloc: Medibloc) -> None:
    network, governance = world.exchange.network, world.me("governance")
    (name, place), *_ = plan(governance.address, "half").items()
    network.deploy_at(
        world.me("stranger").signer, name, place, keccak256(b"half"), governance.address
    )
    argv = ("deploy", "--as", "governance", "--salt", "half", "--out", "new", "--json")
    done = medibloc(*argv).json
    assert set(done["gas"]) == {"Consents", "Grants", "Market"}
    assert done["contracts"][name] == place


@pytest.mark.parametrize("code", ["0x", "0x60016000f3"], ids=["no", "another"])
def test_deploy_gives_new_addresses_without_the_factory(
    world: World, medibloc: Medibloc, code
) -> None:
    """Where there is no factory, or something else in its place, the addresses are new ones."""
    network = world.exchange.network
    honest = network.code(factory.ADDRESS)
    network.rpc.ask("anvil_setCode", factory.ADDRESS, code)
    try:
        argv = ("deploy", "--as", "governance", "--out")
        assert "does not stand on this chain" in medibloc(*argv, "one").out
        done = medibloc(*argv, "two", "--json").json
    finally:
        network.rpc.ask("anvil_setCode", factory.ADDRESS, "0x" + honest.hex())
    assert done["deterministic"] is False
    assert set(done["gas"]) == set(CONTRACTS)
    one, two = (Deployment.load(Path(folder), 31337) for folder in ("one", "two"))
    assert set(one.contracts.values()).isdisjoint(two.contracts.values())
    two.verify(network)


def test_deploy_refuses_other_code_where_a_contract_belongs(
    world: World, medibloc: Medibloc
) -> None:
    place = plan(world.address("governance"), "taken")["Market"]
    world.exchange.network.rpc.ask("anvil_setCode", place, "0x60016000f3")
    argv = ("deploy", "--as", "governance", "--salt", "taken", "--out", "new", "--json")
    done = medibloc(*argv, code=5).json
    assert done["error"] == "ContractMissing"
    assert done["values"]["address"] == place
    assert list(Path("new").iterdir()) == []


def test_deploy_for_another_governance(world: World, medibloc: Medibloc) -> None:
    argv = ("--governance", "clinic", "--test-token", "--out", "new")
    assert "TestToken" in medibloc("deploy", "--as", "stranger", *argv).out
    deployment = Deployment.load(Path("new"), 31337)
    assert deployment.governance == world.address("clinic")
    assert set(deployment.contracts.values()).isdisjoint(
        world.exchange.deployment.contracts.values()
    )
    client = Client.connect(world["clinic"].settings)
    assert client.exchange.deployment == world.exchange.deployment  # the home's own, untouched


def test_deploy_does_not_forget_contracts_that_stand(world: World, medibloc: Medibloc) -> None:
    file = world.home / "deployments" / "31337.json"
    before = file.read_bytes()
    block = world.exchange.network.block_number()
    for other in (("--salt", "other"), ("--governance", "clinic")):
        done = medibloc("deploy", "--as", "governance", *other, "--json", code=3)
        assert done.json["error"] == "FileExists"
    assert file.read_bytes() == before
    assert world.exchange.network.block_number() == block
    # Contracts that are no more are forgotten.
    body = json.loads(before)
    body["contracts"]["Market"] = world.address("stranger")
    file.write_text(json.dumps(body))
    medibloc("deploy", "--as", "governance")
    Client.connect(world["clinic"].settings)


def test_deploy_finds_out_first_where_it_cannot_write(world: World, medibloc: Medibloc) -> None:
    Path("file").write_text("")
    block = world.exchange.network.block_number()
    done = medibloc("deploy", "--as", "governance", "--out", "file/below", "--json", code=5)
    assert done.json["error"] == "StoreFailed"
    assert world.exchange.network.block_number() == block


def test_deploy_without_money(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("key").write_text("11" * 32)
    medibloc("account", "import", "poor", "--key-file", "key")
    done = medibloc("deploy", "--as", "poor", "--out", "new", "--json", code=4)
    assert done.json["error"] == "InsufficientFunds"
    assert list(Path("new").iterdir()) == []


# What can be wrong.


def at(world: World, *argv: str) -> Done:
    return run("--home", world.home, *argv)


def test_an_unknown_network(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done = at(world, "--network", "mainnet", "account", "list")
    assert done.code == 3
    assert done.err == (
        "NetworkUnknown: There is no network named mainnet; known are local, anvil, ganache, "
        "sepolia.\nName one of these, or give its RPC URL with --rpc.\n"
    )


def test_another_chain_than_the_networks(world: World) -> None:
    rpc = ("--rpc", world.node.url)
    assert at(world, "--network", "local", *rpc, "consent", "show", "alice").code == 0
    done = at(world, "--network", "sepolia", *rpc, "consent", "show", "alice", "--json")
    assert done.code == 5
    assert done.json["error"] == "ChainMismatch"
    assert (done.json["values"]["actual"], done.json["values"]["expected"]) == (31337, 11155111)


def test_nobody_at_the_url(world: World) -> None:
    done = at(world, "--rpc", "http://127.0.0.1:9/secret-key", "consent", "show", "alice")
    assert done.code == 5
    assert done.err.startswith("NodeUnreachable: The node at http://127.0.0.1:9 does not answer")
    assert "secret-key" not in done.err


@pytest.mark.parametrize("url", ["ftp://node", "node:8545", "http://", "http://[", "/ip4/1.2.3.4"])
def test_what_is_no_url(world: World, url: str) -> None:
    done = at(world, "--rpc", url, "consent", "show", "alice", "--json")
    assert done.code == 3
    assert done.json["values"]["name"] == "RPC URL"


def test_the_environment_names_the_node(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIBLOC_RPC", world.node.url)
    monkeypatch.setenv("MEDIBLOC_HOME", str(world.home))
    assert run("consent", "show", "alice").code == 0


def deployment_file(world: World) -> Path:
    return world.home / "deployments" / "31337.json"


def test_no_deployment(world: World, medibloc: Medibloc) -> None:
    deployment_file(world).unlink()
    done = medibloc("consent", "show", "alice", code=3)
    assert done.err.startswith("DeploymentMissing: No deployment of the contracts on chain 31337")
    assert "medibloc deploy" in done.err


def test_no_code_at_the_address(world: World, medibloc: Medibloc) -> None:
    body = json.loads(deployment_file(world).read_text())
    body["contracts"]["Consents"] = world.address("stranger")
    deployment_file(world).write_text(json.dumps(body))
    done = medibloc("consent", "show", "alice", "--json", code=5)
    assert done.json["error"] == "ContractMissing"
    assert done.json["values"]["name"] == "Consents"


def test_other_code_at_the_address(world: World, medibloc: Medibloc) -> None:
    body = json.loads(deployment_file(world).read_text())
    body["contracts"]["Consents"] = body["contracts"]["Records"]
    deployment_file(world).write_text(json.dumps(body))
    done = medibloc("consent", "show", "alice", "--json", code=5)
    assert done.json["error"] == "ContractMissing"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"chainId": 31337}', '{"chainId": 1}'])
def test_a_damaged_deployment(world: World, medibloc: Medibloc, text: str) -> None:
    deployment_file(world).write_text(text)
    done = medibloc("consent", "show", "alice", "--json", code=3)
    assert done.json["error"] == "DeploymentInvalid"


def test_a_deployment_of_an_earlier_chain_does_not_hide_the_right_one(
    world: World, medibloc: Medibloc
) -> None:
    """The folder one works in is looked at first; what it holds may be long gone."""
    body = json.loads(deployment_file(world).read_text())
    stale = body | {"contracts": body["contracts"] | {"Market": world.address("stranger")}}
    Path("deployments").mkdir()
    Path("deployments/31337.json").write_text(json.dumps(stale))
    medibloc("consent", "show", "alice")
    deployment_file(world).unlink()
    done = medibloc("consent", "show", "alice", "--json", code=5)
    assert done.json["error"] == "ContractMissing"


def test_a_store_that_is_no_folder(world: World, medibloc: Medibloc) -> None:
    Path("file").write_text("")
    record = "0x" + world.records["alice"].hex()
    argv = ("access", "grant", record, "--as", "alice", "--to", "clinic", "--json")
    done = medibloc("--store", "file", *argv, code=5)
    assert done.json["error"] == "StoreFailed"
    done = medibloc("--store", "/ip4/127.0.0.1/tcp/9", *argv, code=5)
    assert done.json["error"] == "StoreUnreachable"
    done = medibloc("--store", "/ip4/nonsense", *argv, code=3)
    assert done.json["values"]["name"] == "store"


# Usage.


@pytest.mark.parametrize(
    "argv",
    [
        ("nonsense",),
        ("account", "show"),
        ("record", "list"),
        ("consent", "set", "--as", "alice"),
        ("account", "fund", "alice", "--coins", "-1"),
        ("account", "accredit", "alice", "--role", "king", "--as", "governance"),
        ("dataset", "contribute", "x", "--weight", "0"),
        ("up", "--port", "http"),
    ],
)
def test_wrong_usage_ends_with_2(argv: tuple[str, ...]) -> None:
    done = run(*argv)
    assert done.code == 2
    assert "Usage: medibloc" in done.err


def test_version_and_help() -> None:
    from importlib.metadata import version

    assert run("--version").out == version("medibloc-py") + "\n"
    for argv in ("--help",), ("-h",), ("dataset", "--help"), ("dataset", "quote", "-h"):
        done = run(*argv)
        assert done.code == 0
        assert "Usage: medibloc" in done.out


def test_ctrl_c_within_a_command(medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "connect", interrupted)
    done = medibloc("consent", "show", "alice", code=130)
    assert "Traceback" not in done.err
