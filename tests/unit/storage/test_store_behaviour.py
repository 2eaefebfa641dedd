"""What every store promises, run against each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medibloc_py.errors import BlobMissing, CidMismatch, InvalidValue
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage import KuboStore, LocalStore, Store, raw_cid
from tests.fakes.memory_store import MemoryStore
from tests.fakes.recorded_kubo import serve
from tests.unit.storage.blobs import CHUNK, StoreUnderTest, cid_of, some_bytes

ABSENT = raw_cid(hashlib.sha256(b"nobody put this").digest())
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17]


def read(store: Store, cid: Cid, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.get(cid, offset, length))


@pytest.mark.parametrize("size", SIZES)
def test_get_gives_what_was_put(store: Store, size: int) -> None:
    data = some_bytes(size)
    blob = store.put([data[:5], b"", data[5:]])
    assert blob.size_bytes == size
    assert read(store, blob.cid) == data
    assert store.size(blob.cid) == size
    assert store.has(blob.cid)


def test_put_gives_the_same_cid_however_the_blob_is_cut(store: Store) -> None:
    data = some_bytes(2 * CHUNK + 3)
    whole = store.put([data])
    for step in (1000, CHUNK, CHUNK + 1):
        assert store.put(data[at : at + step] for at in range(0, len(data), step)) == whole


def test_get_yields_pieces_of_at_most_one_chunk(store: Store) -> None:
    blob = store.put([some_bytes(3 * CHUNK)])
    assert max(len(piece) for piece in store.get(blob.cid)) <= CHUNK


def test_put_accepts_the_expected_cid(store: Store) -> None:
    blob = store.put([b"a scan"])
    assert store.put([b"a scan"], expected=blob.cid) == blob


def test_put_reverts_when_another_cid_is_expected(store: Store) -> None:
    with pytest.raises(CidMismatch) as caught:
        store.put([b"a scan"], expected=ABSENT)
    assert caught.value.values["expected"] == ABSENT


def test_put_that_reverts_keeps_nothing_new(store: Store, under_test: StoreUnderTest) -> None:
    with pytest.raises(CidMismatch) as caught:
        store.put([b"a scan"], expected=ABSENT)
    under_test.collect_garbage()
    assert not store.has(caught.value.values["actual"])


def test_put_that_reverts_keeps_what_was_there(store: Store, under_test: StoreUnderTest) -> None:
    blob = store.put([b"a scan"])
    with pytest.raises(CidMismatch):
        store.put([b"a scan"], expected=ABSENT)
    under_test.collect_garbage()
    assert read(store, blob.cid) == b"a scan"


def test_put_passes_on_the_error_of_its_source(store: Store, under_test: StoreUnderTest) -> None:
    class SourceBroke(ValueError):
        pass

    def source() -> Iterator[bytes]:
        yield some_bytes(CHUNK)
        raise SourceBroke

    with pytest.raises(SourceBroke):
        store.put(source())
    under_test.collect_garbage()
    assert not store.has(cid_of(some_bytes(CHUNK)))


@pytest.mark.parametrize("failure", [OSError("disk"), KeyboardInterrupt()])
def test_put_passes_on_even_what_looks_like_its_own_error(
    store: Store, failure: BaseException
) -> None:
    def source() -> Iterator[bytes]:
        yield b"begun"
        raise failure

    with pytest.raises(type(failure)) as caught:
        store.put(source())
    assert caught.value is failure


def test_two_puts_of_the_same_blob_at_once_keep_it(store: Store) -> None:
    data = some_bytes(2 * CHUNK + 1)
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    with ThreadPoolExecutor(4) as pool:
        blobs = {future.result() for future in [pool.submit(store.put, pieces) for _ in range(8)]}
    (blob,) = blobs
    assert read(store, blob.cid) == data


@pytest.mark.parametrize("action", ["get", "size", "pin"])
def test_missing_blob_is_told_as_such(store: Store, action: str) -> None:
    with pytest.raises(BlobMissing) as caught:
        list(getattr(store, action)(ABSENT) or ())
    assert caught.value.values == {"cid": ABSENT}
    assert not store.has(ABSENT)


@pytest.mark.parametrize("action", ["get", "size", "has", "pin", "unpin"])
@pytest.mark.parametrize(
    "cid", ["", "b", "../../etc/passwd", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz"]
)
def test_what_is_no_cid_is_refused(store: Store, action: str, cid: str) -> None:
    with pytest.raises(InvalidValue):
        list(getattr(store, action)(Cid(cid)) or ())


def test_unpin_lets_go_of_the_blob(store: Store, under_test: StoreUnderTest) -> None:
    blob = store.put([some_bytes(CHUNK + 1)])
    other = store.put([some_bytes(10)])
    store.unpin(blob.cid)
    under_test.collect_garbage()
    assert not store.has(blob.cid)
    assert store.has(other.cid)
    with pytest.raises(BlobMissing):
        read(store, blob.cid)


def test_put_announces_the_blob_before_it_is_kept(store: Store) -> None:
    heard: list[StoredBlob] = []
    data = some_bytes(CHUNK + 1)

    def announce(blob: StoredBlob) -> None:
        store.unpin(blob.cid)  # as after a crash: what was announced can be let go of
        heard.append(blob)

    blob = store.put([data], announce=announce)
    assert heard == [blob]
    assert read(store, blob.cid) == data


def test_put_keeps_nothing_when_the_announcement_fails(
    store: Store, under_test: StoreUnderTest
) -> None:
    def announce(blob: StoredBlob) -> None:
        raise BlobMissing(cid=blob.cid)

    data = some_bytes(CHUNK + 1)
    with pytest.raises(BlobMissing):
        store.put([data], announce=announce)
    store.collect()
    assert not store.has(cid_of(data))


def test_collect_frees_what_was_let_go_of_and_nothing_else(store: Store) -> None:
    kept, gone = store.put([b"kept"]), store.put([b"gone"])
    store.unpin(gone.cid)
    store.collect()
    assert read(store, kept.cid) == b"kept"
    assert not store.has(gone.cid)


def test_unpin_of_what_is_not_kept_is_no_error(store: Store) -> None:
    store.unpin(ABSENT)
    blob = store.put([b"once"])
    store.unpin(blob.cid)
    store.unpin(blob.cid)


def test_pin_keeps_what_was_put(store: Store, under_test: StoreUnderTest) -> None:
    blob = store.put([some_bytes(CHUNK + 1)])
    store.pin(blob.cid)
    under_test.collect_garbage()
    assert read(store, blob.cid) == some_bytes(CHUNK + 1)


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 1), (0, 6), (6, None), (5, 1), (2, -1), (9, 0)]
)
def test_get_refuses_a_range_outside_of_the_blob(
    store: Store, offset: int, length: int | None
) -> None:
    blob = store.put([b"12345"])
    with pytest.raises(InvalidValue):
        read(store, blob.cid, offset, length)


def test_get_gives_an_empty_range_at_the_end(store: Store) -> None:
    blob = store.put([b"12345"])
    assert read(store, blob.cid, 5) == b""
    assert read(store, blob.cid, 5, 0) == b""


def edges(size: int) -> st.SearchStrategy[int]:
    """Positions in a blob, mostly near the boundaries of its chunks."""
    near = st.builds(
        lambda chunk, delta: min(max(chunk * CHUNK + delta, 0), size),
        st.integers(0, size // CHUNK + 1),
        st.integers(-2, 2),
    )
    return near | st.integers(0, size)


@pytest.fixture(scope="module", params=["local", "memory", "kubo"])
def with_blob(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Cid, bytes]]:
    data = some_bytes(3 * CHUNK + 17)
    with serve() as kubo:
        store: Store = {
            "local": lambda: LocalStore(tmp_path_factory.mktemp("store")),
            "memory": MemoryStore,
            "kubo": lambda: KuboStore(kubo.url, timeout_s=5),
        }[request.param]()
        yield store, store.put([data]).cid, data


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ends=st.tuples(edges(3 * CHUNK + 17), edges(3 * CHUNK + 17)))
def test_get_gives_any_range(with_blob: tuple[Store, Cid, bytes], ends: tuple[int, int]) -> None:
    store, cid, data = with_blob
    start, stop = sorted(ends)
    assert read(store, cid, start, stop - start) == data[start:stop]
    assert read(store, cid, start) == data[start:]


def test_pins_are_the_blobs_that_are_kept(store: Store) -> None:
    assert list(store.pins()) == []
    kept, dropped = store.put([some_bytes(CHUNK + 1)]).cid, store.put([b"dropped"]).cid
    assert sorted(store.pins()) == sorted([kept, dropped])
    store.unpin(dropped)
    assert list(store.pins()) == [kept]
