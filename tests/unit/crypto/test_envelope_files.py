"""The frozen records of tests/vectors/envelope: good ones open, bad ones fail as they are named.

The product's reader, and a stranger's that knows the document alone.
"""

import importlib
import json
import re
from dataclasses import dataclass
from hashlib import sha256

import pytest
import stranger_record
from conftest import VECTORS, unhex
from plain_sealer import CEK, SALT, content, padded, seal_file

from medibloc_py.crypto.envelope import RecordReader
from medibloc_py.crypto.keys import file_key
from medibloc_py.crypto.manifest import Manifest
from medibloc_py.crypto.ranges import SealedRanges
from medibloc_py.errors import Corrupted, WrongKey

FOLDER = VECTORS / "envelope"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
DOCUMENT = (FOLDER.parents[2] / "docs" / "envelope-v1.md").read_text(encoding="utf-8")


def named(case):
    return f"{case['kind']}: {case['name']}"


def bytes_of(case):
    """A record, and the keys that a reader is given."""
    keys = {key: unhex(case.get(key, INDEX[key])) for key in ("cek", "salt")}
    return (FOLDER / case["path"]).read_bytes(), keys


@dataclass
class Product:
    """The product's reader."""

    wrong_key, corrupted = WrongKey, Corrupted
    opened: RecordReader

    @classmethod
    def open(cls, record, cek, salt):
        def read(offset, length):
            end = offset + length
            return (record[at : min(at + 10_000, end)] for at in range(offset, end, 10_000))

        opened = RecordReader(read, len(record), cek, salt)
        assert opened.manifest.files
        return cls(opened)

    @property
    def manifest(self):
        held = self.opened.manifest
        return {
            "kind": held.kind,
            "files": [
                {
                    "name": entry.name,
                    "offset": entry.offset,
                    "sealed": entry.sealed_bytes,
                    "size": entry.size_bytes,
                    "meta": dict(entry.meta),
                }
                for entry in held.files
            ],
        }

    def file(self, index):
        return self.opened.read(index)

    def range(self, index, offset, length):
        return b"".join(self.opened.open_range(index, offset, length))


class Stranger:
    """The stranger's reader."""

    wrong_key, corrupted = stranger_record.WrongKey, stranger_record.Corrupted

    @staticmethod
    def open(record, cek, salt):
        def read(offset, length):
            assert 0 <= offset <= offset + length <= len(record)
            return record[offset : offset + length]

        return stranger_record.Record(read, len(record), cek, salt)


READERS = [Product, Stranger]


def test_the_folder_is_what_its_script_makes():
    built = importlib.import_module("make_envelope_files").build()
    assert {file.name for file in FOLDER.iterdir()} == built.keys()
    for name, data in built.items():
        if name != "folding.json":
            assert (FOLDER / name).read_bytes() == data, name


def test_every_kind_of_failure_has_its_files():
    table = DOCUMENT.split("### Kinds of failure\n\n", 1)[1].split("\n\n", 1)[0]
    kinds = {line.split("|")[1].strip() for line in table.splitlines()[2:]} - {""}
    assert {case["kind"] for case in INDEX["bad"]} == kinds
    assert len(kinds) == 10
    assert len({named(case) for case in INDEX["bad"]}) == len(INDEX["bad"])
    used = {case["path"] for cases in (INDEX["good"], INDEX["bad"]) for case in cases}
    assert used | {"index.json", "folding.json"} == {file.name for file in FOLDER.iterdir()}


def exact(meta):
    """Meta of the index: integers are texts there."""
    return {key: int(v["int"]) if isinstance(v, dict) else v for key, v in meta.items()}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", INDEX["good"], ids=lambda case: case["name"])
def test_a_good_record_opens(reader, case):
    record, keys = bytes_of(case)
    opened = reader.open(record, **keys)
    assert opened.manifest["kind"] == case["kind"]
    for index, entry in enumerate(case["files"]):
        content = opened.file(index)
        assert sha256(content).hexdigest() == entry["sha256"][2:]
        held = opened.manifest["files"][index]
        for key in ("name", "offset", "sealed", "size"):
            assert held[key] == entry[key]
        assert held["meta"] == exact(entry["meta"])
        assert all(type(held["meta"][key]) is type(v) for key, v in exact(entry["meta"]).items())


def ranges_of(size):
    """Ranges at every border there is."""
    borders = {0, 1, 2, size // 2, size - 1, size}
    for chunk in (1, 2, 3, size // 16384, size // 16384 + 1):
        borders |= {chunk * 16384 - 8 + over for over in (-1, 0, 1)}
    borders = sorted(at for at in borders if 0 <= at <= size)
    return [(start, end - start) for start in borders for end in borders if start <= end]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["two-files", "one-empty-file", "chunk-borders", "two-leaves"])
def test_every_kind_of_range_of_a_good_record_opens(reader, name):
    case = next(case for case in INDEX["good"] if case["name"] == name)
    record, keys = bytes_of(case)
    opened = reader.open(record, **keys)
    for index, entry in enumerate(case["files"]):
        content = opened.file(index)
        for offset, length in ranges_of(entry["size"]):
            assert opened.range(index, offset, length) == content[offset : offset + length]


def test_the_documents_ranges_are_where_it_says():
    rows = re.findall(
        r"^\| (\d+) bytes? from ([\d,]+) \| .* \| ([\d,]+) to ([\d,]+) \|$", DOCUMENT, re.M
    )
    assert len(rows) == 5
    sealed = seal_file(0, padded(content("document", 40_000)))
    for row in rows:
        length, offset, start, end = (int(figure.replace(",", "")) for figure in row)
        asked = []

        def read(at, wanted, asked=asked):
            asked.append((at, at + wanted))
            return iter([sealed[at : at + wanted]])

        key, context = file_key(CEK, SALT, 0)
        opener = SealedRanges(read, 0, 40_000, key, context, AssertionError)
        given = b"".join(opener.open(offset, length))
        assert given == content("document", 40_000)[offset : offset + length]
        assert asked == [(0, 56), (start, end)]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", INDEX["bad"], ids=named)
def test_a_bad_record_fails_as_it_is_named(reader, case):
    record, keys = bytes_of(case)
    error = {"WrongKey": reader.wrong_key, "Corrupted": reader.corrupted}[case["error"]]
    if case["step"] == "manifest":
        with pytest.raises(error):
            reader.open(record, **keys)
        return
    opened = reader.open(record, **keys)
    files = range(len(opened.manifest["files"]))
    assert len(case["opens"]) < len(files)
    for index in files:
        if index in case["opens"]:
            assert len(opened.file(index)) == opened.manifest["files"][index]["size"]
        else:
            with pytest.raises(error):
                opened.file(index)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", [c for c in INDEX["bad"] if c["step"] == "file"], ids=named)
def test_a_range_of_a_bad_record_fails_if_it_needs_what_is_bad(reader, case):
    record, keys = bytes_of(case)
    opened = reader.open(record, **keys)
    assert case["ranges"]
    for place in case["ranges"]:
        at = (place["file"], place["offset"], place["length"])
        if place["opens"]:
            assert len(opened.range(*at)) == place["length"]
        else:
            with pytest.raises(reader.corrupted):
                opened.range(*at)


FRAMES = next(case for case in INDEX["good"] if case["name"] == "frames")


@pytest.mark.parametrize("place", FRAMES["frames"], ids=lambda at: f"{at['file']}-{at['frame']}")
def test_a_frame_is_where_the_manifest_says_or_is_refused(place):
    record, keys = bytes_of(FRAMES)
    opened = Stranger.open(record, **keys)
    errors = {"Corrupted": stranger_record.Corrupted, "InvalidValue": stranger_record.NoFrame}
    if "error" in place:
        with pytest.raises(errors[place["error"]]):
            opened.frame(place["file"], place["frame"])
    else:
        frame = opened.frame(place["file"], place["frame"])
        assert sha256(frame).hexdigest() == place["sha256"][2:]


def test_what_folds_is_what_the_manifest_folds():
    table = json.loads((FOLDER / "folding.json").read_text(encoding="utf-8"))
    assert table["unicode"] == "14.0.0"
    assert len(table["fold"]) == 1530
    assert all(letter.casefold() == folded for letter, folded in table["fold"].items())


def test_a_manifest_of_the_vectors_goes_round():
    for case in INDEX["good"]:
        record, keys = bytes_of(case)
        held = Product.open(record, **keys).opened.manifest
        assert Manifest.decode(held.encode(), AssertionError) == held
