"""Failures of a hospital's own systems: what a PACS does not answer, take, or give."""

from __future__ import annotations

from medibloc_py.errors.base import TransportError


class PeerUnreachable(TransportError):
    """A PACS does not answer, or hangs up."""

    what = "The PACS at {url} does not answer: {reason}."
    fix = (
        "Check that it runs, its address, and that it knows our AE title, then try again; "
        "what it stored stays."
    )


class PeerRefused(TransportError):
    """A PACS answers, and says no."""

    what = "The PACS at {url} refused: {reason}."
    fix = "Have its administrator allow this for our AE title or token, then try again."


class PeerAnsweredWrong(TransportError):
    """A PACS answers something that no standard allows, or too much of it."""

    what = "The PACS at {url} answered wrongly: {reason}."
    fix = "Nothing of that answer was used. See the logs of the PACS, or use its other interface."


class StudyMissing(TransportError):
    """A PACS has no such study, or will not show it."""

    what = "The PACS at {url} does not have the study that was asked for."
    fix = "Check its Study Instance UID, and that we may read it there."


class RestoreIncomplete(TransportError):
    """Some instances of a record did not get into a PACS."""

    what = "Of {total} files, {count} were not stored at {url}: {names}."
    fix = "What was stored stays. Try again with --skip-present for those that are missing."
