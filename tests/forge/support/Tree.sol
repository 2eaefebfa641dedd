// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice A Merkle tree over given leaves, built level by level; a node without sibling moves up.
library Tree {
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        while (leaves.length > 1) {
            leaves = _above(leaves);
        }
        return leaves[0];
    }

    function proofOf(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](0);
        while (leaves.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < leaves.length) proof = _append(proof, leaves[sibling]);
            leaves = _above(leaves);
            index /= 2;
        }
    }

    /// @dev OpenZeppelin's multiproof of the chosen leaves, in their order; for trees of 2^n leaves.
    function multiProofOf(bytes32[] memory leaves, bool[] memory chosen)
        internal
        pure
        returns (bytes32[] memory proof, bool[] memory flags)
    {
        proof = new bytes32[](0);
        flags = new bool[](0);
        while (leaves.length > 1) {
            bool[] memory above = new bool[](leaves.length / 2);
            for (uint256 i = 0; i < leaves.length; i += 2) {
                above[i / 2] = chosen[i] || chosen[i + 1];
                if (!above[i / 2]) continue;
                bool both = chosen[i] && chosen[i + 1];
                flags = _append(flags, both);
                if (!both) proof = _append(proof, chosen[i] ? leaves[i + 1] : leaves[i]);
            }
            leaves = _above(leaves);
            chosen = above;
        }
    }

    function _above(bytes32[] memory level) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = 2 * i + 1 == level.length
                ? level[2 * i]
                : Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1]);
        }
    }

    function _append(bytes32[] memory list, bytes32 item) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }

    function _append(bool[] memory list, bool item) private pure returns (bool[] memory longer) {
        longer = new bool[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}
