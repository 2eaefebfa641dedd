"""Token: the ERC-20 that is paid in. Any contract may claim to be one."""

from __future__ import annotations

from medibloc_py.chain import Call, Room, Signer, TypedData, domain_separator, sends, typed_domain
from medibloc_py.errors import ContractRefusal, NodeAnsweredWrong, NodesDisagree
from medibloc_py.errors.plain import plain
from medibloc_py.model import Address, Permit

_SYMBOL_MAX = 16
_PERMIT = (
    ("address", "owner"),
    ("address", "spender"),
    ("uint256", "value"),
    ("uint256", "nonce"),
    ("uint256", "deadline"),
)
_USUAL_VERSIONS = ("1", "2")


class TokenService(Room):
    """One token. Amounts are in its smallest unit."""

    CONTRACT = "TestToken"

    def balance(self, account: Address) -> int:
        """Reads what an account holds."""
        return int(self._read("balanceOf", account))

    def allowance(self, owner: Address, spender: Address) -> int:
        """Reads what `spender` may take from `owner`."""
        return int(self._read("allowance", owner, spender))

    @sends
    def approve(self, spender: Address, amount: int) -> Call:
        """Lets `spender` take up to `amount` from the signer, in place of what it might before."""
        return self._call("approve", spender, amount)

    @sends
    def mint(self, to: Address, amount: int) -> Call:
        """Makes test tokens; only the test token lets everybody."""
        return self._call("mint", to, amount)

    def decimals(self) -> int:
        """Reads how many decimals people shift the amounts by."""
        return int(self._read("decimals"))

    def symbol(self) -> str:
        """Reads how the token calls itself, cut to 16 characters that can be printed."""
        return plain(self._read("symbol"), _SYMBOL_MAX)

    def sign_permit(
        self, signer: Signer, spender: Address, amount: int, deadline: int
    ) -> Permit | None:
        """Signs an approval (ERC-2612), for another to send with what it is for.

        Args:
            signer: whose tokens they are.
            spender: who may take them.
            amount: as many as this, in token units.
            deadline: last second in which the permit may be sent.

        Returns:
            None for a token that takes no permits: approve the amount instead.
        """
        typed = self._permit(signer.address, spender, amount, deadline)
        if typed is None:
            return None
        _, signature = signer.sign_typed(*typed)
        return Permit(deadline, signature[64], signature[:32], signature[32:64])

    def _permit(
        self, owner: Address, spender: Address, amount: int, deadline: int
    ) -> TypedData | None:
        """Writes the permit in the domain that the token's own separator is the hash of."""
        try:
            nonce = self._read("nonces", owner)
            separator = self._read("DOMAIN_SEPARATOR")
            name, versions = self._domain()
        except NodesDisagree:
            raise  # not what the token says: nobody knows what it says
        except (ContractRefusal, NodeAnsweredWrong):
            return None
        values = (owner, spender, amount, nonce, deadline)
        message = {field: value for (_, field), value in zip(_PERMIT, values, strict=True)}
        for version in versions:
            domain = typed_domain(name, self._network.chain_id, self.address, version)
            typed = (domain, {"Permit": _PERMIT}, "Permit", message)
            if domain_separator(*typed) == separator:
                return typed
        return None

    def _domain(self) -> tuple[str, tuple[str, ...]]:
        """Reads the domain's name and the versions it may have: by EIP-5267, or guessed."""
        try:
            _, name, version, *_ = self._read("eip712Domain")
        except NodesDisagree:
            raise
        except (ContractRefusal, NodeAnsweredWrong):
            return str(self._read("name")), _USUAL_VERSIONS
        return name, (version,)
