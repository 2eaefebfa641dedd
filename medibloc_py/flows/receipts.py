"""The receipt of a shredded record: what was destroyed, what let go, who may still hold a copy.

Signed by who shredded it (EIP-712): the signature stands over the whole receipt, by the
keccak256 of its canonical paper. It proves who says so and that nothing was changed since,
not that the machine did it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medibloc_py.acts import Act
from medibloc_py.chain import Signer, TypedData, typed_act
from medibloc_py.crypto.ids import keccak256
from medibloc_py.flows import papers
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, Cid

KIND: Final = "erasure-receipt"
LIMITS: Final = (
    "Nothing recalls a study that was opened, a secret that others named here hold, a record "
    "file that was handed over, or what backups, snapshots, journals and flash memory kept of "
    "this disk."
)
STATEMENT: Final = (
    "The secret of this record was overwritten and removed from this account's vault, with the "
    "grant objects it made. A place that is gone said afterwards that it holds none of these "
    f"blobs. {LIMITS}"
)
STATEMENT_OF_CUSTODIAN: Final = (
    "This account held the key of this record by grants alone. What it made for clinicians in "
    "emergencies was let go of. A place that is gone said afterwards that it holds none of these "
    f"blobs. {LIMITS}"
)
_ACT: Final = Act(
    "MediBloc Erasure", "Erasure(bytes32 record,address holder,uint256 at,bytes32 contents)"
)


@dataclass(frozen=True, slots=True)
class PlaceTold:
    """What a place said of the blobs it was told to let go of.

    Attributes:
        place: as it was named: a folder, a multiaddr or a URL.
        gone: whether it said that it holds none of them any more.
        said: why not, if so.
    """

    place: str
    gone: bool
    said: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Who else may be able to open the record.

    Attributes:
        way: as what: issuer, patient, delegate, reader, clinician, custodian or buyer.
    """

    account: Address
    way: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a receipt says.

    Attributes:
        contract: Records, where the record stands for ever.
        record: its id.
        holder: who shredded it.
        way: as what it held it: issuer, patient or delegate; or custodian, by grants alone.
        at: when the secret was destroyed, by the chain's clock; unix seconds.
        block: the newest block then.
        secret: what was destroyed: `r` with its root secret left, or `x`; empty for a custodian.
        blob: the sealed record; empty for a custodian.
        grant_objects: what this account made for readers.
        revoked: readers whose standing grants were revoked first.
        places: what each place said.
        holders: who else may open it, as far as this account and the chain know.
        statement: what no receipt can promise.
    """

    chain_id: int
    contract: Address
    record: Bytes32
    holder: Address
    way: str
    at: int
    block: int
    secret: str
    blob: Cid
    grant_objects: tuple[Cid, ...]
    revoked: tuple[Address, ...]
    places: tuple[PlaceTold, ...]
    holders: tuple[Holder, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """An erasure with the signature of who did it: `r || s || v`, 65 bytes."""

    erasure: Erasure
    signature: bytes


def sign_receipt(signer: Signer, erasure: Erasure) -> ErasureReceipt:
    """Signs what was erased."""
    _, signature = signer.sign_typed(*_typed(erasure))
    return ErasureReceipt(erasure, signature)


def write_receipt(receipt: ErasureReceipt) -> bytes:
    """Writes a receipt as the paper that `check_receipt` reads."""
    return papers.write(KIND, receipt)


def check_receipt(data: bytes, path: object) -> Erasure:
    """Reads a receipt and proves that its holder signed it; needs no chain.

    Raises:
        DocumentInvalid: it is none, or was not signed like this by its holder.
    """
    receipt = papers.read(KIND, ErasureReceipt, data, path)
    erasure = receipt.erasure
    papers.require_signed(
        "holder", erasure.holder, _typed(erasure), receipt.signature, kind=KIND, path=path
    )
    return erasure


def _typed(erasure: Erasure) -> TypedData:
    values = {
        "record": erasure.record,
        "holder": erasure.holder,
        "at": erasure.at,
        "contents": keccak256(papers.write(KIND, erasure)),
    }
    return typed_act(_ACT, erasure.chain_id, erasure.contract, values)
