"""The independent check of a de-identified file: no table and no code of what made it."""

from medibloc_py.imaging.verify.check import Verdict, compare, verify

__all__ = ["Verdict", "compare", "verify"]
