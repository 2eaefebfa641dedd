// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title ReentrantToken
/// @notice Calls someone in the middle of a transfer, as tokens with hooks do; once each time it is armed.
contract ReentrantToken is ERC20 {
    /// @notice Who is called in the next transfer; nobody when zero.
    address public target;

    /// @notice What is called.
    bytes public data;

    constructor() ERC20("Reentrant", "RE") {}

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Calls `target_` with `data_` before the next transfer moves anything.
    function arm(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        address called = target;
        if (called != address(0)) {
            target = address(0);
            Address.functionCall(called, data);
        }
        super._update(from, to, amount);
    }
}
