"""Pixels without who the patient is: parts of frames made black, and the text found in them."""

from medibloc_py.imaging.deidentify.pixels.clean import Blanked, CleanPixels, clean_pixels

__all__ = ["Blanked", "CleanPixels", "clean_pixels"]
