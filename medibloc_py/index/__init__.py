"""The event log in a database. SQLAlchemy lives here, and deals in plain values."""

from medibloc_py.index.log import EventLog, Mark, Reorganisation
from medibloc_py.index.rows import Entry, Head

__all__ = ["Entry", "EventLog", "Head", "Mark", "Reorganisation"]
