// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title TestWallet
/// @notice A contract wallet (ERC-1271) that says what one key says, and as what that key sends.
contract TestWallet is IERC1271 {
    /// @notice The key.
    address public immutable owner;

    /// @notice `caller` is not the owner.
    error NotOwner(address caller);

    constructor(address owner_) {
        owner = owner_;
    }

    /// @notice Calls `target` as this wallet. Only the owner.
    function send(address target, bytes calldata data) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        (bool done, bytes memory answer) = target.call(data);
        assembly ("memory-safe") {
            if iszero(done) { revert(add(answer, 0x20), mload(answer)) }
        }
    }

    /// @notice ERC-1271: the magic if the owner's key signed `hash`.
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address found,,) = ECDSA.tryRecover(hash, signature);
        return found == owner ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}
