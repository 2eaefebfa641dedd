"""Failures of a sale that this side finds: papers, secrets and their ledger, orders."""

from __future__ import annotations

from medibloc_py.errors.base import IntegrityError, RefusedError


class QuoteInvalid(RefusedError):
    """A quote that does not hold."""

    what = "The quote fails its check of {check}: {reason}."
    fix = "Do not pay. Ask the steward for a new quote."


class ContributionInvalid(RefusedError):
    """A contribution its patient did not sign like this."""

    what = "The contribution of {patient} for record {record} is not valid: {reason}."
    fix = "Ask the patient to sign the terms of this listing."


class ConsentNotCovering(RefusedError):
    """The consent on chain is narrower than the listing."""

    what = "The consent of {patient} does not permit all that the listing terms {terms} permit."
    fix = "Leave the record out, or narrow the terms of the listing."


class PaymentBelowPrice(RefusedError):
    """Less than the price."""

    what = "{amount} is below the price of {price}."
    fix = "Pay the price as listed."


class SettleTooLate(RefusedError):
    """Too close to the deadline to show the secret."""

    what = (
        "The deadline {deadline:time} is {remaining_s} s away, by the later of the chain's clock "
        "and this machine's; nothing is shown within the safety margin of {margin_s} s, nor later."
    )
    fix = "Let the buyer take the refund and quote again; the secret stays secret."


class OrderNotQuoted(RefusedError):
    """An order that is not what was quoted for its lock."""

    what = "The order {order} is not one to settle: {reason}."
    fix = (
        "Nothing was shown. Use the account and home folder that made the quote; "
        "where there is none, the buyer takes the refund after the deadline."
    )


class PurchaseUnconfirmed(RefusedError):
    """A purchase that a reorganisation could still undo."""

    what = (
        "The purchase of the order {order} has {depth} blocks on top of it; "
        "its secret is shown once it has {needed}."
    )
    fix = "Settle again in about {wait_s} s: a purchase that is undone gives the secret away."


class SecretReused(RefusedError):
    """The machine drew a secret a second time."""

    what = "The secret drawn for {purpose} was drawn before: this machine's randomness repeats."
    fix = (
        "Nothing was signed or sent. Reboot a machine that was restored from a snapshot; "
        "if it happens again, move the account to another machine."
    )


class LedgerBehind(RefusedError):
    """The chain shows a listing that the ledger knows nothing of."""

    what = (
        "The ledger {path} lacks the listing {listing}, which this account has on the chain: it "
        "is an older copy, or the listing was made from another home folder."
    )
    fix = (
        "Draw nothing from it. Put the newest copy of the ledger back, or work from the other "
        "home folder; if it is lost, go on with a new account."
    )


class RecordListed(RefusedError):
    """A record that stands in a listing of the account, where others may still pay for it."""

    what = "The record {record} stands in the listing {listing}, which {reason}."
    fix = (
        "Take it out with `medibloc dataset withdraw`, let open orders be settled or refunded, "
        "then shred it; nothing was destroyed."
    )


class OrderNotHeld(RefusedError):
    """The quote that was bought is not here."""

    what = "The quote behind the order {order} is not among the documents in {path}."
    fix = "Use the account and the home folder that bought it, and check the id."


class OrderNotSettled(RefusedError):
    """What was bought does not open yet, or never will."""

    what = "The order {order} is not settled: it is {state:order_state}."
    fix = "Wait for the steward to settle it; past its deadline, take the refund."


class LedgerDamaged(IntegrityError):
    """A ledger that is not as it was written."""

    what = "The ledger {path} is damaged: {reason}."
    fix = (
        "It was not touched. Put the newest copy back before you list, quote or settle; "
        "do not begin a new one in its place."
    )
