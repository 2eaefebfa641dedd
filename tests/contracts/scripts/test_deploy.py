"""`brownie run scripts/deploy.py`, on the nodes of this machine and, dry, on Sepolia."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import pytest
from brownie import network

from medibloc_py.chain import LocalNode, Network, Signer, dev_accounts
from medibloc_py.model import Address, Role
from medibloc_py.services import AccountsService
from support.workshop import said, succeeded

EXCHANGE = {"Consents", "Grants", "Market", "Records"}
SEPOLIA = 11155111
FATES = {1: "taken, told an error", 2: "not taken, told an error"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def sepolia() -> Iterator[LocalNode]:
    """A node that says it is Sepolia."""
    with LocalNode.start(chain_id=SEPOLIA) as started:
        yield started


@pytest.fixture
def public(sepolia: LocalNode) -> dict[str, str]:
    key = dev_accounts()[0].export_key().hex()
    return {"MEDIBLOC_RPC_SEPOLIA": sepolia.url, "MEDIBLOC_DEPLOYER_KEY": key}


@contextmanager
def fickle_node(url: str) -> Iterator[tuple[str, list[str]]]:
    """A node before another one that answers the second and third send with an error."""
    sends: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            told = b""
            if json.loads(asked)["method"] in ("eth_sendTransaction", "eth_sendRawTransaction"):
                sends.append(FATES.get(len(sends), "taken"))
                error = {"code": -32000, "message": "BlockOutOfRangeError: block height is 4"}
                if "error" in sends[-1]:
                    told = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
            if not (told and sends[-1].startswith("not")):
                request = Request(url, asked, {"Content-Type": "application/json"})
                with urlopen(request) as answer:
                    told = told or answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sends
    finally:
        server.shutdown()
        server.server_close()


def accounts_of(node: Network, at: Address) -> AccountsService:
    return AccountsService(node, at, 0)


def test_deploy_works_given_running_node(workshop: Any, node: Network, governance: Any) -> None:
    told = succeeded(workshop.run("deploy", network.show_active()))
    deployment = workshop.deployment(node.chain_id)
    deployment.verify(node)
    assert set(deployment.contracts) == EXCHANGE | {"TestToken"}
    assert deployment.governance == governance.address
    assert 0 < deployment.block <= node.block_number()
    assert all(address in told for address in deployment.contracts.values())
    accounts = accounts_of(node, deployment.contracts["Records"])
    assert accounts.is_accreditor(governance.address)


def test_deploy_gives_the_deployer_nothing_given_governance(
    workshop: Any, node: Network, governance: Any, stranger: Any
) -> None:
    environment = {"MEDIBLOC_GOVERNANCE": stranger.address}
    succeeded(workshop.run("deploy", network.show_active(), **environment))
    deployment = workshop.deployment(node.chain_id)
    assert deployment.governance == stranger.address
    accounts = accounts_of(node, deployment.contracts["Records"])
    assert not accounts.is_accreditor(governance.address)


@pytest.mark.parametrize(("name", "chain_id"), [("anvil", 31337), ("ganache", 1337)])
def test_deploy_starts_a_node_given_none(workshop: Any, name: str, chain_id: int) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    told = succeeded(workshop.run("deploy", name, **{f"MEDIBLOC_RPC_{name.upper()}": url}))
    assert "Brownie started this chain and ends it now" in told
    assert set(workshop.deployment(chain_id).contracts) == EXCHANGE | {"TestToken"}


def test_deploy_on_sepolia_leaves_test_token_and_accreditor_out(
    workshop: Any, sepolia: LocalNode, public: dict[str, str]
) -> None:
    succeeded(workshop.run("deploy", "sepolia", **public))
    deployment = workshop.deployment(SEPOLIA)
    deployment.verify(sepolia.network)
    assert set(deployment.contracts) == EXCHANGE
    deployer = dev_accounts()[0].address
    assert deployment.governance == deployer
    accounts = accounts_of(sepolia.network, deployment.contracts["Records"])
    assert not accounts.is_accreditor(deployer)
    assert not accounts.is_accredited(deployer, Role.ISSUER)


@pytest.mark.parametrize("missing", ["MEDIBLOC_RPC_SEPOLIA", "MEDIBLOC_DEPLOYER_KEY"])
def test_deploy_on_sepolia_names_what_is_missing(
    workshop: Any, public: dict[str, str], missing: str
) -> None:
    done = workshop.run("deploy", "sepolia", **{**public, missing: ""})
    assert done.returncode == 3, said(done)
    assert f"InvalidValue: {missing} is" in done.stderr
    assert "Traceback" not in said(done)


def test_deploy_on_sepolia_does_not_repeat_a_malformed_key(
    workshop: Any, public: dict[str, str]
) -> None:
    malformed = public["MEDIBLOC_DEPLOYER_KEY"][:-1] + "x"
    done = workshop.run("deploy", "sepolia", **{**public, "MEDIBLOC_DEPLOYER_KEY": malformed})
    assert done.returncode == 3, said(done)
    assert "private key" in done.stderr
    assert malformed[2:10] not in said(done)


def test_deploy_on_sepolia_refuses_another_chain(
    workshop: Any, node: Network, public: dict[str, str]
) -> None:
    done = workshop.run("deploy", "sepolia", **{**public, "MEDIBLOC_RPC_SEPOLIA": node.url})
    assert done.returncode == 5, said(done)
    assert "ChainMismatch" in done.stderr


def test_deploy_on_sepolia_has_the_test_token_when_asked_and_keeps_what_stands(
    workshop: Any, sepolia: LocalNode, public: dict[str, str]
) -> None:
    succeeded(workshop.run("deploy", "sepolia", **public, MEDIBLOC_TEST_TOKEN="1"))
    before = workshop.deployment(SEPOLIA)
    assert set(before.contracts) == EXCHANGE | {"TestToken"}
    again = workshop.run("deploy", "sepolia", **public)
    assert again.returncode != 0, said(again)
    assert "FileExists" in again.stderr
    assert workshop.deployment(SEPOLIA) == before


def test_deploy_goes_on_given_a_node_that_answers_sends_with_errors(
    workshop: Any, sepolia: LocalNode, public: dict[str, str]
) -> None:
    with fickle_node(sepolia.url) as (url, sends):
        succeeded(workshop.run("deploy", "sepolia", **{**public, "MEDIBLOC_RPC_SEPOLIA": url}))
    workshop.deployment(SEPOLIA).verify(sepolia.network)
    assert sends == ["taken", "taken, told an error", "not taken, told an error", *["taken"] * 2]


def test_deploy_on_sepolia_sends_nothing_given_too_little(
    workshop: Any, sepolia: LocalNode, public: dict[str, str]
) -> None:
    poor, wei = Signer.generate(), 10**15
    sepolia.network.transfer(dev_accounts()[1], poor.address, wei)
    key = poor.export_key().hex()
    done = workshop.run("deploy", "sepolia", **{**public, "MEDIBLOC_DEPLOYER_KEY": key})
    assert done.returncode == 4, said(done)
    assert "InsufficientFunds" in done.stderr
    assert sepolia.network.balance(poor.address) == wei
    assert not (workshop.project / "deployments").exists()
