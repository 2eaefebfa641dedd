"""De-identification by PS3.15 Annex E: tables of the standard, rules, and the walk."""

from medibloc_py.imaging.deidentify.file import Deidentified, deidentify
from medibloc_py.imaging.deidentify.keyed import Pseudonyms
from medibloc_py.imaging.deidentify.options import EDITION, Option

__all__ = ["EDITION", "Deidentified", "Option", "Pseudonyms", "deidentify"]
