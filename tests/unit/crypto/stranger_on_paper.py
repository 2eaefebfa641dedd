"""A second reader of recovery sheets, written from docs/envelope-v1.md, section 10, alone.

It shares no line with the product but the standards' own libraries.
"""

from __future__ import annotations

import hashlib
import unicodedata

import dag_cbor
import shamir_mnemonic
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def bech32m(values):
    """The sample code of BIP 350, in a few lines of its own."""
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = ((checksum & 0x1FFFFFF) << 5) ^ value
        for bit, part in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            if (top >> bit) & 1:
                checksum ^= part
    return checksum


def read_line(line):
    number, *groups = line.split()
    values = [CROCKFORD.index(character) for character in "".join(groups)]
    assert len(values) == 38
    assert bech32m([int(number) // 32, int(number) % 32, *values]) == 0x2BC830A3
    bits = "".join(f"{value:05b}" for value in values[:32])
    return int(bits, 2).to_bytes(20, "big")


def read_lines(lines):
    data = b"".join(read_line(line) for line in lines)
    end = 3 + int.from_bytes(data[1:3], "big")
    assert hashlib.sha256(data[:end]).digest()[:8] == data[end : end + 8]
    rest = data[end + 8 :]
    assert len(rest) < 20
    assert not any(rest)
    return data[:3], data[3:end]


def secrets_of(lines, passphrase=None, words=()):
    head, body = read_lines(lines)
    if head[0] == 1:
        return dag_cbor.decode(body)
    if head[0] == 2:
        cost, salt, check, sealed = body[0], body[1:17], body[17:33], body[33:]
        password = unicodedata.normalize("NFKC", passphrase).encode()
        derived = hashlib.scrypt(
            password, salt=salt, n=1 << cost, r=8, p=1, maxmem=1 << 30, dklen=48
        )
        assert derived[32:] == check
        plain = AESGCM(derived[:32]).decrypt(bytes(12), sealed, head + body[:33])
    else:
        secret = shamir_mnemonic.combine_mnemonics(words)
        key = HKDF(SHA256(), 32, salt=b"", info=b"medibloc/recovery/v1").derive(secret)
        plain = AESGCM(key).decrypt(bytes(12), body, head)
    return dag_cbor.decode(plain)
