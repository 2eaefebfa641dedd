"""A steward: datasets listed, quoted, settled."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py import config
from medibloc_py.client.acting import Acting
from medibloc_py.client.words import read_request
from medibloc_py.flows import listing as listings
from medibloc_py.flows import papers, steward
from medibloc_py.flows import relist as relists
from medibloc_py.flows.ledger import Ledger, Reading, require_complete
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.model import Address, ListingId, OrderId, Receipt, RecordId, SignedContribution


class StewardVerbs(Acting):
    """What a steward does."""

    __slots__ = ()

    def list_dataset(
        self,
        contributions: Sequence[SignedContribution],
        *,
        price: int,
        fee_bps: int,
        closes_at: int,
        issuer_bps: int = 0,
        bond: int = 0,
        progress: Progress = silent,
    ) -> listings.DatasetListed:
        """Lists a dataset: `flows.listing.list_dataset`."""
        return listings.list_dataset(
            self.exchange,
            self.me,
            contributions,
            price=price,
            fee_bps=fee_bps,
            closes_at=closes_at,
            issuer_bps=issuer_bps,
            bond=bond,
            progress=progress,
        )

    def relist(
        self,
        listing: ListingId,
        *,
        price: int | None = None,
        closes_at: int | None = None,
        bond: int | None = None,
        without: Sequence[RecordId] = (),
        progress: Progress = silent,
    ) -> relists.Relisted:
        """Lists a dataset again without what left it: `flows.relist.relist`."""
        return relists.relist(
            self.exchange,
            self.me,
            listing,
            price=price,
            closes_at=closes_at,
            bond=bond,
            without=without,
            progress=progress,
        )

    def claims_of(self, listing: ListingId) -> tuple[papers.Claim, ...]:
        """The claim files of a listing once more: `flows.listing.claims_of`."""
        return listings.claims_of(self.exchange, self.me, listing)

    def issuer_claims_of(self, listing: ListingId) -> tuple[papers.IssuerClaim, ...]:
        """The issuers' claim files once more: `flows.listing.issuer_claims_of`."""
        return listings.issuer_claims_of(self.exchange, self.me, listing)

    def quote(self, listing: ListingId, to: Address, purpose_text: str, deadline: int) -> bytes:
        """Quotes a dataset to one buyer: `flows.steward.quote`."""
        return steward.quote(
            self.exchange, self.me, listing, to, read_request(purpose_text), deadline
        )

    def settle(
        self,
        order: OrderId,
        margin_s: int = config.SETTLE_MARGIN_S,
        confirmations: int | None = None,
    ) -> Receipt:
        """Shows an order's secret and takes the payment: `flows.steward.settle`."""
        caution = self._caution(margin_s, confirmations)
        return steward.settle(self.exchange, self.me, order, caution)

    def waiting_orders(
        self, margin_s: int = config.SETTLE_MARGIN_S, confirmations: int | None = None
    ) -> list[steward.WaitingOrder]:
        """The open orders on the account's listings: `flows.steward.waiting_orders`."""
        caution = self._caution(margin_s, confirmations)
        return steward.waiting_orders(self.exchange, self.me, caution)

    def check_ledger(self) -> Reading:
        """Checks the account's ledger, and that it has every listing the chain shows."""
        ledger = Ledger(self.me)
        require_complete(self.exchange, self.me, ledger)
        return ledger.check()

    def _caution(self, margin_s: int, confirmations: int | None) -> steward.Caution:
        if confirmations is None:
            confirmations = config.settle_confirmations(self.exchange.chain_id)
        return steward.Caution(margin_s, confirmations)
