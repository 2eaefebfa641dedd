"""Options that commands share, and how they become a client."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.errors import PasswordMissing, StudyUnreadable

if TYPE_CHECKING:
    from medibloc_py.chain import Network, Offer
    from medibloc_py.chain.runs import Run
    from medibloc_py.cli.costs import Costs
    from medibloc_py.client import Client
    from medibloc_py.config import Settings
    from medibloc_py.flows.parties import Exchange, Identity
    from medibloc_py.model import Address
    from medibloc_py.services import TokenService

As = Annotated[
    str, typer.Option("--as", help="Account to act as: a name of `medibloc account list`.")
]
Arrays = Annotated[
    bool, typer.Option("--arrays", help="Save pixel arrays (.npy) beside the DICOM files.")
]
OnBehalfOf = Annotated[
    str | None,
    typer.Option("--on-behalf-of", help="Act as the delegate of this patient: name or address."),
]
Sign = Annotated[
    Path | None,
    typer.Option(
        "--sign",
        help="Send nothing: write the signed act to this file, for anyone to relay.",
    ),
]
ValidFor = Annotated[
    str, typer.Option("--valid-for", help="With --sign: how long it may be relayed.")
]
KeyPrint = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="Fingerprint of the addressee's key, from the addressee: another key is refused.",
    ),
]
WEEK = "7d"
"""How long a signed act may be relayed, if not said."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@dataclass
class Session:
    """The options given before the command; connects when a command first needs it."""

    home: str | None = None
    network: str | None = None
    rpc_url: str | None = None
    store: str | None = None
    password_file: Path | None = None
    yes: bool = False
    dry_run: bool = False
    witness_url: str | None = None
    words: tuple[str, ...] = ()
    _runs: list[Run] = field(default_factory=list, repr=False)
    _client: Client | None = field(default=None, repr=False)

    def client(self) -> Client:
        """The connected client."""
        if self._client is None:
            from medibloc_py.client import Client

            settings = self.settings()
            self._client = Client.connect(settings, self._costs(settings))
            self._begin(self._client.exchange.network)
        return self._client

    def node(self) -> Network:
        """A node of the network, for what needs no deployment."""
        from medibloc_py.client import connect

        settings = self.settings()
        network = connect(settings, self._costs(settings))
        self._begin(network)
        return network

    def settle(self) -> None:
        """Ends the command well: what it sent is told, and what a killed run of it had sent."""
        for run in self._runs:
            run.settle()

    def _begin(self, network: Network) -> None:
        """Says which command this is: by its words, and the folder they were typed in."""
        if self.words:
            told = json.dumps([os.getcwd(), *self.words])
            network.run.begin(sha256(told.encode()).hexdigest())
            self._runs.append(network.run)

    def _costs(self, settings: Settings) -> Costs:
        from medibloc_py.cli.costs import Costs

        return Costs(settings.network, yes=self.yes, dry_run=self.dry_run)

    def tell(self, offer: Offer) -> None:
        """Shows what is not sent, as `--dry-run` shows the first transaction.

        Raises:
            DryRun: always.
        """
        self._costs(self.settings())(offer)

    def refuse_dry_run(self) -> None:
        """Refuses --dry-run at a command that does what it does without a transaction.

        Raises:
            InvalidValue: it was given.
        """
        from medibloc_py.errors import InvalidValue

        if self.dry_run:
            allowed = "left out: this command sends no transaction, and would do all the rest"
            raise InvalidValue(name="--dry-run", given="set", allowed=allowed)

    def settings(self) -> Settings:
        """The settings these options give."""
        from medibloc_py import config

        return config.load(
            home=self.home,
            network=self.network,
            rpc_url=self.rpc_url,
            store=self.store,
            witness_url=self.witness_url,
        )

    def acting_as(self, name: str) -> Client:
        """The connected client, acting for an account of this machine."""
        identity = self.identity(name)
        return self.client().acting_for(identity)

    def address(self, given: str) -> Address:
        """An address, from an address or the name of an account of this machine.

        Raises:
            InvalidAddress: it is neither.
        """
        from medibloc_py.chain import parse_address
        from medibloc_py.errors import AccountUnknown
        from medibloc_py.flows import keyring

        if given.startswith("0x"):
            return parse_address(given)
        try:
            return keyring.known_account(self.settings().home, given).address
        except AccountUnknown:
            return parse_address(given)  # says what an address looks like

    def identity(self, name: str) -> Identity:
        """Opens an account of this machine, asking for its password if need be."""
        from medibloc_py.flows import keyring

        home = self.settings().home
        keyring.known_account(home, name)
        return keyring.open_account(home, name, self.password(name))

    def password(self, name: str, *, confirm: bool = False) -> str:
        """The password, from --password-file, MEDIBLOC_PASSWORD, or a prompt.

        Raises:
            PasswordMissing: there is none and nobody to ask.
        """
        if self.password_file is not None:
            return read_text(self.password_file).partition("\n")[0].rstrip("\r")
        if "MEDIBLOC_PASSWORD" in os.environ:
            return os.environ["MEDIBLOC_PASSWORD"]
        if not at_terminal():
            raise PasswordMissing(name=name)
        return ask(f"Password of {name}", confirm=confirm)


def at_terminal() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty()


def ask(text: str, *, confirm: bool = False) -> str:
    """Asks for a secret at the terminal, without showing it."""
    return str(typer.prompt(text, hide_input=True, confirmation_prompt=confirm, err=True))


def sure(question: str) -> None:
    """Asks before something that cannot be undone, and stops at any answer but yes.

    Raises:
        InvalidValue: nobody is there to ask.
    """
    from medibloc_py.errors import InvalidValue

    if not at_terminal():
        raise InvalidValue(name="--yes", given="not set", allowed="set where nobody can be asked")
    typer.confirm(question, abort=True, err=True)


def read_text(path: Path) -> str:
    """A file's text in UTF-8.

    Raises:
        StudyUnreadable: it cannot be read, or is no text.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise StudyUnreadable(path=path, reason="it is no text in UTF-8") from None


def read_bytes(path: Path) -> bytes:
    """A file's bytes; of one too large for a paper, as many as tell that it is.

    Raises:
        StudyUnreadable: it cannot be read.
    """
    from medibloc_py.flows.papers import MOST_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise StudyUnreadable(path=path, reason=error.strerror or "unknown") from None


def test_token(exchange: Exchange) -> TokenService:
    """The test token of a deployment.

    Raises:
        InvalidValue: it has none.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows.deploy import TEST_TOKEN
    from medibloc_py.services import TokenService

    at = exchange.deployment.contracts.get(TEST_TOKEN)
    if at is None:
        raise InvalidValue(name="token", given="not set", allowed="the address of an ERC-20")
    return TokenService(exchange.network, at)
