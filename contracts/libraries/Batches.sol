// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Batches
/// @notice Several acts on one contract in one transaction: a relay sends the signed acts of many accounts at once.
abstract contract Batches {
    /// @notice The call at place `index` of a batch was refused with `reason`, and changed nothing.
    event CallRefused(uint256 indexed index, bytes reason);

    /// @notice Makes `calls` to this contract in order, as its caller.
    /// @param calls encoded calls of this contract's own functions.
    /// @param atomic true: all or none, with the reason of the first that is refused. false: those that are refused are
    /// left out and told, so that one account that acted meanwhile cannot spoil the batch for the others.
    /// @return done which calls were made.
    function multicall(bytes[] calldata calls, bool atomic) external returns (bool[] memory done) {
        done = new bool[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes memory reason;
            // To itself: no other code is run than this contract's, with the same sender and no ether.
            // slither-disable-next-line controlled-delegatecall,delegatecall-loop
            (done[i], reason) = address(this).delegatecall(calls[i]);
            if (done[i]) continue;
            if (atomic) _revertWith(reason);
            emit CallRefused(i, reason);
        }
    }

    function _revertWith(bytes memory reason) private pure {
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
