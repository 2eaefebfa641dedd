"""One method per function of the market, and readers for its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from medibloc_py.chain import Signer, recover_typed, typed_digest
from medibloc_py.errors import (
    ContributionInvalid,
    InputError,
)
from medibloc_py.model import (
    Address,
    Contribution,
    ContributionTerms,
    Listing,
    ListingId,
    ListingState,
    Order,
    OrderId,
    OrderState,
    Receipt,
    SignedContribution,
)
from medibloc_py.services.market.hashes import TypedData, typed_terms
from medibloc_py.services.market.history import MarketHistory


class MarketService(MarketHistory):
    """Point-locked sales of listed datasets, and what each contribution has earned."""

    # Stewards

    def list(self, signer: Signer, listing: Listing) -> Receipt:
        """Offers a dataset.

        Raises:
            NotSteward: the signer is not the listing's steward.
            ListingInvalid: root, price or weight is zero, the fee is above the whole, or the
                token is no contract.
            TermsInvalid: not a terms word.
            ExpiryInPast: the listing would be closed at once.
            ListingExists: the same was listed before.
        """
        return self._network.send(signer, self._contract, "list", astuple(listing))

    def settle(self, signer: Signer, order: Order, secret: int) -> Receipt:
        """Shows the secret of an order's lock and earns its price. Anyone may send it.

        Raises:
            OrderNotOpen: there is no such order, or it ended.
            DeadlinePassed: too late.
            WrongSecret: the secret is another lock's.
        """
        return self._network.send(signer, self._contract, "settle", astuple(order), secret)

    def claim_fee(self, signer: Signer, listing: Listing) -> Receipt:
        """Pays the steward's part out to the steward. Anyone may send it.

        Raises:
            ListingUnknown: there is no such listing.
            NothingToClaim: nothing new was earned.
        """
        return self._network.send(signer, self._contract, "claimFee", astuple(listing))

    # Buyers

    def purchase(
        self, signer: Signer, listing: Listing, purpose: int, lock: Address, deadline: int
    ) -> Receipt:
        """Locks the price of a listing on a point.

        Args:
            signer: the buyer, who has approved the price.
            listing: what to buy.
            purpose: request word.
            lock: address of the point whose secret settles.
            deadline: last second to settle.

        Raises:
            ListingUnknown: there is no such listing.
            ListingClosed: it takes no order any more.
            NotAccredited: the signer is no researcher.
            EvidenceNotVouched: the purpose claims what nobody vouched for.
            PurposeDenied: the listing's terms do not permit it.
            LockInvalid: nobody's lock.
            DeadlineOutOfRange: too near or too far.
            OrderExists: the same was ordered before.
            ERC20InsufficientAllowance: approve the price first.
            ERC20InsufficientBalance: too few tokens.
            TokenMisbehaved: the token moved another amount.
        """
        return self._network.send(
            signer, self._contract, "purchase", astuple(listing), purpose, lock, deadline
        )

    def refund(self, signer: Signer, order: Order) -> Receipt:
        """Sends the price of an unsettled order back to its buyer. Anyone may send it.

        Raises:
            OrderNotOpen: there is no such order, or it ended.
            DeadlineNotReached: the steward may still settle.
        """
        return self._network.send(signer, self._contract, "refund", astuple(order))

    # Contributors

    def claim(
        self, signer: Signer, listing: Listing, contribution: Contribution, proof: Sequence[bytes]
    ) -> Receipt:
        """Pays what a contribution has earned out to its payee. Anyone may send it.

        Args:
            signer: who pays the fee.
            listing: the listing.
            contribution: a leaf of its tree.
            proof: siblings from the leaf up to the root.

        Raises:
            ListingUnknown: there is no such listing.
            ContributionUnknown: it is not in the listing.
            NothingToClaim: nothing new was earned.
            ClaimExceedsEarned: the weights of the listing promise more than it earned.
        """
        return self._network.send(
            signer, self._contract, "claim", astuple(listing), astuple(contribution), tuple(proof)
        )

    def withdraw(
        self, signer: Signer, listing: Listing, contribution: Contribution, proof: Sequence[bytes]
    ) -> Receipt:
        """Takes a contribution out of sale: its listing closes. Earnings stay.

        Args:
            signer: the patient; or anyone, once the patient's consent no longer permits
                the listing's terms.
            listing: the listing.
            contribution: a leaf of its tree.
            proof: siblings from the leaf up to the root.

        Raises:
            ListingUnknown: there is no such listing.
            ContributionUnknown: it is not in the listing.
            WithdrawalNotAllowed: the signer is not the patient, whose consent still holds.
            ListingClosed: the signer is not the patient, and nothing is left to close.
        """
        return self._network.send(
            signer,
            self._contract,
            "withdraw",
            astuple(listing),
            astuple(contribution),
            tuple(proof),
        )

    def contribution_digest(self, terms: ContributionTerms) -> bytes:
        """Computes the EIP-712 digest a patient signs, as the contract's view does."""
        return typed_digest(*self._typed(terms))

    def sign_contribution(self, signer: Signer, terms: ContributionTerms) -> tuple[bytes, bytes]:
        """Signs a contribution's terms.

        Returns:
            The digest (32 bytes) and the signature `r || s || v` (65 bytes).

        Raises:
            InvalidValue: a value that does not fit its field.
            InvalidAddress: a malformed address.
        """
        return signer.sign_typed(*self._typed(terms))

    def recover_contribution_signer(self, signed: SignedContribution) -> Address:
        """Tells who signed a contribution; compare it with the patient.

        Raises:
            ContributionInvalid: the signature or a field is malformed.
        """
        terms = signed.terms
        try:
            return recover_typed(*self._typed(terms), signed.signature)
        except InputError as error:
            raise ContributionInvalid(
                patient=terms.patient, record=terms.record, reason=error.message.rstrip(".")
            ) from error

    # State

    def listing_state(self, listing: ListingId) -> ListingState:
        """Reads a listing's state; `closes_at` is 0 when there is no such listing."""
        return ListingState(*self._network.call(self._contract, "stateOf", listing))

    def order_state(self, order: OrderId) -> OrderState:
        """Reads where an order stands."""
        return OrderState(self._network.call(self._contract, "orderState", order))

    def due(self, listing: Listing, contribution: Contribution) -> int:
        """Reads what a contribution could claim now, in token units.

        Raises:
            ListingUnknown: there is no such listing.
        """
        return int(
            self._network.call(self._contract, "due", astuple(listing), astuple(contribution))
        )

    def fee_due(self, listing: Listing) -> int:
        """Reads what the steward could claim now, in token units.

        Raises:
            ListingUnknown: there is no such listing.
        """
        return int(self._network.call(self._contract, "feeDue", astuple(listing)))

    def claimed(self, listing: ListingId, leaf: bytes) -> int:
        """Reads what a contribution was paid so far, in token units."""
        return int(self._network.call(self._contract, "claimed", listing, leaf))

    def withdrawn_at(self, leaf: bytes) -> int:
        """Reads when the patient withdrew a contribution; 0 for never."""
        return int(self._network.call(self._contract, "withdrawnAt", leaf))

    def _typed(self, terms: ContributionTerms) -> TypedData:
        return typed_terms(self._contract, self._network.chain_id, terms)
