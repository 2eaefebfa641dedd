"""A contract on a network: what every service stands on.

A service writes each function once, as a method that gives the `Call`; `sends` makes
of it a method that sends the call, and keeps the other for `multicall`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar, overload

from medibloc_py.acts import Act
from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.calldata import decode_call, encode_call
from medibloc_py.chain.intent import Offer
from medibloc_py.chain.network import Network
from medibloc_py.chain.reverts import refusal
from medibloc_py.chain.runs import Sent
from medibloc_py.chain.typed import TypedData, recover_typed, typed_act, typed_digest
from medibloc_py.errors import ContractRefusal, InvalidValue
from medibloc_py.model import Address, Event, Receipt, Signed

P = ParamSpec("P")
R = TypeVar("R", bound="Room")


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one contract with its arguments: to be sent, alone or with others."""

    contract: Address
    function: str
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Multicall:
    """Several calls that were mined in one transaction.

    Attributes:
        refused: why a call was left out, by its place; empty if all were made.
    """

    receipt: Receipt
    refused: dict[int, ContractRefusal]


class Room:
    """One contract, at one address, through one node."""

    CONTRACT: ClassVar[str]
    """Name of the artifact."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract(self.CONTRACT, address, deployed_at)

    def sent_by_killed_run(self, part: bytes) -> Sent | None:
        """The call of this contract that a killed run of this command sent: `chain.runs`."""
        return self._network.run.find(self._contract, part)

    def multicall(self, signer: Signer, calls: Sequence[Call], *, atomic: bool = True) -> Multicall:
        """Sends several calls to this contract in one transaction, in order.

        Args:
            signer: who sends and pays; the contract sees it as the sender of each call.
            calls: from `<method>.call(...)` of this service.
            atomic: all or none. Otherwise those that are refused are left out and told.

        Raises:
            InvalidValue: there is no call, or one of another contract.
            ContractRefusal: atomic, and one was refused.
            MediBlocError: as `Network.send`.
        """
        if not calls or any(call.contract != self.address for call in calls):
            raise InvalidValue(
                name="the calls",
                given=f"{len(calls)} of them",
                allowed=f"one or more, all to the {self.CONTRACT} at {self.address}",
            )
        receipt = self._network.multicall(
            signer, self._contract, [(call.function, call.arguments) for call in calls], atomic
        )
        return self.told(receipt)

    def told(self, receipt: Receipt) -> Multicall:
        """What the receipt of a `multicall` says of each of its calls."""
        return Multicall(
            receipt,
            {
                event.args["index"]: refusal(event.args["reason"])
                for event in receipt.events
                if event.name == "CallRefused"
            },
        )

    def send(self, signer: Signer, call: Call) -> Receipt:
        """Sends a call as `signer`, who pays; waits until it is mined.

        Raises:
            ContractRefusal: the contract refused.
            MediBlocError: as `Network.send`.
        """
        return self._network.send(signer, self._contract, call.function, *call.arguments)

    def simulate(self, sender: Address, call: Call) -> None:
        """Asks whether the contract would take a call from `sender` now; changes nothing.

        Raises:
            ContractRefusal: it would refuse.
        """
        self._network.simulate(sender, self._contract, self.encode(call))

    def offer(self, sender: Address, call: Call) -> Offer:
        """Tells what a call from `sender` would cost and leave behind; nothing is sent.

        Raises:
            ContractRefusal: the contract would refuse it.
            MediBlocError: as `Network.send`.
        """
        return self._network.offer(sender, self._contract, call.function, *call.arguments)

    def gas_of(self, sender: Address, call: Call) -> int:
        """Estimates the gas of a call from `sender`.

        Raises:
            ContractRefusal: the contract would refuse it.
        """
        return self._network.gas_of(sender, self._contract, self.encode(call))

    def encode(self, call: Call) -> bytes:
        """Writes a call as selector and arguments.

        Raises:
            InvalidValue, InvalidAddress: a value that does not fit.
        """
        return encode_call(self._contract, call.function, call.arguments)

    def decode(self, data: bytes) -> Call:
        """Reads selector and arguments back.

        Raises:
            InvalidValue: they call no function of this contract.
        """
        return Call(self.address, *decode_call(self._contract, data))

    def inputs_of(self, function: str) -> tuple[Mapping[str, Any], ...]:
        """Tells what a function of this contract takes, as its ABI does."""
        return tuple(self._contract.artifact.functions[function]["inputs"])

    def _call(self, function: str, *arguments: object) -> Call:
        return Call(self.address, function, arguments)

    def _read(self, function: str, *arguments: object) -> Any:
        return self._network.call(self._contract, function, *arguments)

    def _events(self, name: str, **wanted: object) -> list[Event]:
        return self._network.events(self._contract, name, wanted)

    def _typed(self, act: Act, values: Sequence[object]) -> TypedData:
        """Writes an act as EIP-712 typed data of this contract on this chain."""
        names = [name for _, name in act.fields]
        if len(values) != len(names):
            raise InvalidValue(name=act.name, given=f"{len(values)} values", allowed=len(names))
        named = dict(zip(names, values, strict=True))
        return typed_act(act, self._network.chain_id, self.address, named)

    def _digest(self, act: Act, *values: object) -> bytes:
        return typed_digest(*self._typed(act, values))

    def _sign(self, signer: Signer, act: Act, *values: object) -> tuple[bytes, bytes]:
        """Gives the digest and the signature."""
        return signer.sign_typed(*self._typed(act, values))

    def _word(self, signer: Signer, deadline: int, act: Act, *values: object) -> Signed:
        """Signs an act whose last field is the deadline."""
        _, signature = self._sign(signer, act, *values, deadline)
        return Signed(signer.address, deadline, signature)

    def _recover(self, act: Act, signature: bytes, *values: object) -> Address:
        return recover_typed(*self._typed(act, values), signature)


class Sending(Generic[P]):
    """A bound method that sends; `call` gives what it would send."""

    def __init__(self, room: Room, make: Callable[P, Call]) -> None:
        self._room = room
        self.call = make

    def __call__(self, signer: Signer, /, *args: P.args, **kwargs: P.kwargs) -> Receipt:
        """Sends the call as `signer`, who pays; waits until it is mined."""
        return self._room.send(signer, self.call(*args, **kwargs))


class sends(Generic[R, P]):  # noqa: N801 -- a decorator
    """Makes a method that gives a `Call` into one that sends it, `signer` coming first."""

    def __init__(self, make: Callable[Concatenate[R, P], Call]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, room: None, kind: type[R]) -> sends[R, P]: ...

    @overload
    def __get__(self, room: R, kind: type[R]) -> Sending[P]: ...

    def __get__(self, room: R | None, kind: type[R]) -> sends[R, P] | Sending[P]:
        """Binds the method to its service."""
        if room is None:
            return self

        def make(*args: P.args, **kwargs: P.kwargs) -> Call:
            return self._make(room, *args, **kwargs)

        return Sending(room, make)
