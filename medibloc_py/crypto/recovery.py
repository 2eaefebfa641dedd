"""All secrets of an account as lines for paper, and back (docs/envelope-v1.md, section 10).

In the clear, under a passphrase, or under a secret that guardians hold together. What is
sealed is sealed once under a fresh key, so its nonce is zero.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medibloc_py.crypto import cbor, guardians, sheet
from medibloc_py.crypto.keyfile import MOST_N, SCRYPT_N, derive
from medibloc_py.crypto.keys import EncryptionKeys, KeyPair, hkdf
from medibloc_py.errors import InvalidValue, SharesMixed, SheetUnreadable, WrongPassword

CLEAR, UNDER_PASSPHRASE, UNDER_GUARDIANS = 1, 2, 3
_SALT, _CHECK, _TAG = 16, 16, 16
_NONCE = bytes(12)
_PAIR = 128
MOST_PAIRS = 150
"""Key pairs on a sheet: what its lines have room for."""


@dataclass(frozen=True, slots=True)
class AccountSecrets:
    """All that an account is on an empty machine.

    Attributes:
        account_key: private key of the account, 32 bytes.
        keys: root secret and every key pair.
    """

    account_key: bytes = field(repr=False)
    keys: EncryptionKeys


@dataclass(frozen=True, slots=True)
class GuardedSheets:
    """Sheets for guardians: the same lines on each, and words for each.

    Attributes:
        words: of each guardian, 33 words.
    """

    lines: Sequence[str] = field(repr=False)
    words: Sequence[str] = field(repr=False)


def write_clear(account: AccountSecrets) -> list[str]:
    """Writes an account's secrets as lines in the clear: who has them is the account.

    Raises:
        InvalidValue: there are more key pairs than a sheet has lines for.
    """
    return sheet.write_lines(CLEAR, _encode(account))


def write_under_passphrase(
    account: AccountSecrets, passphrase: str, *, n: int = SCRYPT_N
) -> list[str]:
    """Writes an account's secrets as lines under a passphrase, stretched as in a key file.

    Args:
        account: what is written.
        passphrase: any text.
        n: scrypt's cost, a power of two.

    Raises:
        InvalidValue: an empty passphrase, or as `write_clear`.
    """
    if not passphrase:
        raise InvalidValue(name="passphrase", given="empty", allowed="at least one character")
    return _write_under_passphrase(account, passphrase, n, secrets.token_bytes(_SALT))


def _write_under_passphrase(
    account: AccountSecrets, passphrase: str, n: int, salt: bytes
) -> list[str]:
    key, check = derive(passphrase, salt, n)
    before = bytes([n.bit_length() - 1]) + salt + check
    return sheet.write_lines(
        UNDER_PASSPHRASE, _seal(UNDER_PASSPHRASE, key, before, _encode(account))
    )


def write_for_guardians(account: AccountSecrets, threshold: int, count: int) -> GuardedSheets:
    """Writes an account's secrets under a fresh secret, and splits that one among guardians.

    Args:
        account: what is written.
        threshold: how many guardians are enough, 2 or more; fewer learn nothing of the keys.
        count: how many there are, at most 16.

    Raises:
        InvalidValue: these numbers do not go together, or as `write_clear`.
    """
    secret = secrets.token_bytes(guardians.SECRET_BYTES)
    words = guardians.split(secret, threshold, count)
    return GuardedSheets(_write_under_secret(account, secret), words)


def _write_under_secret(account: AccountSecrets, secret: bytes) -> list[str]:
    body = _seal(UNDER_GUARDIANS, _guarded_key(secret), b"", _encode(account))
    return sheet.write_lines(UNDER_GUARDIANS, body)


def needs_passphrase(lines: Mapping[int, bytes]) -> bool:
    """Tells from a sheet's first line whether it opens with a passphrase."""
    return lines.get(1, b"\0")[0] == UNDER_PASSPHRASE


def read(
    lines: Mapping[int, bytes],
    words: Sequence[tuple[object, Sequence[str]]],
    passphrase: str | None,
    path: object,
) -> AccountSecrets:
    """Reads an account's secrets from its lines.

    Args:
        lines: of one sheet, by number.
        words: of guardians, each with where they come from.
        passphrase: if the sheet needs one.
        path: what to call the sheet in errors.

    Raises:
        SheetUnreadable: lines or words are missing, wrong, or not of one sheet.
        WrongPassword: the passphrase is another one.
        SharesMixed, SheetsMissing: the guardians' words are not of this sheet, or too few.
    """
    kind, body = sheet.join_lines(lines, path)
    if kind == CLEAR:
        return _decode(body, path)
    if kind == UNDER_PASSPHRASE:
        return _decode(_open_with_passphrase(body, passphrase or "", path), path)
    if kind != UNDER_GUARDIANS:
        raise SheetUnreadable(path=path, reason=f"its kind {kind} is unknown")
    key = _guarded_key(guardians.combine(words))
    try:
        return _decode(_open(kind, key, b"", body), path)
    except InvalidTag:  # lines and words both hold, but the words open other lines
        raise SharesMixed(path=words[0][0], other=path) from None


def _open_with_passphrase(body: bytes, passphrase: str, path: object) -> bytes:
    cost, salt, check = body[:1], body[1 : 1 + _SALT], body[1 + _SALT : 1 + _SALT + _CHECK]
    if len(body) < 1 + _SALT + _CHECK + _TAG or not 2 <= 1 << cost[0] <= MOST_N:
        raise SheetUnreadable(path=path, reason="its passphrase parameters are unknown")
    key, found = derive(passphrase, salt, 1 << cost[0])
    if not hmac.compare_digest(found, check):
        raise WrongPassword(path=path)
    before = cost + salt + check
    try:
        return _open(UNDER_PASSPHRASE, key, before, body[len(before) :])
    except InvalidTag:
        raise SheetUnreadable(path=path, reason="it was changed after it was sealed") from None


def _guarded_key(secret: bytes) -> bytes:
    return hkdf(secret, salt=b"", info=b"medibloc/recovery/v1")


def _seal(kind: int, key: bytes, before: bytes, plain: bytes) -> bytes:
    """Seals the secrets; what stands before them, and the head of the sheet, is bound to them."""
    head = sheet.head_of(kind, len(before) + len(plain) + _TAG)
    return before + AESGCM(key).encrypt(_NONCE, plain, head + before)


def _open(kind: int, key: bytes, before: bytes, sealed: bytes) -> bytes:
    head = sheet.head_of(kind, len(before) + len(sealed))
    return AESGCM(key).decrypt(_NONCE, sealed, head + before)


def _encode(account: AccountSecrets) -> bytes:
    if len(account.keys.pairs) > MOST_PAIRS:
        raise InvalidValue(
            name="the number of key pairs",
            given=len(account.keys.pairs),
            allowed=f"at most {MOST_PAIRS} on a sheet; copy the key files instead",
        )
    return cbor.encode(
        {
            "v": 1,
            "account": account.account_key,
            "root": account.keys.root_secret,
            "pairs": [
                pair.locator_seed + pair.mlkem_seed + pair.hybrid_seed
                for pair in account.keys.pairs
            ],
        }
    )


def _decode(plain: bytes, path: object) -> AccountSecrets:
    fields = cbor.decode(plain, lambda reason: SheetUnreadable(path=path, reason=reason))
    fields.constant("v", 1)
    key, root = fields.octets("account", 32), fields.octets("root", 32)
    pairs = fields.hashes("pairs", MOST_PAIRS, _PAIR)
    fields.end()
    if not pairs:
        fields.fail("it holds no key pair")
    return AccountSecrets(
        key,
        EncryptionKeys(root, tuple(KeyPair(pair[:32], pair[32:96], pair[96:]) for pair in pairs)),
    )
