// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Expiry
/// @notice Times that must lie ahead. Unix seconds, UTC; an expiry is the last second that still counts.
library Expiry {
    /// @notice `until` is not after the block's time.
    error ExpiryInPast(uint40 until, uint256 timestamp);

    /// @notice Reverts unless `until` lies in the future.
    function requireAhead(uint40 until) internal view {
        if (until <= block.timestamp) revert ExpiryInPast(until, block.timestamp);
    }
}
