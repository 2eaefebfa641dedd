"""The nouns and verbs of the command line, each imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class Place(NamedTuple):
    """Where a word of the command line lives, and what the help says of it.

    Attributes:
        module: its file below `medibloc_py.cli`.
        attribute: its `Typer`, or its function.
        says: its line in the help: a copy, or the help would import every file. A test holds
            it against the original.
    """

    module: str
    attribute: str
    says: str


WORDS: Mapping[str, Place] = {
    "up": Place("chain", "up", "Run a local chain (Anvil) until Ctrl-C."),
    "deploy": Place("chain", "deploy", "Deploy the contracts and write the deployment file."),
    "demo": Place(
        "demo",
        "demo",
        "Walk one CT and three other studies from a hospital to a researcher and paid patients.",
    ),
    "watch": Place(
        "watch",
        "watch",
        "Tell a command or a web hook of events as they come, each once; else print them.",
    ),
    "account": Place("account", "app", "Accounts: keys here, accreditations on the chain."),
    "record": Place("record", "app", "Records: sealed studies and who holds them."),
    "consent": Place(
        "consent",
        "app",
        "Consent: what a patient's data may be used for, until when, and who decides.",
    ),
    "access": Place(
        "access", "app", "Access: records for one reader, until a time; and emergencies."
    ),
    "dataset": Place(
        "dataset",
        "app",
        "Datasets: contribute, list, quote, check, purchase, settle, open, claim.",
    ),
    "exchange": Place(
        "exchange",
        "app",
        "Transfers: a study from one hospital to another, and the receipt that three sign.",
    ),
    "relay": Place("relay", "app", "Relay: look at acts that others signed, and send them."),
    "store": Place("store", "app", "Store: a private IPFS node, and what is kept."),
    "imaging": Place("imaging", "app", "Imaging: remove from DICOM files who the patient is."),
    "gateway": Place(
        "gateway", "app", "Gateway: studies from a hospital's systems become records."
    ),
    "fhir": Place("fhir", "app", "FHIR R4: records, consents and events, out and in."),
    "index": Place("index", "app", "Index: the chain's events in a database."),
    "audit": Place("audit", "app", "Audit: who was granted what; what was paid."),
    "config": Place(
        "configuration", "app", "Configuration: networks of config.toml in the home folder."
    ),
    "doctor": Place(
        "doctor",
        "doctor",
        "Examine nodes, deployment, store, keys, journal, clocks, disk and versions; say what to "
        "do.",
    ),
}


TYPED: Final = "medibloc.typed"
"""Where the context has the words of the command, without the options before it."""


class Nouns(TyperGroup):
    """The root command: it knows every word, and imports a word's file when that word is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", _Loaded())

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- click gives it
        """The words in the order of the help, without their files."""
        return list(WORDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """What the help and the shell's completion show of a word, without its file."""
        place = WORDS.get(cmd_name)
        return place and TyperCommand(cmd_name, help=place.says)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; once it is done, a run of it that was killed before is, too."""
        result = super().invoke(ctx)
        if ctx.obj is not None:
            ctx.obj.settle()
        return result

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Imports the word that is used, and remembers all that follow it."""
        ctx.meta[TYPED] = tuple(args)
        name, shown, rest = super().resolve_command(ctx, args)
        return name, shown and self.commands[str(name)], rest


class _Loaded(Mapping[str, Any]):
    """The commands themselves, by word: a file is imported when its word is looked up."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def __getitem__(self, word: str) -> Any:
        if word not in self._known:
            self._known[word] = _command(word, WORDS[word])
        return self._known[word]

    def __iter__(self) -> Iterator[str]:
        return iter(WORDS)

    def __len__(self) -> int:
        return len(WORDS)


def _command(word: str, place: Place) -> Any:
    """The command of a noun's `Typer` or of a verb's function, under its word."""
    found = getattr(import_module(f"medibloc_py.cli.{place.module}"), place.attribute)
    holder = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=word)
    else:
        holder.command(word)(found)
    return typer.main.get_group(holder).commands[word]
