"""A granted study read from stores that lie, lose and break down: never a wrong array.

Whole and by a frame. Stores that hang are in `tests/unit/storage`: they take their time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest

from medibloc_py.errors import BlobMissing, Corrupted, MediBlocError, StoreFailed, StoreUnreachable
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.parties import Exchange
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Cid, RecordId
from medibloc_py.storage import GatewayStore, KuboStore, LocalStore, Store, again
from medibloc_py.storage.cid import cid_text
from tests.fakes import gateway, recorded_kubo
from tests.flow.world import World

SIDE = 1200
"""Of an image of 16 bits: a sealed study of three leaves."""

Bend = Callable[[Cid], object]
Bends = dict[str, tuple[Bend, tuple[type[MediBlocError], ...]]]


@dataclass
class Hands:
    """A store, and what a hand inside can do to one of its blocks.

    Attributes:
        bends: faults by name, and the errors a read may come to; if there are none, it is right.
        mend: all as it was.
    """

    store: Store
    blocks: list[Cid]
    bends: Bends
    mend: Callable[[], None]


def flipped(block: bytes) -> bytes:
    return block[:100] + bytes([block[100] ^ 4]) + block[101:]


@contextmanager
def folder(blobs: list[bytes]) -> Iterator[Hands]:
    """A disk whose bytes turned, or that somebody else writes to."""
    with TemporaryDirectory() as name:
        store = LocalStore(Path(name))
        cids = [store.put([blob]).cid for blob in blobs]
        cars = {cid: Path(name) / "blobs" / f"{cid}.car" for cid in cids}
        good = {cid: car.read_bytes() for cid, car in cars.items()}

        def put(change: Callable[[bytes], bytes]) -> Bend:
            return lambda cid: cars[cid].write_bytes(change(good[cid]))

        def other(cid: Cid) -> None:
            cars[cid].write_bytes(next(car for each, car in good.items() if each != cid))

        def mend() -> None:
            for cid, car in cars.items():
                car.write_bytes(good[cid])

        bends: Bends = {
            "a flipped bit": (
                put(lambda car: car[:-9] + bytes([car[-9] ^ 4]) + car[-8:]),
                (Corrupted,),
            ),
            "cut": (put(lambda car: car[:-1]), (Corrupted,)),
            "half": (put(lambda car: car[: len(car) // 2]), (Corrupted,)),
            "empty": (put(lambda _: b""), (Corrupted,)),
            "another blob": (other, (Corrupted,)),
            "without end": (put(lambda car: car + car[-99:] * 1000), (Corrupted,)),
            "lost": (lambda cid: cars[cid].unlink(), (BlobMissing,)),
        }
        yield Hands(store, list(cars), bends, mend)


@contextmanager
def daemon(blobs: list[bytes]) -> Iterator[Hands]:
    with recorded_kubo.serve() as kubo:
        store = KuboStore(kubo.url, timeout_s=2)
        for blob in blobs:
            store.put([blob])
        good = dict(kubo.blocks)

        def put(change: Callable[[bytes], bytes]) -> Bend:
            return lambda cid: kubo.blocks.update({cid: change(good[cid])})

        def at(fault: Callable[[recorded_kubo.Exchange], None], times: int = 99) -> Bend:
            def bend(cid: Cid) -> None:
                left = [times]

                def answer(exchange: recorded_kubo.Exchange) -> None:
                    if exchange.arg == cid and left[0]:
                        left[0] -= 1
                        fault(exchange)
                    else:
                        exchange._block_get()

                kubo.faults["block/get"] = answer

            return bend

        def hang_up(exchange: recorded_kubo.Exchange) -> None:
            exchange.connection.shutdown(socket.SHUT_RDWR)
            exchange.close_connection = True

        def mend() -> None:
            kubo.blocks = dict(good)
            kubo.faults.clear()

        endless = at(lambda x: x.chunked(b" " * 65536 for _ in range(100)))
        trailer = at(lambda x: x.chunked([good[Cid(x.arg)]], trailer="datastore: i/o error"))
        bends: Bends = {
            "a flipped bit": (put(flipped), (Corrupted,)),
            "cut": (put(lambda block: block[:-1]), (Corrupted,)),
            "another block": (put(lambda _: next(iter(good.values()))[:-7]), (Corrupted,)),
            "lost": (lambda cid: kubo.blocks.pop(cid), (BlobMissing,)),
            "without end": (endless, (StoreFailed,)),
            "an error after the bytes": (trailer, (StoreFailed,)),
            "a daemon that is gone": (at(hang_up), (StoreUnreachable,)),
            "a daemon that restarts": (at(hang_up, times=2), ()),
        }
        yield Hands(store, [Cid(cid) for cid in good], bends, mend)


@contextmanager
def public_gateway(blobs: list[bytes]) -> Iterator[Hands]:
    with gateway.serve() as served:
        for blob in blobs:
            served.hold(blob)

        def put(change: Callable[[bytes], bytes]) -> Bend:
            return lambda cid: served.lies.update({cid: change(served.blocks[cid])})

        def at(times: int) -> Bend:
            """Hangs up where a block is due, so many times."""

            def bend(cid: Cid) -> None:
                left = [times]

                def framed(visit: gateway.Visit) -> Iterator[bytes]:
                    for binary, block in visit.sections():
                        if cid_text(binary) == cid and left[0]:
                            left[0] -= 1
                            visit.connection.shutdown(socket.SHUT_RDWR)
                        yield from list(visit.framed([(binary, block)]))[1:]

                def car(visit: gateway.Visit) -> None:
                    head = next(visit.framed([]))
                    visit.give(piece for part in ([head], framed(visit)) for piece in part)

                served.faults["car"] = car

            return bend

        def mend() -> None:
            served.lies.clear()
            served.faults.clear()

        bends: Bends = {
            "a flipped bit": (put(flipped), (Corrupted,)),
            "cut": (put(lambda block: block[:-1]), (Corrupted,)),
            "another block": (put(lambda _: next(iter(served.blocks.values()))[:-7]), (Corrupted,)),
            "without end": (put(lambda block: block + bytes(1 << 22)), (Corrupted, StoreFailed)),
            "lost": (lambda cid: served.lies.update({cid: None}), (BlobMissing,)),
            "a gateway that is gone": (at(99), (StoreUnreachable,)),
            "a gateway that restarts": (at(2), ()),
        }
        yield Hands(
            GatewayStore(served.url, timeout_s=2), list(map(Cid, served.blocks)), bends, mend
        )


def publish(world: World, path: Path) -> tuple[RecordId, np.ndarray]:
    """Alice's large study, granted to the clinic; and its pixels."""
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    pixels = np.random.default_rng(7).integers(0, 1 << 15, (SIDE, SIDE), dtype=np.int16)
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)
    (held,) = world["hospital"].publish([StudyToPublish(path, world.address("alice"))]).records
    paper = world["hospital"].hand_over(id_of(held))
    record = world["alice"].import_record(paper, "record file")
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    return record, pixels


def blobs_of(store: LocalStore) -> list[bytes]:
    return [b"".join(store.get(cid)) for cid in store.pins()]


@pytest.mark.parametrize(
    ("serve", "blocks"),
    [
        # The grant object and the record, each one file.
        pytest.param(folder, 2, marks=pytest.mark.fault("hostile store", faults=7 * 2)),
        # The grant object, the root, three leaves.
        pytest.param(daemon, 5, marks=pytest.mark.fault("hostile store", faults=8 * 5)),
        pytest.param(public_gateway, 5, marks=pytest.mark.fault("hostile store", faults=7 * 5)),
    ],
)
def test_never_a_wrong_array(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[list[bytes]], Iterator[Hands]],
    blocks: int,
) -> None:
    monkeypatch.setattr(again, "PAUSES_S", (0.01, 0.01, 0.01))
    record, pixels = publish(world, tmp_path / "large.dcm")
    local = LocalStore(world.home / "store")
    ours = {held_record(world.me("alice"), record).cid}
    with serve(blobs_of(local)) as hands:
        exchange = Exchange(world.exchange.network, world.exchange.deployment, hands.store)
        clinic = replace(world["clinic"], exchange=exchange)

        def arrays() -> np.ndarray:
            (array,) = clinic.open_granted(record).arrays().values()
            return array

        def frame() -> np.ndarray:
            return clinic.open_granted(record).read_frame(0, 0)

        assert np.array_equal(arrays(), pixels)
        assert np.array_equal(frame(), pixels)
        used = [cid for cid in hands.blocks if is_read(hands, cid, arrays)]
        assert ours <= set(used)
        assert len(used) == blocks
        for number, (name, (bend, errors)) in enumerate(hands.bends.items()):
            for place, cid in enumerate(used):
                read = (arrays, frame)[(number + place) % 2]
                bend(cid)
                if errors:
                    with pytest.raises(errors):
                        read()
                else:
                    assert np.array_equal(read(), pixels), (name, cid)
                hands.mend()
        assert np.array_equal(arrays(), pixels)


def is_read(hands: Hands, cid: Cid, arrays: Callable[[], object]) -> bool:
    """Whether a reader needs a block: without it, it says which one is missing."""
    hands.bends["lost"][0](cid)
    try:
        arrays()
    except BlobMissing as error:
        return error.values["cid"] == cid
    finally:
        hands.mend()
    return False
