"""Multipart bodies: what is cut out of them, however they come, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.pacs.multipart import Malformed, MultipartReader, Part, boundary_of

HEAD = b"Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\n"


def body(*contents: bytes, boundary: str = "b", preamble: bytes = b"") -> bytes:
    mark = b"--" + boundary.encode()
    parts = b"".join(mark + b"\r\n" + HEAD + each + b"\r\n" for each in contents)
    return (preamble + b"\r\n" if preamble else b"") + parts + mark + b"--\r\n"


def read(data: bytes, pieces: int = 1 << 20, most: int = 1000) -> list[Part]:
    reader = MultipartReader("b", most)
    found = []
    for at in range(0, len(data), pieces):
        found += list(reader.feed(data[at : at + pieces]))
    reader.close()
    return found


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b"\r\n-", b"--b", b"\r\n--"])),
    st.integers(1, 50),
    st.sampled_from([b"", b"a preamble"]),
)
def test_parts_are_what_was_put_in_however_the_body_comes(
    contents: list[bytes], pieces: int, preamble: bytes
) -> None:
    safe = [each for each in contents if b"\r\n--b" not in b"\r\n" + each]
    found = read(body(*safe, preamble=preamble), pieces)
    assert [each.content for each in found] == safe
    assert {each.media_type for each in found} <= {"application/dicom"}


def test_lines_may_begin_like_a_boundary() -> None:
    (found,) = read(body(b"one\r\n--a\r\n-b\r\n--"))
    assert found.content == b"one\r\n--a\r\n-b\r\n--"


def test_a_part_without_headers_has_no_type() -> None:
    assert read(b"--b\r\n\r\ncontent\r\n--b--") == [Part("", b"content")]


def test_blanks_behind_a_boundary_and_all_behind_the_end_count_for_nothing() -> None:
    assert read(b"--b \t\r\n" + HEAD + b"x\r\n--b--\r\nepilogue --b\r\n")[0].content == b"x"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"nothing of a body", 400),
        (body(b"x")[:-7], 400),
        (body(b"x" * 1001), 413),
        (b"--b\r\n" + HEAD + b"x" * 5000, 413),
        (b"--b\r\n" + b"A: b\r\n" * 4000, 400),
        (b"--bb\r\n" + HEAD, 400),
        (b"-" * 20_000, 400),
    ],
)
@pytest.mark.parametrize("pieces", [7, 1 << 20])
def test_a_body_that_does_not_hold_is_refused(data: bytes, status: int, pieces: int) -> None:
    with pytest.raises(Malformed) as raised:
        read(data, pieces)
    assert raised.value.status == status


def test_it_holds_no_more_than_a_part() -> None:
    reader = MultipartReader("b", 100)
    list(reader.feed(b"--b\r\n" + HEAD))
    list(reader.feed(b"x" * 100))
    with pytest.raises(Malformed):
        list(reader.feed(b"x" * 50))
    assert len(reader._buffer) < 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("", 415),
        ("application/dicom", 415),
        ('multipart/form-data; boundary="b"', 415),
        ('multipart/related; type="application/dicom+json"; boundary=b', 415),
        ('multipart/related; type="application/dicom"', 400),
        (f'multipart/related; type="application/dicom"; boundary={"b" * 257}', 400),
    ],
)
def test_another_type_is_refused(given: str, status: int) -> None:
    with pytest.raises(Malformed) as raised:
        boundary_of(given)
    assert raised.value.status == status


def test_the_boundary_is_found() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="x y"') == "x y"
    assert boundary_of("Multipart/Related; boundary=b") == "b"
    assert boundary_of(f"multipart/related; boundary={'b' * 73}") == "b" * 73  # as of Orthanc
    with pytest.raises(Malformed):
        MultipartReader("ä", 1)
