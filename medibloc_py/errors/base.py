"""The root of all errors and the categories that carry an exit code."""

from __future__ import annotations

from typing import ClassVar

from medibloc_py.errors.words import WORDS


class MediBlocError(Exception):
    """Root of all errors of the exchange.

    Attributes:
        what: template of what happened and why, over `values`; a number with a word of
            `words.WORDS` after its name, as in `{deadline:time}`, is shown in words.
        fix: template of what to do next.
        exit_code: status the command line ends with.
        values: the numbers and ids the error carries.
    """

    what: ClassVar[str] = "{detail}"
    fix: ClassVar[str] = ""
    exit_code: ClassVar[int] = 1

    def __init__(self, **values: object) -> None:
        self.values = values
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened and why, in one sentence."""
        return self._filled(self.what)

    @property
    def advice(self) -> str:
        """What to do next."""
        return self._filled(self.fix)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def _filled(self, template: str) -> str:
        return template.format(**{name: _Shown(value) for name, value in self.values.items()})

    def as_json(self) -> dict[str, object]:
        """The error for machines: its name, message, advice and values."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "advice": self.advice,
            "values": {
                name: value if isinstance(value, int) else str(_Shown(value))
                for name, value in self.values.items()
            },
        }


class _Shown:
    """A value that knows how to stand in a template."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, word: str) -> str:
        return WORDS[word](self._value) if word and isinstance(self._value, int) else str(self)

    def __str__(self) -> str:
        return "0x" + self._value.hex() if isinstance(self._value, bytes) else str(self._value)


# Categories: one exit code each (docs/architecture.md lists them).


class InputError(MediBlocError):
    """Something the user gave cannot be used."""

    exit_code = 3


class RefusedError(MediBlocError):
    """The exchange says no: a contract or a check before it refused."""

    exit_code = 4


class TransportError(MediBlocError):
    """A node or a store did not answer as it must."""

    exit_code = 5


class SecretError(MediBlocError):
    """A key, a key file or a password is not the right one."""

    exit_code = 6


class IntegrityError(MediBlocError):
    """Bytes are not what they were promised to be."""

    exit_code = 7
