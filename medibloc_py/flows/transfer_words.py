"""What is signed of a transfer: one struct, and over it a word of each of the three.

Sender, receiver and patient each sign (EIP-712) in their own role over that same struct, so
no word can stand in the place of another, nor on another transfer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from medibloc_py.acts import Act
from medibloc_py.chain import Signer, TypedData, is_signed_by, typed_act, typed_digest
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, RecordId, Root

SENDER: Final = "sender"
RECEIVER: Final = "receiver"
PATIENT: Final = "patient"
SAYS: Final = {
    SENDER: "I registered this record and send it.",
    RECEIVER: "I opened this record under the patient's grant, found this digest, and stored it.",
    PATIENT: "I granted the receiver this record, and know of this transfer.",
}
"""What each role signs, besides the transfer itself; a paper has its words in this order."""
_DOMAIN: Final = "MediBloc Transfer"
_TRANSFER: Final = Act(
    _DOMAIN,
    "Transfer(address sender,address receiver,address patient,address speaker,bytes32 record,"
    "bytes32 root,uint32 kind,uint64 purpose,bytes32 digest,uint32 files,uint40 sentAt,"
    "bytes32 nonce)",
)
_WORD: Final = Act(
    _DOMAIN,
    "Word(string role,string says,uint40 at,uint64 block,Transfer transfer)" + _TRANSFER.text,
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """What goes from whom to whom: the struct that all three sign.

    Attributes:
        contract: Records, where the record stands.
        sender: who registered the record.
        receiver: whom the patient grants it.
        patient: whose record it is.
        speaker: who signs for the patient: the patient, or a delegate who may grant.
        record: its id.
        root: of the sender's batch in which it stands.
        kind: 1 without identity, 2 with identity (`model.KIND_TREATMENT_STUDY`).
        purpose: request word of the grant it goes under.
        digest: of what is sent, hidden by the record's salt (`digest_of_files`).
        files: how many files that are.
        sent_at: when it was prepared, by the chain's clock; unix seconds.
        nonce: 32 random bytes: each transfer is another.
    """

    chain_id: int
    contract: Address
    sender: Address
    receiver: Address
    patient: Address
    speaker: Address
    record: RecordId
    root: Root
    kind: int
    purpose: int
    digest: Bytes32
    files: int
    sent_at: int
    nonce: Bytes32


@dataclass(frozen=True, slots=True)
class Word:
    """One party's signature over a transfer.

    Attributes:
        role: a key of `SAYS`.
        at: time of `block`, the newest when it was signed; unix seconds.
        signature: `r || s || v`, 65 bytes.
    """

    role: str
    at: int
    block: int
    signature: bytes


def signer_of(transfer: Transfer, role: str) -> Address:
    """The account that signs in a role."""
    signers = {SENDER: transfer.sender, RECEIVER: transfer.receiver, PATIENT: transfer.speaker}
    return signers[role]


def transfer_id(transfer: Transfer) -> Bytes32:
    """The id of a transfer: the EIP-712 digest of its struct on its chain and contract.

    Raises:
        InvalidValue: a field does not fit its type.
    """
    typed = typed_act(_TRANSFER, transfer.chain_id, transfer.contract, _struct(transfer))
    return Bytes32(typed_digest(*typed))


def sign_word(signer: Signer, transfer: Transfer, role: str, at: int, block: int) -> Word:
    """Signs a transfer in a role.

    Args:
        signer: who speaks.
        transfer: what about.
        role: a key of `SAYS`.
        at: time of `block`, unix seconds.
        block: the newest.
    """
    word = Word(role, at, block, b"")
    _, signature = signer.sign_typed(*_typed(transfer, word))
    return replace(word, signature=signature)


def is_signed(transfer: Transfer, word: Word) -> bool:
    """Tells whether the account that the transfer names for its role signed a word."""
    return is_signed_by(signer_of(transfer, word.role), _typed(transfer, word), word.signature)


def _typed(transfer: Transfer, word: Word) -> TypedData:
    values = {
        "role": word.role,
        "says": SAYS[word.role],
        "at": word.at,
        "block": word.block,
        "transfer": _struct(transfer),
    }
    return typed_act(_WORD, transfer.chain_id, transfer.contract, values)


def _struct(transfer: Transfer) -> dict[str, object]:
    return {
        "sender": transfer.sender,
        "receiver": transfer.receiver,
        "patient": transfer.patient,
        "speaker": transfer.speaker,
        "record": transfer.record,
        "root": transfer.root,
        "kind": transfer.kind,
        "purpose": transfer.purpose,
        "digest": transfer.digest,
        "files": transfer.files,
        "sentAt": transfer.sent_at,
        "nonce": transfer.nonce,
    }
