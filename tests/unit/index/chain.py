"""A chain in memory, for what a node would take too long to do: many reorganisations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from medibloc_py.chain import Header, Told
from medibloc_py.chain.address import checksummed
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.flows.following import Follower, mark_of
from medibloc_py.index import EventLog
from medibloc_py.model import Event

AT = {"Consents": checksummed(b"\x11" * 20)}
PATIENTS = [checksummed(bytes([n]) * 20) for n in range(1, 4)]


@dataclass
class Chain:
    """Blocks with events; each block's hash comes of its parent and a seed."""

    blocks: list[tuple[bytes, int]] = field(default_factory=list)
    window: int = 1_000
    url: str = "memory"
    after_read: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.extend([0], b"genesis")

    def extend(self, counts: list[int], seed: bytes) -> None:
        for count in counts:
            parent = self.blocks[-1][0] if self.blocks else bytes(32)
            self.blocks.append((hashlib.sha256(parent + seed + bytes([count])).digest(), count))

    def reorganise(self, depth: int, counts: list[int], seed: bytes) -> None:
        keep = max(len(self.blocks) - depth, 1)
        del self.blocks[keep:]
        self.extend(counts, seed)

    def newest(self) -> int:
        return len(self.blocks) - 1

    def header(self, number: int) -> Header | None:
        if number >= len(self.blocks):
            return None
        parent = self.blocks[number - 1][0] if number else bytes(32)
        return Header(number, self.blocks[number][0], parent, 1_000 + number, bytes(256))

    def told(self, number: int) -> list[Told]:
        digest, count = self.blocks[number]
        return [
            Told(
                "Consents",
                Event(
                    "ConsentSet",
                    AT["Consents"],
                    {"patient": PATIENTS[i % 3], "record": digest, "terms": 1 << 60, "version": i},
                    number,
                    i,
                    "0x" + digest.hex(),
                ),
                digest,
                1_000 + number,
            )
            for i in range(count)
        ]

    def read(self, first: int, last: int) -> tuple[list[Told], int]:
        end = min(first + self.window - 1, last)
        found = [one for number in range(first, end + 1) for one in self.told(number)]
        if self.after_read:
            self.after_read.pop(0)()  # type: ignore[operator]
        return found, end

    def require_told(self, header: Header, found: int) -> None:
        count = self.blocks[header.number][1]
        if self.blocks[header.number][0] == header.hash and found != count:
            raise NodeAnsweredWrong(url=self.url, reason="it left out logs")


def follow(chain: Chain, url: str = "sqlite://", **options: object) -> tuple[EventLog, Follower]:
    log = EventLog.make(url, mark_of(chain, 1, AT, 1))
    return log, Follower(log, chain, **options)  # type: ignore[arg-type]
