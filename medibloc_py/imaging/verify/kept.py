"""What the check lets stand because an option of the profile asks for it, by its own list."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

_DEVICE: Final = """
    StationName DeviceSerialNumber DeviceUID PlateID GantryID GridID CassetteID DetectorID
    GeneratorID DeviceDescription DeviceLabel DeviceID LensMake LensModel LensSerialNumber
    CameraOwnerName LensSpecification UDISequence UniqueDeviceIdentifier XRaySourceID XRayDetectorID
    TransducerIdentificationSequence SourceSerialNumber SourceManufacturer LongDeviceDescription
    ManufacturerDeviceIdentifier ManufacturerDeviceClassUID DeviceAlternateIdentifier
    TreatmentMachineName ScheduledStationName PerformedStationName BeamModifierSerialNumber
    PrimaryFluenceMode RadiationMachineName FilterMaterial ScheduledStationNameCodeSequence
    PerformedStationNameCodeSequence CalibrationDate CalibrationTime CalibrationDateTime
    DateOfLastCalibration TimeOfLastCalibration DateTimeOfLastCalibration DateOfManufacture
    DateOfInstallation DateOfLastDetectorCalibration TimeOfLastDetectorCalibration
    ModifyingSystem ModifyingDeviceID ScheduledStudyLocation ScheduledProcedureStepLocation
    SecondaryCaptureDeviceID HardcopyCreationDeviceID BeamHoldTransitionDateTime SensorName
    DeviceLotNumber XRayDetectorLabel XRaySourceLabel
"""
_INSTITUTION: Final = """
    InstitutionName InstitutionAddress InstitutionalDepartmentName InstitutionCodeSequence
    InstitutionalDepartmentTypeCodeSequence ClinicalTrialCoordinatingCenterName
    ClinicalTrialProtocolEthicsCommitteeName ClinicalTrialSiteID ClinicalTrialSiteName
    SourceOfPreviousValues
"""
_PATIENT: Final = """
    PatientAge PatientSex PatientSize PatientWeight EthnicGroup EthnicGroups SmokingStatus
    PregnancyStatus Allergies PatientState PreMedication SpecialNeeds PatientSexNeutered
    PatientBodyMassIndex MeasuredAPDimension
"""
_TIMES: Final = "TimezoneOffsetFromUTC CertifiedTimestamp FrameOriginTimestamp"
_BY_OPTION: Final = {
    "retain-longitudinal-full-dates": _TIMES,
    "retain-longitudinal-modified-dates": _TIMES,
    "retain-device-identity": _DEVICE,
    "retain-institution-identity": _INSTITUTION,
    "retain-patient-characteristics": _PATIENT,
}


def kept_tags(options: Collection[str]) -> frozenset[int]:
    """Tags whose values may stay under the options chosen."""
    from pydicom.datadict import tag_for_keyword

    names = {name for option in options for name in _BY_OPTION.get(option, "").split()}
    tags = (tag_for_keyword(name) for name in names)
    return frozenset(tag for tag in tags if tag is not None)
