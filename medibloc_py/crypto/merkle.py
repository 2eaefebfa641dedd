"""Merkle trees in the layout of OpenZeppelin's `StandardMerkleTree`.

Leaves are given as hashes (already double-hashed by `ids`), sorted, and stand in
reverse at the end of an array that is a complete binary tree; a pair is hashed in
sorted order. `MerkleProof.sol` verifies every proof made here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from medibloc_py.errors import Corrupted, InvalidValue
from medibloc_py.model import Root


@dataclass(frozen=True, slots=True)
class MultiProof:
    """Proof of several leaves at once; `leaves` stand in the order it consumes them."""

    leaves: tuple[bytes, ...]
    proof: tuple[bytes, ...]
    flags: tuple[bool, ...]


class MerkleTree:
    """A tree over distinct 32-byte leaves; their given order does not matter."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Builds the tree.

        Args:
            leaves: one or more distinct hashes of 32 bytes.

        Raises:
            InvalidValue: no leaf, a leaf twice, or a leaf of another length.
        """
        ordered = sorted(leaves)
        count = len(ordered)
        if not count or len(set(ordered)) != count or any(len(leaf) != 32 for leaf in ordered):
            raise InvalidValue(
                name="leaves",
                given=f"{count} hashes",
                allowed="one or more distinct 32-byte hashes",
            )
        nodes = [b""] * (count - 1) + ordered[::-1]
        for index in range(count - 2, -1, -1):
            nodes[index] = _pair(nodes[2 * index + 1], nodes[2 * index + 2])
        self._nodes = nodes
        self._index = {leaf: len(nodes) - 1 - place for place, leaf in enumerate(ordered)}

    @property
    def root(self) -> Root:
        """The root, 32 bytes; that of a single leaf is the leaf itself."""
        return Root(self._nodes[0])

    def proof(self, leaf: bytes) -> tuple[bytes, ...]:
        """Gives the siblings from `leaf` up to the root.

        Raises:
            InvalidValue: the leaf is not in this tree.
        """
        index = self._place(leaf)
        siblings = []
        while index:
            siblings.append(self._nodes[_sibling(index)])
            index = (index - 1) // 2
        return tuple(siblings)

    def multiproof(self, leaves: Iterable[bytes]) -> MultiProof:
        """Proves several leaves at once.

        Args:
            leaves: one or more distinct leaves of this tree, in any order.

        Raises:
            InvalidValue: no leaf, a leaf twice, or a leaf that is not in this tree.
        """
        # The highest index first is the smallest hash first.
        indices = sorted((self._place(leaf) for leaf in leaves), reverse=True)
        if not indices or len(set(indices)) != len(indices):
            raise InvalidValue(
                name="leaves", given=f"{len(indices)} leaves", allowed="one or more distinct leaves"
            )
        queue = deque(indices)
        proof, flags = [], []
        while queue[0]:
            index = queue.popleft()
            paired = bool(queue) and queue[0] == _sibling(index)
            flags.append(paired)
            if paired:
                queue.popleft()
            else:
                proof.append(self._nodes[_sibling(index)])
            queue.append((index - 1) // 2)
        return MultiProof(tuple(self._nodes[i] for i in indices), tuple(proof), tuple(flags))

    def _place(self, leaf: bytes) -> int:
        if leaf not in self._index:
            raise InvalidValue(name="leaf", given=leaf, allowed="a leaf of this tree")
        return self._index[leaf]


def root_of(leaf: bytes, proof: Sequence[bytes]) -> Root:
    """Computes the root that `proof` leads to, as `MerkleProof.processProof` does."""
    for sibling in proof:
        leaf = _pair(leaf, sibling)
    return Root(leaf)


def multiproof_of(proofs: Mapping[bytes, Sequence[bytes]]) -> MultiProof:
    """Joins proofs of single leaves of one tree into one, without the tree's other leaves.

    Args:
        proofs: leaf and its siblings up to the root, as `MerkleTree.proof` gives them.

    Raises:
        Corrupted: they do not lead to one root, or are of no tree of this layout.
    """
    if len({root_of(leaf, proof) for leaf, proof in proofs.items()}) != 1:
        raise Corrupted(name="the proofs", reason="they do not lead to one root")
    leaves = tuple(sorted(proofs))  # the smallest hash is deepest, and stands last in the tree
    queue = deque((leaf, tuple(proofs[leaf])) for leaf in leaves)
    proof, flags = [], []
    while queue[0][1]:
        node, (sibling, *rest) = queue.popleft()
        paired = bool(queue) and queue[0][0] == sibling
        flags.append(paired)
        if paired:
            queue.popleft()
        else:
            proof.append(sibling)
        queue.append((_pair(node, sibling), tuple(rest)))
    if len(queue) != 1:
        raise Corrupted(name="the proofs", reason="they are of no tree of this layout")
    return MultiProof(leaves, tuple(proof), tuple(flags))


def root_of_multiproof(
    leaves: Iterable[bytes], proof: Sequence[bytes], flags: Sequence[bool]
) -> Root:
    """Computes the root that a multiproof leads to, as `processMultiProof` does.

    Args:
        leaves: one or more distinct leaves, in any order.
        proof: siblings that are not computed from the leaves.
        flags: for each pairing, whether both sides come from the leaves.

    Raises:
        Corrupted: no leaf, a leaf twice, or the parts do not fit together.
    """
    queue = deque(sorted(leaves))
    rest = deque(proof)
    if not queue or len(set(queue)) != len(queue):
        raise Corrupted(name="the multiproof", reason="it needs one or more distinct leaves")
    # OpenZeppelin's two conditions; together they leave both queues exactly one node in the end.
    if len(queue) + len(rest) != len(flags) + 1 or len(rest) != sum(not flag for flag in flags):
        raise Corrupted(name="the multiproof", reason="leaves, proof and flags do not fit together")
    for flag in flags:
        left = queue.popleft()
        queue.append(_pair(left, queue.popleft() if flag else rest.popleft()))
    return Root(queue.popleft())


def _pair(left: bytes, right: bytes) -> bytes:
    return keccak(left + right if left < right else right + left)


def _sibling(index: int) -> int:
    return index + 1 if index % 2 else index - 1
