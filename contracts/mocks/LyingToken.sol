// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title LyingToken
/// @notice Says one thing and does another.
contract LyingToken is ERC20 {
    /// @notice How it lies: moves nothing and says it did, moves nothing and returns false, or takes from the receiver.
    enum Lie {
        MOVES_NOTHING,
        RETURNS_FALSE,
        TAKES
    }

    /// @notice The lie of this token.
    Lie public immutable lie;

    constructor(Lie lie_) ERC20("Lie", "LIE") {
        lie = lie_;
    }

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Lies.
    function transfer(address to, uint256 amount) public override returns (bool) {
        if (lie == Lie.TAKES) _burn(to, amount);
        return lie != Lie.RETURNS_FALSE;
    }

    /// @notice Lies.
    function transferFrom(address, address to, uint256 amount) public override returns (bool) {
        return transfer(to, amount);
    }
}
