"""A stranger's reader: docs/envelope-v1.md and docs/sale-v1.md and nothing of ours.

Slow, plain and written from the documents alone, on the standard library and bare
primitives. What it cannot read is not documented. Sealed records: `stranger_record.py`.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


# Key derivation.


def hkdf_expand(prk, info, length, hash_name):
    out = block = b""
    for counter in range(1, -(-length // hashlib.new(hash_name).digest_size) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), hash_name)
        out += block
    return out[:length]


def hkdf(secret, salt, info, length=32):
    return hkdf_expand(hmac.digest(salt, secret, "sha256"), info, length, "sha256")


# HPKE, base mode, single shot: HKDF-SHA256 (1) and AES-256-GCM (2).


def hpke_open(kem_id, shared, ciphertext, info):
    suite = b"HPKE" + kem_id.to_bytes(2, "big") + b"\x00\x01\x00\x02"

    def extract(salt, label, secret):
        return hmac.digest(salt, b"HPKE-v1" + suite + label + secret, "sha256")

    def expand(prk, label, context, length):
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hkdf_expand(prk, labelled, length, "sha256")

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def unwrap(wrapped, mlkem_seed, hybrid_seed, info):
    """MLKEM768-X25519 (0x647a), whose combiner is that of X-Wing."""
    assert wrapped[0] == 1
    mlkem_ct, x_ct, ciphertext = wrapped[1:1089], wrapped[1089:1121], wrapped[1121:]
    x = X25519PrivateKey.from_private_bytes(hybrid_seed)
    mlkem_shared = MLKEM768PrivateKey.from_seed_bytes(mlkem_seed).decapsulate(mlkem_ct)
    x_shared = x.exchange(X25519PublicKey.from_public_bytes(x_ct))
    public = x.public_key().public_bytes_raw()
    shared = hashlib.sha3_256(mlkem_shared + x_shared + x_ct + public + b"\\.//^\\").digest()
    return hpke_open(0x647A, shared, ciphertext, info)


def open_locator(locator, locator_seed, info):
    """DHKEM(X25519, HKDF-SHA256) (0x0020)."""
    enc, ciphertext = locator[:32], locator[32:]
    x = X25519PrivateKey.from_private_bytes(locator_seed)
    dh = x.exchange(X25519PublicKey.from_public_bytes(enc))
    suite = b"KEM\x00\x20"
    prk = hmac.digest(b"", b"HPKE-v1" + suite + b"eae_prk" + dh, "sha256")
    context = enc + x.public_key().public_bytes_raw()
    shared = hkdf_expand(prk, b"\x00\x20HPKE-v1" + suite + b"shared_secret" + context, 32, "sha256")
    return hpke_open(0x0020, shared, ciphertext, info)


# secp256k1 in affine coordinates; None is the point at infinity.


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(point, scalar):
    result = None
    for bit in bin(scalar % N)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def lift(x, odd):
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return x, y if y % 2 == odd else P - y


def decode(data):
    assert len(data) == 33
    point = lift(int.from_bytes(data[1:], "big"), data[0] - 2)
    assert point is not None
    return point


def encode(point):
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def hash_to_curve(tag):
    for counter in range(1000):
        digest = hashlib.sha256(
            b"medibloc/h2c/v1" + len(tag).to_bytes(8, "big") + tag + counter.to_bytes(4, "big")
        ).digest()
        x = int.from_bytes(digest, "big")
        point = lift(x, 0) if x < P else None
        if point:
            return point
    raise AssertionError


# The point-locked sale.


def table_holds(listing, public, rows, proof):
    """Checks a table; rows are (record, salt, commitment, C, W), proof is (T1, T2, T3, s1, s2)."""
    generator = hash_to_curve(b"medibloc/U/v1")
    transcript = b"medibloc/sale/table/v1" + listing + public + len(rows).to_bytes(8, "big")
    for record, salt, commitment, c, w in rows:
        assert hashlib.sha256(c + salt).digest() == commitment
        transcript += record + salt + c + w
    seed = hashlib.sha256(transcript).digest()
    c_sum = w_sum = h_sum = None
    for index, (record, _, _, c, w) in enumerate(rows):
        digest = hashlib.sha256(
            b"medibloc/sale/weight/v1" + seed + index.to_bytes(8, "big")
        ).digest()
        weight = int.from_bytes(digest[:16], "big") + 1
        c_sum = add(c_sum, mul(decode(c), weight))
        w_sum = add(w_sum, mul(decode(w), weight))
        h_sum = add(h_sum, mul(hash_to_curve(listing + record), weight))
    *points, s1, s2 = proof
    first, second, third = map(decode, points)
    digest = hashlib.sha256(b"medibloc/sale/challenge/v1" + seed + b"".join(points)).digest()
    e = int.from_bytes(digest, "big") % (N - 1) + 1
    return (
        add(mul(generator, s1), mul(h_sum, s2)) == add(first, mul(w_sum, e))
        and mul(G, s1) == add(second, mul(c_sum, e))
        and mul(G, s2) == add(third, mul(decode(public), e))
    )


def recover_cek(listing, record, salt, w, d):
    mask = mul(hash_to_curve(listing + record), N - d)
    return hkdf(encode(add(decode(w), mask)), salt, b"medibloc/cek/v1")
