"""Seals one file and prints the peak memory of it, in a process that does nothing else.

    python benchmarks/seal_memory.py FILE [STORE]

With a STORE, the record is put into that folder; else its CID is computed and the
ciphertext dropped. Prints one line of JSON.
"""

from __future__ import annotations

import json
import secrets
import sys
from functools import partial
from pathlib import Path

from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.storage import CidBuilder, LocalStore


def main() -> None:
    """Seals and prints."""
    path, *store = map(Path, sys.argv[1:])
    file = SourceFile("0001.dcm", path.stat().st_size, partial(path.open, "rb"))
    sealed = seal_record([file], secrets.token_bytes(32), secrets.token_bytes(32))
    if store:
        blob = LocalStore(store[0]).put(sealed)
    else:
        with CidBuilder() as builder:
            for piece in sealed:
                builder.write(piece)
            blob = builder.finish()
    print(json.dumps({"sealed_bytes": blob.size_bytes, "peak_rss_mb": peak_bytes() / 1e6}))


def peak_bytes() -> int:
    """The most memory this program had; `ru_maxrss` would count the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
