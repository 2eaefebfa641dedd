"""What a study's files become, one after the other or on several cores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medibloc_py.chain import Signer
from medibloc_py.crypto import keys
from medibloc_py.errors import DeidentificationRefused, NotDicom, StudyUnreadable
from medibloc_py.flows import deidentified
from medibloc_py.flows.deid_receipts import META
from medibloc_py.flows.deidentified import Original, source_of
from medibloc_py.flows.parties import Identity
from medibloc_py.flows.scratch import Scratch
from medibloc_py.flows.sources import Content, Source
from medibloc_py.imaging.deidentify import Pseudonyms
from medibloc_py.imaging.release import release
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Address
from medibloc_py.storage import Vault

SIGNER = Signer.generate()
ANYBODY = Address(SIGNER.address)
SAMPLES = ("CT_small.dcm", "MR_small.dcm", "examples_ybr_color.dcm", "CT_small.dcm")


@pytest.fixture
def issuer(tmp_path: Path) -> Identity:
    return Identity(SIGNER, keys.EncryptionKeys.generate(), Vault(tmp_path / "vault"))


@pytest.fixture
def exchange() -> Any:
    """The little of an exchange that a receipt says."""
    return SimpleNamespace(
        chain_id=1,
        records=SimpleNamespace(address=ANYBODY),
        network=SimpleNamespace(now=lambda: 1_800_000_000),
    )


def originals(*contents: bytes) -> list[Original]:
    return [
        Original(f"file {number}", len(content), partial(BytesIO, content))
        for number, content in enumerate(contents)
    ]


def source(issuer: Identity, files: list[Original], *, treatment: bool = False) -> Source:
    return source_of(
        issuer, name="study", patient=ANYBODY, label="", originals=files, edition=bytes(32),
        treatment=treatment,
    )  # fmt: skip


@pytest.fixture
def make(issuer: Identity, exchange: Any, tmp_path: Path) -> Callable[..., list[bytes]]:
    """What becomes of files, and that all was told of."""

    def make(*contents: bytes, treatment: bool = False) -> list[bytes]:
        told: list[int] = []
        made = source(issuer, originals(*contents), treatment=treatment)
        with Scratch(tmp_path / "scratch") as scratch:
            content: Content = made.make(exchange, scratch, told.append)
            assert told == [len(each) for each in contents]
            assert (META in content.meta) is not treatment
            found = []
            for number, file in enumerate(content.files, 1):
                assert file.name == f"{number:04}.dcm"
                with file.open() as opened:
                    found.append(opened.read())
                assert len(found[-1]) == file.size_bytes
            return found

    return make


@pytest.mark.parametrize("files_of_a_worker", [1, 1000], ids=["workers", "this process"])
def test_files_are_those_of_release_in_their_order(
    issuer: Identity,
    make: Callable[..., list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    files_of_a_worker: int,
) -> None:
    monkeypatch.setattr(deidentified, "_FILES_OF_A_WORKER", files_of_a_worker)
    monkeypatch.setattr(deidentified, "_BATCH_BYTES", 100_000)
    contents = [sample(name).read_bytes() for name in SAMPLES]
    pseudonyms = Pseudonyms(deidentified.pseudonym_key(issuer))
    assert make(*contents) == [release(each, pseudonyms).data for each in contents]
    with pytest.raises(NotDicom) as caught:
        make(contents[0], b"no DICOM", contents[1])
    assert caught.value.values["path"] == "file 1"


def test_for_treatment_files_stay(make: Callable[..., list[bytes]]) -> None:
    contents = [sample(name).read_bytes() for name in SAMPLES[:2]]
    assert make(*contents, treatment=True) == contents
    with pytest.raises(NotDicom):
        make(b"no DICOM", treatment=True)


def test_a_directory_and_a_cut_file_are_told_apart_from_no_dicom(
    make: Callable[..., list[bytes]],
) -> None:
    with pytest.raises(DeidentificationRefused):
        make(sample("CT_small.dcm").read_bytes()[:700])


def test_a_file_that_changed_or_went_away_is_unreadable(
    issuer: Identity, exchange: Any, tmp_path: Path
) -> None:
    content = sample("CT_small.dcm").read_bytes()
    for each in (
        Original("shorter", len(content) + 1, partial(BytesIO, content)),
        Original("gone", len(content), lambda: (tmp_path / "gone").open("rb")),
    ):
        made = source(issuer, [each])
        with Scratch(tmp_path) as scratch, pytest.raises(StudyUnreadable) as caught:
            made.make(exchange, scratch, lambda _: None)
        assert caught.value.values["path"] == each.name
    made = source(
        issuer, [Original("gone", 5, lambda: (tmp_path / "gone").open("rb"))], treatment=True
    )
    with Scratch(tmp_path) as scratch, pytest.raises(StudyUnreadable):
        made.make(exchange, scratch, lambda _: None)


def test_few_files_and_few_bytes_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deidentified, "usable_cores", lambda: 2)
    monkeypatch.setattr(deidentified, "_BATCH_BYTES", 10)
    sizes = [1, 2, 3, 4, 5, 6, 7, 50, 1, 9, 1]
    files = [Original(str(size), size, BytesIO) for size in sizes]
    batches = [[each.size_bytes for each in batch] for batch in deidentified._batches(files)]
    assert batches == [[1, 2, 3, 4], [5], [6], [7], [50], [1, 9], [1]]


def test_an_edition_changes_with_whatever_changes_the_result(issuer: Identity) -> None:
    files = originals(b"x")
    common: dict[str, Any] = {"name": "s", "patient": ANYBODY, "label": "", "originals": files}
    ways: list[dict[str, Any]] = [
        {"edition": bytes(32)},
        {"edition": b"\1" * 32},
        {"edition": bytes(32), "treatment": True},
        {"edition": bytes(32), "options": ["retain-uids"]},
        {"edition": bytes(32), "options": ["retain-uids", "clean-graphics"]},
    ]
    editions = [source_of(issuer, **common, **way).edition for way in ways]
    issuer.forget("pseudonyms")
    editions.append(source_of(issuer, **common, **ways[0]).edition)
    assert len(set(editions)) == len(editions)
    swapped: dict[str, Any] = {"edition": bytes(32), "options": ["clean-graphics", "retain-uids"]}
    options = source_of(issuer, **common, **ways[4]).edition
    assert source_of(issuer, **common, **swapped).edition == options
