"""The event log in a database. SQLAlchemy lives here, and deals in plain values."""

from medibloc_py.index.log import EventLog
from medibloc_py.index.rows import Entry, Head, Mark, Reorganisation

__all__ = ["Entry", "EventLog", "Head", "Mark", "Reorganisation"]
