"""Naming a PACS: what is read, what is refused, and what is shown to nobody."""

from __future__ import annotations

import pytest

from medibloc_py.errors import InvalidValue
from medibloc_py.pacs.model import (
    Certificates,
    DicomPeer,
    WebPeer,
    count_of,
    is_uid,
    read_headers,
    read_peer,
    require_aet,
    require_uid,
)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("dicom://ORTHANC@127.0.0.1:4242", DicomPeer("ORTHANC", "127.0.0.1", 4242)),
        ("dicom://PACS_1@pacs.example", DicomPeer("PACS_1", "pacs.example", 11112)),
        ("dicom-tls://PACS@pacs.example", DicomPeer("PACS", "pacs.example", 2762, tls=True)),
        ("dicom://A@[::1]:104", DicomPeer("A", "::1", 104)),
        ("dicom://PACS%201@host:104", DicomPeer("PACS 1", "host", 104)),
        ("https://pacs.example/dicom-web/", WebPeer("https://pacs.example/dicom-web")),
        ("http://127.0.0.1:8042/dicom-web", WebPeer("http://127.0.0.1:8042/dicom-web")),
    ],
)
def test_a_peer_is_named_by_one_text(text: str, peer: object) -> None:
    assert read_peer(text) == peer


def test_a_dicom_peer_is_told_as_it_was_named() -> None:
    for url in ("dicom://PACS%201@[::1]:104", "dicom-tls://PACS@pacs.example:2762"):
        assert read_peer(url).url == url


@pytest.mark.parametrize(
    "text",
    [
        "", "pacs.example", "ftp://pacs.example", "dicom://127.0.0.1:104", "dicom://A@",
        "dicom://A@host:99999", "dicom://A@host:x", "dicom://A:secret@host", "dicom://A@host/path",
        "dicom://SEVENTEEN_LETTERS@host", "https://", "https://user:secret@host/",
        "https://host/?token=secret", "https://host/#x", "http://[::1",
    ],
)  # fmt: skip
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_peer(text)


def test_our_own_title_is_looked_at_too() -> None:
    with pytest.raises(InvalidValue):
        read_peer("dicom://A@host", calling="BACK\\SLASH")


def test_a_secret_goes_neither_in_the_clear_nor_into_a_text() -> None:
    headers = {"Authorization": "Bearer 12345"}
    peer = read_peer("https://pacs.example/dicom-web", headers=headers)
    assert isinstance(peer, WebPeer)
    assert peer.headers == headers
    assert "12345" not in repr(peer)
    assert read_peer("http://localhost:8042", headers=headers)
    with pytest.raises(InvalidValue):
        read_peer("http://pacs.example/dicom-web", headers=headers)


def test_certificates_go_along() -> None:
    certificates = Certificates()
    peer = read_peer("dicom-tls://A@host", certificates=certificates, calling="US")
    assert isinstance(peer, DicomPeer)
    assert (peer.certificates, peer.calling) == (certificates, "US")


def test_headers_are_read_line_by_line() -> None:
    text = "Authorization: Bearer a.b-c\r\n\nX-Site:clinic 1\n"
    assert read_headers(text) == {"Authorization": "Bearer a.b-c", "X-Site": "clinic 1"}


@pytest.mark.parametrize("line", ["no colon", "A b: c", ": empty", "A: b\x00c", "A: \xe9"])
def test_a_line_that_is_no_header_is_refused_and_not_repeated(line: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_headers(f"Good: 1\n{line}")
    assert line not in str(caught.value)
    assert "line 2" in str(caught.value)


@pytest.mark.parametrize("text", ["A", "PACS 1", "!#$%&'()*+,-./:;"])
def test_a_title_has_1_to_16_characters(text: str) -> None:
    assert require_aet(text) == text


@pytest.mark.parametrize("text", ["", " A", "A ", "A\\B", "A\nB", "A" * 17, "Ä"])
def test_any_other_title_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        require_aet(text)


def test_a_uid_cannot_become_a_path_or_a_wildcard() -> None:
    assert require_uid("1.2.840.10008.1.1") == "1.2.840.10008.1.1"
    for text in ("", "*", "1.2/../3", "1.2?x=1", "a", "1" * 65, "1.2\n", ".1"):
        assert not is_uid(text)
        with pytest.raises(InvalidValue):
            require_uid(text)


def test_a_number_of_a_stranger_is_a_number_or_none() -> None:
    assert [count_of(value) for value in (7, "7", "", None, -1, "1e9", "9" * 30, "٣")] == [
        7, 7, 0, 0, 0, 0, 0, 0,
    ]  # fmt: skip
