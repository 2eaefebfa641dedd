"""The acts of the scenario, in order, what they cost, and what plays a peer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Act(StrEnum):
    """One act for all patients, or one for the dataset."""

    ENROL = "N patients enrol"
    RECORD = "N records"
    CONSENT = "N consents"
    LIST = "list"
    SALE = "one sale"
    CLAIM = "N are paid"
    REVOKE = "one revocation"


@dataclass(frozen=True)
class Cost:
    """What some transactions cost.

    Attributes:
        gas: of all receipts.
        transactions: how many.
        largest: gas of the largest transaction.
        calldata_bytes: input of the transactions, creation code included.
        log_bytes: topics and data of the logs.
        new_slots: storage slots that were zero before a transaction and are not after it.
    """

    gas: int = 0
    transactions: int = 0
    largest: int = 0
    calldata_bytes: int = 0
    log_bytes: int = 0
    new_slots: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Adds up; the largest transaction is the larger of the two."""
        return Cost(
            self.gas + other.gas,
            self.transactions + other.transactions,
            max(self.largest, other.largest),
            self.calldata_bytes + other.calldata_bytes,
            self.log_bytes + other.log_bytes,
            self.new_slots + other.new_slots,
        )


class Peer(Protocol):
    """Something that plays some of the acts.

    Attributes:
        name: heads its column.
    """

    name: str

    def play(self, size: int) -> Iterator[Act]:
        """Plays the scenario on a fresh chain, and names each act once it is done.

        Args:
            size: patients, with a record each.
        """
        ...
