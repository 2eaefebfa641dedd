// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerklePath} from "../../contracts/libraries/MerklePath.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Test} from "forge-std/Test.sol";

/// Gives both the siblings in calldata.
contract MerklePathCaller {
    function ours(bytes32[] calldata siblings, bytes32 node) external pure returns (bytes32) {
        return MerklePath.rootOf(siblings, node);
    }

    function openZeppelins(bytes32[] calldata siblings, bytes32 node) external pure returns (bytes32) {
        return MerkleProof.processProofCalldata(siblings, node);
    }
}

contract MerklePathTest is Test {
    MerklePathCaller private caller = new MerklePathCaller();

    function testFuzz_rootOf_is_OpenZeppelins(bytes32[] memory siblings, bytes32 node) public view {
        assertEq(caller.ours(siblings, node), caller.openZeppelins(siblings, node));
    }

    function testFuzz_rootOf_given_a_sibling_equal_to_the_node(bytes32 node) public view {
        bytes32[] memory siblings = new bytes32[](1);
        siblings[0] = node;
        assertEq(caller.ours(siblings, node), caller.openZeppelins(siblings, node));
    }

    function test_rootOf_given_no_siblings_is_the_leaf() public view {
        assertEq(caller.ours(new bytes32[](0), keccak256("leaf")), keccak256("leaf"));
    }
}
