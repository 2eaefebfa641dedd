"""Failures at the edges: transport, keys and integrity."""

from __future__ import annotations

from medibloc_py.errors.base import IntegrityError, SecretError, TransportError

# Transport.


class NodeUnreachable(TransportError):
    """The RPC node does not answer."""

    what = "The node at {url} does not answer: {reason}."
    fix = (
        "Check that it runs (`medibloc up` starts a local one) and try again; "
        "a transaction already sent may still be mined."
    )


class NodeAnsweredWrong(TransportError):
    """The RPC node answered something impossible."""

    what = "The node at {url} answered wrongly: {reason}."
    fix = "Do not rely on this node; use another RPC URL."


class NodesDisagree(NodeAnsweredWrong):
    """Node and witness say different things of one chain."""

    what = "The node at {url} and the witness at {witness} do not agree: {reason}."
    fix = (
        "Nothing was decided on it. One of the two is behind, broken or lying: ask a third "
        "(`medibloc --rpc THIRD --witness {witness} doctor`), and replace the one that it "
        "contradicts."
    )


class WitnessUnreachable(NodeUnreachable):
    """The witness does not answer, so nothing can be checked."""

    what = "The witness at {url} does not answer, so nothing can be checked: {reason}."
    fix = (
        "Bring it back, or name another with --witness. Without a witness (no --witness, no "
        "MEDIBLOC_WITNESS, no `witness` in config.toml) one node is believed."
    )


class ChainMismatch(TransportError):
    """The node serves another chain."""

    what = "The node at {url} serves chain {actual}, not {expected}."
    fix = "Point --rpc at chain {expected}, or choose the network that fits."


class ContractMissing(TransportError):
    """No contract where one must be."""

    what = "There is no code of {name} at {address} on chain {chain_id}."
    fix = (
        "The deployment file does not belong to this chain, or the local chain was "
        "restarted: run `medibloc deploy`."
    )


class TransactionFailed(TransportError):
    """A transaction was mined and failed without a reason."""

    what = "Transaction {transaction} failed: {reason}."
    fix = "Nothing changed but the fee. Look it up, then try again."


class TransactionPending(TransportError):
    """No receipt in time."""

    what = "Transaction {transaction} was not mined within {timeout_s} s."
    fix = (
        "It may still be mined. Run the same command again: it waits for this transaction, with a "
        "higher fee if need be, and sends no other."
    )


class NonceTaken(TransportError):
    """Another transaction of the account has the nonce."""

    what = (
        "Nonce {nonce} of {account} went to another transaction than {transaction}, which can "
        "not be mined beside it."
    )
    fix = (
        "Another program or home folder sends for this account. Look at what it did, then run the "
        "same command again: it takes the next nonce."
    )


class TransactionsUndone(TransportError):
    """What was done is no more: a reorganisation took it back, or the node lost it."""

    what = (
        "The chain took back {undone} transactions of {account} that it had shown in blocks: "
        "{meanings}. {resent} of them were sent again."
    )
    fix = (
        "Nothing else was sent. See what stands (`medibloc audit account {account}`); then run the "
        "command again if it is still needed."
    )


class JournalFailed(TransportError):
    """The journal of transactions cannot be read or written."""

    what = "The journal of transactions at {path} failed: {reason}."
    fix = (
        "No transaction is sent that is not written down first. Check space and rights of the "
        "folder, then run the same command again."
    )


class StoreUnreachable(TransportError):
    """The store does not answer."""

    what = "The store at {url} does not answer: {reason}."
    fix = "Check that it runs and try again; what was stored stays."


class BlobMissing(TransportError):
    """The store does not have a blob."""

    what = "The store does not have {cid}."
    fix = "Ask who published it to pin it, or use the store it was published to."


class StoreFailed(TransportError):
    """The store could not keep or give a blob."""

    what = "The store at {url} failed: {reason}."
    fix = "Nothing half-written was kept. Check space and rights, then try again."


class OutputLost(TransportError):
    """What a command says could not be written."""

    what = "What the command said could not be written: {reason}."
    fix = "What it did stands. Make room where its output goes, then give the same command again."


class PinPending(TransportError):
    """A pinning service has not fetched a blob in time."""

    what = "The pinning service at {url} has {cid} {status}, not pinned, after {timeout_s} s."
    fix = "It may still come: look again with `medibloc store replicas status`."


class PinFailed(TransportError):
    """A pinning service could not keep a blob."""

    what = "The pinning service at {url} could not pin {cid}: {reason}."
    fix = "See that a node that holds it is online and can be reached, then add it again."


class PinMissing(TransportError):
    """A pinning service knows no such request."""

    what = "The pinning service at {url} has no pin request {request}."
    fix = "List what it keeps with `medibloc store replicas status`."


class WorkerLost(TransportError):
    """A worker process ended before its work was done."""

    what = "A worker process ended with status {status} before its work was done."
    fix = "Check that the machine has memory to spare and try again, or work with one process."


# Keys and passwords.


class WrongPassword(SecretError):
    """The password does not open the key file."""

    what = "The password does not open {path}."
    fix = "Try again; the file was not changed."


class KeyFileCorrupt(SecretError):
    """The key file is damaged."""

    what = "{path} is not a readable key file: {reason}."
    fix = "Restore it from your backup; the file was not changed."


class PasswordMissing(SecretError):
    """No password was given."""

    what = "No password was given for {name}."
    fix = (
        "Type it at the prompt, or set --password-file or MEDIBLOC_PASSWORD; "
        "for the passphrase of a sheet, MEDIBLOC_PASSPHRASE."
    )


class SignerUnreachable(SecretError):
    """The program that holds an account's key does not answer."""

    what = "The signer at {url} does not answer: {reason}."
    fix = "Start it, unlock it, and answer what it asks within two minutes; nothing was sent."


class SignerRefused(SecretError):
    """The program that holds an account's key did not sign."""

    what = "The signer at {url} did not sign for {account}: {reason}."
    fix = "See that it has this account, for this chain, and approve there. Nothing was sent."


class SignerAnsweredWrong(SecretError):
    """The program that holds an account's key signed something else than it was asked to."""

    what = "The signer at {url} answered wrongly: {reason}."
    fix = "Nothing was sent. Do not rely on this signer: it is broken, or not the one you think."


class KeyElsewhere(SecretError):
    """The account's key is not on this machine."""

    what = "The key of {account} is not on this machine but with the signer at {url}."
    fix = (
        "Back that key up where it is. The account's encryption keys are in its .encryption.json "
        "under <home>/keys: keep a copy of that file and its password."
    )


class TokenMissing(SecretError):
    """No access token for a service."""

    what = "No access token was given for the pinning service at {url}."
    fix = "Set MEDIBLOC_PINNING_TOKEN, or name a file that holds it with --token-file."


class TokenRefused(SecretError):
    """A service does not take the access token."""

    what = "The pinning service at {url} does not take the access token: {reason}."
    fix = "Ask the service for a new token; nothing was changed."


class WrongKey(SecretError):
    """The key is not the one this was sealed or wrapped for."""

    what = "This {what_for} was not sealed for the key that was used."
    fix = "Use the account it was made for; the data itself is not damaged."


class LockMismatch(SecretError):
    """The secret does not open the lock of this order."""

    what = "The secret shown does not open the lock of order {order}."
    fix = "Settle with the secret of this very quote."


# Integrity.


class Corrupted(IntegrityError):
    """Sealed bytes were changed, cut or extended."""

    what = "{name} is damaged: {reason}."
    fix = "Fetch it again, from another store if need be; do not use what was read."


class StoreDamaged(IntegrityError):
    """Blobs of a store are not what their ids name."""

    what = "The store at {url} has {count} damaged or incomplete blobs: {cids}."
    fix = "Put them there again from another copy, as docs/operations.md says."


class CidMismatch(IntegrityError):
    """The store returned or computed another id."""

    what = "The store answered {actual} where {expected} was asked for."
    fix = "Do not trust this store; nothing of it was kept."


class RecordMismatch(IntegrityError):
    """Opened parts do not give the record id."""

    what = "What was received does not open the record {record}: {reason}."
    fix = "Do not use it; ask the granter or steward again."
