"""Merkle trees in OpenZeppelin's layout."""

import os
from contextlib import suppress

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto.ids import keccak256
from medibloc_py.crypto.merkle import MerkleTree, multiproof_of, root_of, root_of_multiproof
from medibloc_py.errors import Corrupted, InvalidValue

HASHES = st.binary(min_size=32, max_size=32)


def test_the_root_is_that_of_openzeppelins_own_example():
    # From the README of @openzeppelin/merkle-tree.
    rows = [("0x" + "11" * 20, 5 * 10**18), ("0x" + "22" * 20, 25 * 10**17)]
    leaves = [keccak256(keccak256(encode(["address", "uint256"], row))) for row in rows]
    root = "d4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77"
    assert MerkleTree(leaves).root.hex() == root


@given(st.sets(HASHES, min_size=1, max_size=40), st.randoms())
def test_proofs_go_round_and_order_does_not_matter(leaves, random):
    tree = MerkleTree(leaves)
    shuffled = list(leaves)
    random.shuffle(shuffled)
    assert MerkleTree(shuffled).root == tree.root
    for leaf in leaves:
        assert root_of(leaf, tree.proof(leaf)) == tree.root
    some = shuffled[: random.randint(1, len(shuffled))]
    several = tree.multiproof(some)
    assert root_of_multiproof(some, several.proof, several.flags) == tree.root
    assert several.leaves == tuple(sorted(some))


@given(st.sets(HASHES, min_size=1, max_size=40), st.data())
def test_single_proofs_join_to_the_multiproof_of_the_whole_tree(leaves, data):
    """Who holds some leaves with their proofs needs none of the other leaves."""
    tree = MerkleTree(leaves)
    some = data.draw(st.sets(st.sampled_from(sorted(leaves)), min_size=1))
    assert multiproof_of({leaf: tree.proof(leaf) for leaf in some}) == tree.multiproof(some)


@given(st.dictionaries(HASHES, st.lists(HASHES, max_size=4), max_size=4))
def test_hostile_proofs_join_to_nothing_false(proofs):
    try:
        joined = multiproof_of(proofs)
    except Corrupted:
        return
    roots = {root_of(leaf, proof) for leaf, proof in proofs.items()}
    assert {root_of_multiproof(joined.leaves, joined.proof, joined.flags)} == roots


def test_proofs_of_two_trees_do_not_join():
    one, other = MerkleTree([b"\x01" * 32, b"\x02" * 32]), MerkleTree([b"\x03" * 32])
    proofs = {b"\x01" * 32: one.proof(b"\x01" * 32), b"\x03" * 32: other.proof(b"\x03" * 32)}
    with pytest.raises(Corrupted, match="one root"):
        multiproof_of(proofs)
    with pytest.raises(Corrupted, match="one root"):
        multiproof_of({})


def test_proofs_that_pass_through_one_another_do_not_join():
    """An inner node given for a leaf: its path is part of the other's, not beside it."""
    tree = MerkleTree([bytes([n]) * 32 for n in range(1, 5)])
    leaf = b"\x01" * 32
    sibling, *rest = tree.proof(leaf)
    inner = root_of(leaf, [sibling])
    with pytest.raises(Corrupted, match="no tree"):
        multiproof_of({leaf: tree.proof(leaf), inner: tuple(rest)})


@given(st.sets(HASHES, min_size=2, max_size=20), st.data())
def test_a_multiproof_does_not_prove_other_leaves(leaves, data):
    tree = MerkleTree(leaves)
    some = data.draw(st.lists(st.sampled_from(sorted(leaves)), min_size=1, unique=True))
    several = tree.multiproof(some)
    some[0] = os.urandom(32)
    assert root_of_multiproof(some, several.proof, several.flags) != tree.root


@given(
    st.lists(HASHES, max_size=6), st.lists(HASHES, max_size=6), st.lists(st.booleans(), max_size=9)
)
def test_a_hostile_multiproof_is_refused_or_leads_somewhere(leaves, proof, flags):
    with suppress(Corrupted):
        assert len(root_of_multiproof(leaves, proof, flags)) == 32


def test_a_multiproof_needs_leaves():
    root = os.urandom(32)
    with pytest.raises(Corrupted):
        root_of_multiproof([], [root], [])
    with pytest.raises(Corrupted):
        root_of_multiproof([root, root], [], [True])


@pytest.mark.parametrize("leaves", [[], [bytes(32), bytes(32)], [bytes(31)]])
def test_a_tree_reverts_when_leaves_are_not_distinct_hashes(leaves):
    with pytest.raises(InvalidValue):
        MerkleTree(leaves)


def test_a_tree_proves_only_its_own_leaves():
    tree = MerkleTree([bytes(32), b"\x01" * 32])
    for call in (tree.proof, lambda leaf: tree.multiproof([leaf])):
        with pytest.raises(InvalidValue):
            call(b"\x02" * 32)
    for leaves in ([], [bytes(32), bytes(32)]):
        with pytest.raises(InvalidValue):
            tree.multiproof(leaves)
