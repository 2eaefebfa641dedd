"""The harness on the chain, and random values by their ABI types."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode

from medibloc_py.chain.abi import Param, canonical, hash_of
from medibloc_py.crypto.ids import checksum_address
from medibloc_py.model import Address
from tests.flow.services.house import House

CASES = 10_000
CHUNK = 500
"""Cases in one call; the answer must fit in a block's gas."""
GAS = 2**63
_OUT = Path(__file__).parents[2] / "forge-out" / "differential"


class Bench:
    """Asks the contracts by the harness, many cases at once."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.network = house.network
        self.harness = checksum_address(b"\xd1" * 20)
        artifact = _artifact("Harness")
        self._functions = {
            item["name"]: item for item in artifact["abi"] if item["type"] == "function"
        }
        self._put(self.harness, artifact)

    def put_wallet(self, address: Address) -> None:
        """Makes a contract wallet of an address: it agrees to what is given as a signature."""
        self._put(address, _artifact("AgreeableWallet"))

    def inputs(self, function: str) -> list[Param]:
        """What a function of the harness takes."""
        return list(self._functions[function]["inputs"])

    def element(self, function: str, place: int) -> Param:
        """The elements' type of an argument that is an array."""
        param = self.inputs(function)[place]
        return {**param, "type": str(param["type"]).removesuffix("[]")}

    def ask(self, function: str, *arguments: Sequence[Any], market: bool = False) -> list[Any]:
        """Gives one answer per case; a tuple of them where the function has several outputs.

        Args:
            function: of the harness.
            arguments: arrays of equal length.
            market: whether the function takes the market first.
        """
        before = [self.house.market.address] if market else []
        answers: list[Any] = []
        for start in range(0, len(arguments[0]), CHUNK):
            chunk = [list(one[start : start + CHUNK]) for one in arguments]
            outputs = self._call(function, [*before, *chunk])
            answers += outputs[0] if len(outputs) == 1 else zip(*outputs, strict=True)
        assert len(answers) == len(arguments[0])
        return answers

    def outcomes(self, calls: Sequence[tuple[Address, bytes]]) -> list[bytes]:
        """Makes the calls in order, without keeping what they do; why each was refused."""
        (reasons,) = self._call("outcomes", [[to for to, _ in calls], [data for _, data in calls]])
        return list(reasons)

    def _call(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        item = self._functions[function]
        kinds = [canonical(param) for param in item["inputs"]]
        data = hash_of(item)[:4] + encode(kinds, arguments)
        question = {"to": self.harness, "data": "0x" + data.hex(), "gas": hex(GAS)}
        answer = self.network.rpc.ask("eth_call", question, "latest")
        return tuple(
            decode([canonical(param) for param in item["outputs"]], bytes.fromhex(answer[2:]))
        )

    def _put(self, address: Address, artifact: dict[str, Any]) -> None:
        code = artifact["deployedBytecode"]["object"]
        self.network.rpc.ask("anvil_setCode", address, code)


def value(draw: random.Random, param: Param) -> Any:
    """A random value; a number is small, any, or the largest."""
    kind = str(param["type"])
    if kind == "tuple":
        return tuple(value(draw, part) for part in param["components"])
    if kind == "address":
        return checksum_address(draw.randbytes(20))
    if number := re.fullmatch(r"uint(\d+)", kind):
        bits = int(number[1])
        return draw.choice([draw.getrandbits(8), draw.getrandbits(bits), 2**bits - 1])
    if data := re.fullmatch(r"bytes(\d+)", kind):
        return draw.randbytes(int(data[1]))
    raise NotImplementedError(kind)


def snake(name: str) -> str:
    """`feeBps` as Python writes it."""
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def _artifact(name: str) -> dict[str, Any]:
    path = _OUT / f"{name}.sol" / f"{name}.json"
    assert path.exists(), "run these tests by `make differential`, which compiles the harness"
    artifact: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return artifact
