"""Records: batches of records by root (`contracts/records/IRecords.sol`)."""

from __future__ import annotations

from collections.abc import Sequence

from medibloc_py.chain import Call, Room, sends
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.model import Address, Batch, Blind, RecordId, Root


class RecordsService(Room):
    """Which issuer registered which records. A batch of any size is one root."""

    CONTRACT = "Records"

    @sends
    def register(self, root: Root, count: int) -> Call:
        """Registers a batch. The signer is its issuer.

        Args:
            root: of the tree over the record ids.
            count: how many records.

        Raises:
            NotAccredited: the signer is no issuer.
            RecordCountInvalid: no record.
            RootAlreadyRegistered: the signer registered the root before.
        """
        return self._call("register", root, count)

    @sends
    def supersede(self, old_root: Root, new_root: Root) -> Call:
        """Marks one of the signer's batches as replaced by another of its batches.

        Raises:
            RootUnknown: the signer registered one of them never.
            RootAlreadySuperseded: the old one was marked before.
        """
        return self._call("supersede", old_root, new_root)

    def batch(self, issuer: Address, root: Root) -> Batch:
        """Reads a batch; `registered_at` is 0 when the issuer never registered the root.

        Raises:
            NodeAnsweredWrong: it is superseded, but nothing tells by what.
        """
        registered_at, count, superseded = self._read("batch", issuer, root)
        successor = self._successor(issuer, root) if superseded else None
        return Batch(issuer, root, registered_at, count, successor)

    def batches(self, issuer: Address | None = None, root: Root | None = None) -> list[Batch]:
        """Reads all batches, or an issuer's, or those of one root, as they were registered."""
        events = self._events("Registered", issuer=issuer, root=root)
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
        return RecordId(self._read("open", issuer, patient, blind, tuple(proof)))

    def open_many(
        self,
        issuer: Address,
        patient: Address,
        blinds: Sequence[Blind],
        proof: Sequence[bytes],
        flags: Sequence[bool],
    ) -> list[RecordId]:
        """Proves that records of one patient stand in one batch, and gives their ids.

        Args:
            issuer: who registered the batch.
            patient: whose records they are.
            blinds: in the order in which the multiproof takes their ids.
            proof: of the multiproof (`crypto.merkle.MultiProof`).
            flags: of the multiproof.

        Raises:
            RecordsUnknown: they do not.
            MerkleProofInvalidMultiproof: proof and flags do not fit together.
        """
        found = self._read("openMany", issuer, patient, tuple(blinds), tuple(proof), tuple(flags))
        return [RecordId(each) for each in found]

    def record_id(self, patient: Address, blind: Blind) -> RecordId:
        """Asks the contract for the id of a record, registered or not."""
        return RecordId(self._read("recordId", patient, blind))

    def _successor(self, issuer: Address, root: Root) -> Root:
        events = self._events("Superseded", issuer=issuer, oldRoot=root)
        if len(events) != 1:
            raise NodeAnsweredWrong(
                url=self._network.url,
                reason=f"{len(events)} events tell what superseded root 0x{root.hex()}",
            )
        return Root(events[0].args["newRoot"])
