// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title NoReturnToken
/// @notice Works, but returns nothing from its transfers, as USDT on Ethereum.
contract NoReturnToken {
    /// @notice Units held.
    mapping(address account => uint256) public balanceOf;

    /// @notice Units that `spender` may take of `account`.
    mapping(address account => mapping(address spender => uint256)) public allowance;

    /// @notice Makes `amount` units out of nothing.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice Lets `spender` take `amount` units of the sender.
    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    /// @notice Moves `amount` units to `to`.
    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    /// @notice Moves `amount` units that `from` allowed to the sender.
    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
