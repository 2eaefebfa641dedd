"""What travels with pixels and is none: comments, tables of tools, slack. It becomes zeros."""

from medibloc_py.imaging.deidentify.streams.icc import bare_profile
from medibloc_py.imaging.deidentify.streams.pixels import bare_pixels, frames_told

__all__ = ["bare_pixels", "bare_profile", "frames_told"]
