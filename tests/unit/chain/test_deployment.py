from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.chain import Deployment, Network, artifacts
from medibloc_py.errors import (
    ChainMismatch,
    ContractMissing,
    DeploymentInvalid,
    DeploymentMissing,
    StoreFailed,
)
from medibloc_py.model import Address
from tests.fakes.hostile_node import HostileNode

ALICE = Address("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
DEPLOYMENT = Deployment(31337, {"Consents": BOB, "Records": ALICE}, 12, ALICE)


def test_a_deployment_loads_as_it_was_saved(tmp_path):
    path = DEPLOYMENT.save(tmp_path / "deployments")
    assert path == tmp_path / "deployments" / "31337.json"
    assert Deployment.load(path.parent, 31337) == DEPLOYMENT
    assert os.listdir(path.parent) == ["31337.json"]


def test_a_newer_deployment_replaces_the_older(tmp_path):
    DEPLOYMENT.save(tmp_path)
    newer = replace(DEPLOYMENT, block=99)
    newer.save(tmp_path)
    assert Deployment.load(tmp_path, 31337) == newer


def test_a_failed_save_keeps_the_older(tmp_path, monkeypatch):
    DEPLOYMENT.save(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFailed, match="No space left"):
        replace(DEPLOYMENT, block=99).save(tmp_path)
    assert Deployment.load(tmp_path, 31337) == DEPLOYMENT
    assert os.listdir(tmp_path) == ["31337.json"]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DeploymentMissing) as caught:
        Deployment.load(tmp_path, 31337)
    assert caught.value.values == {"chain_id": 31337, "path": tmp_path}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{}", "[" * 2000, "\xff"])
def test_what_is_no_deployment_is_told(tmp_path, text):
    (tmp_path / "31337.json").write_text(text, encoding="latin-1")
    with pytest.raises(DeploymentInvalid):
        Deployment.load(tmp_path, 31337)


def test_an_unreadable_file_is_told(tmp_path):
    (tmp_path / "31337.json").mkdir()
    with pytest.raises(DeploymentInvalid):
        Deployment.load(tmp_path, 31337)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chainId", 1),
        ("chainId", None),
        ("block", -1),
        ("block", "12"),
        ("block", True),
        ("governance", ALICE.lower()),
        ("contracts", {"Records": "0x"}),
        ("contracts", {"Surprise": ALICE}),
        ("contracts", {"Accounts": ALICE}),
        ("contracts", [ALICE]),
    ],
)
def test_a_malformed_field_is_told(tmp_path: Path, field, value):
    path = DEPLOYMENT.save(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {field: value}))
    with pytest.raises(DeploymentInvalid):
        Deployment.load(tmp_path, 31337)


def test_a_contract_starts_at_the_block_of_the_deployment():
    contract = DEPLOYMENT.contract("Consents")
    assert (contract.name, contract.address, contract.deployed_at) == ("Consents", BOB, 12)
    with pytest.raises(DeploymentInvalid, match="names no contract Market"):
        DEPLOYMENT.contract("Market")


def code_of(name: str, filling: int = 0x5A) -> str:
    """The runtime code of a contract, its immutables filled."""
    artifact = artifacts.load(name)
    code = bytearray(artifact.runtime)
    for start, length in artifact.immutables:
        code[start : start + length] = bytes([filling]) * length
    return "0x" + code.hex()


def serve_code(node: HostileNode, **changed: str) -> None:
    codes = {ALICE: code_of("Records"), BOB: code_of("Consents")} | changed
    node.on("eth_getCode", lambda params, good: codes[params[0]])


def test_verify_takes_our_code_whatever_its_immutables_hold(node: HostileNode, network: Network):
    assert code_of("Consents", 0x5A) != code_of("Consents", 0)
    serve_code(node)
    node.on("eth_call", "0x" + "00" * 12 + ALICE[2:].lower())
    DEPLOYMENT.verify(network)


def test_verify_refuses_another_chain(network: Network):
    with pytest.raises(ChainMismatch):
        replace(DEPLOYMENT, chain_id=1).verify(network)


@pytest.mark.parametrize(
    "code",
    ["0x", code_of("Records"), code_of("Consents") + "00", "0x00" + code_of("Consents")[4:]],
)
def test_verify_refuses_other_code(node: HostileNode, network: Network, code):
    serve_code(node, **{BOB: code})
    with pytest.raises(ContractMissing) as caught:
        DEPLOYMENT.verify(network)
    assert caught.value.values == {"name": "Consents", "address": BOB, "chain_id": 31337}


def test_verify_refuses_contracts_that_do_not_belong_together(node: HostileNode, network: Network):
    serve_code(node)
    node.on("eth_call", "0x" + "00" * 12 + BOB[2:].lower())
    with pytest.raises(DeploymentInvalid, match="works with the Records at"):
        DEPLOYMENT.verify(network)
