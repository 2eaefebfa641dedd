"""Writes keys.json: key bundles, record secrets, wrapping contexts and a key file.

Derived from fixed labels, except `frozen`: HPKE draws its own randomness, so what it
wrapped was made once and is only opened ever since. Bytes are hex with 0x.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from make_ids import account, shown, some

from medibloc_py.crypto import curve, hpke, keyfile, keys
from medibloc_py.model import Address, ListingId, RecordId

PATH = Path(__file__).with_name("keys.json")
PASSWORD = "Ünïcode pass ﬁ"
SCRYPT_N = 1 << 4


def fixed_pair(label: str) -> keys.KeyPair:
    """A fixed key pair for a label."""
    return keys.KeyPair(
        some(f"{label} locator"),
        some(f"{label} mlkem d") + some(f"{label} mlkem z"),
        some(f"{label} hybrid"),
    )


def fixed_keys() -> keys.EncryptionKeys:
    """Two versions of one account's keys."""
    return keys.EncryptionKeys(some("root secret"), (fixed_pair("first"), fixed_pair("second")))


def records() -> list[dict[str, Any]]:
    """Record secrets and all that follows from them."""
    cases = []
    for number in range(4):
        root_secret, r, salt = (some(f"{name} {number}") for name in ("root", "r", "salt"))
        x = keys.record_scalar(root_secret, r)
        c_point, x_point = keys.commitment_point(x), keys.record_point(x)
        cases.append(
            {
                "root_secret": root_secret,
                "r": r,
                "salt": salt,
                "x": curve.scalar_bytes(x),
                "X": x_point,
                "C": c_point,
                "cek": keys.cek(x_point, salt),
                "key_commitment": keys.key_commitment(c_point, salt),
            }
        )
    return cases


def contexts() -> dict[str, bytes]:
    """One `info` of each kind."""
    chain, record, terms = 31337, RecordId(some("record")), (7, 1 << 63, 1_900_000_000)
    parties: tuple[Address, Address] = (account("patient"), account("clinician"))
    grants = account("grants")
    return {
        "grant": hpke.grant_info(chain, grants, record, *parties, *terms),
        "locator": hpke.locator_info(chain, grants, record, *parties, *terms),
        "record_file": hpke.record_file_info(chain, account("records"), record, parties[0]),
        "quote": hpke.quote_info(
            chain, account("market"), ListingId(some("listing")), account("steward"), parties[1]
        ),
        "vault": hpke.vault_info("record-é"),
    }


def freeze() -> dict[str, Any]:
    """Wraps anew; run only when the format changes."""
    bundle, info = fixed_pair("first").bundle, contexts()
    return {
        "payload": some("payload", 21),
        "wrapped": hpke.wrap(some("payload", 21), bundle, info["grant"]),
        "digest": some("digest"),
        "locator": hpke.seal_locator(some("digest"), bundle, info["locator"]),
    }


def build() -> dict[str, Any]:
    """All that does not depend on luck."""
    held = fixed_keys()
    file = keyfile._seal(held, PASSWORD, SCRYPT_N, some("kdf salt"), some("nonce", 12))
    return {
        "U": shown(curve.encode_point(curve.second_generator())),
        "pairs": shown(
            [
                {
                    "locator_seed": pair.locator_seed,
                    "mlkem_seed": pair.mlkem_seed,
                    "hybrid_seed": pair.hybrid_seed,
                    "bundle": pair.bundle,
                    "bundle_hash": pair.bundle_hash,
                }
                for pair in held.pairs
            ]
        ),
        "records": shown(records()),
        "contexts": shown(contexts()),
        "key_file": {
            "root_secret": shown(held.root_secret),
            "password": PASSWORD,
            "file": file.decode(),
        },
    }


if __name__ == "__main__":
    frozen = shown(freeze()) if "--freeze" in sys.argv else json.loads(PATH.read_text())["frozen"]
    PATH.write_text(json.dumps(build() | {"frozen": frozen}, indent=1) + "\n")
