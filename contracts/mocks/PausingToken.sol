// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";

/// @title PausingToken
/// @notice Can be stopped as a whole, as many stable coins can. Warning: by anyone.
contract PausingToken is ERC20Pausable {
    constructor() ERC20("Pausing", "PAU") {}

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Stops all transfers.
    function pause() external {
        _pause();
    }

    /// @notice Lets them go on.
    function unpause() external {
        _unpause();
    }
}
