"""Deep documents are told before a parser recurses, whatever the recursion limit is."""

import json
import sys
from contextlib import nullcontext, suppress

import dag_cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import cbor
from medibloc_py.errors import DocumentInvalid
from medibloc_py.flows import papers
from medibloc_py.nesting import (
    MOST_DEPTH,
    MOST_TEXT_BYTES,
    JsonStream,
    require_shallow_cbor,
    require_shallow_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, (dict, list)) + max(map(depth, inner), default=0)


@pytest.fixture
def _raised_limit():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


@given(VALUES, st.integers(0, 6))
def test_cbor_is_measured_exactly(value, most):
    data = dag_cbor.encode(value)
    # The item itself stands on a level of its own.
    if depth(value) + 1 > most and depth(value):
        with pytest.raises(ValueError, match="nested too deeply"):
            require_shallow_cbor(data, most)
    else:
        require_shallow_cbor(data, most)


@given(JSON_VALUES, st.integers(0, 6))
def test_json_is_measured_exactly(value, most):
    data = json.dumps(value).encode()
    if depth(value) > most:
        with pytest.raises(ValueError, match="nested too deeply"):
            require_shallow_json(data, most)
    else:
        require_shallow_json(data, most)


@given(JSON_VALUES, st.integers(0, 6), st.integers(1, 9), st.sampled_from([None, 1]))
def test_json_in_pieces_is_measured_exactly(value, most, size, indent):
    data = json.dumps(value, indent=indent).encode()
    stream = JsonStream(most)
    deeper = depth(value) > most
    with pytest.raises(ValueError, match="nested too deeply") if deeper else nullcontext():
        for at in range(0, len(data), size):
            stream.feed(data[at : at + size])


def test_a_text_without_end_is_refused_in_pieces():
    stream = JsonStream()
    stream.feed(b'"')
    for _ in range(MOST_TEXT_BYTES // 10_000):
        stream.feed((b"[" * 50 + b"]" * 50) * 100)
    with pytest.raises(ValueError, match="without end"):
        stream.feed(bytes(10_000))


@given(st.binary())
def test_any_bytes_end(data):
    for measure in (require_shallow_cbor, require_shallow_json):
        with suppress(ValueError):
            measure(data)


@pytest.mark.usefixtures("_raised_limit")
@pytest.mark.parametrize("data", [b"\x81" * 50_000, b"\xa1\x61a" * 50_000, b"\xc6" * 50_000])
def test_deep_cbor_is_refused_given_a_raised_recursion_limit(data):
    with pytest.raises(DocumentInvalid):
        cbor.decode(data, cbor.invalid_document("test", "here"))


@pytest.mark.usefixtures("_raised_limit")
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_deep_paper_is_refused_given_a_raised_recursion_limit(opening):
    with pytest.raises(DocumentInvalid):
        papers.read("claim", papers.Claim, opening * (50 * MOST_DEPTH * 20), "here")
