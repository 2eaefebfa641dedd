"""A transaction before it has a nonce and a signature: what is meant, and what it would cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from medibloc_py.chain.artifacts import Contract
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address, Event

Changes: TypeAlias = Callable[[], tuple[Event, ...] | None]
"""Gives the events that a transaction would leave; None where the node cannot tell."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody means to send.

    Attributes:
        sender: who sends and pays.
        to: who takes it; None to create a contract.
        data: what goes with it.
        meaning: what it does, for people, such as `Records.register`.
        value: wei sent along.
        gas: as much as it takes, where a node would estimate too little; None to ask it.
        contract: whose events it leaves.
    """

    sender: Address
    to: Address | None
    data: bytes
    meaning: str
    value: int = 0
    gas: int | None = None
    contract: Contract | None = None

    def __post_init__(self) -> None:
        if self.value < 0:
            raise InvalidValue(name="value", given=self.value, allowed="0 or more wei")

    @property
    def call(self) -> Mapping[str, str]:
        """The call as a node simulates it: `from`, `data`, `value` and, unless it creates, `to`."""
        call = {"from": self.sender, "data": "0x" + self.data.hex(), "value": hex(self.value)}
        return call if self.to is None else call | {"to": self.to}

    @property
    def digest(self) -> str:
        """What the same call is known again by, whoever asks for it and whatever it costs."""
        told = json.dumps([self.to, hex(self.value), "0x" + self.data.hex()])
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a transaction would cost, before it is signed.

    Attributes:
        meaning: what it does.
        call: as it was simulated.
        gas: as much as it is expected to take.
        price_wei: of one gas, in a block like the last one.
        most_wei: the largest fee that it allows, at all.
        changes: gives the events it would leave behind.
    """

    meaning: str
    call: Mapping[str, str]
    gas: int
    price_wei: int
    most_wei: int
    changes: Changes
