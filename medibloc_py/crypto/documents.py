"""The payloads that are wrapped for a reader: grant object and record file.

Each is a frozen value with `encode` and `decode`. Wrapping proves who could have
opened a payload, not that its sender is honest, so `decode` is as strict as if
anyone had written it. Scalars are ints here and 32 big-endian bytes on the wire.
The third payload, the quote, has a module of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from medibloc_py.crypto import cbor, curve
from medibloc_py.crypto.cbor import Fields, Refusal
from medibloc_py.crypto.ids import address_bytes
from medibloc_py.crypto.keys import record_scalar
from medibloc_py.errors import InvalidValue
from medibloc_py.model import (
    Address,
    Cid,
    KeyCommitment,
    RecordId,
    Root,
)

MOST_PROOF = 64
"""Siblings in a Merkle proof: a tree of 2^64 leaves."""
MOST_LABEL = 1024
_CID = re.compile(r"b[a-z2-7]{58}")


@dataclass(frozen=True, slots=True)
class GrantObject:
    """What a reader gets: key and place of one record, and how to check both.

    Attributes:
        cek: content key, 32 bytes.
        salt: of the record, 32 bytes.
        cid: of the sealed record.
        size_bytes: of the sealed record.
        proof: from the record's id to a root that `issuer` registered.
    """

    cek: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    cid: Cid
    size_bytes: int
    key_commitment: KeyCommitment
    kind: int
    issuer: Address
    patient: Address
    proof: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Encodes as canonical DAG-CBOR.

        Raises:
            InvalidValue: `decode` would refuse it.
        """
        data = cbor.encode(
            {
                "v": 1,
                "cek": self.cek,
                "salt": self.salt,
                "cid": self.cid,
                "size": self.size_bytes,
                "key_commitment": self.key_commitment,
                "kind": self.kind,
                "issuer": address_bytes(self.issuer),
                "patient": address_bytes(self.patient),
                "proof": list(self.proof),
            }
        )
        self._decode(data, cbor.unwritable("the grant object"))
        return data

    @classmethod
    def decode(cls, data: bytes, source: str = "what was unwrapped") -> GrantObject:
        """Decodes strictly.

        Args:
            data: what `encode` gave.
            source: what to call it in errors.

        Raises:
            DocumentInvalid: any key, type, length or bound is not as it must be.
        """
        return cls._decode(data, cbor.invalid_document("grant object", source))

    @classmethod
    def _decode(cls, data: bytes, refuse: Refusal) -> GrantObject:
        fields = cbor.decode(data, refuse)
        fields.constant("v", 1)
        grant = cls(
            cek=fields.octets("cek", 32),
            salt=fields.octets("salt", 32),
            cid=cid_field(fields),
            size_bytes=fields.uint("size"),
            key_commitment=KeyCommitment(fields.octets("key_commitment", 32)),
            kind=fields.uint("kind", 32),
            issuer=fields.address("issuer"),
            patient=fields.address("patient"),
            proof=fields.hashes("proof", MOST_PROOF),
        )
        fields.end()
        return grant


@dataclass(frozen=True, slots=True)
class RecordFile:
    """What an owner keeps of a record, wrapped to the owner's own bundle.

    Exactly one of `x` and `r` is given: whoever received the record holds its secret
    scalar x; whoever derives x from a root secret holds r. Destroying the file
    destroys the only way to the content key.

    Attributes:
        x: secret scalar of the record.
        r: 32 bytes that give x together with the owner's root secret.
        root: root the record's batch was registered under.
        proof: from the record's id to `root`.
        label: private free text.
        replaces: the record that this one was rotated from, by its issuer's word.

    Raises:
        InvalidValue: both of x and r, or none.
    """

    salt: bytes = field(repr=False)
    cid: Cid
    size_bytes: int
    kind: int
    patient: Address
    issuer: Address
    key_commitment: KeyCommitment
    root: Root
    proof: tuple[bytes, ...] = ()
    label: str = ""
    x: int | None = field(default=None, repr=False)
    r: bytes | None = field(default=None, repr=False)
    replaces: RecordId | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.x is None) == (self.r is None):
            raise InvalidValue(
                name="the record file", given="ambiguous", allowed="with x or with r"
            )

    def scalar(self, root_secret: bytes) -> int:
        """The record's secret scalar x.

        Args:
            root_secret: of the owner; not used when the file holds x itself.
        """
        if self.r is not None:
            return record_scalar(root_secret, self.r)
        assert self.x is not None  # __post_init__ saw to it
        return self.x

    def encode(self) -> bytes:
        """Encodes as canonical DAG-CBOR.

        Raises:
            InvalidValue: `decode` would refuse it; what is kept must open again.
        """
        secret = {"r": self.r} if self.x is None else {"x": curve.scalar_bytes(self.x, "x")}
        before = {} if self.replaces is None else {"replaces": self.replaces}
        data = cbor.encode(
            secret
            | before
            | {
                "v": 1,
                "salt": self.salt,
                "cid": self.cid,
                "size": self.size_bytes,
                "kind": self.kind,
                "patient": address_bytes(self.patient),
                "issuer": address_bytes(self.issuer),
                "key_commitment": self.key_commitment,
                "root": self.root,
                "proof": list(self.proof),
                "label": self.label,
            }
        )
        self._decode(data, cbor.unwritable("the record file"))
        return data

    @classmethod
    def decode(cls, data: bytes, source: str = "what was unwrapped") -> RecordFile:
        """Decodes strictly; arguments and errors as `GrantObject.decode`."""
        return cls._decode(data, cbor.invalid_document("record file", source))

    @classmethod
    def _decode(cls, data: bytes, refuse: Refusal) -> RecordFile:
        fields = cbor.decode(data, refuse)
        fields.constant("v", 1)
        derived = fields.has("r")
        record = cls(
            salt=fields.octets("salt", 32),
            cid=cid_field(fields),
            size_bytes=fields.uint("size"),
            kind=fields.uint("kind", 32),
            patient=fields.address("patient"),
            issuer=fields.address("issuer"),
            key_commitment=KeyCommitment(fields.octets("key_commitment", 32)),
            root=Root(fields.octets("root", 32)),
            proof=fields.hashes("proof", MOST_PROOF),
            label=fields.text("label", MOST_LABEL),
            x=None if derived else scalar_field(fields, "x"),
            r=fields.octets("r", 32) if derived else None,
            replaces=RecordId(fields.octets("replaces", 32)) if fields.has("replaces") else None,
        )
        fields.end()
        return record


def require_label(label: str) -> None:
    """Raises `InvalidValue` unless a label can be kept: a record file has to read back."""
    if len(label) > MOST_LABEL or not label.isprintable():
        raise InvalidValue(
            name="label",
            given=f"{len(label)} characters",
            allowed=f"at most {MOST_LABEL} that can be printed",
        )


def cid_field(fields: Fields) -> Cid:
    """Takes `cid`: the text of a CIDv1 with a sha2-256 digest, by its shape."""
    cid = fields.text("cid", 59)
    if not _CID.fullmatch(cid):
        fields.fail("cid is not the text of a CIDv1 in base32")
    return Cid(cid)


def scalar_field(fields: Fields, key: str) -> int:
    """Takes a scalar of 32 bytes."""
    try:
        return curve.parse_scalar(fields.octets(key, curve.SCALAR_BYTES), key)
    except InvalidValue:
        fields.fail(f"{key} is not a scalar")
