"""A patient's word that a record may be sold: signed terms, checked wherever they matter."""

from __future__ import annotations

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ConsentNotCovering,
    ContributionInvalid,
    ContributionUnknown,
    DocumentInvalid,
    ExpiryInPast,
    InvalidValue,
    TermsInvalid,
)
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.publish import held_record
from medibloc_py.model import (
    WHOLE_BPS,
    Address,
    Contribution,
    ContributionTerms,
    Listing,
    Receipt,
    RecordId,
    Scope,
    SignedContribution,
)


def contribute(
    exchange: Exchange,
    patient: Identity,
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
) -> SignedContribution:
    """Signs (EIP-712) that a steward may sell access to a record on these terms.

    Nothing is sent; the signature goes to the steward as a file.

    Args:
        exchange: the deployment the signature is bound to.
        patient: the signer, who must hold the record file.
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

    Raises:
        InvalidValue: a number that no listing could meet.
        ExpiryInPast: the time has passed.
        RecordNotHeld: the patient does not hold the record.
        TermsInvalid: `terms` is no terms word.
        ConsentNotCovering: the patient's consent on chain is narrower than `terms`.
    """
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
    require_cover(exchange, patient.address, terms, record)
    held = held_record(patient, record)
    signed = ContributionTerms(
        patient=patient.address,
        signer=patient.address,
        steward=steward,
        token=token,
        terms=terms,
        min_price=min_price,
        max_fee_bps=max_fee_bps,
        payee=payee or patient.address,
        record=record,
        key_commitment=held.key_commitment,
        weight=weight,
        max_total_weight=max_total_weight,
        expires_at=expires_at,
    )
    _, signature = exchange.market.sign_contribution(patient.signer, signed)
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
    """Checks that a patient's signature authorises this record in this listing.

    Returns:
        The contribution's leaf.

    Raises:
        ContributionInvalid: forged, for other terms, or withdrawn by its patient.
        ConsentNotCovering: the consent on chain no longer permits the listing's terms.
    """
    terms = signed.terms

    def refuse(reason: str) -> ContributionInvalid:
        return ContributionInvalid(patient=terms.patient, record=terms.record, reason=reason)

    if exchange.market.recover_contribution_signer(signed) != terms.signer:
        raise refuse(f"it is not signed by {terms.signer}")
    if not _may_sell(exchange, terms):
        raise refuse(f"{terms.signer} may not sell for the patient until it expires")
    if terms.steward != listing.steward:
        raise refuse(f"it names the steward {terms.steward}")
    if terms.token != listing.token:
        raise refuse(f"it asks for payment in {terms.token}")
    if terms.terms != listing.terms:
        raise refuse("it was given for other terms of use")
    if terms.min_price > listing.price:
        raise refuse(f"it asks for a price of {terms.min_price} at least")
    if terms.max_fee_bps < listing.fee_bps + listing.issuer_bps:
        raise refuse(f"it allows a fee of {terms.max_fee_bps} basis points at most")
    if terms.max_total_weight < listing.total_weight:
        raise refuse(f"it allows a total weight of {terms.max_total_weight} at most")
    if terms.expires_at < listing.closes_at:
        raise refuse("it expires before the listing closes")
    if terms.weight < 1:
        raise refuse("its weight is zero")
    leaf = leaf_of(exchange, signed)
    if exchange.market.withdrawn_at(ids.contribution_leaf(leaf)):
        raise refuse("its patient has withdrawn it")
    require_cover(exchange, terms.patient, listing.terms, terms.record)
    return leaf


def _may_sell(exchange: Exchange, terms: ContributionTerms) -> bool:
    """Tells whether the signer is the patient, or a delegate whose mandate lasts long enough."""
    if terms.signer == terms.patient:
        return True
    until = exchange.consent.may_act(terms.patient, terms.signer, Scope.SELL)
    return until >= max(terms.expires_at, 1)


def read_claim(exchange: Exchange, data: bytes, path: object) -> papers.Claim:
    """Reads a claim file and sees that it is of this market.

    Raises:
        DocumentInvalid: it is no claim file.
        ContributionUnknown: it is of another market.
    """
    claim = papers.read("claim", papers.Claim, data, path)
    try:
        listing = ids.listing_id(claim.chain_id, claim.market, claim.listing)
        leaf = ids.contribution_leaf(claim.contribution)
    except InvalidValue as error:
        raise DocumentInvalid(path=path, kind="claim", reason=error.message.rstrip(".")) from None
    if (claim.chain_id, claim.market) != (exchange.chain_id, exchange.market.address):
        raise ContributionUnknown(listing=listing, leaf=leaf)
    return claim


def claim(exchange: Exchange, sender: Identity, data: bytes, path: object) -> Receipt:
    """Pays a contributor's share out to its payee; anyone may send it.

    Raises:
        NothingToClaim: nothing new was earned.
    """
    paper = read_claim(exchange, data, path)
    return exchange.market.claim(sender.signer, paper.listing, paper.contribution, paper.proof)


def withdraw(exchange: Exchange, sender: Identity, data: bytes, path: object) -> Receipt:
    """Withdraws a contribution: its listing takes no order from the next block on.

    Raises:
        WithdrawalNotAllowed: only the patient may, while the consent holds.
    """
    paper = read_claim(exchange, data, path)
    return exchange.market.withdraw(sender.signer, paper.listing, paper.contribution, paper.proof)
