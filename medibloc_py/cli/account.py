"""`medibloc account`: keys on this machine, encryption keys and accreditations on the chain."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli import recovery
from medibloc_py.cli.acting import act
from medibloc_py.cli.options import (
    WEEK,
    As,
    Json,
    Session,
    Sign,
    ValidFor,
    ask,
    at_terminal,
    read_text,
    test_token,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_time
from medibloc_py.errors.words import time as as_time

app = typer.Typer(no_args_is_help=True, help="Accounts: keys here, accreditations on the chain.")

Name = Annotated[str, typer.Argument(help="Name of the account on this machine.")]


class RoleName(StrEnum):
    """Roles by the names the command line uses."""

    ISSUER = "issuer"
    CLINICIAN = "clinician"
    RESEARCHER = "researcher"
    REVIEWER = "reviewer"


@app.command("new")
def new(context: typer.Context, name: Name, json: Json = False) -> None:
    """Make an account: an encrypted account key and encrypted encryption keys."""
    from medibloc_py.flows import keyring

    session: Session = context.obj
    password = session.password(name, confirm=True)
    identity = keyring.new_account(session.settings().home, name, password)
    Output(json).result(
        {"name": name, "address": identity.address},
        [
            f"{name} is {identity.address}.",
            f"Nobody else can bring it back: `medibloc account backup {name}` writes its keys "
            "for paper.",
        ],
    )


@app.command("import")
def import_(
    context: typer.Context,
    name: Name,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the private key in hex; else a prompt.")
    ] = None,
    dev: Annotated[
        int | None,
        typer.Option(min=0, max=99, help="Take Anvil's well-known account of this number."),
    ] = None,
    json: Json = False,
) -> None:
    """Take in an existing account key; the encryption keys are new."""
    from medibloc_py.chain import dev_accounts
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows import keyring

    session: Session = context.obj
    if dev is not None:
        key = dev_accounts(dev + 1)[dev].export_key().hex()
    elif key_file is not None:
        key = read_text(key_file).strip()
    elif at_terminal():
        key = ask("Private key in hex").strip()
    else:
        raise InvalidValue(
            name="the private key",
            given="missing",
            allowed="in a file named by --key-file, or typed at a terminal",
        )
    password = session.password(name, confirm=True)
    identity = keyring.import_account(session.settings().home, name, key, password)
    Output(json).result(
        {"name": name, "address": identity.address}, [f"{name} is {identity.address}."]
    )


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    signer: Annotated[
        str,
        typer.Option(help="Where the key is: an http or https URL, or the full path of a socket."),
    ],
    address: Annotated[str, typer.Option(help="Address of the account there.")],
    json: Json = False,
) -> None:
    """Add an account whose key stays in clef, Frame or another signer; encryption keys are new.

    The signer is asked for each transaction and each signed act, and asks its owner; there are two
    minutes to answer. What it gives back is held against what was asked. Its keys are not in
    `medibloc account backup`: the encryption keys stand in the account's .encryption.json file.
    """
    from medibloc_py.chain import ExternalSigner, parse_address
    from medibloc_py.chain.external import shown
    from medibloc_py.flows import keyring

    session: Session = context.obj
    where = shown(signer)
    elsewhere = ExternalSigner(parse_address(address), signer)
    home = session.settings().home
    keyring.require_free(home, name)
    identity = keyring.add_account(home, name, elsewhere, session.password(name, confirm=True))
    Output(json).result(
        {"name": name, "address": identity.address, "signer": where},
        [f"{name} is {identity.address}; {where} signs for it."],
    )


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the accounts of this machine."""
    from medibloc_py.flows import keyring

    session: Session = context.obj
    known = keyring.known_accounts(session.settings().home)
    Output(json).table(
        known,
        "Accounts",
        ("name", "address", "key"),
        [(each.name, each.address, each.signer or "here") for each in known],
    )


@app.command("show")
def show(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Name or address.")],
    json: Json = False,
) -> None:
    """Show an account's balance, published key, accreditations and custodian.

    The node tells what is shown. Compare the fingerprint with what the key's owner reads
    out (`medibloc account fingerprint`) before you give --key to other commands.
    """
    from medibloc_py import purpose
    from medibloc_py.flows.parties import fingerprint_of
    from medibloc_py.model import ZERO_ADDRESS, Role

    session: Session = context.obj
    address = session.address(account)
    exchange = session.client().exchange
    key = exchange.accounts.published_key(address)
    held = [exchange.accounts.accreditation(address, role) for role in Role]
    custodian = exchange.access.custodian_of(address)
    fingerprint = fingerprint_of(key.bundle) if key.version else None
    balance = exchange.network.balance(address)
    Output(json).result(
        {
            "address": address,
            "balance_wei": balance,
            "key_version": key.version,
            "key_fingerprint": fingerprint,
            "custodian": custodian,
            "accreditations": held,
        },
        [
            f"address       {address}",
            f"balance       {balance / 10**18:.6f} coins",
            f"key version   {key.version or 'none published'}",
            *([f"fingerprint   0x{fingerprint.hex()}"] if fingerprint else []),
            *(
                [f"custodian     {custodian.custodian} until {as_time(custodian.until)}"]
                if custodian.custodian != ZERO_ADDRESS
                else []
            ),
            *(
                f"{one.role.name.lower():13} until {as_time(one.until)}"
                for one in held
                if one.until
            ),
            f"evidence      {purpose.render(held[0].evidence, purpose.REQUEST_NAMES)}",
        ],
    )


@app.command("fund")
def fund(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Name or address to fund.")],
    coins: Annotated[int, typer.Option(min=0, help="Whole coins to send, for gas.")] = 10,
    tokens: Annotated[
        int, typer.Option(min=0, help="Whole test tokens to mint, where they are deployed.")
    ] = 0,
    json: Json = False,
) -> None:
    """Fund an account of a local chain: coins for gas, and test tokens."""
    from medibloc_py.chain import dev_accounts

    session: Session = context.obj
    address, faucet = session.address(account), dev_accounts(1)[0]
    receipts = []
    if coins:
        network = session.node()
        receipts.append(network.transfer(faucet, address, coins * 10**18))
    if tokens:
        token = test_token(session.client().exchange)
        receipts.append(token.mint(faucet, address, tokens * 10 ** token.decimals()))
    Output(json).result(receipts, [f"{address} received {coins} coins and {tokens} test tokens."])


@app.command("publish-key")
def publish_key(
    context: typer.Context,
    account: As,
    rotate: Annotated[
        bool,
        typer.Option("--rotate", help="Make a new key first; the old ones still open theirs."),
    ] = False,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Announce the account's encryption key, so that others can wrap for it."""
    from medibloc_py.flows import key_pairs
    from medibloc_py.flows.parties import fingerprint_of

    session: Session = context.obj
    if rotate:
        home = session.settings().home
        client = session.acting_as(account)
        if not client.exchange.network.run.sent(client.me.keys.current.bundle):
            password = session.password(account)
            client = client.acting_for(key_pairs.rotate_key(home, account, password))
    else:
        client = session.acting_as(account)
    prepared = client.deciding().publish_key()
    printed = fingerprint_of(client.me.keys.current.bundle).hex()
    act(Output(json), client, prepared, sign, valid_for, f"Published key 0x{printed}")
    if rotate:
        print(
            f"Sheets made before lack the new key: run `medibloc account backup {account}` again.",
            file=sys.stderr,
        )


@app.command("fingerprint")
def fingerprint(context: typer.Context, name: Name, json: Json = False) -> None:
    """Show the fingerprint of the account's own encryption key, from its key file.

    Read it out to who will send you records: no node can put another key in its place then.
    """
    from medibloc_py.flows.parties import fingerprint_of

    session: Session = context.obj
    found = fingerprint_of(session.identity(name).keys.current.bundle)
    Output(json).result({"name": name, "fingerprint": found}, [f"0x{found.hex()}"])


@app.command("accreditor")
def accreditor(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Name or address.")],
    account: As,
    remove: Annotated[bool, typer.Option("--remove", help="Take the right away.")] = False,
    json: Json = False,
) -> None:
    """Name who may accredit (governance only)."""
    session: Session = context.obj
    client = session.acting_as(account)
    receipt = client.exchange.accounts.set_accreditor(
        client.me.signer, session.address(subject), not remove
    )
    Output(json).result(receipt, [f"Done in {receipt.transaction}."])


@app.command("accredit")
def accredit(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Name or address.")],
    role: Annotated[RoleName, typer.Option(help="What for.")],
    account: As,
    until: Annotated[
        str, typer.Option(help="A span like 365d or a date; 0 takes it away.")
    ] = "365d",
    attest: Annotated[
        str | None,
        typer.Option(help="Evidence to vouch for besides, such as NONPROFIT+HAS_IRB."),
    ] = None,
    json: Json = False,
) -> None:
    """Accredit an issuer, clinician, researcher or reviewer (accreditors only)."""
    from medibloc_py.client import read_request
    from medibloc_py.errors import EvidenceInvalid
    from medibloc_py.model import Role
    from medibloc_py.purpose import VOUCHED

    session: Session = context.obj
    evidence = read_request(attest) if attest else None
    if evidence is not None and evidence & ~VOUCHED:
        raise EvidenceInvalid(evidence=evidence)  # before the accreditation is sent
    client = session.acting_as(account)
    accounts, address = client.exchange.accounts, session.address(subject)
    time = read_time(until, client.exchange.network.run.moment())
    receipts = [accounts.accredit(client.me.signer, address, Role[role.name], time)]
    if evidence is not None:
        receipts.append(accounts.attest(client.me.signer, address, evidence))
    standing = (
        f"accredited as {role} until {as_time(time)}"
        if time
        else f"not accredited as {role} any more"
    )
    Output(json).result(receipts, [f"{address} is {standing}."])


app.command("backup")(recovery.backup)
app.command("restore")(recovery.restore)
app.command("verify-backup")(recovery.verify_backup)
app.command("retire-keys")(recovery.retire_keys)
