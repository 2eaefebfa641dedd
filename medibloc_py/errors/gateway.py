"""Failures of the gateway: what it does not take, and what it cannot do with what it took."""

from __future__ import annotations

from medibloc_py.errors.base import InputError, RefusedError, SecretError, TransportError


class InstanceUnusable(InputError):
    """An instance that belongs to no study, or is no instance."""

    what = "An instance was not taken: {reason}."
    fix = "Send it from a system that writes DICOM with the UIDs of study, series and instance."


class InstanceMismatched(InputError):
    """An instance that is not the one it was announced as."""

    what = "An instance was not taken: its {attribute} is not the one that was announced."
    fix = "Nothing was kept of it. Have the sender repaired: it mixes instances up."


class InstanceConflicts(RefusedError):
    """Other bytes under a UID that was taken before."""

    what = "An instance was not taken: study {study} has its UID with other bytes."
    fix = (
        "What was taken first stays as it is. A changed instance needs a SOP Instance UID of "
        "its own."
    )


class StudyNotSpooled(InputError):
    """No study of that number, or not in a state to do this with."""

    what = "Study {number} cannot be {act}: {reason}."
    fix = "See `medibloc gateway list` for the numbers and where each study stands."


class PatientBooked(RefusedError):
    """A patient's id that belongs to another account."""

    what = "This Patient ID belongs to {account} already."
    fix = "Remove it with `medibloc gateway patients remove` first, if that was an error."


class PatientNotBooked(InputError):
    """A patient's id that belongs to nobody."""

    what = "This Patient ID, of this issuer, belongs to no account."
    fix = "See `medibloc gateway patients list`; the issuer of the id counts, too."


class PullIncomplete(TransportError):
    """Some instances that a PACS had were not taken."""

    what = "Of {total} instances, {count} were not taken."
    fix = "The others are in the queue. The log says why; pull again once that is mended."


class ListenerFailed(TransportError):
    """An address that cannot be listened at."""

    what = "The gateway cannot listen at {url}: {reason}."
    fix = "Choose a free port of this machine, or end what listens there."


class TokenExposed(SecretError):
    """A file with an access token that others may read."""

    what = "The token in {path} cannot be used: {reason}."
    fix = "Put 32 random characters or more into a new file that only you can read (mode 0600)."
