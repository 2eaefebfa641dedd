"""Failures found on this side: bad input, and refusals before anything is sent."""

from __future__ import annotations

from medibloc_py.errors.base import InputError, RefusedError

# Input.


class InvalidAddress(InputError):
    """Not an account address."""

    what = (
        "{given} is not an Ethereum address: it needs 0x and 40 hex digits with a right checksum."
    )
    fix = "Copy the address again, or name an account of `medibloc account list`."


class InvalidPurpose(InputError):
    """Not a purpose this exchange knows."""

    what = "{given} is not a purpose term."
    fix = "Join known terms by +, for example HMB+NCU; known are {known}."


class InvalidValue(InputError):
    """An argument outside what is allowed."""

    what = "{name} is {given}; it must be {allowed}."
    fix = "Give another value."


class NotDicom(InputError):
    """A file is not DICOM."""

    what = "{path} cannot be read as DICOM: {reason}."
    fix = "Remove the file from the study or export it again as DICOM Part 10."


class StudyEmpty(InputError):
    """Nothing to publish."""

    what = "{path} holds no file."
    fix = "Name a DICOM file or a folder of DICOM files."


class StudyUnreadable(InputError):
    """A path cannot be read."""

    what = "{path} cannot be read: {reason}."
    fix = "Check that the path exists and that you may read it."


class PixelsUnreadable(InputError):
    """Pixel data cannot be decoded."""

    what = "The pixels of {name} cannot be decoded: {reason}."
    fix = "Check the transfer syntax; the files themselves are intact and can be saved."


class StoreReadOnly(InputError):
    """A store that can only be read."""

    what = "The store at {url} can only be read: it cannot {verb}."
    fix = "Give a folder or the multiaddr of a Kubo RPC with --store."


class NetworkUnknown(InputError):
    """No network of that name."""

    what = "There is no network named {name}; known are {known}."
    fix = "Name one of these, or give its RPC URL with --rpc."


class DryRun(RefusedError):
    """Nothing was sent, as was asked; the command line shows it as a result and ends with 0."""

    what = (
        "Nothing was sent. {meaning} would take about {gas} gas: {fee}, at most {most}.\n{changes}"
    )
    fix = "Without --dry-run it is sent."


class NotApproved(RefusedError):
    """Asked whether to send, the answer was not yes."""

    what = "{meaning} was not sent."
    fix = "Answer y to send it, or give --yes before the command."


class ConfigInvalid(InputError):
    """`config.toml` cannot be used."""

    what = "The configuration {path} cannot be used: {reason}."
    fix = "Mend the file; `medibloc config --help` shows one. Nothing was done."


class DeploymentMissing(InputError):
    """No deployment on record for a chain."""

    what = "No deployment of the contracts on chain {chain_id} is known in {path}."
    fix = "Run `medibloc deploy`, or copy the deployment file of the network here."


class DeploymentInvalid(InputError):
    """A deployment file that cannot be used."""

    what = "The deployment file {path} cannot be used: {reason}."
    fix = "Copy the file again, or run `medibloc deploy`."


class AccountUnknown(InputError):
    """No key of that name."""

    what = "There is no account named {name} in {path}."
    fix = "See `medibloc account list`, or make it with `medibloc account new {name}`."


class AccountExists(InputError):
    """The name is taken."""

    what = "An account named {name} exists in {path}; it was not touched."
    fix = (
        "Choose another name. If `medibloc account list` does not show it, its making was cut off: "
        "move its files away."
    )


class DocumentInvalid(InputError):
    """A file of ours that cannot be used."""

    what = "{path} is not a usable {kind}: {reason}."
    fix = "Ask its sender for it again."


class FileExists(InputError):
    """Something stands where the result would go."""

    what = "{path} exists; it was not touched."
    fix = "Choose another place, or move it away first."


class KeyUnpublished(InputError):
    """A reader without an encryption key."""

    what = "{account} has published no encryption key, so nothing can be wrapped for it."
    fix = "Ask the reader to run `medibloc account publish-key`."


class SheetUnreadable(InputError):
    """A recovery sheet that was not typed or scanned as it was printed."""

    what = "{path} cannot be read as a recovery sheet: {reason}."
    fix = "Compare it with the paper, letter by letter, and try again; nothing was restored."


class SheetsMissing(InputError):
    """Fewer guardians than it takes."""

    what = "{needed} sheets are needed, and {given} were given."
    fix = "Ask other guardians for theirs; it does not matter whose."


class SharesMixed(InputError):
    """Sheets that were not made together."""

    what = "{path} and {other} are not of one set of sheets."
    fix = "Take sheets that were made in one run; older sets open older keys."


class ToolMissing(InputError):
    """A program is not installed."""

    what = "{tool} was not found: {reason}."
    fix = "{remedy}"


class ExtraMissing(InputError):
    """A part of the library that is installed only when asked for."""

    what = "This needs the extra {extra} of MediBloc, which is not installed."
    fix = "Install it: pip install 'medibloc-py[{extra}]'."


# Refusals by the client, before anything is sent.


class InsufficientFunds(RefusedError):
    """The account cannot pay."""

    what = "{account} holds {balance} {unit} and needs {needed}."
    fix = "Fund the account first; nothing was sent."


class ActNotRelayed(RefusedError):
    """A function that nobody may have sent by another."""

    what = "{path} would call {function} of {contract}, which is no signed act; nothing was sent."
    fix = "Do not send it by any other way: it would be done in your own name."


class ActOfSender(RefusedError):
    """A signed act of the very account that would send it."""

    what = (
        "{path} is an act of {signer}, who would send it: the contract takes what an account "
        "sends for its word, and asks for no signature."
    )
    fix = "Let another account relay it."


class KeyMismatched(RefusedError):
    """Another key than the one that was asked for."""

    what = "The key that the node shows for {account} has the fingerprint {found}, not {expected}."
    fix = (
        "Nothing was wrapped for it. Ask the account's owner for the fingerprint by another way; "
        "if it is as you gave it, the node lies: use another."
    )


class OlderKeyPublished(RefusedError):
    """A new key pair that nobody wraps for yet."""

    what = "The newest key pair of {account} is not the one on chain: others wrap for another."
    fix = "Run `medibloc account publish-key` first; nothing was dropped."


class KeyNotDelivered(RefusedError):
    """An emergency access whose key has not come yet."""

    what = (
        "The emergency access to record {record} holds until {until:time}, "
        "but its custodian {custodian} has not delivered the key."
    )
    fix = "Reach the custodian, who runs `medibloc access deliver`; then open again."


class HandOverRefused(RefusedError):
    """A record file that its holder may not pass on."""

    what = (
        "{holder} is neither the issuer nor the patient of record {record}, "
        "so its file is not passed on to {to}."
    )
    fix = "Ask the issuer or the patient to hand it over."


class NotIssuer(RefusedError):
    """A record that another registered."""

    what = "{account} did not register record {record}; {issuer} did."
    fix = "Ask the issuer to seal it under a new key: only it can register what it sealed."


class RecordReplaced(RefusedError):
    """A record that was sealed anew under another key."""

    what = "The record {record} was sealed anew as {newer}, which is held here."
    fix = "Use that one: who reads the old one keeps it until it is shredded."


class GrantNotFound(RefusedError):
    """No grant for this reader."""

    what = "No grant on record {record} for {grantee} stands on this chain."
    fix = "Ask the patient for a grant."


class WorkUnderway(RefusedError):
    """The same work twice at a time."""

    what = "Another process is at work to {work}: it holds {path}."
    fix = "Wait until it has ended. What a process that died held is free."


class RecordNotHeld(RefusedError):
    """The record file is not here."""

    what = "The record {record} is not among the records held in {path}."
    fix = "Use the account that holds it, or import the record file with `medibloc record import`."


class BackupOutdated(RefusedError):
    """A sheet that would not bring the account back as it is."""

    what = "The sheet {path} would not restore {name} as it is: {reason}."
    fix = "Make a new one with `medibloc account backup {name}`, and destroy the old one."


class IssuerNotAccredited(RefusedError):
    """The issuer of a record is not accredited."""

    what = "{issuer}, who registered the record, is not an accredited issuer."
    fix = "Do not rely on the record; ask the issuer to be accredited."
