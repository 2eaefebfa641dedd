// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Scopes
/// @notice What a delegate may do for a patient, one bit each.
library Scopes {
    /// @notice Set, revoke and lift consents.
    uint8 internal constant CONSENT = 1;
    /// @notice Grant access, revoke it, name a custodian.
    uint8 internal constant GRANT = 2;
    /// @notice Sign contributions to listings, withdraw them.
    uint8 internal constant SELL = 4;
    uint8 internal constant ALL = CONSENT | GRANT | SELL;
}
