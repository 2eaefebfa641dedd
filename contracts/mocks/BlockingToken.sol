// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title BlockingToken
/// @notice Moves nothing from or to accounts on its list, as many stable coins do. Warning: anyone keeps the list.
contract BlockingToken is ERC20 {
    /// @notice `account` is on the list.
    error Blocked(address account);

    /// @notice Tells whether `account` is on the list.
    mapping(address account => bool) public blocked;

    constructor() ERC20("Blocking", "BLO") {}

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Puts `account` on the list, or takes it off.
    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
