"""A sealer of records that does what it is told, also what the product's refuses.

Plain and slow, from docs/envelope-v1.md. Nothing is drawn: chunk salts and contents come
from labels, so that the same calls give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dag_cbor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from make_ids import some

from medibloc_py.crypto import keys, stream

CEK, SALT = some("envelope cek"), some("envelope salt")
CHUNK, SEALED_CHUNK, HEADER, TAG = 16384, 16400, 56, 16
META = {"modality": "CT", "rows": 512}


def content(label: str, size: int) -> bytes:
    """The fixed content of a file; no part of it comes twice."""
    return hashlib.shake_256(f"medibloc vectors {label}".encode()).digest(size)


def padded(data: bytes, length: int | None = None, extra: int = 0, fill: bytes = b"\0") -> bytes:
    """The plaintext of a stream, with another length or padding if told so."""
    room = stream.padded_size(len(data)) - 8 - len(data) + extra
    return (len(data) if length is None else length).to_bytes(8, "big") + data + fill * room


def seal(plain: bytes, key: bytes, context: bytes, label: str) -> bytes:
    """Cobblestone-256 of exactly this plaintext."""
    chunk_salt = some(f"chunk salt {label}")[:24]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + chunk_salt + context
    derived = HKDFExpand(SHA512(), 76, info).derive(key)
    aead, base = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
    sealed = chunk_salt + derived[44:]
    for index in range(len(plain) // CHUNK + 1):
        nonce = (base ^ index).to_bytes(12, "big")
        sealed += aead.encrypt(nonce, plain[index * CHUNK : (index + 1) * CHUNK], None)
    return sealed


def seal_file(index: int, plain: bytes, label: str = "") -> bytes:
    """A file's stream in its right place."""
    return seal(plain, *keys.file_key(CEK, SALT, index), f"file {index} {label}")


def seal_manifest(plain: bytes) -> bytes:
    """The manifest's stream in its right place."""
    return seal(plain, *keys.manifest_key(CEK, SALT), "manifest")


@dataclass(frozen=True)
class Draft:
    """A record before its parts are put together, each of which can be exchanged.

    Attributes:
        files: sealed streams.
        document: the manifest.
        manifest: the manifest encoded, if it is not simply `document`.
        sealed_manifest: its stream, if it is not simply sealed.
        trailer: the last bytes, if not the length of the sealed manifest.
        between: what lies before the manifest's stream and belongs to nothing.
    """

    files: Sequence[bytes]
    document: dict[str, Any]
    manifest: bytes | None = None
    sealed_manifest: bytes | None = None
    trailer: bytes | None = None
    between: bytes = b""

    def record(self) -> bytes:
        """The record."""
        plain = dag_cbor.encode(self.document) if self.manifest is None else self.manifest
        sealed = self.sealed_manifest
        if sealed is None:
            sealed = seal_manifest(padded(plain))
        trailer = len(sealed).to_bytes(8, "big") if self.trailer is None else self.trailer
        return b"".join(self.files) + self.between + sealed + trailer

    @property
    def start(self) -> int:
        """Where the manifest's stream begins."""
        return sum(map(len, self.files))

    def with_file(self, index: int, **changes: Any) -> Draft:
        """The same with another entry; a change to None takes the key away."""
        files = [dict(entry) for entry in self.document["files"]]
        files[index] = {k: v for k, v in (files[index] | changes).items() if v is not None}
        return replace(self, document=self.document | {"files": files})


def content_of(name: str, given: int | bytes) -> bytes:
    """The content of a file: given, or the fixed one of this size."""
    return given if isinstance(given, bytes) else content(name, given)


def draft(files: Sequence[tuple[str, int | bytes, dict[str, Any]]], kind: int = 1) -> Draft:
    """A well-made record; its files are given by their sizes or their contents."""
    streams, entries, offset = [], [], 0
    for index, (name, given, meta) in enumerate(files):
        data = content_of(name, given)
        sealed = seal_file(index, padded(data))
        place = {"offset": offset, "sealed": len(sealed), "size": len(data)}
        entries.append({"name": name, "meta": meta, **place})
        streams.append(sealed)
        offset += len(sealed)
    return Draft(streams, {"v": 1, "kind": kind, "files": entries, "meta": {}})


TWO = draft([("a.dcm", 100, META), ("b.dcm", 100, META)])
"""Two small files of one length."""
