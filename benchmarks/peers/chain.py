"""One Anvil for all peers, and the measure of what is sent to it."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from benchmarks.peers.packages import Artifact
from benchmarks.peers.scenario import Cost
from medibloc_py.chain.node import MNEMONIC, find_anvil

TX_GAS_CAP = 16_777_216
"""Largest gas of one transaction (EIP-7825); Anvil enforces it here."""

BLOCK_GAS = 30_000_000
"""Gas of a block of Anvil."""

GENESIS = 1_900_000_000
"""Time of the first block; a second more for each block, so every run has the same times."""

FUNDED_WEI = 10**21


class Chain:
    """An Anvil whose accounts need no signature and no fee; what counts is gas.

    Attributes:
        web3: a connection to it.
    """

    def __init__(self, url: str, gas: int) -> None:
        self.web3 = Web3(HTTPProvider(url), middleware=[])
        self._gas = gas
        self._sent = Cost()
        self._classes: dict[str, type[Contract]] = {}  # making one takes longer than a transaction
        self._ask("anvil_autoImpersonateAccount", True)
        self._ask("anvil_setBlockTimestampInterval", 1)
        self._ask("anvil_setLoggingEnabled", False)

    @property
    def actors(self) -> tuple[str, ...]:
        """The node's own accounts."""
        return tuple(self.web3.eth.accounts)

    def deploy(
        self,
        artifact: Artifact,
        *args: object,
        sender: str,
        libraries: Mapping[str, Contract] | None = None,
    ) -> Contract:
        """Puts a published contract on the chain, linked to libraries.

        Raises:
            RuntimeError: the constructor reverted.
        """
        code = artifact.linked(
            {name: library.address for name, library in (libraries or {}).items()}
        )
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=code)
        receipt = self._mine(
            {"from": sender, "data": factory.constructor(*args).data_in_transaction}
        )
        return self.at(artifact, receipt["contractAddress"])

    def at(self, artifact: Artifact, address: str) -> Contract:
        """Gives the contract that stands at an address."""
        if artifact.name not in self._classes:
            self._classes[artifact.name] = self.web3.eth.contract(abi=artifact.abi)
        return self._classes[artifact.name](Web3.to_checksum_address(address))

    def send(self, contract: Contract, function: str, *args: object, sender: str) -> Any:
        """Sends one transaction.

        Returns:
            Its receipt, as the node gives it.

        Raises:
            RuntimeError: it reverted.
        """
        return self.call(contract, contract.encode_abi(function, args), sender=sender)

    def call(self, contract: Contract, data: str, *, sender: str) -> Any:
        """Sends one transaction whose call is encoded already.

        Returns:
            Its receipt, as the node gives it.

        Raises:
            RuntimeError: it reverted.
        """
        return self._mine({"from": sender, "to": contract.address, "data": data})

    def create(self, contract: Contract, signature: str, *args: object, sender: str) -> Any:
        """Sends one transaction to a factory.

        Args:
            contract: the factory.
            signature: of its function, as `name(type,...)`.
            args: its arguments.
            sender: who sends.

        Returns:
            What the function returns: the new addresses.

        Raises:
            RuntimeError: it reverted.
        """
        function = contract.get_function_by_signature(signature)(*args)
        created = function.call({"from": sender, "gas": self._gas, "gasPrice": 0})
        self.call(contract, function._encode_transaction_data(), sender=sender)
        return created

    def taken(self) -> Cost:
        """Gives the cost of what was sent since the last time this was asked."""
        sent, self._sent = self._sent, Cost()
        return sent

    def dump(self) -> str:
        """Gives the whole state, for `load` of another chain."""
        return str(self._ask("anvil_dumpState"))

    def load(self, state: str) -> None:
        """Adds the state of another chain."""
        self._ask("anvil_loadState", state)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Takes the chain back, at the end, to what it is now."""
        snapshot = self._ask("evm_snapshot")
        try:
            yield
        finally:
            self._ask("evm_revert", snapshot)

    def fund(self, address: str) -> None:
        """Gives an account ether."""
        self._ask("anvil_setBalance", address, hex(FUNDED_WEI))

    def send_raw(self, signed: str) -> None:
        """Sends a transaction that was signed elsewhere."""
        self._ask("eth_sendRawTransactionSync", signed)

    def _mine(self, transaction: dict[str, Any]) -> Any:
        fees = {"gas": hex(self._gas), "gasPrice": "0x0"}
        receipt = self._ask("eth_sendTransactionSync", transaction | fees)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"{receipt['transactionHash']} to {receipt['to']} reverted")
        self._sent += self._cost(receipt, transaction["data"])
        return receipt

    def _cost(self, receipt: Any, data: str) -> Cost:
        gas = int(receipt["gasUsed"], 16)
        logs = sum(_size(log["data"]) + 32 * len(log["topics"]) for log in receipt["logs"])
        return Cost(gas, 1, gas, _size(data), logs, self._new_slots(receipt["transactionHash"]))

    def _new_slots(self, digest: str) -> int:
        options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
        difference = self._ask("debug_traceTransaction", digest, options)
        before, after = difference["pre"], difference["post"]
        return sum(
            len(
                account.get("storage", {}).keys()
                - before.get(address, {}).get("storage", {}).keys()
            )
            for address, account in after.items()
        )

    def _ask(self, method: str, *params: object) -> Any:
        answer = self.web3.provider.make_request(RPCEndpoint(method), list(params))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


@contextmanager
def anvil(*, capped: bool = True) -> Iterator[Chain]:
    """Runs an Anvil with a fixed clock and no base fee.

    Args:
        capped: keeps the chain's limits on a transaction's gas and on a contract's size.
    """
    options = ["--port", "0", "--mnemonic", MNEMONIC, "--timestamp", str(GENESIS)]
    options += ["--block-base-fee-per-gas", "0", "--prune-history", "2"]
    options += ["--enable-tx-gas-limit"] if capped else ["--disable-code-size-limit"]
    with tempfile.TemporaryFile() as log:
        node = subprocess.Popen([str(find_anvil()), *options], stdout=log, stderr=log)
        try:
            yield Chain(_url(node, log), TX_GAS_CAP if capped else BLOCK_GAS)
        finally:
            node.terminate()
            node.wait()


def _url(node: subprocess.Popen[bytes], log: Any) -> str:
    give_up = time.monotonic() + 20
    while node.poll() is None and time.monotonic() < give_up:
        log.seek(0)
        if found := re.search(rb"Listening on (127\.0\.0\.1:\d+)", log.read()):
            return f"http://{found[1].decode()}"
        time.sleep(0.05)
    raise RuntimeError("anvil did not start")


def _size(data: str) -> int:
    return (len(data) - 2) // 2
