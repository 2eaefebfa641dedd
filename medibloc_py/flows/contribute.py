"""A patient's word that a record may be sold: signed terms, checked wherever they matter."""

from __future__ import annotations

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ConsentNotCovering,
    ContributionInvalid,
    ExpiryInPast,
    InvalidValue,
    TermsInvalid,
)
from medibloc_py.flows.held import held_record, require_current
from medibloc_py.flows.opened import require_deidentified
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import (
    WHOLE_BPS,
    Address,
    Contribution,
    ContributionTerms,
    Listing,
    RecordId,
    Scope,
    SignedContribution,
)


def contribute(
    exchange: Exchange,
    signer: Identity,
    record: RecordId,
    *,
    steward: Address,
    token: Address,
    terms: int,
    min_price: int,
    max_fee_bps: int,
    max_total_weight: int,
    expires_at: int,
    weight: int = 1,
    payee: Address | None = None,
    patient: Address | None = None,
) -> SignedContribution:
    """Signs (EIP-712) that a steward may sell access to a record on these terms.

    Nothing is sent; the signature goes to the steward as a file.

    Args:
        exchange: the deployment the signature is bound to.
        signer: the patient, or a delegate for selling; must hold the record file.
        record: the record.
        steward: who may list it.
        token: the ERC-20 it is sold for.
        terms: the purpose word of the listing.
        min_price: lowest price per sale, in token units.
        max_fee_bps: largest part of the price for steward and issuers together.
        max_total_weight: the listing's total weight at most: the share of every sale is
            `weight / max_total_weight` or more, whoever else is listed.
        expires_at: the listing must close no later.
        weight: this record's part of the listing's total weight.
        payee: who is paid; the patient if not given.
        patient: whose record it is, if a delegate signs.

    Raises:
        InvalidValue: a number that no listing could meet.
        ExpiryInPast: the time has passed.
        RecordNotHeld: the patient does not hold the record.
        RecordReplaced: the patient holds the record that took its place.
        TreatmentOnly: the record says who the patient is.
        DeidentificationMissing: the record may say so: no receipt is in it.
        BlobMissing, Corrupted, WrongKey: the record does not open; its receipt is read.
        TermsInvalid: `terms` is no terms word.
        ConsentNotCovering: the patient's consent on chain is narrower than `terms`.
        ContributionInvalid: the record is another patient's.
        MandateMissing, MandateTooShort: a delegate that may not, or not for as long.
    """
    owner = patient or signer.address
    if not purpose.valid_terms(terms):
        raise TermsInvalid(terms=terms)
    if weight < 1:
        raise InvalidValue(name="weight", given=weight, allowed="1 or more")
    if max_total_weight < weight:
        raise InvalidValue(
            name="largest total weight", given=max_total_weight, allowed=f"{weight} or more"
        )
    if not 0 <= max_fee_bps <= WHOLE_BPS:
        raise InvalidValue(name="largest fee", given=max_fee_bps, allowed=f"0 to {WHOLE_BPS} bps")
    if expires_at <= (now := exchange.network.now()):
        raise ExpiryInPast(until=expires_at, timestamp=now)
    exchange.consent.require_mandate(owner, signer.address, Scope.SELL, expires_at)
    require_cover(exchange, owner, terms, record)
    held = held_record(signer, record)
    if held.patient != owner:
        reason = f"it is a record of {held.patient}"
        raise ContributionInvalid(patient=owner, record=record, reason=reason)
    require_current(signer, record)
    require_deidentified(exchange, signer, held)
    signed = ContributionTerms(
        patient=owner,
        signer=signer.address,
        steward=steward,
        token=token,
        terms=terms,
        min_price=min_price,
        max_fee_bps=max_fee_bps,
        payee=payee or owner,
        record=record,
        key_commitment=held.key_commitment,
        weight=weight,
        max_total_weight=max_total_weight,
        expires_at=expires_at,
    )
    _, signature = exchange.market.sign_contribution(signer.signer, signed)
    return SignedContribution(signed, signature)


def require_cover(exchange: Exchange, patient: Address, terms: int, record: RecordId) -> None:
    """Raises `ConsentNotCovering` unless the consent for a record permits all that `terms` do."""
    if not exchange.consent.covers(patient, terms, record):
        raise ConsentNotCovering(patient=patient, terms=purpose.render(terms, purpose.TERM_NAMES))


def leaf_of(exchange: Exchange, signed: SignedContribution) -> Contribution:
    """The listing's leaf for a signed contribution."""
    terms = signed.terms
    digest = exchange.market.contribution_digest(terms)
    return Contribution(
        patient=terms.patient,
        payee=terms.payee,
        record=terms.record,
        weight=terms.weight,
        consent_digest=ids.consent_digest(digest, signed.signature),
    )


def check_contribution(
    exchange: Exchange, signed: SignedContribution, listing: Listing
) -> Contribution:
    """Checks that a patient's word authorises this record in this listing, now.

    Returns:
        The contribution's leaf.

    Raises:
        ContributionInvalid: forged, for other terms, or withdrawn by its patient.
        ConsentNotCovering: the consent on chain no longer permits the listing's terms.
    """
    terms = signed.terms

    def refuse(reason: str) -> ContributionInvalid:
        return ContributionInvalid(patient=terms.patient, record=terms.record, reason=reason)

    if flaw := lasting_flaw(exchange, signed, listing):
        raise refuse(flaw)
    leaf = leaf_of(exchange, signed)  # of numbers that fit: a flaw would have told
    if flaw := _present_flaw(exchange, terms, listing, leaf):
        raise refuse(flaw)
    require_cover(exchange, terms.patient, listing.terms, terms.record)
    return leaf


def lasting_flaw(exchange: Exchange, signed: SignedContribution, listing: Listing) -> str | None:
    """Says why a contribution can never stand in a listing, as `IMarket.challenge` judges it.

    Whatever happens on the chain later, the answer stays: only keys and signed terms count.

    Returns:
        None when it is signed as it must be.
    """
    terms = signed.terms
    try:
        signer = exchange.market.recover_contribution_signer(signed)
    except ContributionInvalid as error:
        return str(error.values["reason"])
    if signer != terms.signer:
        return f"it is not signed by {terms.signer}"
    if not _ever_sold_for(exchange, terms):
        return f"{terms.signer} never was a delegate of the patient for selling"
    if terms.steward != listing.steward:
        return f"it names the steward {terms.steward}"
    if terms.token != listing.token:
        return f"it asks for payment in {terms.token}"
    if not purpose.covers(terms.terms, listing.terms):
        return "it was given for other terms of use"
    if terms.min_price > listing.price:
        return f"it asks for a price of {terms.min_price} at least"
    if terms.max_fee_bps < listing.fee_bps + listing.issuer_bps:
        return f"it allows a fee of {terms.max_fee_bps} basis points at most"
    if terms.max_total_weight < listing.total_weight:
        return f"it allows a total weight of {terms.max_total_weight} at most"
    if terms.expires_at < listing.closes_at:
        return "it expires before the listing closes"
    return None


def _present_flaw(
    exchange: Exchange, terms: ContributionTerms, listing: Listing, leaf: Contribution
) -> str | None:
    """Says why a contribution may not stand in a listing now; the chain can change it."""
    if not _may_sell(exchange, terms):
        return f"{terms.signer} may not sell for the patient until it expires"
    if terms.terms != listing.terms:
        return "it was given for other terms of use"
    if terms.weight < 1:
        return "its weight is zero"
    if exchange.market.withdrawn_at(ids.contribution_leaf(leaf)):
        return "its patient has withdrawn it"
    return None


def _ever_sold_for(exchange: Exchange, terms: ContributionTerms) -> bool:
    if terms.signer == terms.patient:
        return True
    return Scope.SELL in exchange.consent.mandate_of(terms.patient, terms.signer).ever_scope


def _may_sell(exchange: Exchange, terms: ContributionTerms) -> bool:
    """Tells whether the signer is the patient, or a delegate whose mandate lasts long enough."""
    if terms.signer == terms.patient:
        return True
    until = exchange.consent.may_act(terms.patient, terms.signer, Scope.SELL)
    return until >= max(terms.expires_at, 1)
