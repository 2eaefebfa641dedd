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


class SignatureExpired(ContractRefusal):
    """Too late for a signed act."""

    what = "The signature of {signer} was good until {deadline:time}."
    fix = "Have the act signed again, with a later deadline."


class SignatureInvalid(ContractRefusal):
    """`signer` did not sign this."""

    what = "{signer} did not sign this act as it would be done now."
    fix = (
        "A signature works once, for one state of one contract on one chain: have it signed again."
    )


class SignerUndeployed(ContractRefusal):
    """The signature of a wallet that does not stand yet (ERC-6492)."""

    what = "{signer} is a contract wallet that is not deployed yet, so nobody can ask it."
    fix = "Deploy the wallet first, then send the same signature."


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


class RecordsUnknown(ContractRefusal):
    """The records do not stand together in a root of `issuer`."""

    what = "The {count} records do not stand in one registered root of {issuer}."
    fix = "Check the multiproof and the issuer; records of several batches are granted apart."


class MerkleProofInvalidMultiproof(ContractRefusal):
    """Proof and flags of a multiproof do not fit together."""

    what = "The multiproof is malformed."
    fix = "Make it again from the batch's tree."


class TermsInvalid(ContractRefusal):
    """Not a terms word."""

    what = "{terms:terms} are no terms of use: they need exactly one permission, known bits only."
    fix = "Choose one of NRES, GRU, HMB, DS, POA and modifiers."


class ConsentMissing(ContractRefusal):
    """`patient` has no consent to revoke."""

    what = "{patient} has no consent on this chain."
    fix = "Nothing to revoke."


class OverrideMissing(ContractRefusal):
    """`record` has no consent of its own."""

    what = "The record {record} of {patient} has neither a consent of its own nor a bar."
    fix = "Nothing to lift: the general consent counts for it."


class DelegateInvalid(ContractRefusal):
    """Nobody, or the patient."""

    what = "{delegate} cannot be a delegate."
    fix = "Name another account."


class ScopeInvalid(ContractRefusal):
    """Unknown bits of a scope."""

    what = "The scope {scope} has bits that mean nothing."
    fix = "Choose of consent, grant and sell."


class MandateMissing(ContractRefusal):
    """`actor` may not act for `patient`."""

    what = "{actor} may not act for {patient} in {scope:scope} now."
    fix = "Ask the patient for a mandate with this scope."


class MandateTooShort(ContractRefusal):
    """What is given would outlast the mandate."""

    what = "{actor} may act for {patient} until {until:time} only; nothing it gives outlasts that."
    fix = "Give it for a shorter time."


class ReviewerInvolved(ContractRefusal):
    """A reviewer does not clear its own request."""

    what = "{reviewer} cannot clear a request of its own."
    fix = "Ask another reviewer."


class ClearanceTooLong(ContractRefusal):
    """What is cleared would outlast the accreditation."""

    what = (
        "{reviewer} is accredited until {accredited_until:time} only; nothing it clears "
        "outlasts that."
    )
    fix = "Clear it for a shorter time."


class ClearanceMissing(ContractRefusal):
    """No clearance to take back."""

    what = "Nobody cleared {request:request} by {requester} for {subject}."
    fix = "Nothing to take back."


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


class GranteeInvalid(ContractRefusal):
    """Nobody, or the patient."""

    what = "{grantee} cannot be a grantee."
    fix = "Name the account of the reader."


class LocatorsMismatched(ContractRefusal):
    """One locator for each record."""

    what = "{records} records were given with {locators} locators."
    fix = "Seal one locator for each record."


class CustodianInvalid(ContractRefusal):
    """The patient itself."""

    what = "{custodian} cannot keep its own keys for emergencies."
    fix = "Name the account of somebody else."


class CustodianMissing(ContractRefusal):
    """Nobody keeps the key of the record."""

    what = "{patient} named nobody who holds the key of the record {record_id} now."
    fix = "There is no emergency access to this record; ask the patient."


class ReasonMissing(ContractRefusal):
    """Nobody opens in an emergency without a reason."""

    what = "An emergency access needs a reason."
    fix = "Give the reason; its digest goes on chain."


class GlassNotNeeded(ContractRefusal):
    """The clinician may read the record already."""

    what = "{clinician} may read the record {record_id} already."
    fix = "Open it by the grant that stands."


class ClinicianInvolved(ContractRefusal):
    """The patient or the custodian."""

    what = "{clinician} is the patient or the custodian, and breaks no glass here."
    fix = "Another clinician must do it."


class EmergencyMissing(ContractRefusal):
    """No emergency access that waits for this."""

    what = "No emergency access {epoch} of {clinician} on record {record_id} waits for this."
    fix = "Check clinician and epoch: it may have ended, or been reviewed."


class NotCustodian(ContractRefusal):
    """`caller` does not keep this key."""

    what = "{caller} is not the custodian {custodian} of this emergency access."
    fix = "The custodian must deliver the key."


class GlassReviewerInvolved(ContractRefusal):
    """Nobody reviews an own act."""

    what = "{reviewer} took part in this emergency access and cannot review it."
    fix = "Ask another reviewer."


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

    what = (
        "The listing {listing} has no root, price, weight or token, parts above the whole, "
        "or an issuers' part without issuers."
    )
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
    """Only the patient, or who may sell for it, withdraws while the consent holds."""

    what = (
        "{caller} may not withdraw {patient} from listing {listing} while the consent permits it."
    )
    fix = "The patient or a delegate may; others once the consent no longer permits the terms."


class AlreadyWithdrawn(ContractRefusal):
    """The contribution left before."""

    what = "The contribution {leaf} was withdrawn from listing {listing} before."
    fix = "Nothing to do."


class NotPayee(ContractRefusal):
    """Only the payee says where else a share goes."""

    what = "{caller} is not the payee {payee} of this contribution."
    fix = "The payee must sign it."


class EvidenceMismatched(ContractRefusal):
    """Terms and signature are not those of the contribution."""

    what = "The evidence is not what the contribution {leaf} of listing {listing} stands for."
    fix = "Challenge with the terms and the signature of the quote."


class ContributionValid(ContractRefusal):
    """The contribution is signed as it must be."""

    what = "The contribution {leaf} of listing {listing} is validly signed."
    fix = "Nothing to challenge."


class BondNotHeld(ContractRefusal):
    """There is no bond to pay out."""

    what = "The bond of listing {listing} is {state:bond}."
    fix = "Nothing to do."


class CloseOutTooEarly(ContractRefusal):
    """The bond stays for a while."""

    what = "The bond of listing {listing} stays until {until:time}."
    fix = "Come back then: orders may be open, and a challenge may come."


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
