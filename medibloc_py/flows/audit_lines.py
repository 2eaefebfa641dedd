"""What each event says to a person: who, to whom, about what, for what, until when, how much.

One table, event by event. A value is named by its parameter; one inside a struct by the
struct's parameter and its place, as in `listing.5`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from medibloc_py.errors import words
from medibloc_py.index import Entry

CHAIN: Final = "chain"
RECEIPT: Final = "receipt"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        block: number of the block; of a receipt: the newest when it was signed.
        at: time of that block, unix seconds.
        source: `chain`, or `receipt` for what a signed paper tells.
        transaction: where anyone can look it up; empty for a receipt.
        event: its name in the contract.
        says: the same in words.
        by: who did it; empty where the event does not say.
        to: for or about whom; may be empty.
        about: the record, listing, order or root, `0x` hex; may be empty.
        listing: the listing it belongs to; may be empty.
        terms: purposes, terms, scope or role by name; may be empty.
        until: last second of it; 0 where there is none.
        amount: in the token's smallest unit, as decimal digits; may be empty.
        epoch: of the grant it belongs to; 0 where there is none.
    """

    block: int
    at: int
    source: str
    transaction: str
    event: str
    says: str
    by: str = ""
    to: str = ""
    about: str = ""
    listing: str = ""
    terms: str = ""
    until: int = 0
    amount: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class _Shape:
    says: str
    by: str = ""
    to: str = ""
    about: str = ""
    listing: str = ""
    terms: str = ""
    read: Callable[[int], str] = words.request
    until: str = ""
    amount: str = ""
    epoch: str = ""


_SHAPES: Final = {
    "Registered": _Shape("registered records under a root", "issuer", about="root"),
    "Superseded": _Shape("replaced a root by another", "issuer", about="oldRoot"),
    "KeyPublished": _Shape("published an encryption key", "account"),
    "Accredited": _Shape(
        "accredited, or took it away", "accreditor", "account",
        terms="role", read=words.role, until="until",
    ),
    "AccreditorSet": _Shape("made an accreditor, or no longer", to="account"),
    "Attested": _Shape(
        "vouched for evidence", "accreditor", "account", terms="evidence"
    ),
    "OwnershipTransferStarted": _Shape("offered governance", "previousOwner", "newOwner"),
    "OwnershipTransferred": _Shape("took over governance", "newOwner", "previousOwner"),
    "ConsentSet": _Shape(
        "gave consent", "by", "patient", "record",
        terms="terms", read=words.terms, until="expiresAt",
    ),
    "ConsentRevoked": _Shape("took consent back", "by", "patient", "record"),
    "ConsentLifted": _Shape("ended a record's own consent", "by", "patient", "record"),
    "DelegateSet": _Shape(
        "let another act for them, or no longer", "patient", "delegate",
        terms="scope", read=words.scope, until="until",
    ),
    "Cleared": _Shape(
        "cleared a request", "reviewer", "requester", "subject", terms="request", until="until"
    ),
    "Granted": _Shape(
        "granted access", "by", "grantee", "recordId",
        terms="purpose", until="expiresAt", epoch="epoch",
    ),
    "GrantRevoked": _Shape("revoked access", "by", "grantee", "recordId", epoch="epoch"),
    "CustodianNamed": _Shape("named a custodian", "patient", "custodian", until="until"),
    "GlassBroken": _Shape(
        "opened in an emergency", "clinician", "custodian", "recordId",
        until="expiresAt", epoch="epoch",
    ),
    "GlassDelivered": _Shape(
        "gave the key in an emergency", "custodian", "clinician", "recordId", epoch="epoch"
    ),
    "GlassReviewed": _Shape(
        "reviewed an emergency", "reviewer", "clinician", "recordId", epoch="epoch"
    ),
    "Listed": _Shape(
        "listed a dataset", "steward", about="id", listing="id", terms="listing.5",
        read=words.terms, until="listing.10", amount="listing.3",
    ),
    "Purchased": _Shape(
        "asked for a dataset and paid", "buyer", about="orderId", listing="listing",
        terms="order.4", until="order.6", amount="order.3",
    ),
    "Settled": _Shape("handed over the keys", about="orderId", listing="listing"),
    "Refunded": _Shape(
        "was paid back", "buyer", about="orderId", listing="listing", amount="amount"
    ),
    "Claimed": _Shape(
        "was paid a share", to="payee", about="leaf", listing="listing", amount="amount"
    ),
    "IssuerClaimed": _Shape(
        "was paid the issuer's part", to="issuer", about="listing", listing="listing",
        amount="amount",
    ),
    "FeeClaimed": _Shape(
        "was paid the fee", to="steward", about="listing", listing="listing", amount="amount"
    ),
    "Withdrawn": _Shape(
        "left a dataset", "caller", "patient", about="leaf", listing="listing"
    ),
    "Challenged": _Shape(
        "proved that a contribution was not signed", "challenger", about="leaf",
        listing="listing",
    ),
    "ClosedOut": _Shape(
        "was given the bond", to="receiver", about="listing", listing="listing",
        amount="amount",
    ),
}  # fmt: skip


def told(entry: Entry) -> bool:
    """Whether an event is one of those that an audit tells."""
    return entry.contract != "TestToken" and entry.event in _SHAPES


def line_of(entry: Entry) -> Line:
    """Writes an event as a line."""
    args: dict[str, Any] = json.loads(entry.args)
    shape = _SHAPES[entry.event]
    terms = _at(args, shape.terms)
    if entry.event == "GlassBroken":
        terms = "TREATMENT"
    elif entry.event == "GlassReviewed":
        terms = "justified" if args["justified"] else "not justified"
    elif terms != "":
        terms = shape.read(int(terms))
    return Line(
        block=entry.block,
        at=entry.at,
        source=CHAIN,
        transaction=entry.transaction,
        event=entry.event,
        says=shape.says,
        by=str(_at(args, shape.by)),
        to=str(_at(args, shape.to)),
        about=str(_at(args, shape.about)),
        listing=str(_at(args, shape.listing)),
        terms=str(terms),
        until=int(_at(args, shape.until) or 0),
        amount=str(_at(args, shape.amount)),
        epoch=int(_at(args, shape.epoch) or 0),
    )


def _at(args: dict[str, Any], name: str) -> Any:
    if not name:
        return ""
    parameter, _, place = name.partition(".")
    return args[parameter][int(place)] if place else args[parameter]
