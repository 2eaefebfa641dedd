"""Ways in which a DICOM file can be bad: each takes a file and gives another."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from random import Random

from medibloc_py.imaging.verify.parse import parse

Mutation = Callable[[bytes, Random, bytes], bytes]
"""A file, where draws come from, and another file; gives the mutated first."""

VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
    b"UR US UT UV XX"
).split()
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
LENGTHS = (0, 1, 7, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
TAGS = (
    (0x0008, 0x0005), (0x0008, 0x0016), (0x0008, 0x0018), (0x0010, 0x0010), (0x0020, 0x000D),
    (0x0028, 0x0002), (0x0028, 0x0008), (0x0028, 0x0010), (0x0028, 0x0100), (0x0040, 0xA730),
    (0x0004, 0x1220), (0x0004, 0x1500), (0x0002, 0x0010), (0x7FE0, 0x0001), (0x7FE0, 0x0010),
    (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD), (0x0009, 0x0010), (0x6000, 0x3000),
)  # fmt: skip
HEAD = bytes(128) + b"DICM"
DEEPEST = 3000
BOMB_BYTES = (1 << 20, 1 << 24, 1 << 27, 1 << 29, (1 << 30) + 1)


def flipped(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Some bytes are others, most of them near the beginning, where heads are."""
    out = bytearray(data)
    reach = len(out) if draw.random() < 0.3 else min(len(out), 4000)
    for _ in range(draw.choice((1, 1, 2, 5, 20, 100))):
        out[draw.randrange(reach)] = draw.choice((0, 1, 0xFF, 0x5C, draw.randrange(256)))
    return bytes(out)


def cut(data: bytes, draw: Random, _other: bytes) -> bytes:
    """The end is missing."""
    return data[: draw.randrange(len(data))]


def without_a_piece(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Bytes are missing in the middle."""
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.choice((1, 2, 8, 100, 5000)) :]


def spliced(data: bytes, draw: Random, other: bytes) -> bytes:
    """The beginning of one and the end of another."""
    return data[: draw.randrange(len(data))] + other[draw.randrange(len(other)) :]


def with_a_piece_of_another(data: bytes, draw: Random, other: bytes) -> bytes:
    """A piece of another file stands in the middle."""
    at, start = draw.randrange(len(data)), draw.randrange(len(other))
    return data[:at] + other[start : start + draw.randrange(1, 2000)] + data[at:]


def _head(data: bytes, draw: Random) -> tuple[int, int, bool]:
    """Where an element begins, where its value does, and whether its VR stands there."""
    values = [each for each in parse(data).values if 8 < each.start <= len(data)]
    if not values:
        return 0, 8, False
    start = draw.choice(values).start
    if data[start - 8 : start - 6] in LONG:
        return max(start - 12, 0), start, True
    return max(start - 8, 0), start, data[start - 4 : start - 2] in VRS


def _with_length(data: bytes, at: int, start: int, explicit: bool, length: int) -> bytes:
    if explicit and start - at == 8:
        return data[: start - 2] + struct.pack("<H", length & 0xFFFF) + data[start:]
    return data[: start - 4] + struct.pack("<I", length & 0xFFFFFFFF) + data[start:]


def of_another_length(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element says another length: none, a huge one, an undefined one."""
    at, start, explicit = _head(data, draw)
    return _with_length(data, at, start, explicit, draw.choice((*LENGTHS, draw.randrange(70_000))))


def of_another_vr(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element says another VR."""
    at, _, explicit = _head(data, draw)
    return data[: at + 4] + draw.choice(VRS) + data[at + 6 :] if explicit else data


def of_another_tag(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element is another one."""
    at, _, _ = _head(data, draw)
    return data[:at] + struct.pack("<HH", *draw.choice(TAGS)) + data[at + 4 :]


def repeated(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element stands there again, once or a thousand times."""
    at, start, _ = _head(data, draw)
    element = data[at : start + draw.choice((0, 2, 8, 64))]
    return data[:at] + element * draw.choice((1, 2, 1000)) + data[at:]


def moved(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element stands elsewhere, out of order."""
    at, start, _ = _head(data, draw)
    end = start + draw.choice((2, 4, 16, 64))
    to, _, _ = _head(data, draw)
    element, rest = data[at:end], data[:at] + data[end:]
    return rest[:to] + element + rest[to:]


def nested(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Sequences in sequences, ended or not."""
    at, _, explicit = _head(data, draw)
    depth = draw.choice((1, 5, 70, 500, DEEPEST))
    sequence = b"SQ\0\0" if explicit else b""
    tag = draw.choice((b"\x40\x00\x30\xa7", b"\x08\x00\x40\x11", b"\x09\x00\x01\x10"))
    opening = (tag + sequence + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4) * depth
    closing = (b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)) * depth
    return data[:at] + opening + (closing if draw.random() < 0.7 else b"") + data[at:]


def of_undefined_length(data: bytes, draw: Random, _other: bytes) -> bytes:
    """An element goes up to a delimiter, which may be there."""
    at, start, explicit = _head(data, draw)
    end = b"\xfe\xff\xdd\xe0" + bytes(4) if draw.random() < 0.5 else b""
    stop = start + draw.choice((0, 2, 10, 100))
    longer = _with_length(data, at, start, explicit, 0xFFFFFFFF)
    return longer[:stop] + end + longer[stop:]


def inflating(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Deflated: a few bytes become very many."""
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    size = draw.choice(BOMB_BYTES)
    if draw.random() < 0.5:  # one long value
        element = b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<I", size - 12)
        plain = [b"\x08\x00\x16\x00UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0", element]
        size -= 12
        unit = bytes(1 << 16)
    else:  # very many elements
        plain, unit = [], (b"\x08\x00\x16\x00UI\x02\x001\0") * 4096
        size = min(size, 1 << 24)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [packer.compress(each) for each in plain]
    for _ in range(size // len(unit)):
        packed.append(packer.compress(unit))
    packed.append(packer.flush())
    return HEAD + meta + b"".join(packed)


def deflated(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Said to be deflated, and it is, or not; then damaged."""
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    start = data.find(b"\x08\x00\x05\x00")
    body = data[max(start, 132) :]
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body) + packer.flush() if draw.random() < 0.8 else body
    return flipped(HEAD + meta + packed, draw, b"") if draw.random() < 0.5 else HEAD + meta + packed


def said_otherwise(data: bytes, draw: Random, _other: bytes) -> bytes:
    """Another transfer syntax, class or character set is declared than the file has."""
    uids = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2",
            b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.90",
            b"1.2.840.10008.1.3.10", b"1.2.840.10008.5.1.4.1.1.104.1", b"1.2.3")  # fmt: skip
    old = draw.choice((*uids, b"ISO_IR 100", b"1.2.840.10008.5.1.4.1.1.2", b"MONOCHROME2"))
    new = draw.choice((*uids, b"ISO 2022 IR 87", b"PALETTE COLOR", b"YBR_FULL_422"))
    at = data.find(old)
    return (
        data
        if at < 0
        else data[:at] + new.ljust(len(old), b"\0")[: len(old)] + data[at + len(old) :]
    )


MUTATIONS: tuple[Mutation, ...] = (
    flipped, flipped, flipped, cut, without_a_piece, spliced, with_a_piece_of_another,
    of_another_length, of_another_length, of_another_vr, of_another_vr, of_another_tag, repeated,
    moved, nested, of_undefined_length, deflated, said_otherwise,
)  # fmt: skip
RARE: tuple[Mutation, ...] = (inflating,)
ONE_IN = 100
"""A rare mutation, which is slow, is one of so many cases."""


def mutated(data: bytes, draw: Random, other: bytes) -> tuple[bytes, str]:
    """A file after one to four mutations, and their names."""
    names = []
    if draw.randrange(ONE_IN) == 0:
        chosen = [draw.choice(RARE)]
    else:
        chosen = [draw.choice(MUTATIONS) for _ in range(draw.choice((1, 1, 1, 2, 4)))]
    for mutation in chosen:
        data = mutation(data, draw, other) or b"\0"
        names.append(mutation.__name__)
    return data, "+".join(names)
