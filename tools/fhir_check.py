"""Check what we write as FHIR with HL7's own validator and definitions (R4, 4.0.1).

`python tools/fhir_check.py LIB`: LIB is the folder with the validator's jars (`make fhir-check`).
Good is: the vectors, a Consent of every term and of drawn words, our definitions. Each must be
without error, and without a warning but those that are known here, with why. And the check
must be able to fail: broken resources must each have an error.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from medibloc_py import fhir, purpose  # noqa: E402
from medibloc_py.flows import fhir_study  # noqa: E402
from medibloc_py.imaging.attributes import read_attributes  # noqa: E402
from medibloc_py.model import Address, RecordId  # noqa: E402
from tests.vectors import fhir_broken, make_fhir  # noqa: E402

DEFINITIONS = ROOT / "medibloc_py" / "fhir" / "definitions"
DRAWN = 40
KNOWN = {
    # DICOM's value sets are bound by R4 and not shipped with it.
    r"ValueSet 'http://dicom\.nema\.org/.*' not found",
    # R4 names laws as policies; HL7's own examples say OPTOUT, too.
    r"None of the codings provided are in the value set 'Consent PolicyRule Codes'.*#OPTOUT\)",
    # The concept has a code of the value set, with DUO's beside it.
    r"None of the codings provided are in the value set 'V3 .*PurposeOfUse'.*v3-ActReason#.*",
    # Definitions are read by machines; DUO has more terms than a consent can hold.
    r"Constraint failed: dom-6: .*/DomainResource\) \(Best Practice Recommendation\)",
    # Bundled with pydicom is a patient who was born in 1111.
    r"The value '1111-11-11' is outside the range of reasonable years - check for data entry error",
    r"Source Code System http://purl\.obolibrary\.org/obo/duo\.owl doesn't have all content.*",
}
Findings = dict[str, list[tuple[str, str]]]


def consents() -> list[fhir.Resource]:
    """One of each term that can stand, and of words drawn at random."""
    draw = random.Random(5)  # noqa: S311
    permissions = [1 << i for i in range(64) if purpose.PERMISSIONS >> i & 1]
    modifiers = [1 << i for i in range(64) if (purpose.TERMS & ~purpose.PERMISSIONS) >> i & 1]
    words = [*permissions, *(purpose.GRU | each for each in modifiers)]
    for _ in range(DRAWN):
        chosen = draw.sample(modifiers, draw.randint(0, len(modifiers)))
        words.append(draw.choice(permissions) | sum(chosen))
    since = fhir.Validity(make_fhir.NOW, make_fhir.ALICE, make_fhir.NOW)
    patient = fhir.patient(make_fhir.PLACE, make_fhir.ALICE)
    found = []
    for number, word in enumerate(dict.fromkeys(words), 1):
        held = replace(make_fhir.consent(word), version=number)
        found.append(fhir.duo_consent(make_fhir.PLACE, patient, held, since))
    return [patient, *found]


def bundled() -> list[fhir.Resource]:
    """The patient and the study of every DICOM file bundled with pydicom, as it came."""
    from pydicom.data import get_testdata_files

    found = []
    for path in sorted(file for each in get_testdata_files() if (file := Path(each)).is_file()):
        with path.open("rb") as file:
            told = read_attributes(file, (*fhir_study.OF_FILE, *fhir_study.OF_PATIENT))
        record = RecordId(sha256(str(path.name).encode() + path.read_bytes()).digest())
        instances = fhir.Instances()
        instances.add(path.name, told)
        person = fhir.Person({key: told.get(key, "") for key in fhir_study.OF_PATIENT}, real=True)
        account = Address("0x" + record[:20].hex())
        patient = fhir.patient(make_fhir.PLACE, account, person)
        studies = fhir.imaging_studies(make_fhir.PLACE, patient, record, instances, real=True)
        found += [patient, *studies]
    return list({each["id"]: each for each in found}.values())


def write_all(folder: Path) -> tuple[list[Path], list[Path]]:
    """Writes what must be found good, and what must not."""
    good, bad = sorted(DEFINITIONS.glob("*.json")), []
    for name in make_fhir.WORLDS:
        path = folder / f"{name}.json"
        path.write_text(make_fhir.written(name), encoding="utf-8")
        good.append(path)
    for name, resources in (("consents", consents()), ("bundled", bundled())):
        path = folder / f"{name}.json"
        whole = "".join(fhir.collection(make_fhir.PLACE, resources, make_fhir.NOW))
        path.write_text(whole, encoding="utf-8")
        good.append(path)
    for breaking in (*fhir_broken.BY_ALL, *fhir_broken.BY_HL7):
        path = folder / f"broken {breaking.name}.json"
        path.write_text(json.dumps(breaking.broken()))
        bad.append(path)
    return good, bad


def judge(lib: Path, files: list[Path]) -> Findings:
    """Errors and warnings by file name."""
    command = ["java", "-cp", f"{lib}/*", str(ROOT / "tools" / "fhir" / "FhirCheck.java")]
    done = subprocess.run(
        [*command, str(DEFINITIONS), *map(str, files)],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    found: Findings = defaultdict(list)
    for line in done.stdout.splitlines():
        name, severity, place, message = line.split("\t")
        if severity != "INFORMATION":
            found[name].append((severity, f"{place}: {message}"))
    return found


def is_known(severity: str, told: str) -> bool:
    """Tells whether a finding is a warning that is expected."""
    message = told.partition(": ")[2]
    return severity == "WARNING" and any(re.fullmatch(each, message) for each in KNOWN)


def main() -> int:
    """Judges all, and says what is not as it must be."""
    lib = Path(sys.argv[1])
    with TemporaryDirectory() as folder:
        good, bad = write_all(Path(folder))
        found = judge(lib, [*good, *bad])
    wrong = [
        f"{file.name}: {severity} {told}"
        for file in good
        for severity, told in found[file.name]
        if not is_known(severity, told)
    ]
    missed = [
        file.name
        for file in bad
        if not any(each in ("ERROR", "FATAL") for each, _ in found[file.name])
    ]
    for line in wrong:
        print(line)
    for name in missed:
        print(f"{name}: nothing was found wrong with it")
    if wrong or missed:
        return 1
    print(f"FHIR R4: {len(good)} files are good, and {len(bad)} broken ones were found out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
