// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title RecordIds
/// @notice Ids of records: leaves of a batch's Merkle tree over `(patient, blind)`.
library RecordIds {
    /// @notice Id of the record of `patient` under `blind`.
    /// @dev Hashed twice, as OpenZeppelin's StandardMerkleTree does: a leaf can never pass for an inner node.
    function idOf(address patient, bytes32 blind) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(patient, blind))));
    }
}
