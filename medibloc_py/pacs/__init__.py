"""A hospital's own systems: DICOM and DICOMweb, both ways. What speaks them lives here.

It needs the extra `pacs`; without it, whatever would speak to a peer raises `ExtraMissing`.
"""
