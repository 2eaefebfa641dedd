"""Replacements that a key decides: the same for the same value, and no way back without it."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from medibloc_py.errors import InvalidValue

MIN_KEY_BYTES: Final = 32
_SHIFT_DAYS: Final = range(365, 365 * 10)
_DATE: Final = re.compile(r"(\d{8})(.*)", re.DOTALL)
_NAME_BYTES: Final = 8
_LABEL_BYTES: Final = 7  # with its beginning, as long as a code string may be


class Pseudonyms:
    """The map of one key.

    UIDs become `2.25.` and a UUID (PS3.5 B.2), a patient's id becomes a short name, and a
    patient's dates move back by the same number of whole days, so that intervals stay.
    """

    def __init__(self, key: bytes) -> None:
        """Take the key.

        Raises:
            InvalidValue: it is too short to keep anything secret.
        """
        if len(key) < MIN_KEY_BYTES:
            raise InvalidValue(
                name="key", given=f"{len(key)} bytes", allowed=f"{MIN_KEY_BYTES} bytes or more"
            )
        self._key = key
        self._uids: dict[str, str] = {}

    def uid(self, uid: str) -> str:
        """The UID that stands for `uid`."""
        if uid not in self._uids:
            self._uids[uid] = f"2.25.{_uuid(self._digest('uid', uid)).int}"
        return self._uids[uid]

    def patient(self, patient: str) -> str:
        """The name that stands for a patient, 18 characters."""
        return "P-" + self._digest("patient", patient)[:_NAME_BYTES].hex().upper()

    def file(self, name: str) -> str:
        """The File ID that stands for another: two components (PS3.10 8.2)."""
        digits = self._digest("file", name)[:_NAME_BYTES].hex().upper()
        return f"{digits[:_NAME_BYTES]}\\{digits[_NAME_BYTES:]}"

    def label(self, label: str) -> str:
        """The label that stands for another, where a file refers to it by its words."""
        return "L_" + self._digest("label", label)[:_LABEL_BYTES].hex().upper()

    def shift(self, patient: str, value: str) -> str | None:
        """A date (DA) or date and time (DT) of a patient, moved; none if it is neither.

        Of a DT the time and its zone stay; a DT that names no day cannot be moved.
        """
        found = _DATE.fullmatch(value)
        if found is None:
            return None
        days = int.from_bytes(self._digest("dates", patient)[:8]) % len(_SHIFT_DAYS)
        try:
            day = datetime.strptime(found[1], "%Y%m%d")
            moved = day - timedelta(days=_SHIFT_DAYS[days])
        except (ValueError, OverflowError):
            return None
        return f"{moved.year:04}{moved.month:02}{moved.day:02}{found[2]}"

    def _digest(self, what: str, value: str) -> bytes:
        message = f"medibloc/deidentify/{what}/v1\0{value}"
        return hmac.digest(self._key, message.encode(errors="surrogateescape"), "sha256")


def _uuid(digest: bytes) -> UUID:
    """A UUID of version 8, which is for bits of one's own (RFC 9562)."""
    number = int.from_bytes(digest[:16])
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | 8 << 76 | 2 << 62)
