"""Where the frames of a file lie, told in facts that are small enough for a manifest."""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_FACT_NUMBERS: Final = 768
"""As many lengths as 4,096 characters of base64 hold, the most a text of a manifest may have."""
MOST_FRAMES: Final = 40 * _FACT_NUMBERS
"""Frames of different lengths that the facts of one file tell of."""
_MOST_LENGTH: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Layout:
    """Where frames lie: one after the other, from one place on.

    Attributes:
        start: first byte of the first frame, from the start of the file.
        lengths: bytes of each frame, with the heads of its items; of frames that all have the
            same length, that of the first only.
        frames: how many there are.
        encapsulated: whether the bytes are items (PS3.5 A.4) and not the values themselves.
    """

    start: int
    lengths: tuple[int, ...]
    frames: int
    encapsulated: bool

    @classmethod
    def of_spans(cls, spans: list[tuple[int, int]]) -> Layout | None:
        """The layout of encapsulated frames; none if they do not follow one another.

        Args:
            spans: where each frame begins and ends.
        """
        if any(before[1] != after[0] for before, after in pairwise(spans)):
            return None
        lengths = tuple(end - start for start, end in spans)
        return cls(spans[0][0], lengths, len(spans), encapsulated=True)

    def facts(self) -> dict[str, str | int]:
        """As they stand in a manifest (docs/envelope-v1.md, section 4); none if too many."""
        facts: dict[str, str | int] = {"pixels_at": self.start}
        if self.encapsulated:
            facts["encapsulated"] = 1
        if len(set(self.lengths)) == 1:
            return facts | {"frame_bytes": self.lengths[0]}
        if len(self.lengths) > MOST_FRAMES or max(self.lengths) > _MOST_LENGTH:
            return {}
        for at in range(0, len(self.lengths), _FACT_NUMBERS):
            some = self.lengths[at : at + _FACT_NUMBERS]
            packed = struct.pack(f">{len(some)}I", *some)
            facts[f"frame_lengths_{at // _FACT_NUMBERS}"] = b64encode(packed).decode()
        return facts
