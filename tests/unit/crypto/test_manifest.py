"""Manifests: names that are safe everywhere, files that lie one after the other."""

from dataclasses import replace

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import manifest
from medibloc_py.crypto.manifest import Manifest, ManifestEntry
from medibloc_py.crypto.stream import sealed_size
from medibloc_py.errors import Corrupted, InvalidValue


def refuse(reason):
    return Corrupted(name="test", reason=reason)


def of(names, sizes=None, kind=1):
    """A well-made manifest of files with these names."""
    offset, entries = 0, []
    for index, name in enumerate(names):
        size = sizes[index] if sizes else 10 * index
        entries.append(ManifestEntry(name, offset, sealed_size(size), size, {"rows": 5}))
        offset += sealed_size(size)
    return Manifest(kind, tuple(entries), {"series": 2, "anonymous": True})


@given(st.lists(st.integers(0, 2**48 - 1), min_size=1, max_size=20))
def test_manifests_go_round(sizes):
    held = of([f"study/{index:04}.dcm" for index in range(len(sizes))], sizes)
    assert Manifest.decode(held.encode(), refuse) == held
    assert held.end == sum(map(sealed_size, sizes))


ENTRIES = st.builds(
    ManifestEntry,
    name=st.sampled_from(["a", "b", "A", "a/b", "", "..", "x" * 300]),
    offset=st.sampled_from([0, sealed_size(0), sealed_size(1), -1]),
    sealed_bytes=st.sampled_from([sealed_size(0), sealed_size(1), 0]),
    size_bytes=st.sampled_from([0, 1, -1, 2**48]),
    meta=st.dictionaries(
        st.sampled_from(["rows", "y" * 300]),
        st.sampled_from([1, True, "CT", "z" * 5000, -(2**63), b"bytes", 1.5, None]),
        max_size=1,
    ),
)


@given(st.integers(-1, 2), st.lists(ENTRIES, max_size=2))
def test_encode_to_read_takes_what_decode_takes(kind, entries):
    held = Manifest(kind, tuple(entries))
    try:
        decoded = Manifest.decode(held.encode(), refuse)
    except (Corrupted, InvalidValue) as error:
        with pytest.raises(type(error)):
            held.encode_to_read(refuse)
    else:
        assert held.encode_to_read(refuse) == held.encode()
        assert decoded == held


def test_encode_to_read_refuses_more_bytes_than_a_reader_takes(monkeypatch):
    held = of(["a"])
    monkeypatch.setattr(manifest, "MOST_MANIFEST_BYTES", len(held.encode()) - 1)
    with pytest.raises(Corrupted, match="more than"):
        held.encode_to_read(refuse)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "0001.dcm",
        "a/b/c",
        ".hidden",
        "a b",
        "série/図.dcm",
        "console",
        "com10",
        "x" * 255,
        "/".join("a" * 16),
    ],
)
def test_a_plain_relative_path_is_a_name(name):
    assert Manifest.decode(of([name]).encode(), refuse).files[0].name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/..",
        "./a",
        "a\\b",
        "..\\a",
        "C:a",
        "c:/a",
        "a:stream",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\u202eb",
        "a*",
        "a?",
        'a"',
        "a|b",
        "<a>",
        "a\u200bb",
        "\ufeffa",
        "NUL",
        "con.dcm",
        "a/lpt1",
        "a.",
        "a ",
        "a./b",
        "x" * 256,
        "é" * 128,
        "/".join(["x" * 200] * 6),
        "/".join("a" * 17),
    ],
)
def test_decode_reverts_when_a_name_is_not_a_plain_relative_path(name):
    with pytest.raises(Corrupted):
        Manifest.decode(of(["ok", name]).encode(), refuse)


@pytest.mark.parametrize(
    "names",
    [("a", "a"), ("a", "A"), ("é", "e\u0301"), ("ß", "SS"), ("a", "a/b"), ("a/b", "A")],
)
def test_decode_reverts_when_two_names_would_meet_on_a_disk(names):
    with pytest.raises(Corrupted):
        Manifest.decode(of(names).encode(), refuse)


def changed(**fields):
    """A manifest of three files whose second entry is changed."""
    held = of(["a", "b", "c"])
    entry = replace(held.files[1], **fields)
    return replace(held, files=(held.files[0], entry, held.files[2]))


@pytest.mark.parametrize(
    "fields",
    [
        {"offset": 0},
        {"offset": 81},
        {"offset": 2**63 - 1},
        {"sealed_bytes": 0},
        {"sealed_bytes": 2**63 - 1},
        {"size_bytes": 2**48},
        {"size_bytes": 2**64 - 1},
        {"size_bytes": -1},
        {"offset": -1},
    ],
)
def test_decode_reverts_when_offsets_or_sizes_do_not_fit(fields):
    with pytest.raises(Corrupted):
        Manifest.decode(changed(**fields).encode(), refuse)


def test_decode_reverts_when_files_are_out_of_order_or_none():
    held = of(["a", "b"])
    for files in ((), held.files[::-1], held.files[1:], held.files * 2):
        with pytest.raises(Corrupted):
            Manifest.decode(replace(held, files=files).encode(), refuse)


@pytest.mark.parametrize("kind", [0, 2**32])
def test_decode_reverts_when_the_kind_is_out_of_range(kind):
    with pytest.raises(Corrupted):
        Manifest.decode(of(["a"], kind=kind).encode(), refuse)


@pytest.mark.parametrize(
    "meta", [{"a": b""}, {"a": None}, {str(n): n for n in range(65)}, {"a": "x" * 4097}, []]
)
def test_decode_reverts_when_meta_is_not_plain(meta):
    document = dag_cbor.decode(of(["a"]).encode())
    for place in (document, document["files"][0]):
        kept, place["meta"] = place["meta"], meta
        with pytest.raises(Corrupted):
            Manifest.decode(dag_cbor.encode(document), refuse)
        place["meta"] = kept


def test_decode_reverts_when_there_is_too_much(monkeypatch):
    data = of(["a", "b"]).encode()
    monkeypatch.setattr(manifest, "MOST_FILES", 1)
    with pytest.raises(Corrupted):
        Manifest.decode(data, refuse)
    monkeypatch.undo()
    monkeypatch.setattr(manifest, "MOST_MANIFEST_BYTES", len(data) - 1)
    with pytest.raises(Corrupted):
        Manifest.decode(data, refuse)


@given(st.binary(max_size=300))
def test_decode_of_any_bytes_is_typed(data):
    with pytest.raises(Corrupted):
        Manifest.decode(data, refuse)
