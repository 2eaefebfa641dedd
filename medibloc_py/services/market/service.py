"""One method per function of the market, and what is signed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from medibloc_py import acts
from medibloc_py.chain import Call, Signer, sends
from medibloc_py.errors import ContributionInvalid, InputError
from medibloc_py.model import (
    Address,
    Bond,
    Claim,
    Contribution,
    ContributionTerms,
    IssuerShare,
    Listing,
    ListingId,
    ListingState,
    Order,
    OrderId,
    OrderState,
    Permit,
    Signed,
    SignedContribution,
)
from medibloc_py.services.market.history import MarketHistory


class MarketService(MarketHistory):
    """Point-locked sales of listed datasets, and what each contribution has earned."""

    # Stewards

    @sends
    def list(self, listing: Listing) -> Call:
        """Offers a dataset. Takes the bond, which the signer has approved.

        Raises:
            NotSteward: the signer is not the listing's steward.
            ListingInvalid: root, price or weight is zero, the parts are above the whole, an
                issuers' part has no issuers, or the token is no contract.
            TermsInvalid: not a terms word.
            ExpiryInPast: the listing would be closed at once.
            ListingExists: the same was listed before.
            ERC20InsufficientAllowance: approve the bond first.
            ERC20InsufficientBalance: too few tokens for the bond.
            TokenMisbehaved: the token moved another amount.
        """
        return self._call("list", astuple(listing))

    @sends
    def settle(self, order: Order, secret: int) -> Call:
        """Shows the secret of an order's lock and earns its price. Anyone may send it.

        Raises:
            OrderNotOpen: there is no such order, or it ended.
            DeadlinePassed: too late.
            WrongSecret: the secret is another lock's.
        """
        return self._call("settle", astuple(order), secret)

    @sends
    def claim_fee(self, listing: Listing) -> Call:
        """Pays the steward's part out to the steward. Anyone may send it.

        Raises:
            ListingUnknown: there is no such listing.
            NothingToClaim: nothing new was earned.
        """
        return self._call("claimFee", astuple(listing))

    @sends
    def close_out(self, listing: Listing) -> Call:
        """Pays a listing's bond out: to its challenger, or back to the steward. Anyone may send it.

        Raises:
            ListingUnknown: there is no such listing.
            BondNotHeld: it has none, or it was paid out.
            CloseOutTooEarly: orders may be open, and a challenge may come.
        """
        return self._call("closeOut", astuple(listing))

    # Buyers

    @sends
    def purchase(self, listing: Listing, purpose: int, lock: Address, deadline: int) -> Call:
        """Locks the price of a listing on a point. The signer is the buyer, and approved the price.

        Args:
            listing: what to buy.
            purpose: request word.
            lock: address of the point whose secret settles.
            deadline: last second to settle.

        Raises:
            ListingUnknown: there is no such listing.
            ListingClosed: it takes no order any more.
            NotAccredited: the signer is no researcher.
            EvidenceNotVouched: the purpose claims what nobody vouched for.
            PurposeDenied: the listing's terms do not permit it, and nobody cleared it.
            LockInvalid: nobody's lock.
            DeadlineOutOfRange: too near or too far.
            OrderExists: the same was ordered before.
            ERC20InsufficientAllowance: approve the price first.
            ERC20InsufficientBalance: too few tokens.
            TokenMisbehaved: the token moved another amount.
        """
        return self._call("purchase", astuple(listing), purpose, lock, deadline)

    @sends
    def purchase_with_permit(
        self, listing: Listing, purpose: int, lock: Address, deadline: int, permit: Permit
    ) -> Call:
        """`purchase` with the price approved by a permit: one signature, one transaction.

        Args:
            listing: what to buy.
            purpose: request word.
            lock: address of the point whose secret settles.
            deadline: last second to settle.
            permit: of the signer for exactly the price (`TokenService.sign_permit`).

        Raises:
            MediBlocError: as `purchase`.
        """
        return self._call(
            "purchaseWithPermit", astuple(listing), purpose, lock, deadline, astuple(permit)
        )

    @sends
    def refund(self, order: Order) -> Call:
        """Sends the price of an unsettled order back to its buyer. Anyone may send it.

        Raises:
            OrderNotOpen: there is no such order, or it ended.
            DeadlineNotReached: the steward may still settle.
        """
        return self._call("refund", astuple(order))

    # Contributors and issuers

    @sends
    def claim(self, listing: Listing, contribution: Contribution, proof: Sequence[bytes]) -> Call:
        """Pays what a contribution has earned out to its payee. Anyone may send it.

        Args:
            listing: the listing.
            contribution: a leaf of its tree.
            proof: siblings from the leaf up to the root.

        Raises:
            ListingUnknown: there is no such listing.
            ContributionUnknown: it is not in the listing.
            NothingToClaim: nothing new was earned.
            ClaimExceedsEarned: the weights of the listing promise more than it earned.
        """
        return self._call("claim", *_standing(listing, contribution, proof))

    @sends
    def claim_many(self, claims: Sequence[Claim]) -> Call:
        """Pays several contributions out, of any listings. Anyone may send it.

        Those with nothing due are passed by.

        Raises:
            NothingToClaim: nothing is due on any; ids of zeros.
            MediBlocError: as `claim`.
        """
        return self._call("claimMany", tuple(astuple(each) for each in claims))

    @sends
    def claim_to(
        self,
        listing: Listing,
        contribution: Contribution,
        proof: Sequence[bytes],
        to: Address,
        by: Signed,
    ) -> Call:
        """Pays a contribution out to another address, by a word from `sign_claim`.

        Raises:
            NotPayee: the word is not its payee's.
            SignatureInvalid, SignatureExpired, SignerUndeployed: the word does not hold.
            MediBlocError: as `claim`.
        """
        return self._call("claimTo", *_standing(listing, contribution, proof), to, astuple(by))

    @sends
    def claim_issuer(self, listing: Listing, share: IssuerShare, proof: Sequence[bytes]) -> Call:
        """Pays an issuer its share of the issuers' part. Anyone may send it.

        Args:
            listing: the listing.
            share: a leaf of its tree of issuers.
            proof: siblings from the leaf up to the root of that tree.

        Raises:
            MediBlocError: as `claim`.
        """
        return self._call("claimIssuer", astuple(listing), astuple(share), tuple(proof))

    @sends
    def withdraw(
        self, listing: Listing, contribution: Contribution, proof: Sequence[bytes]
    ) -> Call:
        """Takes a contribution out of sale: its listing closes. Earnings stay.

        The signer is the patient or a delegate for `Scope.SELL`; or anyone, once the
        patient's consent for the record no longer permits the listing's terms.

        Args:
            listing: the listing.
            contribution: a leaf of its tree.
            proof: siblings from the leaf up to the root.

        Raises:
            ListingUnknown: there is no such listing.
            ContributionUnknown: it is not in the listing.
            WithdrawalNotAllowed: the signer may not, for the consent still holds.
            ListingClosed: the signer may not, and nothing is left to close.
        """
        return self._call("withdraw", *_standing(listing, contribution, proof))

    @sends
    def withdraw_for(
        self, listing: Listing, contribution: Contribution, proof: Sequence[bytes], by: Signed
    ) -> Call:
        """`withdraw` by the word of the patient or of a delegate, from `sign_withdrawal`.

        Raises:
            SignatureInvalid, SignatureExpired, SignerUndeployed: the word does not hold.
            MandateMissing: a delegate that may not.
            AlreadyWithdrawn: it was withdrawn before, and the listing closed.
            MediBlocError: as `withdraw`.
        """
        return self._call("withdrawFor", *_standing(listing, contribution, proof), astuple(by))

    @sends
    def challenge(
        self,
        listing: Listing,
        contribution: Contribution,
        signed: SignedContribution,
        proof: Sequence[bytes],
    ) -> Call:
        """Shows that a contribution has no valid signature: the bond is forfeited. Anyone may.

        Args:
            listing: the listing.
            contribution: a leaf of its tree.
            signed: the evidence whose hash is the contribution's `consent_digest`.
            proof: siblings from the leaf up to the root.

        Raises:
            ListingUnknown: there is no such listing.
            BondNotHeld: there is no bond, and nothing is left to close.
            ContributionUnknown: it is not in the listing.
            EvidenceMismatched: the evidence is not that of the contribution.
            ContributionValid: the contribution is signed as it must be.
        """
        return self._call(
            "challenge",
            astuple(listing),
            astuple(contribution),
            astuple(signed.terms),
            signed.signature,
            tuple(proof),
        )

    # What is signed

    def contribution_digest(self, terms: ContributionTerms) -> bytes:
        """Computes the EIP-712 digest a patient signs, as the contract's view does."""
        return self._digest(acts.CONTRIBUTION, *astuple(terms))

    def sign_contribution(self, signer: Signer, terms: ContributionTerms) -> tuple[bytes, bytes]:
        """Signs a contribution's terms.

        Returns:
            The digest (32 bytes) and the signature `r || s || v` (65 bytes).

        Raises:
            InvalidValue: a value that does not fit its field.
            InvalidAddress: a malformed address.
        """
        return self._sign(signer, acts.CONTRIBUTION, *astuple(terms))

    def recover_contribution_signer(self, signed: SignedContribution) -> Address:
        """Tells who signed a contribution; compare it with the signer that its terms name.

        Raises:
            ContributionInvalid: the signature or a field is malformed.
        """
        terms = signed.terms
        try:
            return self._recover(acts.CONTRIBUTION, signed.signature, *astuple(terms))
        except InputError as error:
            raise ContributionInvalid(
                patient=terms.patient, record=terms.record, reason=error.message.rstrip(".")
            ) from error

    def digest_withdrawal(self, listing: ListingId, leaf: bytes, deadline: int) -> bytes:
        """Hashes a withdrawal to what is signed, 32 bytes."""
        return self._digest(acts.WITHDRAWAL, listing, leaf, deadline)

    def sign_withdrawal(
        self, signer: Signer, listing: ListingId, leaf: bytes, deadline: int
    ) -> Signed:
        """Signs a withdrawal.

        Args:
            signer: the patient, or a delegate for `Scope.SELL`.
            listing: id of the listing.
            leaf: of the contribution, 32 bytes.
            deadline: last second in which the word may be sent.
        """
        return self._word(signer, deadline, acts.WITHDRAWAL, listing, leaf)

    def digest_claim(
        self, listing: ListingId, leaf: bytes, to: Address, claimed: int, deadline: int
    ) -> bytes:
        """Hashes a claim to another address to what is signed; `claimed` so far is its nonce."""
        return self._digest(acts.CLAIM, listing, leaf, to, claimed, deadline)

    def sign_claim(
        self, signer: Signer, listing: ListingId, leaf: bytes, to: Address, deadline: int
    ) -> Signed:
        """Signs that what is due on a contribution now goes to another address.

        Args:
            signer: the payee.
            listing: id of the listing.
            leaf: of the contribution, 32 bytes.
            to: who is paid.
            deadline: last second in which the word may be sent.
        """
        claimed = self.claimed(listing, leaf)
        return self._word(signer, deadline, acts.CLAIM, listing, leaf, to, claimed)

    # State

    def listing_state(self, listing: ListingId) -> ListingState:
        """Reads a listing's state; `closes_at` is 0 when there is no such listing."""
        earned, paid, closes_at, bond = self._read("stateOf", listing)
        return ListingState(earned, paid, closes_at, Bond(bond))

    def challenger_of(self, listing: ListingId) -> Address:
        """Reads who showed a contribution without a valid signature; zero when nobody did."""
        return Address(self._read("challengerOf", listing))

    def order_state(self, order: OrderId) -> OrderState:
        """Reads where an order stands."""
        return OrderState(self._read("orderState", order))

    def due(self, listing: Listing, contribution: Contribution) -> int:
        """Reads what a contribution could claim now, in token units.

        Raises:
            ListingUnknown: there is no such listing.
        """
        return int(self._read("due", astuple(listing), astuple(contribution)))

    def issuer_due(self, listing: Listing, share: IssuerShare) -> int:
        """Reads what an issuer could claim now, in token units.

        Raises:
            ListingUnknown: there is no such listing.
        """
        return int(self._read("issuerDue", astuple(listing), astuple(share)))

    def fee_due(self, listing: Listing) -> int:
        """Reads what the steward could claim now, in token units.

        Raises:
            ListingUnknown: there is no such listing.
        """
        return int(self._read("feeDue", astuple(listing)))

    def claimed(self, listing: ListingId, leaf: bytes) -> int:
        """Reads what a contribution or an issuer was paid so far, in token units."""
        return int(self._read("claimed", listing, leaf))

    def withdrawn_at(self, leaf: bytes) -> int:
        """Reads when the patient withdrew a contribution; 0 for never."""
        return int(self._read("withdrawnAt", leaf))


def _standing(
    listing: Listing, contribution: Contribution, proof: Sequence[bytes]
) -> tuple[object, ...]:
    """What most functions take: a contribution and the proof that it stands in a listing."""
    return astuple(listing), astuple(contribution), tuple(proof)
