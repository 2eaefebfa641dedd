// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title PermitToken
/// @notice Works, but for what it does when it is shown a permit (ERC-2612).
contract PermitToken is ERC20 {
    /// @notice What it does: nothing, revert, answer with junk, or burn all gas it was given.
    enum Kind {
        DOES_NOTHING,
        REVERTS,
        ANSWERS_JUNK,
        BURNS_GAS
    }

    /// @notice The kind of this token.
    Kind public immutable kind;

    constructor(Kind kind_) ERC20("Permit", "PER") {
        kind = kind_;
    }

    /// @notice Takes every call to a function that is not here, as wrapped ether does: a permit among them.
    fallback(bytes calldata) external returns (bytes memory junk) {
        if (kind == Kind.REVERTS) revert();
        if (kind == Kind.BURNS_GAS) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (kind == Kind.ANSWERS_JUNK) junk = new bytes(4096);
    }

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
