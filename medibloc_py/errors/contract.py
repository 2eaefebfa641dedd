"""Refusals by the contracts: one class per custom error, of the same name.

`values` carries the parameters of the error in snake_case.
"""

from __future__ import annotations

from medibloc_py.errors.base import RefusedError


class ContractRefusal(RefusedError):
    """A contract reverted with a custom error."""

    what = "The contract refused: {detail}."
    fix = "Nothing changed but the fee, if any was paid."


class NotAccreditor(ContractRefusal):
    """`caller` may not accredit."""

    what = "{caller} is not an accreditor."
    fix = "Ask the governance of this deployment to name the account."


class KeyBundleInvalid(ContractRefusal):
    """`size` is not that of a key bundle."""

    what = "A key bundle of {size} bytes, or of an unknown suite, is not accepted."
    fix = "Publish the bundle that `medibloc account publish-key` makes."


class ExpiryInPast(ContractRefusal):
    """`until` is not after `timestamp`."""

    what = "The time {until:time} is not after the block time {timestamp:time}."
    fix = "Give a time in the future."


class NotAccredited(ContractRefusal):
    """`account` is not accredited for `role`."""

    what = "{account} is not accredited as {role:role} (accredited until: {until:time})."
    fix = "Ask an accreditor for an accreditation, or to renew it."


class EvidenceInvalid(ContractRefusal):
    """`evidence` has bits nobody vouches for."""

    what = "The evidence {evidence:request} has terms that cannot be vouched for."
    fix = "Vouch for NONPROFIT and HAS_IRB only."


class RecordCountInvalid(ContractRefusal):
    """A batch must count at least one record."""

    what = "A batch of {count} records cannot be registered."
    fix = "Register between 1 and 4,294,967,295 records."


class RootAlreadyRegistered(ContractRefusal):
    """`issuer` registered `root` before."""

    what = "{issuer} has registered the root {root} already."
    fix = "Nothing to do: a root stays as first registered."


class RootUnknown(ContractRefusal):
    """`issuer` never registered `root`."""

    what = "{issuer} has not registered the root {root}."
    fix = "Register it first, or name its issuer."


class RootAlreadySuperseded(ContractRefusal):
    """`root` was superseded before."""

    what = "The root {root} of {issuer} has been superseded already."
    fix = "Nothing to do."


class RecordUnknown(ContractRefusal):
    """The record does not stand in a root of `issuer`."""

    what = "The record {record_id} does not stand in a registered root of {issuer}."
    fix = "Check the proof and the issuer; register the record first."


class TermsInvalid(ContractRefusal):
    """Not a terms word."""

    what = "{terms:terms} are no terms of use: they need exactly one permission, known bits only."
    fix = "Choose one of NRES, GRU, HMB, DS, POA and modifiers."


class ConsentMissing(ContractRefusal):
    """`patient` has no consent to revoke."""

    what = "{patient} has no consent on this chain."
    fix = "Nothing to revoke."


class GrantMissing(ContractRefusal):
    """No grant to revoke."""

    what = "There is no grant on record {record_id} for {grantee}."
    fix = "Nothing to revoke."


class PurposeNotPermitted(ContractRefusal):
    """The consent of `patient` does not permit `purpose`."""

    what = (
        "The consent of {patient} does not permit the purpose {purpose:request} "
        "({answer:answer}; {bit:bit} decided)."
    )
    fix = "Grant for another purpose, or change the consent first."


class LocatorInvalid(ContractRefusal):
    """A locator has 80 bytes."""

    what = "A locator of {size} bytes is not accepted."
    fix = "Seal the locator with this library."


class GranteeInvalid(ContractRefusal):
    """Nobody, or the patient."""

    what = "{grantee} cannot be a grantee."
    fix = "Name the account of the reader."


class ListingExists(ContractRefusal):
    """A listing of the same content exists."""

    what = "The listing {listing} exists already."
    fix = "Choose a new salt to list the same content again."


class ListingUnknown(ContractRefusal):
    """No such listing."""

    what = "There is no listing {listing} on this market."
    fix = "Check the id and the network."


class ListingClosed(ContractRefusal):
    """The listing takes no order."""

    what = (
        "The listing {listing} takes no order since {closed_at:time}: "
        "it expired or a patient withdrew."
    )
    fix = "Ask the steward for its successor."


class ListingInvalid(ContractRefusal):
    """A listing that could never be settled."""

    what = "The listing {listing} has no root, price, weight or token, or a fee above the whole."
    fix = "Correct the listing."


class NotSteward(ContractRefusal):
    """`caller` is not the steward."""

    what = "{caller} is not the steward {steward} of this listing."
    fix = "Send from the account of the steward."


class PurposeDenied(ContractRefusal):
    """The terms of the listing do not permit `purpose`."""

    what = (
        "The terms of listing {listing} do not permit the purpose {purpose:request} "
        "({answer:answer}; {bit:bit} decided)."
    )
    fix = "Ask for a purpose the terms permit."


class EvidenceNotVouched(ContractRefusal):
    """The purpose claims what no accreditor vouched for."""

    what = "{buyer} claims {missing:request}, which no accreditor vouched for."
    fix = "Ask an accreditor to attest it, or leave it out of the purpose."


class LockInvalid(ContractRefusal):
    """A lock nobody could open."""

    what = "{lock} cannot be a lock."
    fix = "Use the lock of the quote."


class DeadlineOutOfRange(ContractRefusal):
    """The deadline is too near or too far."""

    what = "The deadline {deadline:time} is not between {earliest:time} and {latest:time}."
    fix = "Choose a deadline in between; a quote past its deadline must be asked for again."


class OrderExists(ContractRefusal):
    """The same order was placed before."""

    what = "The order {order} was placed before, perhaps by a try that was cut off."
    fix = "See `medibloc dataset show`; to order once more, ask for a new quote."


class OrderNotOpen(ContractRefusal):
    """The order has ended, or never was."""

    what = "The order {order} is not open: it is {state:order_state}."
    fix = "Nothing to do: an order ends once; if it is unknown, check the id and the network."


class WrongSecret(ContractRefusal):
    """The secret does not open the lock."""

    what = "The secret does not open the lock of order {order}."
    fix = "Settle with the secret of this very quote."


class DeadlinePassed(ContractRefusal):
    """Too late to settle."""

    what = "The deadline {deadline:time} of order {order} has passed."
    fix = "The buyer can take the refund."


class DeadlineNotReached(ContractRefusal):
    """Too early to refund."""

    what = "The deadline {deadline:time} of order {order} has not passed."
    fix = "Wait until then: the steward may still settle."


class TokenMisbehaved(ContractRefusal):
    """The token moved another amount than asked."""

    what = "Token {token} moved {received} where {expected} was asked."
    fix = "Tokens that take a fee or lie are not accepted."


class ContributionUnknown(ContractRefusal):
    """The contribution is not in the listing."""

    what = "The contribution {leaf} does not stand in listing {listing}."
    fix = "Use the claim file of this listing."


class NothingToClaim(ContractRefusal):
    """Nothing new was earned."""

    what = "Nothing is due on {leaf} in listing {listing}."
    fix = "Come back after the next sale."


class ClaimExceedsEarned(ContractRefusal):
    """The listing has not earned what its weights promise."""

    what = "A claim of {amount} on listing {listing} exceeds the {available} that is left."
    fix = "The weights of the listing are wrong: its steward is to blame."


class WithdrawalNotAllowed(ContractRefusal):
    """Only the patient may withdraw while the consent holds."""

    what = (
        "{caller} may not withdraw {patient} from listing {listing} while the consent permits it."
    )
    fix = "Only the patient may; others once the consent no longer permits the terms."


class OwnableUnauthorizedAccount(ContractRefusal):
    """`account` is not the governance."""

    what = "{account} is not the governance of this contract."
    fix = "Send from the governance account."


class OwnableInvalidOwner(ContractRefusal):
    """Not an account that can govern."""

    what = "{owner} cannot be the governance."
    fix = "Name another account."


class SafeERC20FailedOperation(ContractRefusal):
    """The token refused or lied."""

    what = "The token {token} refused the transfer."
    fix = "Check balance and allowance, and that the token is a plain ERC-20."


class ERC20InsufficientBalance(ContractRefusal):
    """Too few tokens."""

    what = "{sender} holds {balance} token units and needs {needed}."
    fix = "Fund the account first."


class ERC20InsufficientAllowance(ContractRefusal):
    """Too small an allowance."""

    what = "{spender} may take {allowance} token units and needs {needed}."
    fix = "Approve the price first."
