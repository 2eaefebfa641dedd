"""Volumes of a head without the face."""

from medibloc_py.imaging.deidentify.faces.find import Faces, find_faces

__all__ = ["Faces", "find_faces"]
