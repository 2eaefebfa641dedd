"""Token: the ERC-20 that is paid in. Any contract may claim to be one."""

from __future__ import annotations

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.model import Address, Receipt

_SYMBOL_MAX = 16


class TokenService:
    """One token. Amounts are in its smallest unit."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("TestToken", address, deployed_at)

    def balance(self, account: Address) -> int:
        """Reads what an account holds."""
        return int(self._network.call(self._contract, "balanceOf", account))

    def allowance(self, owner: Address, spender: Address) -> int:
        """Reads what `spender` may take from `owner`."""
        return int(self._network.call(self._contract, "allowance", owner, spender))

    def approve(self, signer: Signer, spender: Address, amount: int) -> Receipt:
        """Lets `spender` take up to `amount` from the signer, in place of what it might before."""
        return self._network.send(signer, self._contract, "approve", spender, amount)

    def mint(self, signer: Signer, to: Address, amount: int) -> Receipt:
        """Makes test tokens; only the test token lets everybody."""
        return self._network.send(signer, self._contract, "mint", to, amount)

    def decimals(self) -> int:
        """Reads how many decimals people shift the amounts by."""
        return int(self._network.call(self._contract, "decimals"))

    def symbol(self) -> str:
        """Reads how the token calls itself, cut to 16 printable characters."""
        given = str(self._network.call(self._contract, "symbol"))
        return "".join(char for char in given if char.isprintable())[:_SYMBOL_MAX]
