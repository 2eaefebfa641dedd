// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title MerklePath
/// @notice Root of a tree in OpenZeppelin's StandardMerkleTree format, from a leaf and its siblings.
/// @dev Does what OpenZeppelin's `MerkleProof.processProofCalldata` does at half the gas; a test holds them equal.
library MerklePath {
    /// @notice Hashes `node` with each of `siblings` in turn, the smaller of the two first.
    function rootOf(bytes32[] calldata siblings, bytes32 node) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let next := siblings.offset
            let end := add(next, shl(5, siblings.length))
            for {} lt(next, end) { next := add(next, 0x20) } {
                let sibling := calldataload(next)
                // The scratch space takes the pair: the greater one in the second word.
                let place := shl(5, gt(node, sibling))
                mstore(place, node)
                mstore(xor(place, 0x20), sibling)
                node := keccak256(0x00, 0x40)
            }
            root := node
        }
    }
}
