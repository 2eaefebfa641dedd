"""What the walk found out: each act, each refusal, who was paid what."""

from __future__ import annotations

from dataclasses import dataclass, field

from medibloc_py.errors import MediBlocError


@dataclass
class Step:
    """One act of the walk, as the table shows it."""

    who: str
    what: str
    transaction: str = ""
    gas: int = 0
    seconds: float = 0.0


@dataclass
class Refusal:
    """An act that must fail, and the typed error it failed with."""

    act: str
    error: str
    message: str


@dataclass
class Report:
    """All that the walk found out."""

    records: int = 0
    arrays_compared: int = 0
    arrays_different: int = 0
    escrow: int = -1
    gas: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)

    @property
    def arrays_equal(self) -> bool:
        """Whether every pixel array that was opened equals its source, bit for bit."""
        return self.arrays_compared > 0 and self.arrays_different == 0

    @property
    def payouts(self) -> dict[str, int]:
        """What each was paid, in token units; a buyer's is negative."""
        return {
            name: self.after[name] - before
            for name, before in self.before.items()
            if self.after[name] != before
        }


class WalkFailed(MediBlocError):
    """Something that had to be refused was not, or something opened differently."""

    what = "The walk failed: {reason}."
    fix = "This is a defect of MediBloc; please report it."
