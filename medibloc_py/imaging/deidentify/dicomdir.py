"""A directory of media (DICOMDIR, PS3.3 annex F): records in a tree, linked by places in the file.

Every record is cleaned as what its patient's file would be. The links are places of records
in the file, which are others afterwards: they are found in what was written, and put in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final

from medibloc_py.imaging.deidentify.items import Cleaner
from medibloc_py.imaging.deidentify.rules import DIRECTORY, PATIENT_ID, PATIENT_NAME, RECORDS, Act

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from medibloc_py.imaging.deidentify.keyed import Pseudonyms
    from medibloc_py.imaging.deidentify.options import Option

_FIRST, _LAST = 0x00041200, 0x00041202
_NEXT, _LOWER = 0x00041400, 0x00041420
_NOWHERE: Final = 0


class Directory:
    """The records of a directory, taken out of its data set to be cleaned."""

    def __init__(self, root: Dataset) -> None:
        """Take the records out, and follow the links while their places are known."""
        element = root.get(RECORDS)
        self._root = root
        self._sequence = element
        self._records: list[Dataset] = list(element.value or []) if element is not None else []
        place = {each.seq_item_tell: number for number, each in enumerate(self._records)}
        linking = [(root, tag) for tag in (_FIRST, _LAST)]
        linking += [(each, tag) for each in self._records for tag in (_NEXT, _LOWER)]
        self._links = [
            (item, tag, place.get(_number(item, tag))) for item, tag in linking if tag in item
        ]
        if element is not None:
            del root[RECORDS]

    def clean(self, pseudonyms: Pseudonyms, options: frozenset[Option]) -> Counter[Act]:
        """De-identify the records and put them back.

        Returns:
            How many attributes each act met.
        """
        counts: Counter[Act] = Counter()
        for patient, records in self._by_patient():
            cleaner = Cleaner(patient, pseudonyms, options, DIRECTORY, records)
            for record in records:
                cleaner.clean(record, RECORDS)
            counts += cleaner.counts
        if self._sequence is not None:
            self._sequence.value = self._records
            self._root[RECORDS] = self._sequence
        return counts

    def linked(self, write: Callable[[], bytes]) -> bytes:
        """The file, with links to where its records are.

        Args:
            write: writes the data set; links have a fixed size, so nothing moves.
        """
        from pydicom import dcmread

        written = dcmread(BytesIO(write()), force=True).get(RECORDS)
        places = [each.seq_item_tell for each in written.value] if written is not None else []
        for item, tag, number in self._links:
            item.add_new(tag, "UL", _NOWHERE if number is None else places[number])
        return write()

    def _by_patient(self) -> Iterator[tuple[Dataset, list[Dataset]]]:
        """Each record that names a patient, and the records below it; none is left out."""
        groups: dict[int, list[Dataset]] = {}
        for number, owner in enumerate(self._owners()):
            groups.setdefault(owner, []).append(self._records[number])
        for owner, records in groups.items():
            yield self._records[owner], records

    def _owners(self) -> list[int]:
        """By record, the record that names its patient.

        Where no link leads, it is the patient of the record before.
        """
        numbers = {id(record): number for number, record in enumerate(self._records)}
        links = {(numbers.get(id(item)), tag): to for item, tag, to in self._links}
        owners: dict[int, int] = {}
        ahead: list[tuple[int | None, int | None]] = [(links.get((None, _FIRST)), None)]
        while ahead:
            number, above = ahead.pop()
            if number is None or number in owners:
                continue
            owners[number] = owner = self._owner(number, above)
            ahead += [(links.get((number, _NEXT)), above), (links.get((number, _LOWER)), owner)]
        before: int | None = None
        for number in range(len(self._records)):
            before = owners.setdefault(number, self._owner(number, before))
        return [owners[number] for number in range(len(self._records))]

    def _owner(self, number: int, above: int | None) -> int:
        record = self._records[number]
        return number if above is None or PATIENT_ID in record or PATIENT_NAME in record else above


def _number(item: Dataset, tag: int) -> int:
    value = item[tag].value
    return value if isinstance(value, int) else _NOWHERE
