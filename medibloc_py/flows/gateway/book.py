"""The book of patients: which account a Patient ID belongs to, by who issued the ID.

Each entry is a sealed document in the hospital's vault. Its name is a keyed hash, so the
vault's folder says neither who is in the book nor whether somebody is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from medibloc_py.crypto import keys
from medibloc_py.errors import DocumentInvalid, InvalidValue, PatientBooked, PatientNotBooked
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Identity
from medibloc_py.model import Address

_PREFIX: Final = "patient-"
_KIND: Final = "booked-patient"
_INFO: Final = b"medibloc/patients/v1"
_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True)
class BookedPatient:
    """A Patient ID, who issued it (empty where that is not said), and whose account it is."""

    issuer: str
    patient_id: str
    account: Address


class Patients:
    """The book of one hospital."""

    def __init__(self, hospital: Identity) -> None:
        self._hospital = hospital

    def add(self, patient: BookedPatient) -> None:
        """Enters a patient; again changes nothing.

        Raises:
            InvalidValue: the ID is empty.
            PatientBooked: the ID belongs to another account.
        """
        if not patient.patient_id:
            raise InvalidValue(name="Patient ID", given="empty", allowed="what studies carry")
        before = self.find(patient.issuer, patient.patient_id)
        if before is not None and before != patient.account:
            raise PatientBooked(account=before)
        name = self._name(patient.issuer, patient.patient_id)
        self._hospital.keep(name, papers.write(_KIND, patient))

    def remove(self, issuer: str, patient_id: str) -> None:
        """Takes a patient out; what was published stays.

        Raises:
            PatientNotBooked: the ID belongs to nobody.
        """
        if self.find(issuer, patient_id) is None:
            raise PatientNotBooked()
        self._hospital.forget(self._name(issuer, patient_id))

    def find(self, issuer: str, patient_id: str) -> Address | None:
        """Whose an ID is; None if nobody's is known.

        Raises:
            WrongKey, Corrupted: the entry cannot be opened.
        """
        name = self._name(issuer, patient_id)
        if not patient_id or not self._hospital.vault.has(name):
            return None
        found = self._entry(name)
        # A file that was put in the place of another must not move a patient.
        return found.account if (found.issuer, found.patient_id) == (issuer, patient_id) else None

    def all(self) -> list[BookedPatient]:
        """All entries, by issuer and ID."""
        entries = [self._entry(name) for name in self._hospital.kept(_PREFIX)]
        return sorted(entries, key=lambda each: (each.issuer, each.patient_id))

    def _entry(self, name: str) -> BookedPatient:
        place = f"the vault of {self._hospital.address}"
        return papers.read(_KIND, BookedPatient, self._hospital.recall(name), place)

    def _name(self, issuer: str, patient_id: str) -> str:
        said = sha256(issuer.encode() + b"\0" + patient_id.encode()).digest()
        return _PREFIX + keys.hkdf(self._hospital.keys.root_secret, b"", _INFO + said).hex()


def read_patients(
    text: str, path: object, address_of: Callable[[str], Address]
) -> Iterator[BookedPatient]:
    """Reads lines of `issuer,Patient ID,account`; empty lines are skipped.

    Args:
        text: the lines.
        path: named in the error.
        address_of: reads an account.

    Raises:
        DocumentInvalid: a line is none. It is named by its number, and not repeated.
    """
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != _COLUMNS or not cells[1]:
            reason = f"line {number} is not like issuer,Patient ID,account"
            raise DocumentInvalid(path=path, kind="list of patients", reason=reason)
        yield BookedPatient(cells[0], cells[1], address_of(cells[2]))
