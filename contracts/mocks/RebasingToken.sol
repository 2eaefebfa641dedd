// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title RebasingToken
/// @notice Balances change without a transfer. Warning: by anyone.
contract RebasingToken is ERC20 {
    constructor() ERC20("Rebasing", "REB") {}

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Makes the balance of `account` what it was times `percent` / 100.
    function rebase(address account, uint256 percent) external {
        uint256 before = balanceOf(account);
        uint256 then = before * percent / 100;
        if (then > before) _mint(account, then - before);
        else _burn(account, before - then);
    }
}
