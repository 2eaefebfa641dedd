"""Sealing in buffers that are used again: nobody ever sees one change."""

import io
from functools import partial

import pytest

from medibloc_py.crypto import stream
from medibloc_py.crypto.envelope import RecordReader
from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.errors import StudyUnreadable

CEK, SALT = b"k" * 32, b"s" * 32
PIECE = stream.PIECE_BYTES
SIZES = [0, 1, PIECE - 9, PIECE - 8, PIECE - 7, PIECE, 2 * PIECE - 8, 3 * PIECE + 5]


def content(size):
    return bytes(index % 251 for index in range(size % 100_003)) * (size // 100_003 + 1)


def source(size):
    data = content(size)[:size].ljust(size, b"x")
    return SourceFile(f"{size}.bin", size, partial(io.BytesIO, data)), data


def opened(record):
    def read(offset, length):
        yield record[offset : offset + length]

    return RecordReader(read, len(record), CEK, SALT)


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_opens_at_every_border_of_a_piece(size):
    file, data = source(size)
    record = b"".join(seal_record([file], CEK, SALT))
    assert opened(record).read(0) == data


def test_pieces_that_are_all_held_stay_as_they_are():
    files, contents = zip(*map(source, SIZES), strict=True)
    pieces = list(seal_record(files, CEK, SALT))
    copies = [bytes(piece) for piece in pieces]
    record = opened(b"".join(pieces))
    assert [bytes(piece) for piece in pieces] == copies
    assert [record.read(index) for index in range(len(files))] == list(contents)


def test_a_part_of_a_piece_that_is_held_stays_as_it_is():
    file, _ = source(40 * PIECE)
    parts, copies = [], []
    for piece in seal_record([file], CEK, SALT):
        parts.append(piece[-100:])
        copies.append(bytes(parts[-1]))
        del piece
    assert [bytes(part) for part in parts] == copies


def test_a_piece_cannot_be_written_to():
    file, _ = source(10)
    (piece, *_) = seal_record([file], CEK, SALT)
    with pytest.raises(TypeError):
        piece[0] = 0


def test_a_reader_that_holds_one_piece_needs_two_buffers():
    file, _ = source(20 * PIECE)
    used = set()
    held = None
    for piece in seal_record([file], CEK, SALT):
        if len(piece) > PIECE:
            used.add(id(piece.obj))
        held = piece
    assert held is not None
    assert len(used) == 2


def test_a_buffer_is_free_when_its_last_view_is_gone():
    buffers = stream.Buffers()
    first = buffers.lend()
    part = first[5:6]
    second = buffers.lend()
    assert second.obj is not first.obj
    kept = first.obj
    del first
    third = buffers.lend()
    assert third.obj is not kept
    del part
    assert buffers.lend().obj is kept


@pytest.mark.parametrize("said", [0, PIECE, 2 * PIECE + 1])
@pytest.mark.parametrize("more", [-1, 1])
def test_a_file_of_another_length_is_refused(said, more):
    if said + more < 0:
        return
    file = SourceFile("a", said, partial(io.BytesIO, bytes(said + more)))
    with pytest.raises(StudyUnreadable, match="length"):
        for _ in seal_record([file], CEK, SALT):
            pass


def test_a_source_may_give_little_at_a_time():
    class Trickle(io.BytesIO):
        def readinto(self, view):
            return super().readinto(view[:1000])

    data = content(PIECE + 77)[: PIECE + 77]
    file = SourceFile("a", len(data), partial(Trickle, data))
    assert opened(b"".join(seal_record([file], CEK, SALT))).read(0) == data
