"""Failures of the index: the event log in a database."""

from __future__ import annotations

from medibloc_py.errors.base import InputError, TransportError


class IndexMissing(InputError):
    """No index where one was looked for."""

    what = "There is no index at {place}."
    fix = "Make it with `medibloc index run --once`; it is read from the chain."


class IndexMismatched(InputError):
    """An index of another chain, another deployment or another format."""

    what = "The index at {place} is of another {part} than the one that is asked."
    fix = "Name another database, or make this one anew with `medibloc index rebuild`."


class IndexFailed(TransportError):
    """A database that cannot be opened, read or written."""

    what = "The index at {place} cannot be used: {reason}."
    fix = "Check the database, its disk and who may write there; nothing is lost with an index."


class NoticeUndelivered(TransportError):
    """Somebody who is to be told cannot be reached, or does not take it."""

    what = "A notice was not taken: {reason}."
    fix = "Mend what it goes to; it is told again from where it stopped, and nothing is lost."
