"""The chain: networks, contracts, accounts. web3 and eth_account live here, no domain noun does."""

from medibloc_py.chain import abi, factory
from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.address import checksummed, parse_address
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.calldata import creation_code
from medibloc_py.chain.deployment import Deployment
from medibloc_py.chain.examine import NodeState, block_hash, examine
from medibloc_py.chain.external import ExternalSigner, load_signer_file, save_signer_file
from medibloc_py.chain.intent import Offer
from medibloc_py.chain.keyfile import (
    import_key_file,
    key_file_address,
    key_file_content,
    load_key_file,
    new_key_file,
    save_key_file,
    write_new,
)
from medibloc_py.chain.line import public_url
from medibloc_py.chain.local import LocalChain
from medibloc_py.chain.locked import LockedSigner
from medibloc_py.chain.network import Network
from medibloc_py.chain.node import LocalNode, dev_accounts, find_anvil, install_anvil
from medibloc_py.chain.room import Call, Multicall, Room, sends
from medibloc_py.chain.scan import Header, Scanner, Told
from medibloc_py.chain.typed import (
    TypedData,
    domain_separator,
    is_signed_by,
    recover_typed,
    typed_act,
    typed_digest,
    typed_domain,
)
from medibloc_py.chain.witness import BEHIND_MAX_S

__all__ = [
    "BEHIND_MAX_S",
    "Call",
    "Contract",
    "Deployment",
    "ExternalSigner",
    "Header",
    "LocalChain",
    "LocalNode",
    "LockedSigner",
    "Multicall",
    "Network",
    "NodeState",
    "Offer",
    "Room",
    "Scanner",
    "Signer",
    "Told",
    "TypedData",
    "abi",
    "block_hash",
    "checksummed",
    "creation_code",
    "dev_accounts",
    "domain_separator",
    "examine",
    "factory",
    "find_anvil",
    "import_key_file",
    "install_anvil",
    "is_signed_by",
    "key_file_address",
    "key_file_content",
    "load_key_file",
    "load_signer_file",
    "new_key_file",
    "parse_address",
    "public_url",
    "recover_typed",
    "save_key_file",
    "save_signer_file",
    "sends",
    "typed_act",
    "typed_digest",
    "typed_domain",
    "write_new",
]
