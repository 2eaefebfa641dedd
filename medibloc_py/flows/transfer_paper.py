"""The paper of a transfer from one hospital to another, which grows into its receipt.

It says what went from whom to whom and when, and holds the words of those who signed so far
(`flows.transfer_words`). With all three it is the receipt. Papers of one transfer are joined in
any order; nothing but a word can be added, so no receipt carries another digest than its
transfer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from medibloc_py.crypto.documents import MOST_PROOF
from medibloc_py.crypto.merkle import root_of
from medibloc_py.errors import TransferInvalid, TransferUnfinished
from medibloc_py.flows import papers
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.transfer_words import SAYS, SENDER, Transfer, Word, is_signed
from medibloc_py.model import KIND_DICOM_STUDY, KIND_TREATMENT_STUDY
from medibloc_py.purpose import TREATMENT

KIND: Final = "transfer"


@dataclass(frozen=True, slots=True)
class TransferPaper:
    """A transfer, where its record stands, and what was said of it so far.

    Attributes:
        proof: from the record's id to the root.
        words: one of each role at most, the sender's always.
    """

    transfer: Transfer
    proof: tuple[Bytes32, ...]
    words: tuple[Word, ...]

    def word(self, role: str) -> Word | None:
        """The word of a role, if it was given."""
        return next((word for word in self.words if word.role == role), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The roles whose word is not there."""
        return tuple(role for role in SAYS if self.word(role) is None)


def write_paper(paper: TransferPaper) -> bytes:
    """Writes a paper as `read_paper` reads it."""
    return papers.write(KIND, paper)


def read_paper(data: bytes, path: object) -> TransferPaper:
    """Reads a paper and proves every word on it; needs no chain.

    Args:
        data: the file's bytes.
        path: named in errors.

    Raises:
        DocumentInvalid: it is no such paper.
        TransferInvalid: what it says cannot be, or a word was not signed like this.
    """
    paper = papers.read(KIND, TransferPaper, data, path)
    _require_possible(paper, path)
    for word in paper.words:
        if not is_signed(paper.transfer, word):
            raise TransferInvalid(
                path=path,
                check=f"{word.role}'s signature",
                reason=f"the {word.role} did not sign it, or it was changed since",
            )
    return paper


def read_receipt(data: bytes, path: object) -> TransferPaper:
    """Reads a finished receipt: a paper with the words of all three.

    Raises:
        TransferUnfinished: a word is missing.
        DocumentInvalid, TransferInvalid: as `read_paper`.
    """
    paper = read_paper(data, path)
    if paper.missing:
        raise TransferUnfinished(path=path, missing=" and its ".join(paper.missing))
    return paper


def joined(paper: TransferPaper, other: TransferPaper, path: object) -> TransferPaper:
    """Joins what was said on two papers of one transfer; the order does not matter.

    Of two words of one role the earlier stays: a party that lost its own paper signed again.

    Raises:
        TransferInvalid: they are not of one transfer.
    """
    if (paper.transfer, paper.proof) != (other.transfer, other.proof):
        raise TransferInvalid(path=path, check="transfer", reason="it is of another transfer")
    words: dict[str, Word] = {}
    for word in sorted((*paper.words, *other.words), key=lambda each: (each.at, each.signature)):
        words.setdefault(word.role, word)
    return replace(paper, words=tuple(words[role] for role in SAYS if role in words))


def refusal_of_kind(kind: int, purpose: int) -> str | None:
    """Tells why a record of a kind does not go out for a purpose; None if it does."""
    if kind not in (KIND_DICOM_STUDY, KIND_TREATMENT_STUDY):
        return f"its kind {kind} is unknown"
    if kind == KIND_TREATMENT_STUDY and purpose != TREATMENT:
        return "it keeps the patient's identity and goes out for TREATMENT alone"
    return None


def _require_possible(paper: TransferPaper, path: object) -> None:
    """Raises `TransferInvalid` for what no honest sender writes."""
    transfer = paper.transfer
    hospitals = {transfer.sender, transfer.receiver}
    roles = [word.role for word in paper.words]
    leads_to = root_of(transfer.record, paper.proof[:MOST_PROOF])
    in_order = [role for role in SAYS if role in roles]
    of_kind = refusal_of_kind(transfer.kind, transfer.purpose)
    faults = (
        ("parties", len(hospitals) < 2, "sender and receiver are one"),
        ("parties", transfer.patient in hospitals, "a hospital is the patient"),
        ("parties", transfer.speaker in hospitals, "a hospital speaks for the patient"),
        ("purpose", transfer.purpose == 0, "there is none"),
        ("purpose", of_kind is not None, of_kind),
        ("files", transfer.files == 0, "there are none"),
        ("proof", len(paper.proof) > MOST_PROOF, "it is too long"),
        ("proof", leads_to != transfer.root, "it leads to another root"),
        ("words", roles != in_order, "they are not one of each role, in order"),
        ("words", SENDER not in roles, "the sender's is missing"),
        ("times", any(word.at < transfer.sent_at for word in paper.words), "a word is older"),
    )
    for check, broken, reason in faults:
        if broken:
            raise TransferInvalid(path=path, check=check, reason=reason)
