"""What lies on a disk: opened by the same key and name alone, and by every later version."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import Corrupted, StudyUnreadable

CIPHER = AtRestCipher(bytes(range(32)))
SEALED = bytes.fromhex(
    "bcbd910b701dfa72d830080acce46f6f8cab2e9e1dd13bb91ec27e414aae08aef3d630cce9457790526804ed"
    "885a020a23a732b45f90fd65700cb3bfffae39870bd6cac4a0f54ed38d89136cee5d7ca56fb8f866d8de07dc"
)
"""`content`, sealed under `name` by release 0.4.0."""


def test_what_an_older_release_wrote_is_found_and_opened() -> None:
    assert CIPHER.open(SEALED, "name") == b"content"
    assert CIPHER.tag("a", "b").hex() == (
        "e99cab20754ba0d658ed84fce8408a8b772f5d1d5e29a57b6ee55ab57eb2ce4f"
    )
    assert CIPHER.digest(b"a", b"b").hex() == (
        "24b68109148daa1e93c80a692b33f54bc1c15fba648d332fade0dee2dbaf7907"
    )


@pytest.mark.parametrize(
    ("cipher", "sealed", "name"),
    [
        (AtRestCipher(bytes(32)), SEALED, "name"),
        (CIPHER, SEALED, "another"),
        (CIPHER, SEALED[:-1] + bytes([SEALED[-1] ^ 1]), "name"),
    ],
    ids=["another key", "another name", "a changed bit"],
)
def test_it_opens_under_its_key_and_name_alone(
    cipher: AtRestCipher, sealed: bytes, name: str
) -> None:
    with pytest.raises(Corrupted):
        cipher.open(sealed, name)


def test_parts_of_a_text_are_told_apart() -> None:
    assert CIPHER.tag("ab", "c") != CIPHER.tag("a", "bc")


def test_a_sealed_file_is_read_in_any_place(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_000
    path = tmp_path / "sealed"
    path.write_bytes(CIPHER.seal(content, "name"))
    with CIPHER.open_file(path, len(content), "name") as file:
        file.seek(100_000)
        assert file.read(300) == content[100_000:100_300]
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(Corrupted), CIPHER.open_file(path, len(content), "name") as file:
        file.read()
    with pytest.raises(StudyUnreadable):
        CIPHER.open_file(tmp_path / "none", 1, "name")
