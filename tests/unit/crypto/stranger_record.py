"""A stranger's reader of sealed records: docs/envelope-v1.md, sections 3 and 4, nothing of ours.

Slow and plain. `Record(read, size, cek, salt)` opens whole files and ranges, and refuses
what the page says a reader refuses.
"""

import re
import struct
import unicodedata
from base64 import b64decode

import dag_cbor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from stranger import hkdf, hkdf_expand

CHUNK, TAG, HEADER = 16384, 16, 56
FORBIDDEN = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *'\\:*?"<>|\u061c\ufeff'}
FORBIDDEN |= {
    chr(c) for first, last in ((0x200B, 0x200F), (0x2028, 0x202E)) for c in range(first, last + 1)
}
FORBIDDEN |= {chr(c) for c in range(0x2060, 0x2070)}
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE | re.ASCII)


class Corrupted(Exception):
    pass


class WrongKey(Exception):
    pass


class NoFrame(Exception):
    pass


def must(holds, reason):
    if not holds:
        raise Corrupted(reason)


def padme(length):
    if length < 2:
        return length
    e = length.bit_length() - 1
    s = e.bit_length()
    step = 1 << (e - s)
    return -(-length // step) * step


def sealed_length(length):
    padded = padme(8 + length)
    return HEADER + padded + TAG * (padded // CHUNK + 1)


class Stream:
    """One sealed stream of a record: `sealed` bytes from `start`."""

    def __init__(self, read, start, sealed, key, context):
        self.read, self.start, self.sealed = read, start, sealed
        header = read(start, HEADER)
        info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + header[:24] + context
        derived = hkdf_expand(key, info, 32 + 12 + 32, "sha512")
        self.aead, self.base = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
        self.key_fits = derived[44:] == header[24:]
        rest = sealed - HEADER
        self.chunks = rest // (CHUNK + TAG) + 1
        self.last_is_whole = rest % (CHUNK + TAG) >= TAG

    def plain(self, first, last):
        """The plaintext of chunks `first` to `last`."""
        must(self.key_fits, "the key does not fit")
        must(self.last_is_whole, "the last chunk is cut")
        at = HEADER + first * (CHUNK + TAG)
        end = min(HEADER + (last + 1) * (CHUNK + TAG), self.sealed)
        data = self.read(self.start + at, end - at)
        plain = b""
        for number in range(first, last + 1):
            chunk, data = data[: CHUNK + TAG], data[CHUNK + TAG :]
            try:
                nonce = (self.base ^ number).to_bytes(12, "big")
                plain += self.aead.decrypt(nonce, chunk, b"")
            except InvalidTag:
                raise Corrupted("a tag does not hold") from None
        return plain

    def whole(self, size=None):
        """The content; `size` is what the manifest says of it."""
        plain = self.plain(0, self.chunks - 1)
        must(len(plain) >= 8, "no length")
        length = int.from_bytes(plain[:8], "big")
        must(size in (None, length), "another length")
        must(len(plain) == padme(8 + length), "another padding")
        must(not any(plain[8 + length :]), "padding is not zero")
        return plain[8 : 8 + length]

    def range(self, size, offset, length):
        """A part of the content, from the chunks that hold it and no other."""
        if length == 0:
            return b""
        first, last = (8 + offset) // CHUNK, (8 + offset + length - 1) // CHUNK
        plain, shift = self.plain(first, last), first * CHUNK
        if first == 0:
            must(int.from_bytes(plain[:8], "big") == size, "another length")
        must(not any(plain[max(8 + size - shift, 0) :]), "padding is not zero")
        return plain[8 + offset - shift :][:length]


class Record:
    """A sealed record; `read(offset, length)` gives bytes of it."""

    def __init__(self, read, size, cek, salt):
        self.read, self.cek, self.salt = read, cek, salt
        must(size >= 8 + 80 + 80, "too short")
        sealed = int.from_bytes(read(size - 8, 8), "big")
        start = size - 8 - sealed
        # No manifest of 16 MiB is longer, and none of 0 bytes shorter, than this.
        if start < 80 or not 80 <= sealed <= sealed_length(16 << 20):
            self.tell_wrong_key()
            raise Corrupted("no manifest")
        key = hkdf(cek, salt, b"medibloc/manifest/v1")
        stream = Stream(read, start, sealed, key, b"medibloc/envelope/v1/manifest" + salt)
        if not stream.key_fits:
            self.tell_wrong_key()
        content = stream.whole()
        must(len(content) <= 16 << 20, "a manifest too long")
        self.manifest = checked(content)
        must(self.manifest["files"][-1]["end"] == start, "the files end elsewhere")

    def stream(self, index, start, sealed):
        place = index.to_bytes(4, "big")
        key = hkdf(self.cek, self.salt, b"medibloc/file/v1" + place)
        context = b"medibloc/envelope/v1/file" + self.salt + place
        return Stream(self.read, start, sealed, key, context)

    def tell_wrong_key(self):
        if not self.stream(0, 0, 80).key_fits:
            raise WrongKey

    def file(self, index):
        entry = self.manifest["files"][index]
        return self.stream(index, entry["offset"], entry["sealed"]).whole(entry["size"])

    def range(self, index, offset, length):
        entry = self.manifest["files"][index]
        assert 0 <= offset <= offset + length <= entry["size"]
        stream = self.stream(index, entry["offset"], entry["sealed"])
        return stream.range(entry["size"], offset, length)

    def frame(self, index, frame):
        entry = self.manifest["files"][index]
        meta = entry["meta"]
        if frame >= meta.get("frames", 0) or "pixels_at" not in meta:
            raise NoFrame
        offset, length = place_of(meta, frame)
        must(0 <= offset < offset + length <= entry["size"], "a frame outside of its file")
        data = self.range(index, offset, length)
        return without_heads(data) if meta.get("encapsulated") else data


def place_of(meta, frame):
    """Where a frame lies in the content, and its length."""
    start, length = meta["pixels_at"], meta.get("frame_bytes")
    if length is not None:
        must(type(start) is int and type(length) is int, "no place")
        return start + frame * length, length
    lengths, text = [], 0
    while packed := bytes_of(meta.get(f"frame_lengths_{text}")):
        lengths += [length for (length,) in struct.iter_unpack(">I", packed)]
        text += 1
    must(type(start) is int and frame < len(lengths), "no length")
    return start + sum(lengths[:frame]), lengths[frame]


def bytes_of(text):
    """What a text of base64 stands for; nothing if it is none."""
    try:
        packed = b64decode(text, validate=True)
    except (TypeError, ValueError):
        return b""
    return packed[: len(packed) // 4 * 4]


def without_heads(data):
    """The fragments of encapsulated pixels."""
    fragments = b""
    while data:
        must(len(data) >= 8 and data[:4] == b"\xfe\xff\x00\xe0", "no item")
        end = 8 + int.from_bytes(data[4:8], "little")
        must(end <= len(data), "an item that is cut")
        fragments, data = fragments + data[8:end], data[end:]
    return fragments


def checked(content):
    """A manifest, decoded; an entry learns its `end`."""
    try:
        manifest = dag_cbor.decode(content)
    except (
        RecursionError,
        ValueError,
        LookupError,
        OverflowError,
        dag_cbor.decoding.CBORDecodingError,
    ):
        raise Corrupted("no strict DAG-CBOR") from None
    of_keys(manifest, "v kind files meta")
    must(type(manifest["v"]) is int and manifest["v"] == 1, "another version")
    must(type(manifest["kind"]) is int and 0 < manifest["kind"] < 1 << 32, "no kind")
    of_meta(manifest["meta"])
    files = manifest["files"]
    must(isinstance(files, list) and 0 < len(files) <= 50_000, "no files")
    end = 0
    for file in files:
        of_keys(file, "name offset sealed size meta")
        must(all(type(file[key]) is int for key in ("offset", "sealed", "size")), "no integer")
        must(0 <= file["size"] < 1 << 48, "too large")
        must(file["offset"] == end and file["sealed"] == sealed_length(file["size"]), "no place")
        end = file["end"] = end + file["sealed"]
        of_meta(file["meta"])
        of_name(file["name"])
    folded = [unicodedata.normalize("NFC", file["name"]).casefold() for file in files]
    must(len(set(folded)) == len(folded), "two have one name")
    folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
    must(not folders & set(folded), "a file is a folder")
    return manifest


def of_keys(value, keys):
    must(isinstance(value, dict) and set(value) == set(keys.split()), "other keys")


def of_meta(meta):
    must(isinstance(meta, dict) and len(meta) <= 64, "no meta")
    for name, value in meta.items():
        must(len(name) <= 256 and isinstance(value, (str, int)), "no meta")
        must(not isinstance(value, str) or len(value) <= 4096, "no meta")


def of_name(name):
    must(isinstance(name, str) and len(name.encode()) <= 1024, "no name")
    must(not FORBIDDEN & set(name), "a character in a name")
    parts = name.split("/")
    must(len(parts) <= 16, "too many parts")
    for part in parts:
        must(part and part[-1] not in ". " and len(part.encode()) <= 255, "no part of a name")
        must(not DEVICE.fullmatch(part), "a device")
