"""Records: batches of records by root (`contracts/records/IRecords.sol`)."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.model import Address, Batch, Blind, Receipt, RecordId, Root


class RecordsService:
    """Which issuer registered which records. A batch of any size is one root."""

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("Records", address, deployed_at)

    def register(self, signer: Signer, root: Root, count: int) -> Receipt:
        """Registers a batch.

        Args:
            signer: an accredited issuer.
            root: of the tree over the record ids.
            count: how many records.

        Raises:
            NotAccredited: the signer is no issuer.
            RecordCountInvalid: no record.
            RootAlreadyRegistered: the signer registered the root before.
        """
        return self._network.send(signer, self._contract, "register", root, count)

    def supersede(self, signer: Signer, old_root: Root, new_root: Root) -> Receipt:
        """Marks one of the signer's batches as replaced by another of its batches.

        Raises:
            RootUnknown: the signer registered one of them never.
            RootAlreadySuperseded: the old one was marked before.
        """
        return self._network.send(signer, self._contract, "supersede", old_root, new_root)

    def batch(self, issuer: Address, root: Root) -> Batch:
        """Reads a batch; `registered_at` is 0 when the issuer never registered the root.

        Raises:
            NodeAnsweredWrong: it is superseded, but nothing tells by what.
        """
        registered_at, count, superseded = self._network.call(self._contract, "batch", issuer, root)
        successor = self._successor(issuer, root) if superseded else None
        return Batch(issuer, root, registered_at, count, successor)

    def batches(self, issuer: Address | None = None) -> list[Batch]:
        """Reads all batches, or an issuer's, in the order they were registered."""
        wanted = {} if issuer is None else {"issuer": issuer}
        events = self._network.events(self._contract, "Registered", wanted)
        return [self.batch(event.args["issuer"], Root(event.args["root"])) for event in events]

    def open(
        self, issuer: Address, patient: Address, blind: Blind, proof: Sequence[bytes] = ()
    ) -> RecordId:
        """Proves that a record stands in a batch of an issuer, and gives its id.

        Args:
            issuer: who registered the batch.
            patient: whose record it is.
            blind: the rest of what the id is made of.
            proof: siblings from the record's leaf up to the root.

        Raises:
            RecordUnknown: it does not.
        """
        return RecordId(
            self._network.call(self._contract, "open", issuer, patient, blind, tuple(proof))
        )

    def record_id(self, patient: Address, blind: Blind) -> RecordId:
        """Asks the contract for the id of a record, registered or not."""
        return RecordId(self._network.call(self._contract, "recordId", patient, blind))

    def _successor(self, issuer: Address, root: Root) -> Root:
        wanted = {"issuer": issuer, "oldRoot": root}
        events = self._network.events(self._contract, "Superseded", wanted)
        if len(events) != 1:
            raise NodeAnsweredWrong(
                url=self._network.url,
                reason=f"{len(events)} events tell what superseded root 0x{root.hex()}",
            )
        return Root(events[0].args["newRoot"])
