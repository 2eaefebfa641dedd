"""`medibloc record rotate` and `shred`: a record under a new key, and the end of one."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.drafts import resumable
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session, read_bytes, sure
from medibloc_py.cli.output import Output
from medibloc_py.cli.publishing import tell_of_registration
from medibloc_py.cli.replicas import SERVICE, TokenFile, open_service
from medibloc_py.cli.times import read_bytes32
from medibloc_py.errors import FileExists
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.config import Settings
    from medibloc_py.flows.places import Place
    from medibloc_py.flows.receipts import Erasure, PlaceTold
    from medibloc_py.flows.shredding import Shredding


def rotate(
    context: typer.Context,
    records: Annotated[list[str], typer.Argument(help="Record ids, one or more.")],
    account: As,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the new record files to hand to the patients."),
    ] = None,
    json: Json = False,
) -> None:
    """Seal records under new keys, and register all of them with one transaction.

    Only who registered a record can. The old record stays for those who were granted it,
    until you shred it; whoever is granted the new one gets the new key. Nothing in public
    tells that the two are one study: only the new record file does.

    Was it stopped or killed, the same command goes on where it was. With --dry-run before the
    command nothing is sealed, stored or kept: it shows what registering so many costs.
    """
    from medibloc_py.flows.held import held_record, id_of
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    wanted = [RecordId(read_bytes32(each, "record")) for each in records]
    client = session.acting_as(account)
    console = Output(json)
    if out is not None:  # found out before anything is stored
        require_writable(out)
        for record in wanted:
            client.exchange.published_key(held_record(client.me, record).patient)
    if session.dry_run:
        tell_of_registration(session, console, client.foresee_rotating(wanted), len(wanted))
        return
    with resumable(console, client), ExitStack() as work:
        with console.progress() as progress:
            done = work.enter_context(client.rotating(wanted, progress))
        rows, told = [], []
        for old, new in zip(wanted, done.records, strict=True):
            record, file = id_of(new), ""
            if out is not None:
                target = out / f"{record.hex()}.record.json"
                write_atomic(target, client.hand_over(record))
                file = str(target)
            told.append({"record": record, "replaces": old, "patient": new.patient, "file": file})
            rows.append(("0x" + record.hex(), "0x" + old.hex(), new.patient, file))
        receipt = done.receipt
        spent = f" in {receipt.transaction}, gas {receipt.gas_used:,}" if receipt else ""
        console.table(
            {"root": done.root, "receipt": receipt, "records": told, "resumed": done.resumed},
            f"Sealed anew and registered {len(rows)}{spent}",
            ("record", "replaces", "patient", "record file"),
            rows,
        )


def shred(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    store_at: Annotated[
        list[str] | None,
        typer.Option(
            "--store-at",
            help="Another store that has its blobs, as for --store; may be given again.",
        ),
    ] = None,
    pinned_at: Annotated[
        list[str] | None,
        typer.Option(
            "--pinned-at",
            help="A pinning service that was asked to keep its blobs; may be given again. The one "
            f"that {SERVICE} names is told in any case.",
        ),
    ] = None,
    token_file: TokenFile = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the receipt; else <record>.erasure.json here.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Destroy what this account can open a record with, and let go of its blobs.

    Standing grants are revoked first (by the patient). Then the record's secret is
    overwritten and removed, and every store named, and those of the home folder, let go of the
    sealed record and of the grant objects made here, and are asked what they still hold. A
    signed receipt tells all of that, who else may hold a key, and what nobody can recall.

    A custodian holds a record by a grant alone: its stores let go of what it made for clinicians
    in emergencies. Was it killed, or was a store not reached, the same command finishes the
    work. With --dry-run before the command nothing is sent or destroyed.
    """
    from medibloc_py.client import open_store
    from medibloc_py.config import store_place
    from medibloc_py.flows import receipts
    from medibloc_py.flows.places import PinnedPlace
    from medibloc_py.flows.shredding import plan
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    console = Output(json)
    target = (out or Path(f"{record_id.hex()}.erasure.json")).absolute()
    require_writable(target.parent)
    _require_no_other(target)
    places = _own_stores(client.settings)
    for place in store_at or []:
        places[place] = open_store(store_place(place, client.settings.home))
    for url in filter(None, (*(pinned_at or ()), os.environ.get(SERVICE))):
        places[url] = PinnedPlace(open_service(url, token_file))
    doing = plan(client.exchange, client.me, record_id)
    if session.dry_run or not yes:
        _warn(client, doing, [client.settings.store, *places])
    if session.dry_run:
        _foretell(session, client, console, doing)
        return
    if not yes:
        sure("Shred it?")
    with console.progress() as progress:
        receipt = client.shred(record_id, places, progress)
    write_atomic(target, receipts.write_receipt(receipt))
    console.result(
        {"receipt": str(target), "erasure": receipt.erasure},
        [*_lines(receipt.erasure), f"The receipt is in {target}."],
    )


def check_receipt(
    file: Annotated[Path, typer.Argument(help="Receipt of a shredded record.")],
    json: Json = False,
) -> None:
    """Check the signature of a receipt, and show what it says; no chain is needed."""
    from medibloc_py.flows.receipts import check_receipt

    erasure = check_receipt(read_bytes(file), file)
    Output(json).result(
        {"holds": True, "erasure": erasure},
        [f"Signed by {erasure.holder}, and unchanged.", *_lines(erasure), erasure.statement],
    )


def _own_stores(settings: Settings) -> dict[str, Place]:
    """The stores of the home folder: one that is not in use now may have copies of before."""
    from medibloc_py.client import open_store
    from medibloc_py.config import store_place
    from medibloc_py.flows.places import LatePlace

    home = settings.home
    folders = {str(home / "store"): "store/blobs", store_place("kubo", home): "kubo/repo"}
    return {
        place: LatePlace(partial(open_store, place))
        for place, folder in folders.items()
        if place != settings.store and (home / folder).is_dir()
    }


def _require_no_other(target: Path) -> None:
    """Raises `FileExists` where something else stands than a receipt, which a new one replaces."""
    from medibloc_py.flows import papers, receipts

    if target.exists() and papers.kind_of(read_bytes(target)) != receipts.KIND:
        raise FileExists(path=target)


def _foretell(session: Session, client: Client, console: Output, doing: Shredding) -> None:
    """Shows what ending its grants would cost; nothing is sent or destroyed.

    Raises:
        DryRun: there is something to be sent.
    """
    from medibloc_py.flows.shred import foresee

    if (offer := foresee(client.exchange, client.me, doing)) is not None:
        session.tell(offer)
    console.result(
        {"record": doing.record, "way": doing.way, "revoked": []},
        ["Nothing was destroyed. Nothing would be sent: no grant stands that this account ends."],
    )


def _warn(client: Client, doing: Shredding, places: list[str]) -> None:
    """Says what will be gone and what nobody can recall."""
    from medibloc_py.flows.receipts import LIMITS
    from medibloc_py.flows.shredding import other_holders

    others = other_holders(client.exchange, client.me, doing)
    sealed = "The sealed record and the" if doing.blob else "The"
    told = [
        f"Shred record 0x{doing.record.hex()}, held as its {doing.way}. This cannot be undone.",
        f"- Standing grants that end on chain: {len(doing.revoked)}.",
        f"- {sealed} grant objects made here ({len(doing.grant_objects)}) go from "
        f"{', '.join(places)}, for everybody who reads from there.",
        "- Others who may hold its key: "
        + (", ".join(f"{each.account} ({each.way})" for each in others) or "nobody known")
        + ".",
        "- A dataset that it is in stays for sale: withdraw it first (`medibloc dataset "
        "withdraw`). Only the steward's own account can tell.",
        f"- {LIMITS}",
        "- Delete record files that were handed over (*.record.json): their addressee's key "
        "opens them.",
    ]
    print("\n".join(told), file=sys.stderr)


def _lines(erasure: Erasure) -> list[str]:
    destroyed = "its secret" if erasure.secret else "no secret: none was held"
    blobs: list[str] = [erasure.blob] if erasure.blob else []
    blobs += [f"{cid}, a grant object" for cid in erasure.grant_objects]
    return [
        f"record      0x{erasure.record.hex()}, held as its {erasure.way}",
        f"destroyed   {destroyed}, at {as_time(erasure.at)}, block {erasure.block}",
        *(f"revoked     the grant of {reader}" for reader in erasure.revoked),
        *(f"let go of   {blob}" for blob in blobs),
        *(f"place       {each.place}: {_place_said(each)}" for each in erasure.places),
        *(f"may hold it {each.account} ({each.way})" for each in erasure.holders),
    ]


def _place_said(place: PlaceTold) -> str:
    if place.gone:
        return f"gone: {place.said}" if place.said else "gone"
    return place.said
