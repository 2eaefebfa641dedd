// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title PointLock
/// @notice A lock is the address of a point k·G of secp256k1; it opens to the scalar k.
/// @dev The precompile returns the address of (s·R - h·G)/r. With h = 0, R = G (its x is r, its y is even: v = 27)
/// and s = k·r mod n that is the address of k·G: one scalar multiplication for the price of a signature check.
library PointLock {
    /// @dev Order n of the group.
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    /// @dev x of the base point G.
    uint256 internal constant BASE_X = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798;

    /// @notice Address of k·G; the zero address unless 0 < k < n.
    function addressOf(uint256 k) internal pure returns (address) {
        // Reduced modulo n, k and k + n would open the same lock.
        if (k == 0 || k >= ORDER) return address(0);
        return ecrecover(bytes32(0), 27, bytes32(BASE_X), bytes32(mulmod(k, BASE_X, ORDER)));
    }

    /// @notice Tells whether `k` opens `lock`. Nothing opens the zero address.
    function opens(address lock, uint256 k) internal pure returns (bool) {
        return lock != address(0) && addressOf(k) == lock;
    }
}
