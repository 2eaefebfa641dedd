"""The frozen vectors: made again equal, and readable by a stranger."""

import importlib
import json
import re
from pathlib import Path

import pytest
import stranger
import stranger_record
from eth_abi import encode

from medibloc_py.crypto import envelope, hpke, ids, keyfile, merkle, stream

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.mark.parametrize("name", ["ids", "keys", "envelope", "recovery", "sale"])
def test_vectors_are_what_their_script_makes(name):
    built = importlib.import_module(f"make_{name}").build()
    held = json.loads((VECTORS / f"{name}.json").read_text())
    held.pop("frozen", None)
    assert json.loads(json.dumps(built)) == held


# ids.json against eth_abi, which encodes for Solidity on its own.

LISTING = (
    "address",
    "bytes32",
    "address",
    *["uint256"] * 5,
    "bytes32",
    "uint256",
    "uint256",
    "bytes8",
)
ORDER = ("bytes32", "address", "address", "uint256", "uint256", "address", "uint256")
CONTRIBUTION = ("address", "address", "bytes32", "uint256", "bytes32")
ISSUER_SHARE = ("address", "uint256")


def values(fields):
    return [int(v) if isinstance(v, str) and v.isdigit() else v for v in fields.values()]


def test_ids_agree_with_abi_encode(vectors):
    held, keccak = vectors("ids"), ids.keccak256
    for case in held["keccak256"]:
        assert keccak(case["data"]) == case["hash"]
    for case in held["records"]:
        parts = (case["salt"], case["content_digest"], case["key_commitment"], int(case["kind"]))
        assert keccak(encode(["bytes32"] * 3 + ["uint256"], parts)) == case["blind"]
        inner = keccak(encode(["address", "bytes32"], [case["patient"], case["blind"]]))
        assert keccak(inner) == case["record_id"]
    for case in held["listings"]:
        head = [int(case["chain_id"]), case["market"]]
        data = encode(["uint256", "address", *LISTING], head + values(case["listing"]))
        assert keccak(data) == case["id"]
    for case in held["orders"]:
        head = [int(case["chain_id"]), case["market"]]
        data = encode(["uint256", "address", *ORDER], head + values(case["order"]))
        assert keccak(data) == case["id"]
    for case in held["contributions"]:
        data = encode(CONTRIBUTION, values(case["contribution"]))
        assert keccak(keccak(data)) == case["leaf"]
        signed = keccak(case["eip712_digest"] + case["signature"])
        assert signed == case["contribution"]["consent_digest"]
    for case in held["issuer_shares"]:
        assert keccak(keccak(encode(ISSUER_SHARE, values(case["share"])))) == case["leaf"]


def test_trees_open(vectors):
    for case in vectors("ids")["trees"]:
        for leaf, proof in zip(case["leaves"], case["proofs"], strict=True):
            assert merkle.root_of(leaf, proof) == case["root"]
        several = case["multiproof"]
        assert merkle.root_of_multiproof(**several) == case["root"]


# keys.json.


def test_what_was_wrapped_once_opens(vectors):
    held = vectors("keys")
    frozen, info = held["frozen"], held["contexts"]
    keys = importlib.import_module("make_keys").fixed_keys()
    assert hpke.unwrap(frozen["wrapped"], keys, info["grant"], "payload") == frozen["payload"]
    assert hpke.open_locator(frozen["locator"], keys, info["locator"]) == frozen["digest"]


def test_a_stranger_unwraps(vectors):
    held = vectors("keys")
    pair, frozen, info = held["pairs"][0], held["frozen"], held["contexts"]
    seeds = (pair["mlkem_seed"], pair["hybrid_seed"])
    assert stranger.unwrap(frozen["wrapped"], *seeds, info["grant"]) == frozen["payload"]
    opened = stranger.open_locator(frozen["locator"], pair["locator_seed"], info["locator"])
    assert opened == frozen["digest"]


def test_a_stranger_derives_record_keys(vectors):
    held = vectors("keys")
    generator = stranger.hash_to_curve(b"medibloc/U/v1")
    assert stranger.encode(generator) == held["U"]
    for case in held["records"]:
        wide = stranger.hkdf(case["root_secret"], case["r"], b"medibloc/x/v1", 48)
        x = int.from_bytes(wide, "big") % (stranger.N - 1) + 1
        assert x.to_bytes(32, "big") == case["x"]
        assert stranger.encode(stranger.mul(generator, x)) == case["X"]
        assert stranger.encode(stranger.mul(stranger.G, x)) == case["C"]
        assert stranger.hkdf(case["X"], case["salt"], b"medibloc/cek/v1") == case["cek"]


def test_the_frozen_key_file_opens(vectors):
    held = vectors("keys")["key_file"]
    keys = importlib.import_module("make_keys").fixed_keys()
    # The password in another Unicode form is the same password.
    for password in (held["password"], "U\u0308ni\u0308code pass fi"):
        assert keyfile.open_key_file(held["file"].encode(), password, "file") == keys


# envelope.json.


def test_a_stranger_knows_the_sizes(vectors):
    for case in vectors("envelope")["sizes"]:
        length = int(case["length"])
        assert stranger_record.padme(length) == int(case["padme"])
        assert stranger_record.sealed_length(length) == int(case["sealed"])


def test_what_was_sealed_once_opens(vectors):
    make = importlib.import_module("make_envelope")
    for case, files in zip(vectors("envelope")["frozen"], make.RECORDS, strict=True):
        record = case["record"]
        reader = envelope.RecordReader(
            lambda offset, length, record=record: iter([record[offset : offset + length]]),
            len(record),
            case["cek"],
            case["salt"],
        )
        assert [entry.name for entry in reader.manifest.files] == [name for name, _ in files]
        expected = [make.content(*file) for file in files]
        assert [reader.read(index) for index in range(len(files))] == expected


def test_a_stranger_opens_sealed_records(vectors):
    make = importlib.import_module("make_envelope")
    for case, files in zip(vectors("envelope")["frozen"], make.RECORDS, strict=True):
        record = case["record"]
        opened = stranger_record.Record(
            lambda offset, length, record=record: record[offset : offset + length],
            len(record),
            case["cek"],
            case["salt"],
        )
        assert [opened.file(index) for index in range(len(files))] == [
            make.content(*file) for file in files
        ]
        manifest = opened.manifest
        assert [file["name"] for file in manifest["files"]] == [name for name, _ in files]
        assert (manifest["v"], manifest["kind"], manifest["meta"]) == (1, 1, {})


def test_the_figures_of_the_document_hold(vectors):
    document = (VECTORS.parents[1] / "docs" / "envelope-v1.md").read_text()
    assert vectors("keys")["U"].hex() in document
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", document, re.MULTILINE)
    assert len(rows) == 4
    for row in rows:
        length, padded, sealed = (int(figure.replace(",", "")) for figure in row)
        assert stream.padded_size(length) == padded
        assert stream.sealed_size(length) == sealed


# sale.json.


def test_a_stranger_hashes_to_the_curve(vectors):
    for case in vectors("sale")["points"]:
        assert stranger.encode(stranger.hash_to_curve(case["tag"])) == case["point"]


def test_a_stranger_checks_tables_and_recovers_keys(vectors):
    for case in vectors("sale")["tables"]:
        fields = ("record", "salt", "key_commitment", "C", "W")
        rows = [tuple(row[field] for field in fields) for row in case["rows"]]
        proof = case["proof"]
        scalars = [int.from_bytes(proof[name], "big") for name in ("s1", "s2")]
        parts = (proof["T1"], proof["T2"], proof["T3"], *scalars)
        assert stranger.table_holds(case["listing"], case["D"], rows, parts)
        wrong = (*parts[:3], scalars[0] + 1, scalars[1])
        assert not stranger.table_holds(case["listing"], case["D"], rows, wrong)
        z, k = (int.from_bytes(case[name], "big") for name in "zk")
        d = (z - k) % stranger.N
        assert d.to_bytes(32, "big") == case["d"]
        assert stranger.encode(stranger.mul(stranger.G, k)) == case["K"]
        for row in case["rows"]:
            opened = stranger.recover_cek(case["listing"], row["record"], row["salt"], row["W"], d)
            assert opened == row["cek"]


def test_locks_are_addresses_of_points(vectors):
    for case in vectors("sale")["locks"]:
        x, y = stranger.mul(stranger.G, int.from_bytes(case["k"], "big"))
        digest = ids.keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))
        assert ids.checksum_address(digest[12:]) == case["lock"]
