"""What an attribute is about, by its name in PS3.6: a person, a thing, a method, a description.

The check's own judgement; it shares no table with the library that de-identifies.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from medibloc_py.imaging.verify.parse import Value

TEXTS: Final = frozenset(["AE", "AS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"])
TIMES: Final = frozenset(["DA", "DT", "TM"])
_TELLING: Final = frozenset(["DA", "DT", "PN", "UI"])
PRINTABLE: Final = re.compile(rb"[\x20-\x7e\x80-\xff\r\n\t\f\x1b]+\0?")
# Attributes that are about a thing or a method, whoever was before it.
_TECHNICAL: Final = re.compile(
    r"(?<!Source)Manufacturer(Name|RelatedModelGroup)?$|ModelName|SoftwareVersion|^Application"
    r"|Algorithm|^Implementation"
    r"|Code(Value|Meaning)$|^CodingScheme(Designator|Version|Registry)|^SpecificCharacterSet|MIMEType"
    r"|(Coil|Sequence|EnergyWindow|Radiopharmaceutical|ImplantName|Grid\w*Material)(Element)?Name$"
    r"|CoilConfiguration|Nucleus|Kernel|Filter(s|Type)?$|^Contrast\w*Route"
    r"|^Radiopharmaceutical(Route)?$"
    r"|TriggerSource|Framing|^AcquisitionMode|^(Plate|Phosphor|Rescale|ModalityLUT)Type$"
    r"|Material$|Format(Acquired)?$|^OutputPower|^ProcessingFunction|^StackID$|^DimensionDesc"
    r"|(Correction|Reconstruction)Method$|LinesOfResponse"
)
_NAMING: Final = re.compile(
    r"Institution|Address|Station|ID$|IDs$|Physician|Operator|Person|Organi[sz]ation|Country|Region"
    r"|Occupation|Patient|Owner|Custodian|Contact|Phone|Telecom|Issuer|Author|Observer|Reviewer"
)
# Codes that the standard defines and no person types.
_DEFINED: Final = frozenset(
    [
        "CompletionFlag",
        "ContinuityOfContent",
        "ConversionType",
        "FrameType",
        "ImageType",
        "Modality",
        "PhotometricInterpretation",
        "RelationshipType",
        "ScanOptions",
        "ScanningSequence",
        "SequenceVariant",
        "ValueType",
        "VerificationFlag",
    ]
)
_FILE_ID: Final = re.compile(r"File(Set)?ID$")
_ID: Final = re.compile(r"PatientIDs?$|AccessionNumber|AdmissionID|Telephone|Address$|BirthName")
_PATIENT: Final = re.compile(r"(Other)?Patients?(Birth|MotherBirth)?(Name|ID)s?")
# Codes and numbers that are about a person or a place, too short to be searched for.
_PERSONAL: Final = re.compile(
    r"^GPS|^Patient(Sex|Size|Weight|BodyMass)|^LensSpec|Smoking|Pregnan|DeviceID$|^ReasonForTheAttr"
    r"|^InstanceOrigin"
)
_CLASS: Final = re.compile(r"((?<!Device)Class|Syntax)UID")


@cache
def tells(tag: int) -> bool:
    """Whether an attribute says who, when or which, so that no other value excuses it."""
    name, vr = named(tag)
    return vr in _TELLING or _ID.search(name) is not None


def is_private(tag: int) -> bool:
    """Whether a tag is of a private group."""
    return bool(tag >> 16 & 1)


@cache
def names_patient(tag: int) -> bool:
    """Whether an attribute is the patient's name or number."""
    return _PATIENT.fullmatch(named(tag)[0]) is not None


@cache
def is_personal(tag: int) -> bool:
    """Whether a code or a number is about a person or a place."""
    return _PERSONAL.search(named(tag)[0]) is not None


def describes(tag: int, value: bytes) -> bool:
    """Whether a text describes something in plain words, and names nobody and no place."""
    name, vr = named(tag)
    if not name or vr == "PN" or _NAMING.search(name):
        return False
    return not any(char in b"0123456789" for char in value)


def vr_of(value: Value, data: bytes) -> str:
    """What a value is: its VR, `technical` or `class` by its attribute's name, or empty.

    A value of unknown kind is a text if it could be one.
    """
    name, known = named(value.tag)
    vr = value.vr if value.vr not in ("", "UN") else known
    if vr == "UI" and _CLASS.search(name):
        return "class"
    if vr == "CS" and _FILE_ID.search(name):
        return "LO"  # what its writer called a file may be an id or a name
    if vr in TEXTS and name and _TECHNICAL.search(name):
        return "technical"
    if vr in ("", "UN", "OB") and len(data) < 1 << 16 and PRINTABLE.fullmatch(data):
        return "LO"
    return vr


def is_defined(tag: int) -> bool:
    """Whether the values of an attribute are the standard's own, and nobody types them."""
    return named(tag)[0] in _DEFINED


def names_file(tag: int) -> bool:
    """Whether an attribute is what a file is called."""
    return _FILE_ID.search(named(tag)[0]) is not None


@cache
def named(tag: int) -> tuple[str, str]:
    """Keyword and VR by PS3.6, empty if it has none."""
    from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR

    if not dictionary_has_tag(tag):
        return "", "LO" if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF else ""
    return dictionary_keyword(tag), dictionary_VR(tag).split(" ")[0]
