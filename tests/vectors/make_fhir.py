"""The world of the FHIR vectors: fixed people, records and events, and what becomes of them.

`python -m tests.vectors.make_fhir` writes `tests/vectors/fhir/*.json` again.
"""

from __future__ import annotations

from pathlib import Path

from medibloc_py import fhir, purpose
from medibloc_py.fhir import Resource
from medibloc_py.model import (
    GENERAL,
    ZERO_ADDRESS,
    Address,
    Batch,
    Consent,
    Event,
    GrantEvent,
    RecordId,
    Root,
)

FOLDER = Path(__file__).parent / "fhir"
PLACE = fhir.Place(
    1,
    {
        "Records": Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        "Consents": Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
        "Grants": Address("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"),
        "Market": Address("0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"),
    },
)
ALICE = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
HOSPITAL = Address("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
CLINIC = Address("0x90F79bf6EB2c4f870365E785982E1f101E93b906")
GUARDIAN = Address("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65")
RECORD = RecordId(bytes.fromhex("a1" * 32))
BARRED = RecordId(bytes.fromhex("b2" * 32))
ROOT = Root(bytes.fromhex("c3" * 32))
NOW = 1_760_000_000
DAY = 86_400
TRANSACTION = "0x" + "d4" * 32
BY_ALICE = fhir.Validity(NOW - DAY, ALICE, NOW)
BY_GUARDIAN = fhir.Validity(NOW - DAY, GUARDIAN, NOW)

NAMED = {
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PatientID": "4711",
    "IssuerOfPatientID": "City Hospital",
    "PatientBirthDate": "19700103",
    "PatientSex": "M",
}
STUDY = {
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "StudyDate": "20250314",
    "StudyTime": "092653.5",
    "SeriesDate": "20250314",
    "SeriesTime": "093000",
    "TimezoneOffsetFromUTC": "+0900",
    "StudyDescription": "CT of the chest",
    "AccessionNumber": "A-17",
    "BodyPartExamined": "CHEST",
}


def instances() -> fhir.Instances:
    """Three slices and a report."""
    found = fhir.Instances()
    for number in (1, 2, 3):
        found.add(
            f"000{number}.dcm",
            STUDY
            | {
                "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.1.1",
                "SOPInstanceUID": f"1.2.826.0.1.3680043.8.498.1.1.{number}",
                "Modality": "CT",
                "SeriesNumber": "1",
                "SeriesDescription": "axial",
                "InstanceNumber": str(number),
            },
        )
    found.add(
        "0004.dcm",
        STUDY
        | {
            "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.1.2",
            "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1.2.1",
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11",
            "Modality": "SR",
        },
    )
    return found


def event(name: str, number: int = 0, **args: object) -> Event:
    return Event(name, ZERO_ADDRESS, args, 100 + number, number, TRANSACTION)


EVENTS = [
    event("Registered", 0, issuer=HOSPITAL, root=ROOT, count=2),
    event(
        "ConsentSet", 1, patient=ALICE, record=GENERAL, terms=purpose.GRU, expiresAt=NOW + DAY,
        version=1, form=bytes(32), by=GUARDIAN,
    ),
    event("ConsentRevoked", 2, patient=ALICE, record=BARRED, version=1, by=ALICE),
    event("ConsentLifted", 3, patient=ALICE, record=BARRED, version=2, by=ALICE),
    event("DelegateSet", 4, patient=ALICE, delegate=GUARDIAN, scope=3, until=NOW, version=1),
    event("DelegateSet", 5, patient=ALICE, delegate=GUARDIAN, scope=0, until=0, version=2),
    event("CustodianNamed", 6, patient=ALICE, custodian=HOSPITAL, until=NOW, version=1),
    event("CustodianNamed", 7, patient=ALICE, custodian=ZERO_ADDRESS, until=0, version=2),
    event(
        "Granted", 8, recordId=RECORD, patient=ALICE, grantee=CLINIC, purpose=purpose.TREATMENT,
        expiresAt=NOW + DAY, epoch=1, locator=(b"", b"", b""), by=ALICE,
    ),
    event(
        "Granted", 9, recordId=BARRED, patient=ALICE, grantee=CLINIC,
        purpose=purpose.HMB | purpose.MDS | purpose.NONCOMMERCIAL | purpose.HAS_IRB,
        expiresAt=NOW + DAY, epoch=1, locator=(b"", b"", b""), by=ALICE,
    ),
    event("GrantRevoked", 10, recordId=BARRED, patient=ALICE, grantee=CLINIC, epoch=1, by=ALICE),
    event(
        "GlassBroken", 11, recordId=RECORD, patient=ALICE, clinician=CLINIC, custodian=HOSPITAL,
        expiresAt=NOW + 1800, epoch=2, reason=bytes(32),
    ),
    event(
        "GlassDelivered", 12, recordId=RECORD, clinician=CLINIC, epoch=2, custodian=HOSPITAL,
        locator=(b"", b"", b""),
    ),
    event(
        "GlassReviewed", 13, recordId=RECORD, clinician=CLINIC, reviewer=GUARDIAN, epoch=2,
        justified=True, finding=bytes(32),
    ),
    event(
        "Settled", 14, orderId=bytes(32), listing=bytes(32), secret=1, buyer=CLINIC,
        steward=HOSPITAL, purpose=purpose.DS | purpose.DISEASE_COVERED,
    ),
]  # fmt: skip


def consent(terms: int, record: RecordId = GENERAL, *, barred: bool = False) -> Consent:
    return Consent(ALICE, record, terms, NOW + 365 * DAY, 1, barred)


def treatment() -> list[Resource]:
    """A record with identity, as its reader for treatment exports it."""
    patient = fhir.patient(PLACE, ALICE, fhir.Person(NAMED, real=True))
    studies = fhir.imaging_studies(PLACE, patient, RECORD, instances(), real=True)
    batch = Batch(HOSPITAL, ROOT, NOW - DAY, 2)
    grant = GrantEvent(RECORD, ALICE, CLINIC, purpose.TREATMENT, NOW + DAY, 1, b"", ALICE, 108)
    return [
        patient,
        *studies,
        fhir.grant_consent(PLACE, patient, grant, BY_ALICE, studies),
        fhir.registered(PLACE, RECORD, batch, studies),
        *(
            fhir.audit_event(PLACE, each, NOW, patient, ALICE, {RECORD: studies})
            for each in EVENTS[8:9]
        ),
    ]


def research() -> list[Resource]:
    """A record without identity, as its reader for research exports it."""
    person = fhir.Person({"PatientID": "P-6R3JHZ4W"}, real=False)
    patient = fhir.patient(PLACE, ALICE, person)
    studies = fhir.imaging_studies(PLACE, patient, RECORD, instances(), real=False)
    terms = purpose.HMB | purpose.NCU | purpose.IRB
    request = purpose.HMB | purpose.NONCOMMERCIAL | purpose.HAS_IRB
    grant = GrantEvent(RECORD, ALICE, CLINIC, request, NOW + DAY, 1, b"", GUARDIAN, 108)
    batch = Batch(HOSPITAL, ROOT, NOW - DAY, 2)
    return [
        patient,
        *studies,
        fhir.duo_consent(PLACE, patient, consent(terms, RECORD), BY_ALICE, studies),
        fhir.grant_consent(PLACE, patient, grant, BY_GUARDIAN, studies),
        fhir.registered(PLACE, RECORD, batch, studies),
        fhir.deidentified(
            PLACE, RECORD, studies, issuer=HOSPITAL, at=NOW - 2 * DAY,
            profile="DICOM PS3.15 Annex E, basic", tool="medibloc 0.3.0",
            digest=bytes(range(32)), receipt=b'{"medibloc": "deidentification-receipt"}',
        ),
        fhir.audit_event(PLACE, EVENTS[-1], NOW, None, HOSPITAL, {RECORD: studies}),
    ]  # fmt: skip


def history() -> list[Resource]:
    """All that the chain tells of a patient; nothing was opened."""
    patient = fhir.patient(PLACE, ALICE)
    return [
        patient,
        fhir.duo_consent(PLACE, patient, consent(purpose.GRU), BY_GUARDIAN, (), (BARRED,)),
        fhir.barred_consent(PLACE, patient, consent(0, BARRED, barred=True), BY_ALICE),
        *(fhir.audit_event(PLACE, each, NOW, patient, ALICE, {}) for each in EVENTS[:-1]),
    ]


WORLDS = {"treatment": treatment, "research": research, "history": history}


def written(name: str) -> str:
    """What stands in a vector."""
    return "".join(fhir.collection(PLACE, WORLDS[name](), NOW))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for world in WORLDS:
        (FOLDER / f"{world}.json").write_text(written(world), encoding="utf-8")
