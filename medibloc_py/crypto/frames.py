"""Frames of an append-only file, each sealed to its place (docs/ledger-v1.md).

AES-256-GCM-SIV (RFC 8452) under a key of the file: where a machine's random numbers
repeat, as after a restored snapshot, equal nonces show no more than equal frames. What is
authenticated with a frame is its number and the hash of the frame before it, so frames
cannot change places, be left out in the middle, or come from another file.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from medibloc_py.crypto.ids import address_bytes
from medibloc_py.crypto.keys import KEY_BYTES, hkdf
from medibloc_py.errors import Corrupted, WrongKey
from medibloc_py.model import Address

FRAME_BYTES = 240
"""Of a frame, and of the head before the first."""
CONTENT_BYTES = FRAME_BYTES - 12 - 16
"""Of a frame's content: without nonce and tag."""
_MAGIC = b"medibloc-ledger\x01"
_ID_BYTES = 32
_CHECK_BYTES = 16


def new_head(root_secret: bytes, owner: Address) -> bytes:
    """Makes the head of a new file: what it is, a random id, and a check of the key."""
    file_id = secrets.token_bytes(_ID_BYTES)
    _, check = _derive(root_secret, owner, file_id)
    return (_MAGIC + file_id + check).ljust(FRAME_BYTES, b"\0")


class FrameChain:
    """The frames of one file, sealed or opened one after the other."""

    def __init__(self, root_secret: bytes, owner: Address, head: bytes, name: object) -> None:
        """Begin at the head.

        Args:
            root_secret: of the owner, 32 bytes.
            owner: whose file it is.
            head: the file's first `FRAME_BYTES`.
            name: named in errors.

        Raises:
            Corrupted: it is no such head.
            WrongKey: the file was begun under another root secret or for another owner.
        """
        file_id = head[len(_MAGIC) : len(_MAGIC) + _ID_BYTES]
        key, check = _derive(root_secret, owner, file_id)
        shown = head[len(_MAGIC) + _ID_BYTES :][:_CHECK_BYTES]
        if len(head) != FRAME_BYTES or not head.startswith(_MAGIC):
            raise Corrupted(name=name, reason="it does not begin as a ledger of version 1")
        if not hmac.compare_digest(check, shown):
            raise WrongKey(what_for="ledger")
        if any(head[len(_MAGIC) + _ID_BYTES + _CHECK_BYTES :]):
            raise Corrupted(name=name, reason="its head has more than it must")
        self._cipher = AESGCMSIV(key)
        self._name = name
        self._number = 0
        self._link = sha256(head).digest()

    def seal(self, content: bytes) -> bytes:
        """Seals the next frame: `CONTENT_BYTES` in, `FRAME_BYTES` out."""
        if len(content) != CONTENT_BYTES:
            raise ValueError("a content of another size")
        nonce = secrets.token_bytes(12)
        return self._next(nonce + self._cipher.encrypt(nonce, content, self._place()))

    def open(self, frame: bytes) -> bytes:
        """Opens the next frame.

        Raises:
            Corrupted: it is not what was sealed for this place.
        """
        try:
            content = self._cipher.decrypt(frame[:12], frame[12:], self._place())
        except (InvalidTag, ValueError):
            raise Corrupted(
                name=self._name, reason=f"entry {self._number + 1} is not what was written there"
            ) from None
        self._next(frame)
        return content

    def _place(self) -> bytes:
        number = (self._number + 1).to_bytes(8, "big")
        return b"medibloc/ledger/frame/v1" + number + self._link

    def _next(self, frame: bytes) -> bytes:
        self._number += 1
        self._link = sha256(frame).digest()
        return frame


def _derive(root_secret: bytes, owner: Address, file_id: bytes) -> tuple[bytes, bytes]:
    info = b"medibloc/ledger/v1" + address_bytes(owner)
    derived = hkdf(root_secret, salt=file_id, info=info, length=KEY_BYTES + _CHECK_BYTES)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]
