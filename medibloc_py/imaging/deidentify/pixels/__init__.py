"""Pixels without who the patient is: text that is burned into them, and faces."""

from medibloc_py.imaging.deidentify.pixels.clean import Blanked, CleanPixels, clean_pixels

__all__ = ["Blanked", "CleanPixels", "clean_pixels"]
