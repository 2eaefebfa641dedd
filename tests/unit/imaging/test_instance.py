"""Which instance a file is: read from real ones, and never more than an error from any other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.errors import InstanceUnusable
from medibloc_py.imaging.instance import read_instance
from medibloc_py.imaging.samples import sample
from tests.flow.instances import instance

CT = sample("CT_small.dcm").read_bytes()
SMALL = instance(1, 2, "PID-1", issuer="registry")
DEFLATED = sample("image_dfl.dcm").read_bytes()


def test_the_facts_are_those_of_the_header() -> None:
    found = read_instance(SMALL)
    assert (found.patient_id, found.patient_issuer, found.number) == ("PID-1", "registry", 2)
    assert found.series == f"{found.study}.1"
    assert found.sop_instance == f"{found.series}.2"
    assert found.transfer_syntax == "1.2.840.10008.1.2.1"
    assert SMALL[found.body :].startswith(b"\x08\x00")
    assert read_instance(CT).patient_issuer == ""
    assert read_instance(DEFLATED).transfer_syntax == "1.2.840.10008.1.2.1.99"


@pytest.mark.parametrize(
    "file",
    [
        b"",
        bytes(132),
        bytes(128) + b"DICM",
        CT[:140],
        CT[:336],
        CT[128:],
        CT.replace(b"1.3.6.1.4.1.5962.1.2.1.20040119072730.12322", b"x" * 43),
        SMALL.replace(b"registry", b"regis\x00ry" * 1)[:400],
        sample("dicomdirtests/DICOMDIR").read_bytes(),
        sample("no_meta.dcm").read_bytes(),
    ],
)
def test_what_belongs_to_no_study_is_unusable(file: bytes) -> None:
    with pytest.raises(InstanceUnusable) as raised:
        read_instance(file)
    assert "PID" not in str(raised.value)


def test_a_long_id_is_not_cut_to_that_of_another() -> None:
    with pytest.raises(InstanceUnusable):
        read_instance(instance(1, 1, "x" * 300))


@settings(max_examples=300)
@given(
    st.sampled_from([CT, SMALL, DEFLATED]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 5000),
)
def test_whatever_is_changed_it_is_read_or_unusable(
    file: bytes, changes: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(file[: max(len(file) - cut, 0)])
    for place, written in changes:
        at = place % max(len(data), 1)
        data[at : at + len(written)] = written
    try:
        found = read_instance(bytes(data))
    except InstanceUnusable:
        return
    assert found.study
    assert found.sop_instance
    assert 0 < found.body < len(data)
