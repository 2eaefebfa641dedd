"""Words of the purpose language, from their names."""

from __future__ import annotations

from medibloc_py import purpose
from medibloc_py.errors import InvalidPurpose


def read_terms(text: str) -> int:
    """Reads terms such as `HMB+NCU`.

    Raises:
        InvalidPurpose: a name is not known.
    """
    return _parse(text, purpose.TERM_NAMES)


def read_request(text: str) -> int:
    """Reads a purpose such as `HMB+NONCOMMERCIAL`.

    Raises:
        InvalidPurpose: a name is not known.
    """
    return _parse(text, purpose.REQUEST_NAMES)


def _parse(text: str, names: dict[str, int]) -> int:
    try:
        return purpose.parse(text, names)
    except KeyError as error:
        raise InvalidPurpose(given=error.args[0], known=", ".join(names)) from None
