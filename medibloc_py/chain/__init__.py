"""The chain: networks, contracts, accounts. web3 and eth_account live here, no domain noun does."""

from medibloc_py.chain import abi
from medibloc_py.chain.accounts import Signer, recover_typed, typed_digest
from medibloc_py.chain.address import checksummed, parse_address
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.deployment import Deployment
from medibloc_py.chain.keyfile import (
    import_key_file,
    key_file_address,
    load_key_file,
    new_key_file,
    save_key_file,
)
from medibloc_py.chain.local import LocalChain
from medibloc_py.chain.network import Network
from medibloc_py.chain.node import LocalNode, dev_accounts, find_anvil, install_anvil

__all__ = [
    "Contract",
    "Deployment",
    "LocalChain",
    "LocalNode",
    "Network",
    "Signer",
    "abi",
    "checksummed",
    "dev_accounts",
    "find_anvil",
    "import_key_file",
    "install_anvil",
    "key_file_address",
    "load_key_file",
    "new_key_file",
    "parse_address",
    "recover_typed",
    "save_key_file",
    "typed_digest",
]
