"""Blobs by the CID of their bytes: one port, and the rooms behind it."""

from medibloc_py.storage.append_log import AppendLog
from medibloc_py.storage.cid import CidBuilder, cid_bytes, digest_of, raw_cid
from medibloc_py.storage.files import Vault, read_private, write_atomic
from medibloc_py.storage.gateway import GatewayStore
from medibloc_py.storage.kubo import KuboStore
from medibloc_py.storage.local import LocalStore
from medibloc_py.storage.node import KuboNode
from medibloc_py.storage.pinning import PinningService, PinRequest, PinState
from medibloc_py.storage.port import Store

__all__ = [
    "AppendLog",
    "CidBuilder",
    "GatewayStore",
    "KuboNode",
    "KuboStore",
    "LocalStore",
    "PinRequest",
    "PinState",
    "PinningService",
    "Store",
    "Vault",
    "cid_bytes",
    "digest_of",
    "raw_cid",
    "read_private",
    "write_atomic",
]
