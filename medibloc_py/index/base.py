"""The one door to SQLAlchemy: a database by its URL, its failures as ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medibloc_py.errors import IndexFailed, IndexMissing
from medibloc_py.index.rows import sqlalchemy
from medibloc_py.sqlite import write_ahead

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

_BUSY_S = 60
_FILE = "sqlite:///"


class Base:
    """A database.

    Attributes:
        place: its URL without a password.
    """

    def __init__(self, url: str, *, make: bool) -> None:
        """Connects.

        Args:
            url: as SQLAlchemy writes it; without a scheme, the path of an SQLite file.
            make: make an SQLite file that is not there.

        Raises:
            IndexMissing: there is no such file, and none is to be made.
            IndexFailed: it is no URL, or nothing can be reached there.
            ExtraMissing: SQLAlchemy, or what speaks to this kind of database, is missing.
        """
        sa = sqlalchemy()
        full = url if "://" in url else _FILE + url
        try:
            parsed = sa.make_url(full)
        except sa.exc.ArgumentError:
            raise IndexFailed(place="the URL given", reason="it is no URL of a database") from None
        self.place = url if "://" not in url else parsed.render_as_string(hide_password=True)
        is_file = parsed.get_backend_name() == "sqlite" and bool(parsed.database)
        if is_file and parsed.database != ":memory:":
            self._find(Path(parsed.database), make)
        try:
            self._engine = sa.create_engine(parsed)
        except sa.exc.NoSuchModuleError:
            raise IndexFailed(
                place=self.place, reason="SQLAlchemy does not know this kind of database"
            ) from None
        except ModuleNotFoundError as error:
            reason = f"its driver {error.name} is not installed"
            raise IndexFailed(place=self.place, reason=reason) from None
        if parsed.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare)

    def _find(self, path: Path, make: bool) -> None:
        if not path.exists() and not make:
            raise IndexMissing(place=self.place)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise IndexFailed(place=self.place, reason=error.strerror) from None

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def create(self, meta: MetaData) -> None:
        """Makes the tables that are not there."""
        # Where two make them at once, the second fails; what it wanted is there then.
        with self.unless_there(), self._failing():
            meta.create_all(self._engine)
        with self._failing():
            meta.create_all(self._engine)

    def drop(self, meta: MetaData) -> None:
        """Removes the tables that are there."""
        with self._failing():
            meta.drop_all(self._engine)

    def has(self, table: Table) -> bool:
        """Whether a table is there."""
        with self._failing():
            return bool(sqlalchemy().inspect(self._engine).has_table(table.name))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Reads, from one state of the database."""
        with self._failing(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Changes all or nothing."""
        with self._failing(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def unless_there(self) -> Iterator[None]:
        """Lets pass what fails because another process did the same a moment before."""
        try:
            yield
        except IndexFailed as failed:
            found = sqlalchemy().exc
            if not isinstance(failed.__cause__, (found.IntegrityError, found.ProgrammingError,
                                                 found.OperationalError)):  # fmt: skip
                raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy().exc.SQLAlchemyError as error:
            told = getattr(error, "orig", None) or error
            reason = " ".join(str(told).split())[:200]
            raise IndexFailed(place=self.place, reason=reason) from error


def _prepare(connection: Any, _: object) -> None:
    """An index that a crash takes back by a moment is read again: no need to wait for the disk."""
    write_ahead(connection, _BUSY_S)
    for pragma in ("synchronous = NORMAL", f"busy_timeout = {_BUSY_S}000"):
        connection.execute(f"PRAGMA {pragma}")
