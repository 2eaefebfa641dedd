"""The controls of a local development chain (Anvil, Ganache): clock, blocks, snapshots."""

from __future__ import annotations

from medibloc_py.chain.network import Network


class LocalChain:
    """A chain whose clock and past can be moved. No public chain offers this."""

    def __init__(self, network: Network) -> None:
        self._rpc = network.rpc
        self._now = network.now
        self._forget = network.outbox.forget

    def increase_time(self, seconds: int) -> int:
        """Lets time pass, and mines a block so that contracts see it.

        Returns:
            The time of that block, unix seconds.

        Raises:
            NodeUnreachable: no answer, or not a development chain.
        """
        self._rpc.ask("evm_increaseTime", seconds)
        return self.mine()

    def set_time(self, timestamp: int) -> int:
        """Moves the clock forward to a time, by a block that has it or a second more.

        Raises:
            NodeUnreachable: no answer, or not a development chain.
        """
        return self.increase_time(max(timestamp - self.mine(), 0))

    def mine(self, blocks: int = 1) -> int:
        """Mines empty blocks.

        Returns:
            The time of the last.

        Raises:
            NodeUnreachable: no answer, or not a development chain.
        """
        for _ in range(blocks):
            self._rpc.ask("evm_mine")
        return self._now()

    def snapshot(self) -> str:
        """Remembers the state of the chain.

        Returns:
            What `revert` takes, once.

        Raises:
            NodeUnreachable: no answer, or not a development chain.
        """
        return str(self._rpc.ask("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Takes the chain back to a snapshot. The snapshot is used up.

        Raises:
            NodeUnreachable: no answer, or not a development chain.
            NodeAnsweredWrong: there is no such snapshot.
        """
        if self._rpc.ask("evm_revert", snapshot) is not True:
            raise self._rpc.wrong(f"it could not go back to snapshot {snapshot}")
        self._forget()
