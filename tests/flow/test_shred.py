"""The end of a record: what is left opens nothing, and the receipt says what is true."""

from __future__ import annotations

import base64
import gc
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medibloc_py import config
from medibloc_py.crypto import curve, hpke, keys, sale
from medibloc_py.crypto.documents import GrantObject
from medibloc_py.errors import (
    BlobMissing,
    DocumentInvalid,
    GrantNotFound,
    InvalidValue,
    MediBlocError,
    NodeUnreachable,
    RecordListed,
    RecordNotHeld,
    StoreUnreachable,
    WrongKey,
)
from medibloc_py.flows import kept, papers, shred, shredding
from medibloc_py.flows.given import given_of
from medibloc_py.flows.held import held_record, held_records, scalar_of
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.parties import Identity
from medibloc_py.flows.receipts import KIND, Erasure, ErasureReceipt, check_receipt, write_receipt
from medibloc_py.model import RecordId, Role, Scope
from medibloc_py.storage import LocalStore, files, raw_cid
from tests.fakes import pinning_service
from tests.flow.command import Done, run
from tests.flow.dying import Call, Step, after, before, kill_at
from tests.flow.house import House
from tests.flow.world import DAY, FEE_BPS, PASSWORD, TERMS, World

FINDS = re.compile(rb'"(?:0x)?([0-9a-f]{64,})"')
BASE64 = re.compile(rb'"([A-Za-z0-9+/]{44,}={0,2})"')


def cek_of(world: World, name: str, record: RecordId) -> bytes:
    owner = world.me(name)
    file = held_record(owner, record)
    return keys.cek(keys.record_point(scalar_of(owner, file)), file.salt)


class Thief:
    """Has the homes of people, their passwords and the chain; knows salt and id of a record."""

    def __init__(self, world: World, record: RecordId, salt: bytes, *names: str) -> None:
        self.world, self.record, self.salt = world, record, salt
        self.people = [world.me(name) for name in names]

    def documents(self) -> Iterator[bytes]:
        """Every document in the vaults, opened, and every string of bytes within."""
        for person in self.people:
            for name in person.vault.names():
                if name != "ledger":
                    yield from self.within(person.recall(name))

    def within(self, document: bytes) -> Iterator[bytes]:
        yield document
        for found in FINDS.findall(document):
            yield bytes.fromhex(found[: len(found) // 2 * 2].decode())
        for found in BASE64.findall(document):
            with suppress(ValueError):
                yield base64.b64decode(found)

    def found(self) -> set[bytes]:
        """Every content key that some 32 bytes give: as the key, as x, or as r with a root."""
        roots = [person.keys.root_secret for person in self.people]
        seen: set[bytes] = set()
        for document in {*self.documents(), *roots}:
            for at in range(len(document) - 31):
                seen.add(document[at : at + 32])
        result = set(seen)
        for window in seen:
            scalars = [keys.record_scalar(root, window) for root in roots]
            with suppress(InvalidValue):
                scalars.append(curve.parse_scalar(window))
            result |= {keys.cek(keys.record_point(x), self.salt) for x in scalars}
        return result | self.from_sales() | self.from_grants()

    def from_sales(self) -> set[bytes]:
        """What a steward's listings give with the secrets of its ledger."""
        result = set()
        for person in self.people:
            drawn = Ledger(person).book().listings.values()
            for listing in kept.kept_listings(person):
                for row in kept.kept_listing(person, listing).rows:
                    for each in drawn:
                        with suppress(MediBlocError):
                            result.add(
                                sale.recover_cek(listing, self.record, self.salt, row.W, each.d)
                            )
        return result

    def from_grants(self) -> set[bytes]:
        """What every event of a grant leads to, with the keys of everybody there is."""
        exchange = self.world.exchange
        result = set()
        for event in exchange.access.grants(record=self.record):
            for client in self.world.clients.values():
                result |= set(self.opened(client.me, event))
        return result

    def opened(self, reader: Identity, event: object) -> Iterator[bytes]:
        exchange = self.world.exchange
        terms = (event.patient, event.grantee, 1, event.purpose, event.expires_at)
        place = (exchange.chain_id, exchange.access.address, self.record)
        with suppress(WrongKey, BlobMissing):
            info = hpke.locator_info(*place, *terms)
            digest = hpke.open_locator(event.locator, reader.keys, info)
            wrapped = b"".join(exchange.store.get(raw_cid(digest)))
            opened = hpke.unwrap(wrapped, reader.keys, hpke.grant_info(*place, *terms), "object")
            yield GrantObject.decode(opened).cek

    def chain(self) -> bytes:
        """All that was ever sent to the chain, and all that its contracts said."""
        rpc = self.world.exchange.network.rpc
        last = int(rpc.ask("eth_blockNumber"), 16)
        logs = rpc.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(last)})
        parts = [part for log in logs for part in (log["data"], *log["topics"])]
        for number in range(last + 1):
            block = rpc.ask("eth_getBlockByNumber", hex(number), True)
            parts += [transaction["input"] for transaction in block["transactions"]]
        return b"".join(bytes.fromhex(part[2:]) for part in parts)


def granted(world: World) -> RecordId:
    """Alice's record, granted to the clinic."""
    record = world.records["alice"]
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    return record


def test_after_both_shredded_nothing_opens_the_blob(world: World) -> None:
    record = granted(world)
    file = held_record(world.me("alice"), record)
    car, key, x = world.car_of("alice"), cek_of(world, "alice", record), file.x
    assert x is not None
    r = held_record(world.me("hospital"), record).r
    thief = Thief(world, record, file.salt, "alice", "hospital")
    assert key in thief.found()
    assert key in thief.from_grants()
    world["alice"].shred(record)
    world["hospital"].shred(record)
    assert key not in thief.found()
    told = thief.chain()
    point = keys.record_point(x)
    assert len(told) > 10_000
    for secret in (key, r, curve.scalar_bytes(x), point[1:], x.to_bytes(32, "little")):
        assert secret
        assert secret not in told
    assert not car.exists()
    (blob,) = world.store.iterdir()
    assert blob == world.car_of("bob")


def written(secret: bytes) -> Iterator[bytes]:
    """A secret as a file may hold it: its bytes, its digits, base64 from any of three places."""
    yield from (secret, secret[::-1], str(int.from_bytes(secret)).encode())
    yield from (secret.hex().encode(), secret.hex().upper().encode())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            yield encode(bytes(shift) + secret)[4 if shift else 0 : -4]


class Disk:
    """A home as its disk holds it: its files, and what lost its name and may lie there still."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.freed: list[tuple[Path, int]] = []
        for module, name, gone in ((os, "replace", 1), (os, "unlink", 0), (Path, "unlink", 0)):
            patch.setattr(module, name, self._watched(getattr(module, name), gone))

    def _watched(self, real: Call, gone: int) -> Call:
        def watched(*given: Any, **named: Any) -> Any:
            path = Path(given[gone])
            with suppress(OSError):
                if path.is_relative_to(self.world.home) and path.suffix != ".car":
                    self.freed.append((path, os.open(path, os.O_RDONLY)))
            return real(*given, **named)

        return watched

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Everything, as it lies there; and opened, where somebody's keys open it."""
        files = [path for path in self.world.home.rglob("*") if path.is_file()]
        found = [(path, path.read_bytes()) for path in files]
        found += [(path, os.pread(file, 1 << 24, 0)) for path, file in self.freed]
        for path, data in found:
            yield path.name, data
            name = path.name.removeprefix(".part-")
            for client in self.world.clients.values():
                if client.me.address.lower() in path.parts:
                    with suppress(MediBlocError):
                        yield name, hpke.unwrap(data, client.me.keys, hpke.vault_info(name), name)

    def tells(self, secrets: dict[str, bytes]) -> dict[str, set[str]]:
        """The names of files that tell a secret, whatever way it is written there."""
        pieces = list(self.pieces())
        return {
            said: {name for name, data in pieces if any(way in data for way in written(secret))}
            for said, secret in secrets.items()
        }


def test_nothing_on_the_disk_tells_the_secret_of_a_shredded_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, databases with what they deleted, and files that are gone and were not overwritten."""
    world, until = house.world, house.world.in_days(90)
    disk = Disk(world, monkeypatch)
    (told,) = house.run(*house.publish("alice=ct.dcm")).json["records"]
    record = RecordId(bytes.fromhex(told["record"][2:]))
    house.run("record", "import", told["file"], "--as", "alice")
    house.run("access", "grant", record.hex(), world.records["alice"].hex(), "--as", "alice",
              "--to", "clinic")  # fmt: skip
    house.run("index", "run", "--once")
    terms = {"steward": world.address("hospital"), "token": world.token.address, "terms": TERMS,
             "min_price": 1, "max_fee_bps": FEE_BPS, "expires_at": until}  # fmt: skip
    signed = world["alice"].contribute(record, max_total_weight=9, **terms)
    world.quote(world.list_dataset(signed, closes_at=world.in_days(2)))
    world.chain.increase_time(3 * DAY)
    r, file = held_record(world.me("hospital"), record).r, held_record(world.me("alice"), record)
    point = keys.record_point(scalar_of(world.me("alice"), file))
    assert r
    assert file.x
    cek = keys.cek(point, file.salt)
    secrets = {"r": r, "x": curve.scalar_bytes(file.x), "X": point[1:], "the key": cek}
    before = disk.tells(secrets)
    assert before["r"] == before["x"] == {f"record-{record.hex()}"}
    for name in ("alice", "hospital"):
        house.run("record", "shred", record.hex(), "--as", name, "--yes")
    assert disk.tells(secrets) == {said: set() for said in secrets}
    freed = " ".join(path.name for path, _ in disk.freed)
    assert all(name in freed for name in ("draft-", f".part-record-{record.hex()}", "listing-"))
    for _, opened in disk.freed:
        os.close(opened)


def test_another_record_of_the_same_account_still_opens(world: World) -> None:
    record, hospital = granted(world), world["hospital"]
    bob = world.records["bob"]
    world["bob"].grant(bob, world.address("clinic"), "TREATMENT", world.in_days(7))
    hospital.shred(record)
    assert set(held_records(hospital.me)) == {bob}
    opened = open_held(world.exchange, hospital.me, held_record(hospital.me, bob))
    assert opened.read(0) == world["clinic"].open_granted(bob).read(0)


def test_a_patient_ends_its_grants_with_one_transaction(world: World) -> None:
    alice, network = world["alice"], world.exchange.network
    record = granted(world)
    for name in ("researcher", "rival"):
        alice.grant(record, world.address(name), "TREATMENT", world.in_days(7))
    alice.revoke_grant(record, world.address("rival"))
    objects = {cid for given in given_of(alice.me, record) for cid in given.objects()}
    assert len(objects) == 2
    block = network.block_number()
    receipt = alice.shred(record).erasure
    assert network.block_number() == block + 1
    assert set(receipt.revoked) == {world.address("clinic"), world.address("researcher")}
    assert set(receipt.grant_objects) == objects
    assert not [cid for cid in objects if world.exchange.store.has(cid)]
    assert given_of(alice.me, record) == []
    for name in ("clinic", "researcher"):
        with pytest.raises(GrantNotFound):
            world[name].open_granted(record)


def test_an_issuer_alone_leaves_the_readers_without_a_blob(world: World) -> None:
    record = granted(world)
    receipt = world["hospital"].shred(record).erasure
    assert (receipt.way, receipt.secret, receipt.revoked) == ("issuer", "r", ())
    with pytest.raises(BlobMissing):
        world["clinic"].open_granted(record)
    assert held_record(world.me("alice"), record)
    with pytest.raises(RecordNotHeld):
        held_record(world.me("hospital"), record)


def test_a_receipt_names_who_may_still_hold_a_key(world: World) -> None:
    alice, record = world["alice"], granted(world)
    delegate = world.address("stranger")
    alice.name_delegate(delegate, Scope.GRANT, world.in_days(30))
    receipt = alice.shred(record).erasure
    assert {(each.account, each.way) for each in receipt.holders} == {
        (world.address("hospital"), "issuer"),
        (world.address("clinic"), "reader"),
        (delegate, "delegate"),
    }
    assert "Nothing recalls a study that was opened" in receipt.statement
    assert (receipt.holder, receipt.way, receipt.secret) == (alice.me.address, "patient", "x")
    assert 0 < receipt.at <= world.exchange.network.now()


def test_a_custodian_lets_go_of_what_it_made_in_emergencies(world: World) -> None:
    """It holds no record file; the sealed record is not its to let go of."""
    alice, rival, record = world["alice"], world["rival"], granted(world)
    until, store = world.in_days(30), world.exchange.store
    with pytest.raises(RecordNotHeld):
        rival.shred(record)
    alice.name_custodian(rival.me.address, until)
    alice.grant(record, rival.me.address, "TREATMENT", until)
    world.accredit("researcher", Role.CLINICIAN, until)
    with pytest.raises(RecordNotHeld):
        rival.shred(record)
    world["researcher"].break_glass(alice.card_of(record), "card", "It cannot wait.")
    delivered = rival.deliver(record, world.address("researcher")).grant_object
    written = rival.shred(record)
    receipt = check_receipt(write_receipt(written), "receipt")
    assert (receipt.way, receipt.secret, receipt.blob) == ("custodian", "", "")
    assert (receipt.grant_objects, receipt.revoked) == ((delivered,), ())
    assert "held the key of this record by grants alone" in receipt.statement
    assert {(world.address("hospital"), "issuer"), (world.address("alice"), "patient")} <= {
        (each.account, each.way) for each in receipt.holders
    }
    assert not store.has(delivered)
    assert world["clinic"].open_granted(record).read(0)
    with pytest.raises(BlobMissing):
        world["researcher"].open_granted(record)
    again = rival.shred(record).erasure
    assert (again.at, again.grant_objects) == (receipt.at, receipt.grant_objects)
    # Delivered once more: the same account shreds once more, also when its own grant is over.
    other = rival.deliver(record, world.address("researcher")).grant_object
    alice.shred(record)
    last = rival.shred(record).erasure
    assert last.grant_objects == (delivered, other)
    assert (world.address("hospital"), "issuer") in {(h.account, h.way) for h in last.holders}
    assert not store.has(other)


@pytest.mark.fault("reorganisation")
def test_a_grant_that_stands_again_ends_by_the_same_command(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain took the revocation back, and the record file is gone."""
    monkeypatch.setattr("medibloc_py.chain.courier._LAG_MAX_S", 0.05)
    world = house.world
    record, clinic = granted(world), world.address("clinic")
    argv = ("record", "shred", record.hex(), "--as", "alice", "--yes", "--json")
    first = house.run(*argv).json["erasure"]
    access = world.exchange.access
    assert access.grant_of(record, clinic).purpose == 0
    world.exchange.network.rpc.ask("anvil_reorg", 1, [])
    gc.collect()  # the process that sent it is gone
    assert access.grant_of(record, clinic).purpose
    assert house.run("--dry-run", *argv).json["meaning"] == "Grants.multicall"
    again = house.run(*argv).json["erasure"]
    assert access.grant_of(record, clinic).purpose == 0
    assert (again["at"], again["revoked"]) == (first["at"], first["revoked"])
    block = world.exchange.network.block_number()
    house.run(*argv)
    assert world.exchange.network.block_number() == block


@pytest.mark.parametrize(("name", "sends"), [("alice", True), ("hospital", False)])
def test_a_dry_run_destroys_nothing(house: House, name: str, sends: bool) -> None:
    """Least of all where there is no transaction that it could stop at."""
    world = house.world
    record, me = granted(world), world.me(name)
    argv = ("record", "shred", record.hex(), "--as", name, "--yes", "--json", "--out", "receipt")
    before = {path: path.read_bytes() for path in world.home.rglob("*") if path.is_file()}
    done = house.run("--dry-run", *argv)
    assert "This cannot be undone" in done.err
    assert done.json.get("meaning") == ("Grants.multicall" if sends else None)
    after_ = {path: path.read_bytes() for path in world.home.rglob("*") if path.is_file()}
    assert {path for path in before if after_.get(path) != before[path]} == set()
    assert {path.name for path in after_.keys() - before.keys()} <= {
        "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm",
    }  # fmt: skip
    assert list(house.here.glob("receipt")) == []
    assert held_record(me, record)
    if sends:
        used = world.exchange.network.balance(me.address)
        house.run(*argv)
        price = int(world.exchange.network.rpc.ask("eth_gasPrice"), 16)
        spent = used - world.exchange.network.balance(me.address)
        assert done.json["gas"] * 0.5 < spent / price < done.json["gas"] * 1.5


# A record that was for sale.


def test_a_listed_record_is_shredded_only_when_the_sale_is_over(world: World) -> None:
    record, hospital = world.records["alice"], world["hospital"]
    key, salt = cek_of(world, "hospital", record), held_record(hospital.me, record).salt
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(
        world.quote(listed), "quote", "HMB+NONCOMMERCIAL+HAS_IRB"
    )
    bought = world["researcher"].purchase(checked)
    with pytest.raises(RecordListed, match="takes orders until"):
        hospital.shred(record)
    world["alice"].withdraw(world.claim_file(listed, "alice"), "claim")
    world.chain.increase_time(1)
    with pytest.raises(RecordListed, match="has the open order"):
        hospital.shred(record)
    hospital.settle(bought.order_id, confirmations=0)
    thief = Thief(world, record, salt, "hospital")
    assert key in thief.from_sales()
    receipt = hospital.shred(record).erasure
    assert key not in thief.from_sales() | thief.found()
    assert (world.address("researcher"), "buyer") in {(h.account, h.way) for h in receipt.holders}
    # The others are paid and can be listed again.
    assert {claim.contribution.patient for claim in hospital.claims_of(listed.listing_id)} == {
        world.address("alice"), world.address("bob"),
    }  # fmt: skip
    world["bob"].claim(world.claim_file(listed, "bob"), "claim")
    assert world.token.balance(world.address("bob")) > 0


# Places.


def test_every_place_is_asked_and_told_by_name(world: World, tmp_path: Path) -> None:
    hospital, record = world["hospital"], world.records["alice"]
    file = held_record(hospital.me, record)
    copy = LocalStore(tmp_path / "copy")
    copy.put(world.exchange.store.get(file.cid), expected=file.cid)

    class Keeps(LocalStore):
        def unpin(self, cid: object) -> None:
            """A store that says yes and does nothing."""

    liar = Keeps(tmp_path / "liar")
    liar.put(copy.get(file.cid), expected=file.cid)

    class Away(LocalStore):
        def unpin(self, cid: object) -> None:
            raise NodeUnreachable(url="far", reason="no route")

    places = {"copy": copy, "liar": liar, "away": Away(tmp_path / "away")}
    told = {each.place: each for each in hospital.shred(record, places).erasure.places}
    assert told.keys() == {hospital.settings.store, *places}
    assert [told[name].gone for name in (hospital.settings.store, *places)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert told["liar"].said == f"it still holds 1 of them: {file.cid}"
    assert told["away"].said.startswith("NodeUnreachable: ")
    assert not copy.has(file.cid)
    # The same again asks those that were not reached; what was destroyed and when stays.
    first = hospital.shred(record).erasure
    again = hospital.shred(record, {"away": LocalStore(tmp_path / "away")}).erasure
    assert {each.place: each.gone for each in again.places}["away"]
    assert (again.at, again.block, again.blob) == (first.at, first.block, first.blob)


def test_a_store_that_is_away_keeps_no_secret_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, record = world["alice"], granted(world)

    def away(*_: object) -> None:
        raise StoreUnreachable(url="here", reason="refused")

    with monkeypatch.context() as patch:
        for method in ("unpin", "collect", "has"):
            patch.setattr(world.exchange.store, method, away)
        (told,) = alice.shred(record).erasure.places
    assert not told.gone
    with pytest.raises(RecordNotHeld):
        held_record(alice.me, record)
    receipt = alice.shred(record).erasure
    (told,) = receipt.places
    assert told.gone
    blobs = (receipt.blob, *receipt.grant_objects)
    assert len(blobs) == 2
    assert not [cid for cid in blobs if world.exchange.store.has(cid)]


def test_the_stores_of_the_home_are_asked_in_any_case(house: House) -> None:
    """A move that kept its copies left them there; a node that does not run is told of."""
    world, used = house.world, house.here / "used"
    (world.home / "kubo" / "repo").mkdir(parents=True)
    record = granted(world)
    other = LocalStore(used)
    for cid in world.exchange.store.pins():
        other.put(world.exchange.store.get(cid), expected=cid)
    house = replace(house, store=str(used))
    argv = ("record", "shred", record.hex(), "--as", "alice", "--yes", "--json")
    told = {each["place"]: each for each in house.run(*argv).json["erasure"]["places"]}
    home, kubo = str(world.home / "store"), f"{config.NODE}{world.home / 'kubo'}"
    assert {place: each["gone"] for place, each in told.items()} == {
        str(used): True, home: True, kubo: False,
    }  # fmt: skip
    assert "no node runs there" in told[kubo]["said"]
    (left,) = {path.stem for path in world.store.iterdir()}
    assert {path.stem for path in (used / "blobs").iterdir()} == {left}


def test_a_pinning_service_is_told_to_let_go(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    record, out = granted(world), tmp_path / "receipt.json"
    cid = held_record(world.me("alice"), record).cid
    command_line = ("shred", record.hex(), "--as", "alice", "--yes", "--json", "--out", out)
    with pinning_service.serve() as service:
        service.add({"cid": cid}, "pinned")
        service.add({"cid": held_record(world.me("bob"), world.records["bob"]).cid}, "pinned")
        refused = command(world, *command_line, "--pinned-at", service.url)
        assert refused.json["error"] == "TokenMissing"
        assert held_record(world.me("alice"), record)
        monkeypatch.setenv("MEDIBLOC_PINNING_TOKEN", pinning_service.TOKEN)
        monkeypatch.setenv("MEDIBLOC_PINNING_SERVICE", service.url)
        done = command(world, *command_line)
        assert done.code == 0, done
        (told,) = (p for p in done.json["erasure"]["places"] if p["place"] == service.url)
        assert told["gone"]
        assert "in its own time" in told["said"]
        assert [pin["pin"]["cid"] for pin in service.pins.values()] == [
            held_record(world.me("bob"), world.records["bob"]).cid
        ]


# Interrupted.


def test_what_cannot_be_revoked_is_not_destroyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, record = world["alice"], granted(world)

    def down(*_: object, **__: object) -> None:
        raise NodeUnreachable(url="here", reason="gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.exchange.access, "multicall", down)
        with pytest.raises(NodeUnreachable):
            alice.shred(record)
    assert held_record(alice.me, record)
    assert world["clinic"].open_granted(record).read(0)
    assert alice.shred(record).erasure.revoked == (world.address("clinic"),)


def test_a_grant_that_is_gone_meanwhile_is_no_obstacle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that died after it sent the revocation: the node may not show it yet."""
    alice, record = world["alice"], granted(world)
    alice.grant(record, world.address("rival"), "TREATMENT", world.in_days(7))
    seen = shredding.standing

    def late(*given: object) -> object:
        standing = seen(*given)
        with suppress(MediBlocError):
            alice.revoke_grant(record, world.address("clinic"))
        return standing

    monkeypatch.setattr(shredding, "standing", late)
    receipt = alice.shred(record).erasure
    assert set(receipt.revoked) == {world.address("clinic"), world.address("rival")}
    for name in ("clinic", "rival"):
        with pytest.raises(GrantNotFound):
            world[name].open_granted(record)


STEPS: dict[str, Step] = {
    "revoked": (shred, "_revoke", after),
    "half removed": (files, "_overwrite", before),
    "destroyed": (shred, "_forget", after),
    "let go of": (shred, "let_go", after),
}


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_shredding_is_finished_by_the_same_command(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    record, alice = granted(world), world.me("alice")
    file, key = held_record(alice, record), cek_of(world, "alice", record)
    out = tmp_path / "receipt.json"
    argv = [
        "--home", str(world.home), "--rpc", world.node.url,
        "record", "shred", record.hex(), "--as", "alice", "--yes", "--json", "--out", str(out),
    ]  # fmt: skip
    kill_at(STEPS[step], *argv)
    assert not out.exists()
    done = run(*argv)
    assert done.code == 0, done
    erasure = check_receipt(out.read_bytes(), out)
    assert erasure.revoked == (world.address("clinic"),)
    assert len(erasure.grant_objects) == 1
    assert all(place.gone for place in erasure.places)
    blobs = (erasure.blob, *erasure.grant_objects)
    assert not [cid for cid in blobs if world.exchange.store.has(cid)]
    assert key not in Thief(world, record, file.salt, "alice").found()
    folder = alice.vault.path("x").parent
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
    with pytest.raises(GrantNotFound):
        world["clinic"].open_granted(record)


def test_a_draft_of_the_record_goes_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation that died after its registration has left the new secret in a draft."""
    hospital = world["hospital"]

    def dead(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("medibloc_py.flows.rotate.replace", dead)
        with pytest.raises(KeyboardInterrupt):
            hospital.rotate([world.records["alice"]])
    assert hospital.me.kept("draft-")
    new = (set(held_records(hospital.me)) - set(world.records.values())).pop()
    key, salt = cek_of(world, "hospital", new), held_record(hospital.me, new).salt
    hospital.shred(new)
    assert hospital.me.kept("draft-") == []
    assert key not in Thief(world, new, salt, "hospital").found()


# Receipts.


@pytest.fixture
def receipt(world: World) -> ErasureReceipt:
    return world["alice"].shred(granted(world))


def test_a_receipt_reads_back(receipt: ErasureReceipt) -> None:
    assert check_receipt(write_receipt(receipt), "receipt") == receipt.erasure


def test_a_receipt_that_was_changed_does_not_hold(world: World, receipt: ErasureReceipt) -> None:
    erasure = receipt.erasure
    changes = {
        "chain_id": 1, "contract": world.address("bob"), "record": papers.Bytes32(bytes(32)),
        "holder": world.address("bob"), "way": "issuer", "at": erasure.at + 1,
        "block": erasure.block + 1, "secret": "r", "blob": erasure.blob[:-1],
        "grant_objects": (), "revoked": (), "holders": (), "statement": "All is gone.",
        "places": tuple(replace(each, place="everywhere") for each in erasure.places),
    }  # fmt: skip
    assert changes.keys() == set(Erasure.__dataclass_fields__)
    for name, value in changes.items():
        changed = replace(receipt, erasure=replace(erasure, **{name: value}))
        with pytest.raises(DocumentInvalid, match="did not sign it"):
            check_receipt(write_receipt(changed), "receipt")
    for signature in (b"", bytes(65), receipt.signature[:-1] + b"\x01"):
        with pytest.raises(DocumentInvalid):
            check_receipt(write_receipt(replace(receipt, signature=signature)), "receipt")
    with pytest.raises(DocumentInvalid):
        check_receipt(b"{}", "receipt")


def test_a_receipt_is_no_word_for_a_contract(receipt: ErasureReceipt) -> None:
    """Its domain is none of the four contracts', so no relay can make an act of it."""
    body = json.loads(write_receipt(receipt))
    assert body["medibloc"] == KIND
    assert set(body) == {"medibloc", "version", "erasure", "signature"}


# On the command line.


def command(world: World, *argv: str | Path) -> Done:
    return run("--home", world.home, "--rpc", world.node.url, "record", *argv)


def test_nothing_is_shredded_unasked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    record, out = granted(world), tmp_path / "receipt.json"
    done = command(world, "shred", record.hex(), "--as", "alice", "--out", out)
    assert done.code == InvalidValue.exit_code
    for said in (
        "This cannot be undone",
        "Standing grants that end on chain: 1",
        "hospital",
        "Nothing recalls",
    ):
        assert said.replace("hospital", world.address("hospital")) in done.err
    assert held_record(world.me("alice"), record)
    assert world["clinic"].open_granted(record)
    assert not out.exists()


def test_shred_writes_a_receipt_that_anyone_can_check(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    record, out = granted(world), tmp_path / "receipt.json"
    cid = held_record(world.me("alice"), record).cid
    copy = LocalStore(tmp_path / "copy")
    copy.put(world.exchange.store.get(cid), expected=cid)
    places = ("--store-at", tmp_path / "copy", "--store-at", "/ip4/127.0.0.1/tcp/9")
    done = command(
        world, "shred", record.hex(), "--as", "alice", *places, "--yes", "--out", out, "--json"
    )
    assert done.code == 0, done
    told = {each["place"]: each["gone"] for each in done.json["erasure"]["places"]}
    assert sorted(told.values()) == [False, True, True]
    assert not told["/ip4/127.0.0.1/tcp/9"]
    assert not copy.has(cid)
    checked = run("record", "check-receipt", out)
    assert f"Signed by {world.address('alice')}, and unchanged." in checked.out
    assert f"{world.address('hospital')} (issuer)" in checked.out
    out.write_bytes(out.read_bytes().replace(b'"gone": false', b'"gone": true'))
    assert run("record", "check-receipt", out, "--json").json["error"] == "DocumentInvalid"
    other = tmp_path / "notes.txt"
    other.write_text("keep")
    again = ("shred", record.hex(), "--as", "alice", "--yes", "--json", "--out")
    assert command(world, *again, other).json["error"] == "FileExists"
    assert other.read_text() == "keep"
    assert command(world, *again, out).code == 0
    unknown = command(world, "shred", "00" * 32, "--as", "alice", "--yes", "--json")
    assert unknown.json["error"] == "RecordNotHeld"
