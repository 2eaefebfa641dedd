"""Random access to sealed records: what is asked for, checked, and nothing else."""

import io
import random
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.crypto import stream
from medibloc_py.crypto.envelope import RecordReader, SourceFile, seal_record
from medibloc_py.crypto.ranges import RangeFile, SealedRanges
from medibloc_py.crypto.stream import CHUNK_BYTES, HEADER_BYTES, LENGTH_BYTES, TAG_BYTES
from medibloc_py.errors import Corrupted, InvalidValue, StoreUnreachable, WrongKey
from tests.unit.crypto.test_envelope import padded, sealed_by_hand

DRAW = random.Random(2)
KEY, CEK, SALT = DRAW.randbytes(32), DRAW.randbytes(32), DRAW.randbytes(32)
CONTEXT = b"context"
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES
LEAF = 1 << 20
CONTENT = DRAW.randbytes(2 * LEAF + 3 * CHUNK_BYTES)


def refuse(reason):
    return Corrupted(name="stream", reason=reason)


class Sealed:
    """A sealed stream that notes what was read of it."""

    def __init__(self, content, piece=1 << 20):
        self.length = len(content)
        fill = io.BytesIO(content).readinto
        sealed = stream.seal_stream(fill, len(content), KEY, CONTEXT, stream.Buffers())
        self.sealed = bytearray(b"".join(sealed))
        self.piece = piece
        self.asked = []

    def read(self, offset, length):
        self.asked.append((offset, length))
        assert 0 <= offset <= offset + length <= len(self.sealed)
        stop = offset + length
        for at in range(offset, stop, self.piece):
            yield bytes(self.sealed[at : min(at + self.piece, stop)])

    def ranges(self, length=None, key=KEY, context=CONTEXT):
        return SealedRanges(
            self.read, 0, self.length if length is None else length, key, context, refuse
        )

    def opened(self, offset, length):
        return b"".join(self.ranges().open(offset, length))

    def whole(self):
        return b"".join(stream.open_stream([bytes(self.sealed)], KEY, CONTEXT, self.length, refuse))


LARGE = Sealed(CONTENT)

# Lengths and places where something begins or ends: bytes, chunks, leaves, padding.
EDGES = sorted(
    {
        max(base + shift, 0)
        for base in (0, CHUNK_BYTES, 2 * CHUNK_BYTES, 5 * CHUNK_BYTES, LEAF)
        for shift in (-LENGTH_BYTES - 1, -LENGTH_BYTES, -LENGTH_BYTES + 1, -1, 0, 1)
    }
)


@st.composite
def ranges_of(draw, length):
    edges = [edge for edge in EDGES if edge <= length] + [length]
    place = st.one_of(st.sampled_from(edges), st.integers(0, length))
    first, second = draw(place), draw(place)
    return min(first, second), abs(first - second)


@settings(deadline=None)
@given(st.data(), st.sampled_from(EDGES), st.sampled_from([1000, 16_400, 1 << 20]))
def test_any_range_of_any_length_is_that_of_the_whole(data, length, piece):
    sealed = Sealed(CONTENT[:length], piece)
    whole = sealed.whole()
    assert whole == CONTENT[:length]
    for _ in range(3):
        offset, wanted = data.draw(ranges_of(length))
        assert sealed.opened(offset, wanted) == whole[offset : offset + wanted]


@settings(deadline=None)
@given(ranges_of(len(CONTENT)))
def test_only_the_chunks_of_the_range_are_fetched_in_one_read(place):
    offset, length = place
    LARGE.asked.clear()
    assert LARGE.opened(offset, length) == CONTENT[offset : offset + length]
    header, *chunks = LARGE.asked
    assert header == (0, HEADER_BYTES)
    if not length:
        assert chunks == []
        return
    first = (LENGTH_BYTES + offset) // CHUNK_BYTES
    last = (LENGTH_BYTES + offset + length - 1) // CHUNK_BYTES
    ((at, fetched),) = chunks
    assert at == HEADER_BYTES + first * SEALED_CHUNK
    end = min(HEADER_BYTES + (last + 1) * SEALED_CHUNK, len(LARGE.sealed))
    assert at + fetched == end


@settings(deadline=None)
@given(st.data())
def test_a_changed_bit_is_refused_in_a_needed_chunk_and_not_looked_at_in_another(data):
    sealed = Sealed(CONTENT[: 5 * CHUNK_BYTES])
    chunks = -(-(len(sealed.sealed) - HEADER_BYTES) // SEALED_CHUNK)
    damaged = data.draw(st.integers(0, chunks - 1))
    begin = HEADER_BYTES + damaged * SEALED_CHUNK
    place = data.draw(st.integers(begin, min(begin + SEALED_CHUNK, len(sealed.sealed)) - 1))
    sealed.sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    offset, length = data.draw(ranges_of(sealed.length))
    touched = range(
        (LENGTH_BYTES + offset) // CHUNK_BYTES, -(-(LENGTH_BYTES + offset + length) // CHUNK_BYTES)
    )
    if length and damaged in touched:
        with pytest.raises(Corrupted, match="not those that were sealed"):
            sealed.opened(offset, length)
    else:
        assert sealed.opened(offset, length) == CONTENT[offset : offset + length]


def test_bytes_before_a_damaged_chunk_are_given_and_it_is_then_refused():
    sealed = Sealed(CONTENT[: 3 * CHUNK_BYTES])
    sealed.sealed[HEADER_BYTES + 2 * SEALED_CHUNK] ^= 1
    pieces = sealed.ranges().open(0, sealed.length)
    assert next(pieces) + next(pieces) == CONTENT[: 2 * CHUNK_BYTES - LENGTH_BYTES]
    with pytest.raises(Corrupted):
        next(pieces)


@pytest.mark.parametrize("place", [0, 23, 24, 55])
def test_a_changed_header_is_refused_before_any_chunk(place):
    sealed = Sealed(b"abc")
    sealed.sealed[place] ^= 1
    with pytest.raises(Corrupted):
        sealed.ranges()
    assert sealed.asked == [(0, HEADER_BYTES)]


@pytest.mark.parametrize(("key", "context"), [(bytes(32), CONTEXT), (KEY, b"another")])
def test_another_key_or_context_is_refused(key, context):
    with pytest.raises(Corrupted):
        Sealed(b"abc").ranges(key=key, context=context)


def test_exchanged_chunks_are_refused():
    sealed = Sealed(CONTENT[: 4 * CHUNK_BYTES])
    one, two = (
        slice(HEADER_BYTES + n * SEALED_CHUNK, HEADER_BYTES + (n + 1) * SEALED_CHUNK)
        for n in (1, 2)
    )
    sealed.sealed[one], sealed.sealed[two] = sealed.sealed[two], sealed.sealed[one]
    for offset in (CHUNK_BYTES, 2 * CHUNK_BYTES):
        with pytest.raises(Corrupted):
            sealed.opened(offset, 1)
    assert sealed.opened(0, 100) == CONTENT[:100]


# A sealer who has the key and means harm.


def by_hand(plain, length):
    sealed = Sealed(b"")
    sealed.sealed = bytearray(sealed_by_hand(plain, KEY, CONTEXT))
    sealed.length = length
    return sealed


def test_a_length_that_is_not_the_manifests_is_refused_with_the_first_chunk():
    content = CONTENT[: 3 * CHUNK_BYTES]
    sealed = by_hand(padded(content, length=len(content) - 1), len(content))
    with pytest.raises(Corrupted, match="length"):
        sealed.opened(0, 1)
    assert sealed.opened(CHUNK_BYTES, 1) == content[CHUNK_BYTES : CHUNK_BYTES + 1]


def test_padding_that_is_not_zero_is_refused_with_its_chunk():
    content = CONTENT[: 3 * CHUNK_BYTES]
    assert stream.padded_size(len(content)) > len(content) + LENGTH_BYTES
    sealed = by_hand(padded(content, fill=b"\1"), len(content))
    with pytest.raises(Corrupted, match="padding"):
        sealed.opened(len(content) - 1, 1)
    assert sealed.opened(0, CHUNK_BYTES) == content[:CHUNK_BYTES]


def test_padding_of_a_content_within_one_chunk_is_checked():
    with pytest.raises(Corrupted, match="padding"):
        by_hand(padded(b"abc" * 50, fill=b"\1"), 150).opened(0, 1)


# Of a record.

FILES = (CONTENT[:100], CONTENT, b"")


class Blob:
    """A sealed record in a store that counts."""

    def __init__(self):
        files = [
            SourceFile(f"{number}.dcm", len(content), partial(io.BytesIO, content))
            for number, content in enumerate(FILES)
        ]
        self.data = b"".join(seal_record(files, CEK, SALT))
        self.fetched = 0
        self.broken = False

    def read(self, offset, length):
        if self.broken:
            raise StoreUnreachable(url="store", reason="gone")
        self.fetched += length
        yield self.data[offset : offset + length]

    def reader(self, cek=CEK):
        return RecordReader(self.read, len(self.data), cek, SALT)


BLOB = Blob()


@pytest.fixture
def blob():
    BLOB.fetched, BLOB.broken = 0, False
    return BLOB


@settings(deadline=None)
@given(st.data())
def test_open_range_gives_the_bytes_of_each_file(data):
    reader = BLOB.reader()
    for index, content in enumerate(FILES):
        offset, length = data.draw(ranges_of(len(content)))
        assert b"".join(reader.open_range(index, offset, length)) == content[offset:][:length]


def test_open_range_fetches_the_header_once(blob):
    reader = blob.reader()
    assert b"".join(reader.open_range(1, 0, 1)) == CONTENT[:1]
    blob.fetched = 0
    assert b"".join(reader.open_range(1, LEAF, 1)) == CONTENT[LEAF : LEAF + 1]
    assert blob.fetched == SEALED_CHUNK
    blob.fetched = 0
    assert b"".join(reader.open_range(1, LEAF, 0)) == b""
    assert blob.fetched == 0


@pytest.mark.parametrize(
    ("index", "offset", "length"),
    [
        (1, -1, 1),
        (1, 0, -1),
        (1, 5, -3),
        (0, 0, 101),
        (0, 101, 0),
        (2, 0, 1),
        (3, 0, 0),
        (-1, 0, 0),
    ],
)
def test_open_range_reverts_at_once_when_the_range_is_not_within_a_file(
    blob, index, offset, length
):
    with pytest.raises(InvalidValue):
        blob.reader().open_range(index, offset, length)


def test_open_range_reverts_when_the_key_is_another(blob):
    with pytest.raises(WrongKey):
        blob.reader(bytes(32)).open_range(0, 0, 1)


def test_open_range_reverts_when_the_store_gives_less(blob):
    def short(offset, length):
        yield blob.data[offset : offset + length][: 1 << 16]

    reader = RecordReader(short, len(blob.data), CEK, SALT)
    with pytest.raises(Corrupted, match="the store"):
        list(reader.open_range(1, 0, LEAF))


def test_open_range_names_the_file_that_is_damaged(blob):
    damaged = bytearray(blob.data)
    reader = blob.reader()
    damaged[reader.manifest.files[1].offset + HEADER_BYTES] ^= 1
    reader = RecordReader(
        lambda offset, length: iter([bytes(damaged[offset : offset + length])]),
        len(damaged),
        CEK,
        SALT,
    )
    with pytest.raises(Corrupted, match=r"1\.dcm"):
        list(reader.open_range(1, 0, 1))


# As a file.


@settings(deadline=None)
@given(st.data())
def test_open_file_is_read_as_any_file_is(data):
    ours, plain = BLOB.reader().open_file(1), io.BytesIO(CONTENT)
    assert (ours.readable(), ours.seekable(), ours.writable()) == (True, True, False)
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["read", "long", "set", "move", "end", "rest", "into"])):
            case "read":
                size = data.draw(st.integers(0, 200))
                assert ours.read(size) == plain.read(size)
            case "long":
                size = data.draw(st.integers(0, LEAF))
                assert ours.read(size) == plain.read(size)
            case "set":
                place = data.draw(st.integers(0, len(CONTENT) + 10))
                assert ours.seek(place) == plain.seek(place)
            case "move":
                step = data.draw(st.integers(-min(300, plain.tell()), 300))
                assert ours.seek(step, io.SEEK_CUR) == plain.seek(step, io.SEEK_CUR)
            case "end":
                back = data.draw(st.integers(-len(CONTENT), 5))
                assert ours.seek(back, io.SEEK_END) == plain.seek(back, io.SEEK_END)
            case "rest":
                assert ours.read() == plain.read()
            case "into":
                one, two = bytearray(50), bytearray(50)
                assert ours.readinto(one) == plain.readinto(two)
                assert one == two
        assert ours.tell() == plain.tell()
    with pytest.raises(ValueError, match="before the start"):
        ours.seek(-1)


def test_a_file_fetches_no_window_twice(blob):
    file = blob.reader().open_file(1)
    file.read(1)
    blob.fetched = 0
    for place in (0, 5, 8000, 16_000):
        file.seek(place)
        file.read(300)
    assert blob.fetched == 0
    file.seek(LEAF)
    file.read(4)
    assert blob.fetched <= 2 * SEALED_CHUNK


def test_a_file_that_cannot_be_fetched_says_so_and_stays_usable(blob):
    file = blob.reader().open_file(1)
    assert file.read(10) == CONTENT[:10]
    for size in (10, LEAF):
        blob.broken = True
        file.seek(LEAF)
        with pytest.raises(StoreUnreachable):
            file.read(size)
        blob.broken = False
        assert file.read(size) == CONTENT[LEAF : LEAF + size]


def test_a_file_of_no_bytes_is_at_its_end():
    def never(offset, length):
        raise AssertionError

    file = RangeFile(never, 0)
    assert (file.read(5), file.read(), file.seek(0, io.SEEK_END)) == (b"", b"", 0)
