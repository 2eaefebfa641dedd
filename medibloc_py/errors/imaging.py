"""Failures of de-identification: what was not done, and what was done and not good enough."""

from __future__ import annotations

from medibloc_py.errors.base import IntegrityError, RefusedError


class DeidentificationRefused(RefusedError):
    """A file whose identity cannot be removed."""

    what = "{name} cannot be de-identified: {reason}."
    fix = "Leave the file out, or repair it where it came from; nothing of it was written."


class IdentityLeft(RefusedError):
    """The independent check found something of the original in the output."""

    what = "{name} still holds {count} values that must not leave, of {places}."
    fix = "Do not publish it. Nothing was written; report the attributes named, not their values."


class StructureChanged(RefusedError):
    """The independent check found that the images are not the same."""

    what = "{name} is not what it was before its identity was removed: {reason}."
    fix = "Do not publish it. Nothing was written; please report this as a defect."


class TreatmentOnly(RefusedError):
    """A record that says who the patient is, and a purpose that is not the patient's care."""

    what = "The record {record} says who the patient is: it may be used for treatment only."
    fix = (
        "Grant it for TREATMENT, or publish the study again without `--treatment`: then who the "
        "patient is goes first."
    )


class DeidentificationMissing(RefusedError):
    """A record for research that does not say how who the patient is was removed."""

    what = (
        "The record {record} has no de-identification receipt: nobody signed that it does not "
        "say who the patient is."
    )
    fix = (
        "Ask its issuer to publish the study again (`medibloc record publish`), and sell the new "
        "record; this one may stay for treatment."
    )


class DeidentificationReceiptInvalid(IntegrityError):
    """A receipt that does not prove how identity was removed from what it came with."""

    what = "The de-identification receipt of {name} proves nothing: {reason}."
    fix = "Do not rely on it, and do not pass the images on; ask the issuer of the record."
