"""Compressed pixels as their items: an offset table, then fragments, which make up frames."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct("<2L")
_ITEM, _DELIMITER = 0xE000FFFE, 0xE0DDFFFE
_END_OF_IMAGE: Final = b"\xff\xd9"
_SPELLING: Final = 0x20000000  # the least offset of which all bytes can be printed
_END_BYTES: Final = 10  # in which the marker and padding stand


class Items(NamedTuple):
    """What an encapsulated value holds.

    Attributes:
        table: the Basic Offset Table.
        fragments: the bytes of each fragment.
    """

    table: bytes
    fragments: list[bytes]

    @classmethod
    def of(cls, value: bytes) -> Items:
        """Take a value apart; of a fragment that is cut off, what is there.

        Raises:
            ValueError: something else than items stands in it.
        """
        found = []
        at = 0
        while at + _HEAD.size <= len(value):
            tag, length = _HEAD.unpack_from(value, at)
            if tag == _DELIMITER:
                break
            if tag != _ITEM:
                raise ValueError("its fragments do not follow one another")
            at += _HEAD.size
            found.append(value[at : at + length])
            at += length
        return cls(found[0], found[1:]) if found else cls(b"", [])

    def starts(self) -> list[int]:
        """Where each fragment's item begins, from the first."""
        starts, at = [], 0
        for fragment in self.fragments:
            starts.append(at)
            at += _HEAD.size + len(fragment)
        return starts

    def with_true_table(self) -> Items:
        """The same without its table, if anything but where frames begin is in that.

        Frames that a cut took away may be in it, at places whose bytes spell nothing.
        """
        starts, offsets = self.starts(), self._offsets()
        end = starts[-1] + _HEAD.size + len(self.fragments[-1]) if starts else 0
        cut = [each for each in offsets if each >= end]
        true = (
            len(self.table) % 4 == 0
            and offsets[:1] in ([], [0])
            and offsets == sorted(set(offsets))
            and set(offsets) <= {*starts, *cut}
            and cut[-1:] < [_SPELLING]
        )
        return self if true else self._replace(table=b"")

    def frames(self, count: int) -> list[list[int]]:
        """Numbers of the fragments of each frame; by the table, or as readers do without one.

        Args:
            count: how many frames there should be.
        """
        numbers = range(len(self.fragments))
        offsets = self._offsets()
        if offsets:
            of = [bisect_right(offsets, start) - 1 for start in self.starts()]
            return [[n for n in numbers if of[n] == frame] for frame in sorted(set(of))]
        if count == 1:
            return [list(numbers)]
        if len(self.fragments) <= count:
            return [[number] for number in numbers]
        groups: list[list[int]] = [[]]
        for number in numbers:
            groups[-1].append(number)
            if _END_OF_IMAGE in self.fragments[number][-_END_BYTES:]:
                groups.append([])
        return [group for group in groups if group]

    def value(self) -> bytes:
        """The value again."""
        items = (self.table, *self.fragments)
        return b"".join(_HEAD.pack(_ITEM, len(each)) + each for each in items)

    def _offsets(self) -> list[int]:
        return [each for (each,) in struct.iter_unpack("<L", self.table[: len(self.table) & ~3])]
