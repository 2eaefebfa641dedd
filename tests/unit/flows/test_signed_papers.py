"""What is signed of each paper stays the same for ever: signatures of old papers must hold."""

from __future__ import annotations

from typing import Any, Final

import pytest

from medibloc_py.chain import Signer
from medibloc_py.flows import audit, catalogue, deid_receipts, receipts
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, Cid

SIGNER = Signer.from_key(b"\1" * 32)
CONTRACT, OTHER = (Address("0x" + "00" * 19 + byte) for byte in ("09", "08"))
PLACE: Final = {"chain_id": 31337, "contract": CONTRACT}
ERASURE = receipts.Erasure(
    **PLACE,
    record=Bytes32(b"r" * 32),
    holder=SIGNER.address,
    way="issuer",
    at=1_800_000_000,
    block=7,
    secret="r",
    blob=Cid("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"),
    grant_objects=(),
    revoked=(OTHER,),
    places=(receipts.PlaceTold("/somewhere", True, ""),),
    holders=(receipts.Holder(OTHER, "patient"),),
    statement="As it is.",
)
DEIDENTIFICATION = deid_receipts.Deidentification(
    **PLACE,
    issuer=SIGNER.address,
    profile="Basic",
    standard="DICOM PS3.15 2026d",
    options=("retain-uids",),
    tool="medibloc-py 0.4.0",
    files=2,
    not_said_clean=1,
    before=Bytes32(b"b" * 32),
    after=Bytes32(b"a" * 32),
    verdict="Passed.",
    at=1_800_000_000,
)
DESCRIPTION = catalogue.Description(
    **PLACE,
    listing=Bytes32(b"l" * 32),
    steward=SIGNER.address,
    name="Chest CT",
    about="Adults.",
    terms=2,
    token=OTHER,
    price=10**20,
    closes_at=1_800_000_010,
    cell=5,
    groups=(catalogue.Group("CT", 40, 3_000),),
    at=1_800_000_000,
)
AUDIT = audit.Audit(
    **PLACE,
    kind=audit.PATIENT,
    subject=OTHER,
    maker=SIGNER.address,
    at=1_800_000_000,
    block=7,
    block_hash=Bytes32(b"h" * 32),
    accesses=(),
    lines=(),
    limits="Not all.",
)
PAPERS: dict[str, tuple[Any, Any]] = {
    "erasure": (receipts.sign_receipt, ERASURE),
    "deidentification": (deid_receipts.sign_receipt, DEIDENTIFICATION),
    "description": (catalogue.sign_description, DESCRIPTION),
    "audit": (audit.sign, AUDIT),
}
FROZEN: Final = {
    "erasure": "fe9b1205cb169877cf6a7e00c905efb3995ff07e151fdab8cc34edabad23bc4e51"
    "2e7a305b3bfd3325a42d292cd5f55ef8aad449863b56c5678d8c518ec9d18c1b",
    "deidentification": "0bbb30fedf3f876b649e527b91aca68957d55fcdae7038743f473ae61761c06106"
    "27148cbafa02f66d2d1fe267d5703621389dc8f3e472a75b072108311844e41b",
    "description": "13b1ef428de3371bfdc5a37115e51bbdd0079017d8c15499574edc5cc6d6fda423"
    "f795298ae59718610ca5d46c190169b470e9ff628ede3d0ae2c1b189b950721b",
    "audit": "0eca0c2800b44e2f77ad45084fbfcebaa3d54679e11ab0143bd4c07b717b89a31d"
    "1be7cd7355e3feb045d58f725e2be685d81e415bac2aa2105db16dc52d64611b",
}
"""Over these very papers; signing is deterministic (RFC 6979)."""


@pytest.mark.parametrize("kind", PAPERS)
def test_a_paper_is_signed_as_ever(kind: str) -> None:
    sign, said = PAPERS[kind]
    assert sign(SIGNER, said).signature.hex() == FROZEN[kind]
