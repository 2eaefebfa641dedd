"""What a de-identification receipt proves, and what it is not taken for."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from medibloc_py.chain import Signer
from medibloc_py.errors import DeidentificationReceiptInvalid, DocumentInvalid
from medibloc_py.flows import deid_receipts, papers
from medibloc_py.flows.deid_receipts import (
    Deidentification,
    DeidentificationReceipt,
    FileDigest,
    check_of_record,
    check_receipt,
    files_digest,
    originals_digest,
    originals_salt,
    require_files,
    require_originals,
    require_receipt,
    sign_receipt,
    write_receipt,
)
from medibloc_py.flows.papers import Bytes32
from medibloc_py.model import Address, RecordId

ISSUER = Signer.generate()
CONTRACT = Signer.generate().address
KEY = bytes(range(32))
ORIGINALS = [sha256(bytes([number])).digest() for number in range(2)]
FILES = [FileDigest("0001.dcm", bytes(32)), FileDigest("0002.dcm", b"\1" * 32)]
DONE = Deidentification(
    chain_id=31337,
    contract=CONTRACT,
    issuer=ISSUER.address,
    profile=deid_receipts.PROFILE,
    standard="DICOM PS3.15 2026d",
    options=("clean-graphics", "retain-uids"),
    tool="medibloc-py 0.1.0",
    files=2,
    not_said_clean=1,
    before=originals_digest(originals_salt(KEY, files_digest(FILES)), ORIGINALS),
    after=files_digest(FILES),
    verdict=deid_receipts.VERDICT,
    at=1_800_000_000,
)


@pytest.fixture(scope="module")
def paper() -> bytes:
    return write_receipt(sign_receipt(ISSUER, DONE))


def of_record(data: bytes, issuer: Address = ISSUER.address, files: int = 2) -> Deidentification:
    return check_of_record(data, "record 0x00", 31337, CONTRACT, issuer, files)


def test_a_receipt_comes_back_as_it_was_signed(paper: bytes) -> None:
    assert check_receipt(paper, "paper") == DONE
    assert of_record(paper) == DONE
    require_files(DONE, FILES, "paper")
    assert require_receipt(DONE, FILES, RecordId(bytes(32))) == DONE


def test_a_receipt_fits_where_a_manifest_keeps_it() -> None:
    from medibloc_py.imaging.deidentify import Option

    every = replace(DONE, options=tuple(sorted(each.value for each in Option)), files=50_000)
    assert len(write_receipt(sign_receipt(ISSUER, every))) < 4096


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": CONTRACT}, {"chain_id": 1}, {"contract": ISSUER.address}, {"profile": "another"},
        {"standard": "DICOM PS3.15 2019a"}, {"options": ()}, {"tool": "another"}, {"files": 3},
        {"not_said_clean": 0}, {"before": Bytes32(bytes(32))}, {"after": Bytes32(bytes(32))},
        {"verdict": "Passed."}, {"at": 1_900_000_000},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_nothing_that_it_says_can_be_changed(paper: bytes, changed: dict[str, object]) -> None:
    receipt = papers.read(deid_receipts.KIND, DeidentificationReceipt, paper, "paper")
    other = replace(receipt, deidentification=replace(DONE, **changed))  # type: ignore[arg-type]
    with pytest.raises(DeidentificationReceiptInvalid, match="did not sign"):
        check_receipt(write_receipt(other), "paper")


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\1" * 65, b"\xff" * 65, b"\1" * 64])
def test_a_signature_that_is_none_proves_nothing(signature: bytes) -> None:
    with pytest.raises(DeidentificationReceiptInvalid, match="did not sign"):
        check_receipt(write_receipt(DeidentificationReceipt(DONE, signature)), "paper")


def test_another_cannot_sign_for_the_issuer() -> None:
    forged = write_receipt(sign_receipt(Signer.generate(), DONE))
    with pytest.raises(DeidentificationReceiptInvalid, match="did not sign"):
        of_record(forged)


def test_it_is_of_one_issuer_deployment_and_number_of_files(paper: bytes) -> None:
    with pytest.raises(DeidentificationReceiptInvalid, match="registered the record"):
        of_record(paper, issuer=CONTRACT)
    with pytest.raises(DeidentificationReceiptInvalid, match="of 2 files, and there are 3"):
        of_record(paper, files=3)
    for chain_id, contract in ((1, CONTRACT), (31337, ISSUER.address)):
        with pytest.raises(DeidentificationReceiptInvalid, match="another deployment"):
            check_of_record(paper, "record", chain_id, contract, ISSUER.address, 2)


@pytest.mark.parametrize(
    "files",
    [
        FILES[:1], FILES[::-1], [*FILES, FILES[0]], [],
        [FILES[0], FileDigest("0003.dcm", FILES[1].sha256)],
        [FILES[0], FileDigest("0002.dcm", bytes(32))],
    ],
    ids=["fewer", "another order", "more", "none", "another name", "another content"],
)  # fmt: skip
def test_it_is_of_exactly_these_files(files: list[FileDigest]) -> None:
    with pytest.raises(DeidentificationReceiptInvalid, match="of other files"):
        require_files(DONE, files, "paper")


def test_names_and_contents_cannot_be_read_into_each_other() -> None:
    one = [FileDigest("a", b"b" * 32), FileDigest("c", b"d" * 32)]
    other = [FileDigest("a" + "b" * 32 + "\0\0\0\1c", b"d" * 32)]
    assert files_digest(one) != files_digest(other)


def test_a_record_without_a_receipt_is_told_from_one_with_a_bad_one() -> None:
    with pytest.raises(DeidentificationReceiptInvalid, match="there is none"):
        require_receipt(None, FILES, RecordId(bytes(32)))
    for data in (b"", b"{}", b"[" * 5000, json.dumps({"medibloc": deid_receipts.KIND}).encode()):
        with pytest.raises(DocumentInvalid):
            check_receipt(data, "paper")
        with pytest.raises(DeidentificationReceiptInvalid, match="cannot be read"):
            of_record(data)


def test_who_has_the_salt_can_tell_the_originals() -> None:
    salt = originals_salt(KEY, DONE.after)
    require_originals(DONE, salt, ORIGINALS, "paper")
    for salt_given, contents in [
        (salt, ORIGINALS[::-1]),
        (salt, ORIGINALS[:1]),
        (originals_salt(bytes(32), DONE.after), ORIGINALS),
        (originals_salt(KEY, bytes(32)), ORIGINALS),
    ]:
        with pytest.raises(DeidentificationReceiptInvalid, match="other originals"):
            require_originals(DONE, salt_given, contents, "paper")


def test_it_names_neither_patient_nor_record_nor_an_original(paper: bytes) -> None:
    assert set(json.loads(paper)["deidentification"]) == {
        "chain_id", "contract", "issuer", "profile", "standard", "options", "tool", "files",
        "not_said_clean", "before", "after", "verdict", "at",
    }  # fmt: skip
    for digest in ORIGINALS:
        assert digest.hex().encode() not in paper
