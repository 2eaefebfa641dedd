// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that may turn at any time: pause, block accounts, answer false, take a fee, take from its holders,
/// or call its caller back in the middle of a transfer.
contract HostileToken is ERC20 {
    /// @notice How it behaves now.
    enum Mood {
        HONEST,
        PAUSED,
        SAYS_FALSE,
        TAKES_FEE,
        CALLS_BACK
    }

    /// @notice Paused, or one of both is blocked.
    error Frozen();

    Mood public mood;
    mapping(address account => bool) public blocked;

    bytes private _echo;

    constructor() ERC20("Hostile", "HOS") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function turn(Mood mood_) external {
        mood = mood_;
    }

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    /// @notice Takes what is not its own.
    function confiscate(address from, uint256 amount) external {
        _burn(from, amount);
    }

    /// @notice What it calls its caller with in the next transfer, if it calls back.
    function arm(bytes calldata echo) external {
        _echo = echo;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return _turn(msg.sender, to) && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return _turn(from, to) && super.transferFrom(from, to, amount);
    }

    /// Returns whether the transfer goes on.
    function _turn(address from, address to) private returns (bool) {
        if (mood == Mood.PAUSED || blocked[from] || blocked[to]) revert Frozen();
        if (mood == Mood.CALLS_BACK && _echo.length != 0) {
            bytes memory echo = _echo;
            delete _echo;
            // What comes of it is seen in the balances.
            (bool done,) = msg.sender.call(echo);
            done;
        }
        return mood != Mood.SAYS_FALSE;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        bool charged = mood == Mood.TAKES_FEE && from != address(0) && to != address(0) && amount != 0;
        if (charged) super._update(to, address(0), amount / 100 + 1);
    }
}
