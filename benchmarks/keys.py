"""Measures keys: what wrapping under the post-quantum hybrid costs over X25519 alone.

    python benchmarks/keys.py [--rounds N] [--write] [--json]

The hybrid's side is the library's own `crypto.hpke`, through its public door; the other
side is HPKE of the same library under X25519 alone, which nothing of ours uses for payloads.
Every figure is the best round of many calls.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import secrets
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from medibloc_py.crypto import hpke
from medibloc_py.crypto.documents import GrantObject
from medibloc_py.crypto.keys import EncryptionKeys, KeyPair
from medibloc_py.model import Address, Cid, KeyCommitment

OUT = Path(__file__).with_suffix(".json")
PAGE = OUT.parents[1] / "docs" / "benchmarks.md"
PLACE = re.compile(r"(?<=<!-- keys: table -->\n).*?(?=<!-- keys: end -->)", re.DOTALL)
CLASSICAL = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
INFO = bytes(200)
"""As long as that of a grant object."""
QUOTE_BYTES = 1_000_000
PROOF_HASHES = 17
"""Of a record in a batch of 100,000."""
CALLS = 200

Side = dict[str, float | int]


def grant_object() -> bytes:
    """A grant object, encoded: what a reader of one record gets."""
    person = Address("0x" + "11" * 20)
    return GrantObject(
        cek=secrets.token_bytes(32),
        salt=secrets.token_bytes(32),
        cid=Cid("bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        size_bytes=1 << 30,
        kind=1,
        issuer=person,
        patient=person,
        key_commitment=KeyCommitment(secrets.token_bytes(32)),
        proof=tuple(secrets.token_bytes(32) for _ in range(PROOF_HASHES)),
    ).encode()


def microseconds(work: Callable[[], Any], rounds: int, calls: int = CALLS) -> float:
    """How long one call takes, in the best round of many."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, time.process_time() - start)
    return round(best / calls * 1e6, 1)


def hybrid(payload: bytes, rounds: int) -> Side:
    """What the library takes to wrap and unwrap a payload."""
    keys = EncryptionKeys(secrets.token_bytes(32), (KeyPair.generate(),))
    bundle = keys.pairs[-1].bundle
    wrapped = hpke.wrap(payload, bundle, INFO)
    assert hpke.unwrap(wrapped, keys, INFO, "payload") == payload
    return {
        "wrap_us": microseconds(lambda: hpke.wrap(payload, bundle, INFO), rounds),
        "unwrap_us": microseconds(lambda: hpke.unwrap(wrapped, keys, INFO, "payload"), rounds),
        "bytes": len(wrapped),
    }


def x25519(payload: bytes, rounds: int) -> Side:
    """The same under X25519 alone, keys parsed for each call as the library does."""
    private = X25519PrivateKey.generate()
    seed = private.private_bytes_raw()
    public = private.public_key()

    def unwrap() -> bytes:
        return CLASSICAL.decrypt(wrapped, X25519PrivateKey.from_private_bytes(seed), info=INFO)

    wrapped = CLASSICAL.encrypt(payload, public, info=INFO)
    assert unwrap() == payload
    return {
        "wrap_us": microseconds(lambda: CLASSICAL.encrypt(payload, public, info=INFO), rounds),
        "unwrap_us": microseconds(unwrap, rounds),
        "bytes": len(wrapped),
    }


def locator(rounds: int) -> Side:
    """What the library takes to seal and open a locator."""
    keys = EncryptionKeys(secrets.token_bytes(32), (KeyPair.generate(),))
    bundle, digest = keys.pairs[-1].bundle, secrets.token_bytes(32)
    sealed = hpke.seal_locator(digest, bundle, INFO)
    assert hpke.open_locator(sealed, keys, INFO) == digest
    return {
        "wrap_us": microseconds(lambda: hpke.seal_locator(digest, bundle, INFO), rounds),
        "unwrap_us": microseconds(lambda: hpke.open_locator(sealed, keys, INFO), rounds),
        "bytes": len(sealed),
    }


def key_pair(rounds: int) -> dict[str, Side]:
    """What a new pair takes, and how long its public part is."""
    return {
        "hybrid": {
            "generate_us": microseconds(KeyPair.generate, rounds),
            "bytes": len(KeyPair.generate().bundle),
        },
        "x25519": {
            "generate_us": microseconds(
                lambda: X25519PrivateKey.generate().public_key().public_bytes_raw(), rounds
            ),
            "bytes": 32,
        },
    }


def measure(rounds: int) -> dict[str, Any]:
    """All figures, as they are written."""
    payloads = {"grant object": grant_object(), "quote of 1 MB": secrets.token_bytes(QUOTE_BYTES)}
    return {
        "command": "make bench-keys",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            "cryptography": version("cryptography"),
            "openssl": backend.openssl_version_text(),
        },
        "payload_bytes": {name: len(payload) for name, payload in payloads.items()},
        "key pair": key_pair(rounds),
        **{
            name: {"hybrid": hybrid(payload, rounds), "x25519": x25519(payload, rounds)}
            for name, payload in payloads.items()
        },
        "locator": {"x25519": locator(rounds)},
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as the table of docs/benchmarks.md."""
    versions = figures["versions"]
    rows = [
        f"One core, cryptography {versions['cryptography']} with {versions['openssl']}.",
        "",
        "| what | under | make, µs | open, µs | bytes |",
        "|---|---|---:|---:|---:|",
    ]
    for what in ("key pair", "grant object", "quote of 1 MB", "locator"):
        for side, costs in figures[what].items():
            under = {"hybrid": "ML-KEM-768 + X25519", "x25519": "X25519"}[side]
            made = costs.get("wrap_us", costs.get("generate_us"))
            opened = f"{costs['unwrap_us']:,g}" if "unwrap_us" in costs else ""
            rows.append(f"| {what} | {under} | {made:,g} | {opened} | {costs['bytes']:,} |")
    return "\n".join(rows)


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="how many rounds of 200 calls")
    parser.add_argument(
        "--write", action="store_true", help="write keys.json and docs/benchmarks.md"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    figures = measure(asked.rounds)
    text = json.dumps(figures, indent=2) + "\n"
    if asked.write:
        OUT.write_text(text, encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(lambda _: f"\n{table(figures)}\n\n", page), encoding="utf-8")
    sys.stdout.write(text if asked.json else table(figures) + "\n")


if __name__ == "__main__":
    main()
