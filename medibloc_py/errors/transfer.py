"""Failures between two hospitals: what is not sent, not taken, or not proved by a paper."""

from __future__ import annotations

from medibloc_py.errors.base import IntegrityError, RefusedError


class TransferInvalid(RefusedError):
    """A transfer paper that does not hold."""

    what = "The transfer paper {path} fails its check of {check}: {reason}."
    fix = "Do not rely on it; ask its sender for the paper as it was signed."


class TransferUnfinished(RefusedError):
    """A receipt that not all three have signed."""

    what = "The transfer paper {path} is no receipt yet: it lacks the word of its {missing}."
    fix = (
        "The receiver signs with `medibloc exchange receive`, the patient with `medibloc exchange "
        "sign`; papers of one transfer can be joined with `medibloc exchange keep`."
    )


class TransferRefused(RefusedError):
    """A record that this account does not send to this receiver."""

    what = "The record {record} is not sent to {receiver}: {reason}."
    fix = "Nothing was signed. A record with identity goes out for TREATMENT alone."


class NotInTransfer(RefusedError):
    """An account that a transfer does not concern."""

    what = "{account} is not the {role} of the transfer {path}."
    fix = "Use the account that it names; `medibloc exchange show` tells which."


class ContentDiffers(IntegrityError):
    """A record that holds something else than its sender signed."""

    what = "What the record {record} holds is not what {sender} signed: {reason}."
    fix = "Nothing was stored or signed. Do not use it; ask the sender and tell the patient."
