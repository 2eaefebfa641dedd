"""Writes recovery.json: recovery sheets in the clear, under a passphrase, and for guardians.

Derived from fixed labels, except `frozen`: SLIP-0039 draws its own randomness, so its words
were made once and are only put together ever since. Bytes are hex with 0x.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from make_ids import shown, some
from make_keys import PASSWORD, SCRYPT_N, fixed_keys

from medibloc_py.crypto import guardians, recovery, sheet

PATH = Path(__file__).with_name("recovery.json")
THRESHOLD, COUNT = 3, 5


def fixed_secrets() -> recovery.AccountSecrets:
    """An account with two key pairs."""
    return recovery.AccountSecrets(some("account key"), fixed_keys())


def freeze() -> list[str]:
    """Splits anew; run only when the format changes."""
    return guardians.split(some("guarded"), THRESHOLD, COUNT)


def build() -> dict[str, Any]:
    """All that does not depend on luck."""
    held = fixed_secrets()
    return {
        "account_key": shown(held.account_key),
        "root_secret": shown(held.keys.root_secret),
        "pairs": shown([p.locator_seed + p.mlkem_seed + p.hybrid_seed for p in held.keys.pairs]),
        "lines": [
            {"kind": kind, "body": shown(body), "lines": sheet.write_lines(kind, body)}
            for kind, body in ((0, b""), (7, some("body", 9)), (255, some("body", 10)))
        ],
        "clear": recovery.write_clear(held),
        "passphrase": {
            "passphrase": PASSWORD,
            "lines": recovery._write_under_passphrase(
                held, PASSWORD, SCRYPT_N, some("sheet salt", 16)
            ),
        },
        "guardians": {
            "threshold": THRESHOLD,
            "secret": shown(some("guarded")),
            "lines": recovery._write_under_secret(held, some("guarded")),
        },
    }


if __name__ == "__main__":
    frozen = freeze() if "--freeze" in sys.argv else json.loads(PATH.read_text())["frozen"]
    PATH.write_text(json.dumps(build() | {"frozen": frozen}, indent=1) + "\n")
