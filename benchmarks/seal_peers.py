"""Encrypts one file with one peer and prints what it took, in the peers' own environment.

    python benchmarks/seal_peers.py PEER FILE

Each reads the file in pieces of 1 MiB where its interface lets it, encrypts in constant
memory and drops the ciphertext, as ours does. Prints one line of JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

PIECE_BYTES = 1 << 20


def pyrage(source: BinaryIO, sink: BinaryIO) -> None:
    """ChaCha20-Poly1305 in chunks of 64 KiB, to an X25519 recipient (age in Rust)."""
    from pyrage import encrypt_io, x25519

    encrypt_io(source, sink, [x25519.Identity.generate().to_public()])


def tink(source: BinaryIO, sink: BinaryIO) -> None:
    """AES-256-GCM in segments of 1 MiB (streaming AEAD of Tink)."""
    import tink
    from tink import streaming_aead

    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    primitive = tink.new_keyset_handle(template).primitive(streaming_aead.StreamingAead)
    with primitive.new_encrypting_stream(sink, b"context") as encrypting:
        while piece := source.read(PIECE_BYTES):
            encrypting.write(piece)


def pynacl(source: BinaryIO, sink: BinaryIO) -> None:
    """XChaCha20-Poly1305 in messages of 1 MiB (secretstream of libsodium)."""
    from nacl import bindings

    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    key = bindings.crypto_secretstream_xchacha20poly1305_keygen()
    sink.write(bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key))
    while piece := source.read(PIECE_BYTES):
        sink.write(bindings.crypto_secretstream_xchacha20poly1305_push(state, piece))


def dropped() -> BinaryIO:
    """A file that keeps nothing."""
    return open("/dev/null", "wb", buffering=0)


PEERS: dict[str, Callable[[Any, Any], None]] = {"pyrage": pyrage, "tink": tink, "pynacl": pynacl}


def main() -> None:
    """Encrypts and prints."""
    name, path = sys.argv[1], Path(sys.argv[2])
    encrypt = PEERS[name]
    encrypt(io.BytesIO(b"to import and to warm up"), dropped())
    with path.open("rb") as source:
        started = time.process_time()
        encrypt(source, dropped())
        took = time.process_time() - started
    print(json.dumps({"version": version(name), "core_seconds": took}))


if __name__ == "__main__":
    main()
