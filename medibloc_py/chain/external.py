"""Accounts whose key is elsewhere: with clef, Frame, a hardware wallet behind either, or a node.

The signer is a program of its own, asked by JSON-RPC over HTTP or a Unix socket; it asks its
owner. What it gives back is a stranger's: a transaction must be to the byte the one that it was
asked for, signed by the account, and a signature must recover to the account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.address import checksummed, parse_address
from medibloc_py.chain.keyfile import read_json, write_new
from medibloc_py.chain.line import Line, Nonsense, RpcRefusal, Silence, public_url
from medibloc_py.chain.questions import fields_of, function_of, minimal, number, typed_json
from medibloc_py.chain.socket_line import SocketLine
from medibloc_py.chain.typed import TypedFields, recover_typed, typed_digest
from medibloc_py.errors import (
    InvalidAddress,
    InvalidValue,
    KeyElsewhere,
    KeyFileCorrupt,
    SignerAnsweredWrong,
    SignerRefused,
    SignerUnreachable,
)
from medibloc_py.errors.plain import plain
from medibloc_py.model import Address

TIMEOUT_S = 120.0
"""Longest wait for a signature: a person decides. Others wait longer for the journal's turn."""
FORMAT = "medibloc-signer-1"
_LISTS = ("account_list", "eth_accounts")
_TRANSACTIONS = ("account_signTransaction", "eth_signTransaction")
_TYPED_DATA = ("account_signTypedData", "eth_signTypedData_v4")
_NO_SUCH_METHOD = frozenset({-32601, -32004, 4200})
_MOST_TAIL = 80
"""Bytes that a signature and the list around it add to a transaction, at most."""


@dataclass(frozen=True, slots=True)
class ExternalSigner(Signer):
    """An account whose key another program holds.

    Attributes:
        place: http or https URL, or path of a Unix socket; a URL may hold a key of its own.
    """

    address: Address
    place: str = field(repr=False)

    @property
    def url(self) -> str:
        """What may be shown of the place."""
        return shown(self.place)

    def sign_transaction(self, transaction: Mapping[str, object]) -> tuple[bytes, str]:
        """As `Signer`.

        Raises:
            SignerUnreachable: no answer, or none in time.
            SignerRefused: it does not sign.
            SignerAnsweredWrong: what it signed is not what it was asked to.
        """
        from eth_hash.auto import keccak

        question = {
            "from": self.address,
            **{n: hex(v) if isinstance(v, int) else v for n, v in transaction.items()},
        }
        answer = self._ask(_TRANSACTIONS, question, told=function_of(transaction))
        raw = self._bytes(answer.get("raw") if isinstance(answer, dict) else answer)
        self._require_asked(raw, transaction)
        return raw, "0x" + keccak(raw).hex()

    def sign_typed(
        self,
        domain: Mapping[str, object],
        types: Mapping[str, TypedFields],
        primary: str,
        message: Mapping[str, object],
    ) -> tuple[bytes, bytes]:
        """As `Signer`.

        Raises:
            SignerUnreachable, SignerRefused, SignerAnsweredWrong: as `sign_transaction`.
        """
        digest = typed_digest(domain, types, primary, message)
        answer = self._ask(_TYPED_DATA, self.address, typed_json(domain, types, primary, message))
        signature = self._bytes(answer)
        if len(signature) == 65 and signature[64] in (0, 1):  # as some write 27 and 28
            signature = signature[:64] + bytes([signature[64] + 27])
        try:
            signed_by = recover_typed(domain, types, primary, message, signature)
        except InvalidValue:
            raise self._wrong("its signature is none") from None
        if signed_by != self.address:
            raise self._wrong("its signature is of another text, or of another account")
        return digest, signature

    def export_key(self) -> bytes:
        """Never.

        Raises:
            KeyElsewhere: always.
        """
        raise KeyElsewhere(account=self.address, url=self.url)

    def require_held(self) -> None:
        """Sees that the signer has this account.

        Raises:
            SignerUnreachable: no answer, or none in time.
            SignerRefused: it does not have it, or does not say.
            SignerAnsweredWrong: an answer that is no list.
        """
        answer = self._ask(_LISTS)
        if not isinstance(answer, list):
            raise self._wrong("it was asked for its accounts, and gave no list")
        if self.address.lower() not in {str(each).lower() for each in answer}:
            raise self._refused("it shows no such account")

    def require_answer(self) -> None:
        """Sees that the signer runs; its owner is not asked.

        Raises:
            SignerUnreachable: no answer.
            SignerRefused, SignerAnsweredWrong: it is no signer.
        """
        self._ask(("account_version", "web3_clientVersion"))

    def _ask(self, methods: tuple[str, ...], *params: object, told: Sequence[str] = ()) -> Any:
        """Asks by the first of several names that the signer knows.

        Args:
            methods: clef's name first.
            params: for each.
            told: for clef besides, which shows it to its owner.
        """
        line = _line(self.place)
        refused: RpcRefusal | None = None
        for method in methods:
            more = tuple(told) if method.startswith("account_") else ()
            try:
                return line.request(method, params + more)
            except Silence as silence:
                raise SignerUnreachable(url=self.url, reason=silence.reason) from silence
            except Nonsense as nonsense:
                raise self._wrong(str(nonsense)) from nonsense
            except RpcRefusal as error:
                if error.code not in _NO_SUCH_METHOD:
                    raise self._refused(error.message) from error
                refused = error
        raise self._refused("it knows no method for that") from refused

    def _bytes(self, value: object) -> bytes:
        try:
            if isinstance(value, str) and value.startswith("0x"):
                return bytes.fromhex(value[2:])
        except ValueError:
            pass
        raise self._wrong(f"it gave {plain(value)}, which is no bytes")

    def _require_asked(self, raw: bytes, transaction: Mapping[str, object]) -> None:
        """Takes the signature out, and holds the rest against what was asked for.

        What is signed is put together here, from the question: of the answer only three
        numbers count, and that nothing else came with them.
        """
        import rlp
        from eth_hash.auto import keccak
        from eth_keys.datatypes import Signature
        from eth_keys.exceptions import BadSignature
        from eth_utils.exceptions import ValidationError

        kind, fields = fields_of(transaction)
        chain_id = number(transaction, "chainId")
        if len(raw) > len(rlp.encode(fields)) + _MOST_TAIL:
            raise self._wrong("it signed a longer transaction")
        try:
            *_, v, r, s = rlp.decode(raw[len(kind) :])
            again = kind + rlp.encode([*fields, v, r, s])
            numbers = [int.from_bytes(each) for each in (v, r, s)]
        except (rlp.exceptions.RLPException, TypeError, ValueError):
            raise self._wrong("it gave no signed transaction") from None
        if again != raw:
            raise self._wrong("it signed another transaction than it was asked to")
        to_sign = fields if kind else [*fields, minimal(chain_id), b"", b""]
        odd = numbers[0] if kind else numbers[0] - 35 - 2 * chain_id
        try:
            signature = Signature(vrs=(odd, numbers[1], numbers[2]))
            digest = keccak(kind + rlp.encode(to_sign))
            key = signature.recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError):
            raise self._wrong("its signature is none") from None
        if checksummed(key.to_canonical_address()) != self.address:
            raise self._wrong("it signed with another account")

    def _refused(self, reason: str) -> SignerRefused:
        return SignerRefused(url=self.url, account=self.address, reason=reason)

    def _wrong(self, reason: str) -> SignerAnsweredWrong:
        return SignerAnsweredWrong(url=self.url, reason=reason)


def shown(place: str) -> str:
    """What may be shown of a signer's place: of a URL scheme, host and port only.

    Raises:
        InvalidValue: it is neither a URL nor an absolute path.
    """
    if Path(place).is_absolute():
        return place
    if place.startswith(("http://", "https://")):
        return public_url(place)
    raise InvalidValue(
        name="signer", given="another text", allowed="an http or https URL, or a socket's full path"
    )


def save_signer_file(path: Path, signer: ExternalSigner) -> None:
    """Notes where the key of an account is, in a new private file.

    Raises:
        AccountExists: something is at `path`; it was not touched.
        StoreFailed: the file cannot be written; nothing is left of it.
    """
    content = {"version": FORMAT, "address": signer.address, "signer": signer.place}
    write_new(path, json.dumps(content, indent=1).encode())


def load_signer_file(path: Path) -> ExternalSigner:
    """Reads where the key of an account is; no password is needed, for it holds no key.

    Raises:
        AccountUnknown: there is no file.
        KeyFileCorrupt: it is no such file.
    """
    content = read_json(path)
    place = content.get("signer")
    if content.get("version") != FORMAT or not isinstance(place, str):
        raise KeyFileCorrupt(path=path, reason="it does not say where the key is")
    try:
        shown(place)
        return ExternalSigner(parse_address(str(content.get("address"))), place)
    except (InvalidAddress, InvalidValue) as error:
        raise KeyFileCorrupt(path=path, reason=error.message.rstrip(".")) from error


def _line(place: str) -> Line | SocketLine:
    if Path(place).is_absolute():
        return SocketLine(Path(place), TIMEOUT_S)
    return Line(place, TIMEOUT_S)
