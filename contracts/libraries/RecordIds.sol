// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title RecordIds
/// @notice Ids of records: leaves of a batch's Merkle tree over `(patient, blind)`.
library RecordIds {
    /// @notice Id of the record of `patient` under `blind`: keccak256(keccak256(abi.encode(patient, blind))).
    /// @dev Hashed twice, as OpenZeppelin's StandardMerkleTree does: a leaf can never pass for an inner node. In the
    /// scratch space, without an allocation for each of many records.
    function idOf(address patient, bytes32 blind) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            mstore(0x00, shr(96, shl(96, patient)))
            mstore(0x20, blind)
            mstore(0x00, keccak256(0x00, 0x40))
            id := keccak256(0x00, 0x20)
        }
    }
}
