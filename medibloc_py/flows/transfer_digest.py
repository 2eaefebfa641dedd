"""The digest of what a record holds: equal at both hospitals, and telling a stranger nothing."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from medibloc_py.flows.deid_receipts import require_files
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Progress, silent


def digest_of_files(salt: bytes, files: Iterable[tuple[str, int, bytes]]) -> Bytes32:
    """Digests what a record holds, so that only who can open the record can try guesses.

    Args:
        salt: of the record, 32 secret bytes.
        files: name, size in bytes and SHA-256 of each, in the order of the manifest.

    Returns:
        SHA-256 over a label, the salt, and of each file the length of its name as 8 bytes
        (big-endian), its name in UTF-8, its size as 8 bytes, and its SHA-256.
    """
    whole = sha256(b"medibloc/transfer/v1" + salt)
    for name, size_bytes, digest in files:
        told = name.encode()
        whole.update(len(told).to_bytes(8, "big") + told + size_bytes.to_bytes(8, "big") + digest)
    return Bytes32(whole.digest())


def digest_of_record(opened: OpenedRecord, salt: bytes, progress: Progress = silent) -> Bytes32:
    """Reads a record once, file by file in buffers, and digests what it holds.

    Raises:
        BlobMissing, Corrupted, WrongKey: it does not open.
        DeidentificationReceiptInvalid: it came with a receipt, which is of other files.
    """
    entries, digests = opened.manifest.files, opened.digests(progress)
    if (done := opened.deidentification) is not None:
        require_files(done, digests, f"record 0x{opened.record.hex()}")
    return digest_of_files(
        salt,
        [
            (entry.name, entry.size_bytes, file.sha256)
            for entry, file in zip(entries, digests, strict=True)
        ],
    )
