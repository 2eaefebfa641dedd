"""What `seal.py` times: the ceilings, sealing, and reading one frame."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.model import Cid, RecordId
from medibloc_py.storage import CidBuilder, LocalStore

PIECE_BYTES = 1 << 20
NONCE = bytes(12)
FRAME = (512, 512)
FRAME_BYTES = 2 * FRAME[0] * FRAME[1]


def read_and_cipher(path: Path) -> None:
    """The ceiling: a file by `readinto`, and one plain AES-256-GCM call for each MiB of it."""
    _plain_cipher(path, hashed=False)


def read_cipher_and_hash(path: Path) -> None:
    """The ceiling of an id as well: the ciphertext of each MiB through SHA-256."""
    _plain_cipher(path, hashed=True)


def _plain_cipher(path: Path, hashed: bool) -> None:
    cipher = AESGCM(secrets.token_bytes(32))
    plain, sealed = bytearray(PIECE_BYTES), bytearray(PIECE_BYTES + 16)
    with path.open("rb", buffering=0) as file:
        while taken := file.readinto(plain):
            short = taken < PIECE_BYTES
            source = memoryview(plain)[:taken] if short else plain
            target = memoryview(sealed)[: taken + 16] if short else sealed
            cipher.encrypt_into(NONCE, source, None, target)
            if hashed:
                hashlib.sha256(target).digest()


def sources(paths: Sequence[Path]) -> list[SourceFile]:
    """Files to seal, of the names they have."""
    return [SourceFile(path.name, path.stat().st_size, partial(path.open, "rb")) for path in paths]


def sealed(paths: Sequence[Path]) -> Iterator[memoryview]:
    """A record of these files, under keys of its own."""
    return seal_record(sources(paths), secrets.token_bytes(32), secrets.token_bytes(32))


def seal(paths: Sequence[Path]) -> None:
    """Seals and drops the ciphertext."""
    for _ in sealed(paths):
        pass


def seal_and_name(paths: Sequence[Path]) -> None:
    """Seals and computes the CID, on all cores this process may use."""
    with CidBuilder() as builder:
        for piece in sealed(paths):
            builder.write(piece)
        builder.finish()


def write_random(path: Path, size_bytes: int, block: bytes) -> Path:
    """Writes a file of this size that repeats a block."""
    with path.open("wb") as file:
        for start in range(0, size_bytes, len(block)):
            file.write(block[: size_bytes - start])
    return path


def write_cine(path: Path, frames: int) -> Path:
    """Writes a DICOM file of random frames, 512 x 512 pixels of 16 bits."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    cine = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    cine.SOPClassUID, cine.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    cine.Rows, cine.Columns = FRAME
    cine.NumberOfFrames, cine.SamplesPerPixel = frames, 1
    cine.BitsAllocated, cine.BitsStored, cine.HighBit, cine.PixelRepresentation = 16, 16, 15, 0
    cine.PhotometricInterpretation = "MONOCHROME2"
    cine.PixelData = os.urandom(FRAME_BYTES) * frames
    cine.save_as(path, enforce_file_format=True)
    return path


class Kept(NamedTuple):
    """A record in a store."""

    store: LocalStore
    cid: Cid
    size_bytes: int
    cek: bytes
    salt: bytes

    @classmethod
    def of(cls, path: Path, folder: Path) -> Kept:
        """Seals one file into a new store."""
        cek, salt = secrets.token_bytes(32), secrets.token_bytes(32)
        store = LocalStore(folder)
        blob = store.put(seal_record(sources([path]), cek, salt))
        return cls(store, blob.cid, blob.size_bytes, cek, salt)

    def opened(self) -> OpenedRecord:
        """The record as its reader finds it, nothing of it read yet."""
        record = RecordId(bytes(32))
        return OpenedRecord(self.store, record, self.cid, self.size_bytes, self.cek, self.salt)

    def read_whole(self) -> None:
        """Opens and verifies every byte."""
        for _ in self.opened().stream(0):
            pass

    def read_frame(self, frame: int) -> np.ndarray:
        """Opens one frame."""
        return self.opened().read_frame(0, frame)
