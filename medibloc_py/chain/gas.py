"""What a transaction takes and what is offered for it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.reverts import refusal
from medibloc_py.chain.rpc import Block, Rpc

GAS_MAX = 1 << 24
"""Most gas one transaction may take since EIP-7825."""
_PRIORITY_WEI = 10**9
_APART = 1_024
"""What is offered is raised by less than this part, at random: two machines that sign the same
call with the same nonce sign two transactions, and neither takes the other's for its own."""
_FEW_WEI = 1 << 16
"""Where the fee can be raised by less than this, the limit of gas is raised, too: most of all on a
chain that takes no fee."""


class Gas:
    """Gas and fees, as one node says and within a limit of ours."""

    def __init__(self, rpc: Rpc, max_fee_wei: int) -> None:
        """Name the node, and the largest fee of one transaction."""
        self._rpc = rpc
        self._max_fee_wei = max_fee_wei

    def estimate(self, call: Mapping[str, str]) -> int:
        """Asks how much gas a call takes, as the state is now; for a limit, see `offered`.

        Raises:
            ContractRefusal: it would revert.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: more than fits in a transaction.
        """
        try:
            answer = self._rpc.request("eth_estimateGas", call)
        except RpcRefusal as refused:
            if (data := refused.reverted) is None:
                raise self._rpc.unreachable(str(refused)) from refused
            raise refusal(data) from refused
        estimate = self._rpc.quantity(answer, "an estimate of gas")
        if estimate > GAS_MAX:
            raise self._rpc.wrong(f"it estimates {estimate} gas, more than fits in a transaction")
        return estimate

    def _suggested(self) -> dict[str, int]:
        """Chooses EIP-1559 fees that outlast six full blocks, or a legacy gas price."""
        latest: Block = self._rpc.block("latest")
        if latest.base_fee is None:
            price = self._rpc.quantity(self._rpc.ask("eth_gasPrice"), "the gas price")
            return {"gasPrice": price}
        try:
            answer = self._rpc.request("eth_maxPriorityFeePerGas")
            priority = self._rpc.quantity(answer, "the priority fee")
        except RpcRefusal:  # the method is an extension that not every node has
            priority = _PRIORITY_WEI
        return {
            "maxFeePerGas": 2 * latest.base_fee + priority,
            "maxPriorityFeePerGas": priority,
        }

    def offered(self, gas: int) -> tuple[int, dict[str, int]]:
        """The limit and the fees to offer for what is expected to take so much gas.

        The limit is a quarter more, for state may move.

        Raises:
            NodeUnreachable: no answer.
            NodeAnsweredWrong: the node asks more than the limit.
        """
        fees = self._suggested()
        cap = "gasPrice" if "gasPrice" in fees else "maxFeePerGas"
        limit, apart = gas + gas // 4, fees[cap] // _APART
        if apart < _FEW_WEI:
            limit += secrets.randbelow(gas // 4 + 1)
        limit = min(limit, GAS_MAX)
        fees[cap] += secrets.randbelow(apart + 1)
        most = limit * most_of(fees)
        if most > self._max_fee_wei:
            raise self._rpc.wrong(
                f"it asks a fee of up to {most} wei, above the limit of {self._max_fee_wei}"
            )
        return limit, fees

    def price(self, fees: Mapping[str, int]) -> int:
        """What one gas costs by these fees in a block like the last one, in wei."""
        latest = self._rpc.block("latest")
        if latest.base_fee is None:
            return most_of(fees)
        return min(latest.base_fee + fees["maxPriorityFeePerGas"], most_of(fees))

    def dearer(self, gas: int, old: int) -> dict[str, int] | None:
        """Fees that a node takes in place of older ones (an eighth more); None above the limit."""
        fees = self._suggested()
        least = old + old // 8 + 1
        most = max(most_of(fees), least)
        if gas * most > self._max_fee_wei:
            return None
        if "gasPrice" in fees:
            return {"gasPrice": most}
        # Both must grow, or the node keeps the old one.
        return {"maxFeePerGas": most, "maxPriorityFeePerGas": most}


def most_of(fees: Mapping[str, int]) -> int:
    """Most wei for one gas."""
    return fees.get("maxFeePerGas", fees.get("gasPrice", 0))
