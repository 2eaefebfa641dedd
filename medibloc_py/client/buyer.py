"""A researcher: quotes checked, datasets bought and opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medibloc_py.client.acting import Acting
from medibloc_py.client.words import read_request
from medibloc_py.flows import buyer
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.model import OrderId

if TYPE_CHECKING:
    from medibloc_py.datasets import Volumes


class BuyerVerbs(Acting):
    """What a researcher does."""

    __slots__ = ()

    def check_quote(
        self, data: bytes, path: object, purpose_text: str, progress: Progress = silent
    ) -> buyer.CheckedQuote:
        """Checks a quote in full, before any payment: `flows.quote_check.check_quote`."""
        return buyer.check_quote(
            self.exchange, self.me, data, path, read_request(purpose_text), progress
        )

    def purchase(self, checked: buyer.CheckedQuote, amount: int | None = None) -> buyer.Purchased:
        """Locks the payment of a checked quote: `flows.buyer.purchase`."""
        return buyer.purchase(self.exchange, self.me, checked, amount)

    def open_dataset(self, order: OrderId) -> buyer.OpenedDataset:
        """Opens a settled order's records: `flows.buyer.open_dataset`."""
        return buyer.open_dataset(self.exchange, self.me, order)

    def volumes(
        self, order: OrderId, cache: Path | None = None, progress: Progress = silent
    ) -> Volumes:
        """A settled order's images as numpy volumes: `datasets.Volumes`.

        Args:
            order: the order.
            cache: folder for decoded volumes, sealed under a key of the account's vault; None
                to keep none.
            progress: told of manifests read.
        """
        from medibloc_py.datasets import VolumeCache, Volumes

        kept = None if cache is None else VolumeCache.of(self.me, cache)
        return Volumes(self.open_dataset(order), kept, progress)
