"""Sealed records: the same bytes back, and no change goes unnoticed."""

import io
import os
import random
import tracemalloc
from functools import partial

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import envelope, keys, stream
from medibloc_py.crypto.envelope import RecordReader, SourceFile, seal_record
from medibloc_py.crypto.manifest import Manifest
from medibloc_py.errors import (
    Corrupted,
    IntegrityError,
    InvalidValue,
    MediBlocError,
    StudyUnreadable,
    WrongKey,
)

DRAW = random.Random(1)  # the same in every process that collects these tests
CEK, SALT = DRAW.randbytes(32), DRAW.randbytes(32)


def source(name, content, size=None):
    length = len(content) if size is None else size
    return SourceFile(name, length, partial(io.BytesIO, content))


def seal(*contents, cek=CEK, salt=SALT):
    files = [source(f"{index:04}.dcm", content) for index, content in enumerate(contents)]
    return b"".join(seal_record(files, cek, salt))


def reader(record, cek=CEK, salt=SALT, buffer=1 << 20):
    def read(offset, length):
        end = min(offset + length, len(record))
        return (record[at : min(at + buffer, end)] for at in range(offset, end, buffer))

    return RecordReader(read, len(record), cek, salt)


def look(opened):
    return opened.manifest


def open_all(opened):
    return [opened.read(index) for index in range(len(opened.manifest.files))]


CONTENTS = (b"", b"first file", DRAW.randbytes(20_000))
RECORD = seal(*CONTENTS)


@given(
    st.lists(st.binary(max_size=40_000), min_size=1, max_size=4),
    st.sampled_from([1, 999, 16_400, 1 << 20]),
)
def test_any_files_go_round_in_buffers_of_any_size(contents, buffer):
    record = seal(*contents)
    assert open_all(reader(record, buffer=max(buffer, len(record) // 500))) == contents


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("chunks", [1, 2, 64, 65])
def test_lengths_around_whole_chunks_and_buffers_go_round(chunks, over):
    content = os.urandom(chunks * stream.CHUNK_BYTES - stream.LENGTH_BYTES + over)
    record = seal(content, b"next")
    assert open_all(reader(record)) == [content, b"next"]
    assert reader(record).manifest.files[1].offset == stream.sealed_size(len(content))


def test_the_manifest_tells_what_was_sealed():
    file = SourceFile("a/b.dcm", 3, partial(io.BytesIO, b"abc"), {"modality": "CT", "rows": 512})
    told = {"deidentification": "a receipt", "answer": 42}
    held = reader(b"".join(seal_record([file], CEK, SALT, kind=7, meta=told))).manifest
    assert (held.kind, dict(held.meta)) == (7, told)
    entry = held.files[0]
    assert (entry.name, entry.size_bytes, entry.offset) == ("a/b.dcm", 3, 0)
    assert dict(entry.meta) == {"modality": "CT", "rows": 512}


def test_equal_files_have_unequal_ciphertexts():
    record = seal(b"same" * 100, b"same" * 100)
    first, second = reader(record).manifest.files
    assert record[: first.sealed_bytes] != record[second.offset :][: second.sealed_bytes]
    assert record != seal(b"same" * 100, b"same" * 100)


@given(st.integers(0, 1 << 41))
def test_padme_hides_and_costs_little(length):
    padded = envelope.padme(length)
    assert length <= padded <= length * 1.12
    assert envelope.padme(padded) == padded
    assert envelope.sealed_size(length) == envelope.sealed_size(envelope.padme(length + 8) - 8)


# What was changed is noticed, and a wrong key is not damage.


@pytest.mark.parametrize(
    ("cek", "salt"), [(bytes(32), SALT), (CEK, bytes(32))], ids=["key", "salt"]
)
def test_another_key_or_salt_is_wrong(cek, salt):
    opened = reader(RECORD, cek, salt)
    with pytest.raises(WrongKey):
        look(opened)
    with pytest.raises(WrongKey):
        opened.read(0)


@given(st.integers(0, 8 * len(RECORD) - 1))
def test_a_flipped_bit_anywhere_is_corrupted(bit):
    changed = bytearray(RECORD)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Corrupted):
        open_all(reader(bytes(changed)))


def test_a_flipped_bit_in_each_part_is_corrupted():
    end = reader(RECORD).manifest.end
    parts = [0, 23, 24, 55, 56, 79, 80, end - 1, end, end + 30, end + 60, len(RECORD) - 9]
    for place in [*parts, *range(len(RECORD) - 8, len(RECORD))]:
        for bit in range(8):
            changed = bytearray(RECORD)
            changed[place] ^= 1 << bit
            with pytest.raises(Corrupted):
                open_all(reader(bytes(changed)))


@given(st.integers(0, len(RECORD) - 1))
def test_a_cut_record_is_corrupted(length):
    # With the right key it is damage; what is left of a record tells no more.
    with pytest.raises(Corrupted):
        open_all(reader(RECORD[:length]))


@given(st.binary(min_size=1, max_size=200))
def test_an_extended_record_is_corrupted(more):
    for record in (RECORD + more, more + RECORD):
        with pytest.raises((Corrupted, WrongKey)):
            open_all(reader(record))


def test_a_record_extended_at_its_end_is_corrupted():
    for more in (b"\0", bytes(8), RECORD[-8:], RECORD):
        with pytest.raises(Corrupted):
            open_all(reader(RECORD[:-1] + more + RECORD[-1:]))


def test_two_sealed_files_cannot_change_places():
    record = seal(b"a" * 500, b"b" * 500)
    size = reader(record).manifest.files[0].sealed_bytes
    swapped = record[size : 2 * size] + record[:size] + record[2 * size :]
    opened = reader(swapped)
    for index in (0, 1):
        with pytest.raises(Corrupted):
            opened.read(index)


def test_a_file_of_another_record_does_not_fit():
    one = seal(b"a" * 500)
    size = reader(one).manifest.files[0].sealed_bytes
    for cek, salt in ((bytes(32), SALT), (CEK, bytes(32))):
        other = seal(b"b" * 500, cek=cek, salt=salt)
        with pytest.raises(Corrupted):
            reader(other[:size] + one[size:]).read(0)


def test_only_the_cid_tells_two_sealings_under_one_pair_apart():
    # Why a pair of key and salt is for one record: the files carry no hash of their content.
    one, two = seal(b"a" * 500), seal(b"b" * 500)
    size = reader(one).manifest.files[0].sealed_bytes
    assert reader(two[:size] + one[size:]).read(0) == b"b" * 500


def test_a_manifest_of_another_record_is_wrong_or_corrupted():
    other = seal(*CONTENTS, cek=os.urandom(32))
    end = reader(RECORD).manifest.end
    with pytest.raises(Corrupted):
        open_all(reader(RECORD[:end] + other[end:]))
    with pytest.raises(WrongKey):
        open_all(reader(other[:end] + other[end:]))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data):
    with pytest.raises((Corrupted, WrongKey)):
        look(reader(data))


@pytest.mark.parametrize("sealed", [0, 1, 79, len(RECORD), 2**63, 2**64 - 1])
def test_a_hostile_trailer_is_corrupted(sealed):
    with pytest.raises(Corrupted):
        look(reader(RECORD[:-8] + sealed.to_bytes(8, "big")))


def test_a_store_that_gives_less_or_more_is_noticed():
    def lying(change):
        return RecordReader(
            lambda offset, length: iter(change(RECORD[offset : offset + length])),
            len(RECORD),
            CEK,
            SALT,
        )

    for change in (
        lambda data: [],
        lambda data: [data[:-1]],
        lambda data: [data, b"x"],
        lambda data: [data] * 1000,
    ):
        with pytest.raises(Corrupted, match="the store"):
            look(lying(change))


def test_an_honest_stores_error_passes():
    def broken(offset, length):
        raise Corrupted(name="block", reason="of the store")

    with pytest.raises(Corrupted, match="of the store"):
        look(RecordReader(broken, len(RECORD), CEK, SALT))


# A sealer who has the key and means harm.


def sealed_by_hand(plain, key, context):
    encryptor = Cobblestone256Encryptor(key, context)
    return encryptor.update(plain) + encryptor.finalize()


def record_by_hand(manifest_plain=None, file_plain=None, content=b"abc"):
    """A record of one file whose streams hold exactly these plaintexts."""
    honest = seal(content)
    end = reader(honest).manifest.end
    file, manifest = honest[:end], honest[end:-8]
    if file_plain is not None:
        file = sealed_by_hand(file_plain, *keys.file_key(CEK, SALT, 0))
    if manifest_plain is not None:
        manifest = sealed_by_hand(manifest_plain, *keys.manifest_key(CEK, SALT))
    return file + manifest + len(manifest).to_bytes(8, "big")


def padded(content, length=None, fill=b"\0", extra=0):
    said = len(content) if length is None else length
    room = stream.padded_size(len(content)) - 8 - len(content) + extra
    return said.to_bytes(8, "big") + content + fill * room


@pytest.mark.parametrize(
    "plain",
    [
        padded(b"abc" * 50, fill=b"\1"),
        padded(b"abc" * 50, length=149),
        padded(b"abc" * 50, length=151),
        padded(b"abc" * 50, length=2**64 - 1),
    ],
)
def test_a_file_that_is_not_what_the_manifest_says_is_corrupted(plain):
    content = b"abc" * 50
    assert len(plain) == stream.padded_size(len(content))
    opened = reader(record_by_hand(file_plain=plain, content=content))
    with pytest.raises(Corrupted, match=r"0000\.dcm"):
        opened.read(0)


def manifest_plain(**changes):
    document = reader(seal(b"abc")).manifest
    return Manifest(
        changes.get("kind", document.kind), changes.get("files", document.files), {}
    ).encode()


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"1234567",
        padded(b""),
        padded(b"\xa0"),
        padded(manifest_plain(), extra=1),
        padded(manifest_plain(), extra=5000),
        padded(manifest_plain(), length=2**60),
        padded(manifest_plain(), length=1),
        padded(manifest_plain(kind=0)),
        padded(manifest_plain(files=())),
    ],
)
def test_a_manifest_that_is_none_is_corrupted(plain):
    with pytest.raises(Corrupted):
        look(reader(record_by_hand(manifest_plain=plain)))


def test_a_manifest_must_account_for_every_byte():
    honest = reader(seal(b"abc")).manifest
    gap = record_by_hand(manifest_plain=padded(honest.encode()), content=b"a" * 500)
    with pytest.raises(Corrupted, match="do not end where"):
        look(reader(gap))


@given(st.binary(max_size=7))
def test_a_stream_too_short_for_its_length_is_refused(plain):
    sealed = sealed_by_hand(plain, CEK, b"context")
    with pytest.raises(Corrupted, match="too short"):
        list(stream.open_stream([sealed], CEK, b"context", None, envelope._damaged))


# What cannot be sealed.


@pytest.mark.parametrize(
    "files",
    [
        [],
        [source("", b"")],
        [source("../a", b"")],
        [source("a", b""), source("A", b"")],
        [source("a", b"", size=-1)],
        [source("a", b"", size=2**48)],
        [SourceFile("a", 0, io.BytesIO, {"a": b"bytes"})],
        [SourceFile("a", 0, io.BytesIO, {"a": 2**64})],
        [SourceFile("a\ud800", 0, io.BytesIO)],
    ],
)
def test_seal_record_reverts_at_once_when_a_reader_would_refuse(files):
    with pytest.raises(InvalidValue):
        seal_record(files, CEK, SALT)


@pytest.mark.parametrize(
    ("cek", "salt"), [(bytes(31), SALT), (CEK, bytes(33)), (b"", b"")], ids=["key", "salt", "both"]
)
def test_keys_of_another_length_are_refused(cek, salt):
    with pytest.raises(InvalidValue):
        seal_record([source("a", b"")], cek, salt)
    with pytest.raises(InvalidValue):
        reader(RECORD, cek, salt)


@pytest.mark.parametrize("size", [0, 4, 6, 5_000_000])
def test_a_source_whose_length_changed_is_unreadable(size):
    with pytest.raises(StudyUnreadable, match="length changed"):
        list(seal_record([source("a", b"12345", size=size)], CEK, SALT))


def test_a_source_that_cannot_be_read_is_unreadable(tmp_path):
    missing = SourceFile("a", 5, lambda: (tmp_path / "gone").open("rb"))
    with pytest.raises(StudyUnreadable, match="No such file"):
        list(seal_record([missing], CEK, SALT))

    class Breaking(io.BytesIO):
        def readinto(self, _):
            raise OSError

    with pytest.raises(StudyUnreadable):
        list(seal_record([SourceFile("a", 5, Breaking)], CEK, SALT))


def test_a_source_is_closed_even_when_the_sealing_is_given_up():
    opened = io.BytesIO(b"x" * (3 << 20))
    sealing = seal_record([SourceFile("a", 3 << 20, lambda: opened)], CEK, SALT)
    next(sealing), next(sealing)
    sealing.close()
    assert opened.closed


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_stream_reverts_when_there_is_no_such_file(index):
    with pytest.raises(InvalidValue):
        reader(RECORD).stream(index)


def test_every_failure_of_a_reader_is_integrity_or_key():
    assert issubclass(Corrupted, IntegrityError)
    assert not issubclass(WrongKey, IntegrityError)
    assert issubclass(WrongKey, MediBlocError)


# Memory.


class Endless(io.RawIOBase):
    """Zeros of a given length that are nowhere held."""

    def __init__(self, size):
        self.left = size

    def readinto(self, view):
        taken = min(len(view), self.left)
        self.left -= taken
        view[:taken] = bytes(taken)
        return taken


def test_sealing_and_opening_64_mib_takes_constant_memory(tmp_path):
    size = 64 << 20
    path = tmp_path / "record"
    tracemalloc.start()
    try:
        with path.open("wb") as file:
            file.writelines(seal_record([SourceFile("a", size, lambda: Endless(size))], CEK, SALT))

        def read(offset, length):
            with path.open("rb") as file:
                file.seek(offset)
                while length and (buffer := file.read(min(length, 1 << 20))):
                    length -= len(buffer)
                    yield buffer

        opened = RecordReader(read, path.stat().st_size, CEK, SALT)
        assert sum(map(len, opened.stream(0))) == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
