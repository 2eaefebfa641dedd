"""Anyone: acts relayed, money paid out, listings withdrawn from and challenged."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.client.acting import Acting
from medibloc_py.flows import buyer, challenge, relay, shares
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.flows.prepared import Prepared
from medibloc_py.model import Address, Listing, OrderId, Receipt, SignedContribution


class AnyoneVerbs(Acting):
    """What anyone may do, or whoever has the paper."""

    __slots__ = ()

    def relay(
        self, files: Sequence[tuple[str, bytes]], progress: Progress = silent
    ) -> list[relay.Outcome]:
        """Sends signed acts of others, each with its path, and pays: `flows.relay.send_acts`."""
        return relay.send_acts(self.exchange, self.me, files, progress)

    def refund(self, order: OrderId) -> Receipt:
        """Sends an unsettled order's payment back to its buyer: `flows.buyer.refund`."""
        return buyer.refund(self.exchange, self.me, order)

    def claim(self, data: bytes, path: object) -> Receipt:
        """Pays a share out to its payee or issuer: `flows.shares.claim`."""
        return shares.claim(self.exchange, self.me, data, path)

    def claim_many(
        self, files: Sequence[tuple[bytes, object]], progress: Progress = silent
    ) -> list[Receipt]:
        """Pays many shares out, a hundred in a transaction: `flows.shares.claim_many`."""
        return shares.claim_many(self.exchange, self.me, files, progress)

    def claim_to(self, data: bytes, path: object, to: Address) -> Prepared:
        """Prepares to pay the account's share to another address: `flows.shares.claim_to`."""
        return shares.claim_to(self.exchange, self.me, data, path, to)

    def claim_fee(self, listing: Listing) -> Receipt:
        """Pays the steward's part out to the steward."""
        return self.exchange.market.claim_fee(self.me.signer, listing)

    def close_out(self, listing: Listing) -> Receipt:
        """Pays a listing's bond out, to its challenger or back to the steward."""
        return self.exchange.market.close_out(self.me.signer, listing)

    def withdraw(self, data: bytes, path: object) -> Receipt:
        """Withdraws a contribution and closes its listing: `flows.shares.withdraw`."""
        return self.withdrawal(data, path).send()

    def withdrawal(self, data: bytes, path: object) -> Prepared:
        """Prepares to withdraw a contribution, to be sent or signed: `flows.shares.withdraw`."""
        return shares.withdraw(self.exchange, self.me, data, path)

    def challenge_quote(self, data: bytes, path: object) -> challenge.Challenged:
        """Takes a steward's bond by a false contribution in a quote: `flows.challenge`."""
        listing, quote = buyer.open_quote(self.exchange, self.me, data, path)
        return challenge.challenge_quote(self.exchange, self.me, listing, quote)

    def challenge_claim(
        self, data: bytes, path: object, evidence: SignedContribution
    ) -> challenge.Challenged:
        """Takes a steward's bond by a claim file and its evidence: `flows.challenge`."""
        return challenge.challenge_claim(self.exchange, self.me, data, path, evidence)
