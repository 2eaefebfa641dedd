"""The de-identification receipt: how who the patient is was removed, signed by the issuer.

It lies in the sealed manifest of each record without identity, and may leave it: anyone who
has it and the files can check it against the issuer's signature (docs/envelope-v1.md).
It names no patient, no record and no value of an original, so that two receipts tell no
more than their records do.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from medibloc_py.acts import Act
from medibloc_py.chain import Signer, TypedData, is_signed_by, typed_act
from medibloc_py.crypto import keys
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import DeidentificationReceiptInvalid, DocumentInvalid
from medibloc_py.flows import papers
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, RecordId

KIND: Final = "deidentification-receipt"
META: Final = "deidentification"
"""Where the receipt lies in a manifest's `meta`, as a text."""
SAID_CLEAN: Final = "said_clean"
"""In the `meta` of a file: 1 if it says itself that its pixels show nobody, or has none."""
PROFILE: Final = "Basic Application Level Confidentiality Profile"
VERDICT: Final = (
    "Passed: an independent check found nothing of the originals in the files, and their images "
    "as they were but for what the options change."
)
_FILES: Final = b"medibloc/deidentified/v1"
_ORIGINALS: Final = b"medibloc/originals/v1"
_ACT: Final = Act(
    "MediBloc Deidentification",
    "Deidentification(address issuer,bytes32 files,uint256 at,bytes32 contents)",
)


class FileDigest(NamedTuple):
    """A file of a record: its name, and the SHA-256 of its content."""

    name: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Deidentification:
    """What a receipt says.

    Attributes:
        chain_id, contract: of Records, where the record stands.
        issuer: who removed the identity, and registered the record.
        profile: of PS3.15 Annex E.
        standard: the edition whose tables were used.
        options: of the profile, by the standard's names, sorted.
        tool: what did it, with its version.
        files: how many files.
        not_said_clean: of how many nobody says that their pixels show nobody.
        before: `originals_digest` of the files as they came.
        after: `files_digest` of the files in the record.
        verdict: what the second look found.
        at: when, by the chain's clock; unix seconds.
    """

    chain_id: int
    contract: Address
    issuer: Address
    profile: str
    standard: str
    options: tuple[str, ...]
    tool: str
    files: int
    not_said_clean: int
    before: Bytes32
    after: Bytes32
    verdict: str
    at: int


@dataclass(frozen=True, slots=True)
class DeidentificationReceipt:
    """What was done, with the signature of who did it: `r || s || v`, 65 bytes."""

    deidentification: Deidentification
    signature: bytes


def files_digest(files: Iterable[FileDigest]) -> Bytes32:
    """What the files of a record are known by: names and contents, in their order."""
    whole = sha256(_FILES)
    for each in files:
        name = each.name.encode()
        whole.update(len(name).to_bytes(4, "big") + name + each.sha256)
    return Bytes32(whole.digest())


def originals_salt(key: bytes, after: bytes) -> bytes:
    """What hides the originals' digest; its owner shows it to an auditor, record by record.

    Args:
        key: of the issuer's pseudonyms.
        after: `files_digest` of what became of the originals.
    """
    return keys.hkdf(key, salt=after, info=_ORIGINALS)


def originals_digest(salt: bytes, contents: Sequence[bytes]) -> Bytes32:
    """A keyed digest of the originals, by the SHA-256 of each, in the order of the files."""
    return Bytes32(hmac.digest(salt, _ORIGINALS + b"".join(contents), "sha256"))


def sign_receipt(signer: Signer, done: Deidentification) -> DeidentificationReceipt:
    """Signs what was done (EIP-712)."""
    _, signature = signer.sign_typed(*_typed(done))
    return DeidentificationReceipt(done, signature)


def write_receipt(receipt: DeidentificationReceipt) -> bytes:
    """Writes a receipt as the paper that `check_receipt` reads."""
    return papers.write(KIND, receipt)


def check_receipt(data: bytes, path: object) -> Deidentification:
    """Reads a receipt and proves that its issuer signed it; needs no chain.

    Raises:
        DocumentInvalid: it is no such receipt.
        DeidentificationReceiptInvalid: its issuer did not sign it like this.
    """
    receipt = papers.read(KIND, DeidentificationReceipt, data, path)
    done = receipt.deidentification
    if not is_signed_by(done.issuer, _typed(done), receipt.signature):
        raise _refuse(path, "its issuer did not sign it, or it was changed since")
    return done


def check_of_record(
    data: bytes, name: str, chain_id: int, contract: Address, issuer: Address, files: int
) -> Deidentification:
    """Checks a receipt against the record it lies in, as far as the manifest tells.

    Args:
        data: the receipt.
        name: the record, for errors.
        chain_id: of the chain on which the record stands.
        contract: Records.
        issuer: under whose root it stands.
        files: how many it has.

    Raises:
        DeidentificationReceiptInvalid: it is not this issuer's, or not of such a record.
    """
    try:
        done = check_receipt(data, name)
    except DocumentInvalid as error:
        raise _refuse(name, f"it cannot be read: {error.values['reason']}") from None
    if done.issuer != issuer:
        raise _refuse(name, f"{done.issuer} signed it, and {issuer} registered the record")
    if (done.chain_id, done.contract) != (chain_id, contract):
        raise _refuse(name, "it is of another deployment")
    if done.files != files:
        raise _refuse(name, f"it is of {done.files} files, and there are {files}")
    return done


def require_receipt(
    done: Deidentification | None, files: Sequence[FileDigest], record: RecordId
) -> Deidentification:
    """What the receipt of a record says, once it is of exactly the files in it.

    Raises:
        DeidentificationReceiptInvalid: there is none, or it is of other files.
    """
    name = f"record 0x{record.hex()}"
    if done is None:
        raise _refuse(name, "there is none")
    require_files(done, files, name)
    return done


def require_files(done: Deidentification, files: Sequence[FileDigest], name: object) -> None:
    """Raises `DeidentificationReceiptInvalid` unless a receipt is of exactly these files."""
    if len(files) != done.files or files_digest(files) != done.after:
        raise _refuse(name, "it is of other files")


def require_originals(
    done: Deidentification, salt: bytes, contents: Sequence[bytes], name: object
) -> None:
    """Raises `DeidentificationReceiptInvalid` unless these were the originals.

    Args:
        done: what the receipt says.
        salt: `originals_salt`, which the issuer shows.
        contents: SHA-256 of each original, in the order of the files.
        name: what to call it in the error.
    """
    if not hmac.compare_digest(originals_digest(salt, contents), done.before):
        raise _refuse(name, "it is of other originals, or the salt is another's")


def _refuse(name: object, reason: str) -> DeidentificationReceiptInvalid:
    return DeidentificationReceiptInvalid(name=name, reason=reason)


def _typed(done: Deidentification) -> TypedData:
    values = {
        "issuer": done.issuer,
        "files": done.after,
        "at": done.at,
        "contents": keccak256(papers.write(KIND, done)),
    }
    return typed_act(_ACT, done.chain_id, done.contract, values)
