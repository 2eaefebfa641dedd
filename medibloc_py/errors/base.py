"""The root of all errors and the categories that carry an exit code."""

from typing import ClassVar


class MediBlocError(Exception):
    """Root of all errors of the exchange.

    Attributes:
        what: template of what happened and why, over `values`.
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
        return self.what.format(**{name: _shown(value) for name, value in self.values.items()})

    @property
    def advice(self) -> str:
        """What to do next."""
        return self.fix.format(**{name: _shown(value) for name, value in self.values.items()})

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def as_json(self) -> dict[str, object]:
        """The error for machines: its name, message, advice and values."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "advice": self.advice,
            "values": {
                name: value if isinstance(value, int) else _shown(value)
                for name, value in self.values.items()
            },
        }


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


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
