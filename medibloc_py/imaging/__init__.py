"""DICOM in, arrays out. The only room that knows pydicom."""

from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.pixels import arrays
from medibloc_py.imaging.study import Study, StudyFile, read_study

__all__ = ["FrameReader", "Study", "StudyFile", "arrays", "read_study"]
