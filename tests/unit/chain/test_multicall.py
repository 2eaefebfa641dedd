"""Several calls in one transaction, and contracts put through the factory: what a node may say."""

from __future__ import annotations

import pytest
from eth_abi import encode as encode_abi
from eth_account.typed_transactions import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

from medibloc_py.chain import Contract, Network, Signer, creation_code, factory
from medibloc_py.errors import ConsentMissing, ContractMissing, NodeAnsweredWrong
from medibloc_py.model import GENERAL, Address
from tests.fakes.hostile_node import HostileNode, Refuse

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
CONSENTS = Contract("Consents", BOB)
SALT = b"\x05" * 32
CALLS = [("revoke", (GENERAL,)), ("lift", (b"\x01" * 32,)), ("revoke", (b"\x02" * 32,))]


def done(*made: bool) -> str:
    return "0x" + encode_abi(["bool[]"], [made]).hex()


def sent(node: HostileNode) -> dict[str, object]:
    (raw,) = node.sent.values()
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


def asked(node: HostileNode, method: str) -> list[str]:
    return [params[0]["data"] for name, params in node.asked if name == method]


def test_all_or_none_is_estimated_as_it_is_sent(
    node: HostileNode, network: Network, signer: Signer
):
    network.multicall(signer, CONSENTS, CALLS, atomic=True)
    assert sent(node)["gas"] == 62_500
    assert asked(node, "eth_estimateGas") == ["0x" + bytes(sent(node)["data"]).hex()]


def test_what_may_be_left_out_is_estimated_without_it(
    node: HostileNode, network: Network, signer: Signer
):
    """A node that estimates the whole finds gas enough for calls that run out of it."""
    node.on("eth_call", done(True, False, True))
    network.multicall(signer, CONSENTS, CALLS, atomic=False)
    (estimated,) = asked(node, "eth_estimateGas")
    selectors = [keccak(text)[:4].hex() for text in (b"revoke(bytes32)", b"lift(bytes32)")]
    assert [estimated.count(selector) for selector in selectors] == [2, 0]
    data = bytes(sent(node)["data"]).hex()
    assert [data.count(selector) for selector in selectors] == [2, 1]
    assert sent(node)["gas"] == (50_000 + 150_000 + 40 * 36) * 5 // 4


def test_a_multicall_never_asks_for_more_than_fits(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_call", done(*[False] * 200))
    network.multicall(signer, CONSENTS, CALLS[:1] * 200, atomic=False)
    assert sent(node)["gas"] == 1 << 24


@pytest.mark.parametrize("answer", ["0x", "0x01", "0x" + "ff" * 64])
def test_a_place_without_multicall_is_told(
    node: HostileNode, network: Network, signer: Signer, answer
):
    node.on("eth_call", answer)
    with pytest.raises(ContractMissing):
        network.multicall(signer, CONSENTS, CALLS, atomic=False)
    assert not node.sent


def test_the_first_refusal_is_told(node: HostileNode, network: Network, signer: Signer):
    data = keccak(b"ConsentMissing(address)")[:4] + encode_abi(["address"], [BOB])
    node.on("eth_call", Refuse("execution reverted", 3, "0x" + data.hex()))
    with pytest.raises(ConsentMissing):
        network.multicall(signer, CONSENTS, CALLS, atomic=True)


# The factory


def test_the_factory_is_known_by_its_whole_code(node: HostileNode, network: Network):
    for code, known in (
        (factory.CODE, True),
        (factory.CODE + b"\x00", False),
        (factory.CODE[:-1], False),
        (b"", False),
    ):
        node.on("eth_getCode", "0x" + code.hex())
        assert factory.stands(network) is known


def test_a_place_is_that_of_eip_1014(monkeypatch: pytest.MonkeyPatch):
    """An example of the standard, which has another deployer."""
    deployer = Address("0xDeaDBeef00000000000000000000000000000000")
    monkeypatch.setattr(factory, "ADDRESS", deployer)
    assert factory.place(bytes(32), b"\x00") == "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"


def test_what_the_factory_did_not_create_is_told(
    node: HostileNode, network: Network, signer: Signer
):
    place = factory.place(SALT, creation_code("TestToken"))
    node.on("eth_getCode", "0x")
    with pytest.raises(NodeAnsweredWrong, match="created no TestToken"):
        network.deploy_at(signer, "TestToken", place, SALT)
    assert bytes(sent(node)["data"]) == SALT + creation_code("TestToken")


# The first block of a contract


@pytest.mark.parametrize("first", range(8))
def test_the_first_block_with_code_is_found(node: HostileNode, network: Network, first):
    node.on("eth_getCode", lambda params, good: "0xfe" if int(params[1], 16) >= first else "0x")
    assert network.first_block(BOB) == first


def test_a_node_that_forgot_old_states_gives_the_beginning(node: HostileNode, network: Network):
    node.on("eth_getCode", Refuse("missing trie node"))
    assert network.first_block(BOB) == 0
