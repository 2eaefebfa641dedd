"""One chain through its RPC nodes: reads, simulates, sends, reads events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medibloc_py.chain import abi, factory, logs
from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.address import parse_address
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.calldata import (
    created_by,
    creation_code,
    encode_call,
    function_of,
)
from medibloc_py.chain.intent import Intent, Offer
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.rpc import Rpc
from medibloc_py.chain.runs import Run
from medibloc_py.chain.simulation import execute, foreseen, why_failed
from medibloc_py.chain.transactions import Outbox
from medibloc_py.errors import (
    ChainMismatch,
    ContractMissing,
    InsufficientFunds,
)
from medibloc_py.model import Address, Event, Receipt

MAX_FEE_WEI = 10**18
"""Largest fee of one transaction; a node asking more is not believed."""
_REFUSED_GAS = 150_000
"""What a call may burn before it is refused."""
_DEAREST_BYTE_GAS = 40
"""A byte of a transaction that carries little else (EIP-7623)."""


class Network:
    """A chain as one node shows it, or as two agree on it.

    Attributes:
        chain_id: the chain, as asked at the start; every transaction is signed for it.
    """

    def __init__(self, rpc: Rpc, chain_id: int, outbox: Outbox) -> None:
        self.chain_id = chain_id
        self.rpc = rpc
        self.outbox = outbox
        self.run = Run(rpc, outbox, self.now)

    @property
    def url(self) -> str:
        """The node that is asked, without what its URL may hide of keys."""
        return self.rpc.url

    @classmethod
    def connect(
        cls,
        url: str,
        expected_chain_id: int | None = None,
        timeout_s: float = 30.0,
        *,
        receipt_timeout_s: float = 180.0,
        max_fee_wei: int = MAX_FEE_WEI,
        journal: Path | None = None,
        approve: Callable[[Offer], None] | None = None,
        witness: str | None = None,
    ) -> Network:
        """Asks a node for its chain.

        Args:
            url: http or https; several with commas between, of which the first that answers
                is asked.
            expected_chain_id: the only chain that will do, if given.
            timeout_s: longest wait for one answer.
            receipt_timeout_s: longest wait for a transaction to be mined.
            max_fee_wei: largest fee of one transaction.
            journal: file where each transaction is written down before it is sent, so that a
                process that is killed leaves none in doubt; None for one that ends with this
                process.
            approve: told what each transaction costs before it is signed; what it raises,
                stops it.
            witness: a second node, as `url`: what it does not say, too, is not believed.

        Raises:
            InvalidValue: not a URL, or a witness that is the node itself.
            NodeUnreachable: no answer; `WitnessUnreachable` if it is the witness.
            NodeAnsweredWrong: an answer that is no chain id.
            NodesDisagree: the witness has another chain, or one of the two is far behind.
            ChainMismatch: another chain than expected.
        """
        rpc = Rpc(url, timeout_s, witness)
        chain_id = rpc.quantity(rpc.ask("eth_chainId"), "the chain id")
        if expected_chain_id is not None and chain_id != expected_chain_id:
            raise ChainMismatch(url=rpc.url, actual=chain_id, expected=expected_chain_id)
        rpc.stay_on(chain_id)
        outbox = Outbox(rpc, chain_id, receipt_timeout_s, max_fee_wei, journal, approve)
        return cls(rpc, chain_id, outbox)

    def now(self) -> int:
        """Reads the time of the latest block: the chain's clock, unix seconds."""
        return self.rpc.block("latest").timestamp

    def block_number(self) -> int:
        """Reads the number of the latest block."""
        return self.rpc.block("latest").number

    def balance(self, address: Address) -> int:
        """Reads what an account holds, in wei."""
        answer = self.rpc.ask("eth_getBalance", parse_address(address), "latest")
        return self.rpc.quantity(answer, "a balance")

    def unmined(self, address: Address) -> int:
        """Counts the transactions of an account that the node holds and no block has."""
        sent, mined = (
            self.rpc.quantity(self.rpc.ask("eth_getTransactionCount", address, block), "a nonce")
            for block in ("pending", "latest")
        )
        return max(sent - mined, 0)

    def code(self, address: Address) -> bytes:
        """Reads the code at an address; empty where there is no contract."""
        answer = self.rpc.ask("eth_getCode", parse_address(address), "latest")
        return self.rpc.data(answer, "code")

    def first_block(self, address: Address) -> int:
        """Finds the first block with code at an address that has some now.

        Returns:
            0 when the node no longer knows: a block before it in any case.

        Raises:
            NodeUnreachable: no answer.
            NodeAnsweredWrong: an answer that is no code.
        """
        before, last = -1, self.block_number()
        while last - before > 1:
            middle = (before + last) // 2
            try:
                answer = self.rpc.request("eth_getCode", address, hex(middle))
            except RpcRefusal:
                return 0  # an old state that it no longer has
            if self.rpc.data(answer, "code"):
                last = middle
            else:
                before = middle
        return last

    def call(self, contract: Contract, function: str, *args: object) -> Any:
        """Reads from a contract.

        Args:
            contract: which.
            function: name of a view.
            args: its arguments; a struct is a tuple of its fields.

        Returns:
            The one value, or a tuple of the values.

        Raises:
            ContractRefusal: the view reverted; the class of its custom error.
            ContractMissing: there is no code at the address.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: an answer that does not decode.
        """
        item = function_of(contract, function)
        data = encode_call(contract, function, args)
        answer = execute(self.rpc, {"to": contract.address, "data": "0x" + data.hex()}, "latest")
        if not answer and item["outputs"]:
            raise self._missing(contract)
        try:
            values = abi.decode(item["outputs"], answer, exact=False)
        except abi.Undecodable as error:
            where = f"{contract.name}.{function} at {contract.address}"
            raise self.rpc.wrong(f"the answer of {where} does not decode: {error}") from error
        return values[0] if len(values) == 1 else values

    def send(
        self, signer: Signer, contract: Contract, function: str, *args: object, value: int = 0
    ) -> Receipt:
        """Changes a contract, and waits until the change is mined.

        The call is simulated first, so a refusal costs no fee.

        Args:
            signer: who sends and pays.
            contract: which.
            function: its name.
            args: its arguments; a struct is a tuple of its fields.
            value: wei sent along.

        Returns:
            What happened, with the events of this contract.

        Raises:
            ContractRefusal: the contract reverted; the class of its custom error.
            ContractMissing: there is no code at the address.
            InsufficientFunds: value and fee are more than the account holds; nothing was sent.
            TransactionPending: sent, but not mined in time.
            TransactionFailed: mined and failed without a reason, or not taken by the node.
            NodeUnreachable: no answer; the reason names the transaction if it may be sent.
            NodeAnsweredWrong: an impossible answer, likewise.
        """
        intent = self._intent(signer.address, contract, function, *args, value=value)
        if not self.code(contract.address):
            raise self._missing(contract)
        return self._transact(signer, intent)

    def offer(self, sender: Address, contract: Contract, function: str, *args: object) -> Offer:
        """Tells what a change of a contract would cost and leave behind; nothing is sent.

        Arguments and errors are those of `send`.
        """
        intent = self._intent(sender, contract, function, *args)
        balance = self._ready(intent)
        return self.outbox.offer(intent, balance, lambda: foreseen(self.rpc, intent))

    def simulate(self, sender: Address, contract: Contract, data: bytes) -> None:
        """Runs a call as anybody, in the next block, and changes nothing.

        Args:
            sender: whom the contract sees; no key of it is needed.
            contract: which.
            data: selector and arguments.

        Raises:
            ContractRefusal: the contract would revert; the class of its custom error.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: an impossible answer.
        """
        execute(self.rpc, _question(sender, contract, data), "pending")

    def gas_of(self, sender: Address, contract: Contract, data: bytes) -> int:
        """Estimates the gas of a call; arguments and errors as `simulate`."""
        return self.outbox.gas.estimate(_question(sender, contract, data))

    def multicall(
        self,
        signer: Signer,
        contract: Contract,
        calls: Sequence[tuple[str, tuple[object, ...]]],
        atomic: bool,
    ) -> Receipt:
        """Sends several calls to a contract that has `multicall`, in one transaction.

        Args:
            signer: who sends and pays.
            contract: which.
            calls: function and arguments of each.
            atomic: all or none; otherwise those that are refused are left out, and an event
                `CallRefused` tells of each.

        Raises:
            ContractRefusal: atomic, and one was refused.
            MediBlocError: as `send`.
        """
        parts = [encode_call(contract, name, args) for name, args in calls]
        if atomic:
            return self.send(signer, contract, "multicall", parts, True)
        # A call that runs out of gas is left out like one that is refused, and the whole does
        # not fail: a node would estimate too little. So ask for all or none of the good ones.
        each = encode_call(contract, "multicall", (parts, False))
        answer = execute(self.rpc, _question(signer.address, contract, each), "pending")
        try:
            outputs = function_of(contract, "multicall")["outputs"]
            (done,) = abi.decode(outputs, answer, exact=False)
        except abi.Undecodable as error:
            raise self._missing(contract) from error
        good = [part for part, made in zip(parts, done, strict=False) if made]
        refused = [part for part, made in zip(parts, done, strict=False) if not made]
        whole = encode_call(contract, "multicall", (good, True))
        gas = self.gas_of(signer.address, contract, whole)
        gas += sum(_REFUSED_GAS + _DEAREST_BYTE_GAS * len(part) for part in refused)
        intent = self._intent(signer.address, contract, "multicall", parts, False, gas=gas)
        return self._transact(signer, intent)

    def deploy(self, signer: Signer, name: str, *args: object) -> tuple[Address, Receipt]:
        """Puts a contract on the chain.

        Args:
            signer: who sends and pays.
            name: of the artifact.
            args: of the constructor.

        Returns:
            Where it is, and what happened.

        Raises:
            InvalidValue: no such artifact, or an argument that does not fit.
            MediBlocError: as `send`.
        """
        intent = Intent(signer.address, None, creation_code(name, *args), f"create {name}")
        mined = self._mined(signer, intent)
        address = created_by(signer.address, mined.nonce)
        if mined.created != address or not self.code(address):
            raise self.rpc.wrong(f"transaction {mined.transaction} created no {name} at {address}")
        events = logs.events_of(self.rpc, Contract(name, address), mined.logs)
        return address, mined.receipt(events)

    def transfer(self, signer: Signer, to: Address, wei: int) -> Receipt:
        """Sends ether.

        Raises:
            MediBlocError: as `send`.
        """
        intent = Intent(signer.address, parse_address(to), b"", "transfer", wei)
        return self._transact(signer, intent)

    def events(
        self,
        contract: Contract,
        event: str,
        filters: Mapping[str, object] | None = None,
        from_block: int | None = None,
        to_block: int | None = None,
    ) -> list[Event]:
        """Reads events of a contract, oldest first.

        Args:
            contract: whose.
            event: their name.
            filters: wanted values of indexed parameters, by name.
            from_block: first block; the contract's own when not given.
            to_block: last block; the latest when not given.

        Raises:
            InvalidValue: no such event or indexed parameter, or a value that does not fit.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: an entry that was not asked for or does not decode.
        """
        first = contract.deployed_at if from_block is None else from_block
        last = self.block_number() if to_block is None else to_block
        return logs.query(self.rpc, contract, event, filters or {}, first, last)

    def deploy_at(
        self, signer: Signer, name: str, address: Address, salt: bytes, *args: object
    ) -> Receipt:
        """Puts a contract through the canonical factory where `factory.place` says.

        Args:
            signer: who sends and pays.
            name: of the artifact.
            address: where it will be.
            salt: 32 bytes.
            args: of the constructor.

        Raises:
            InvalidValue: no such artifact, or an argument that does not fit.
            MediBlocError: as `send`.
        """
        data = salt + creation_code(name, *args)
        mined = self._mined(signer, Intent(signer.address, factory.ADDRESS, data, f"create {name}"))
        if not self.code(address):
            raise self.rpc.wrong(f"transaction {mined.transaction} created no {name} at {address}")
        return mined.receipt(logs.events_of(self.rpc, Contract(name, address), mined.logs))

    def _intent(
        self,
        sender: Address,
        contract: Contract,
        function: str,
        *args: object,
        value: int = 0,
        gas: int | None = None,
    ) -> Intent:
        data = encode_call(contract, function, args)
        what = f"{contract.name}.{function}"
        return Intent(sender, contract.address, data, what, value, gas, contract)

    def _transact(self, signer: Signer, intent: Intent) -> Receipt:
        """Sends what is meant, and reads the events of its contract."""
        mined = self._mined(signer, intent)
        contract = intent.contract
        return mined.receipt(logs.events_of(self.rpc, contract, mined.logs) if contract else ())

    def _mined(self, signer: Signer, intent: Intent) -> Mined:
        if (mined := self.outbox.resume(signer, intent)) is None:
            balance = self._ready(intent)
            mined = self.outbox.send(signer, intent, balance, lambda: foreseen(self.rpc, intent))
        if not mined.succeeded:
            raise why_failed(self.rpc, intent.call, mined)
        return mined

    def _ready(self, intent: Intent) -> int:
        """Simulates what is meant; gives what its sender holds, in wei.

        Raises:
            InsufficientFunds: not even the value.
            ContractRefusal: it would revert.
        """
        balance = self.balance(intent.sender)
        if balance < intent.value:
            raise InsufficientFunds(
                account=intent.sender, balance=balance, unit="wei", needed=intent.value
            )
        # The latest block of an idle local chain may be hours old; the next one is what counts.
        execute(self.rpc, intent.call, "pending")
        return balance

    def _missing(self, contract: Contract) -> ContractMissing:
        return ContractMissing(name=contract.name, address=contract.address, chain_id=self.chain_id)


def _question(sender: Address, contract: Contract, data: bytes) -> dict[str, str]:
    return {"from": sender, "to": contract.address, "data": "0x" + data.hex()}
