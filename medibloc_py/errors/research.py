"""Failures of what researchers do with images."""

from __future__ import annotations

from medibloc_py.errors.base import InputError


class GridMissing(InputError):
    """Slices that no grid of evenly spaced cells holds."""

    what = "The slices of {name} make no even grid: {reason}."
    fix = "Use its array slice by slice, or save the DICOM files and resample them."
