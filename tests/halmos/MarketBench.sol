// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {Consents} from "../../contracts/consent/Consents.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Market} from "../../contracts/market/Market.sol";
import {TestToken} from "../../contracts/mocks/TestToken.sol";
import {Records} from "../../contracts/records/Records.sol";
import {Vm} from "forge-std/Vm.sol";

/// A cheat code of halmos itself.
interface Svm {
    function enableSymbolicStorage(address target) external;
}

/// The market itself, with any storage, over a plain token.
abstract contract MarketBench {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
    uint64 internal constant TERMS = Purpose.GRU;
    uint64 internal constant PURPOSE = Purpose.HMB;

    TestToken internal token;
    Market internal market;

    function setUp() public {
        Records records = new Records(address(this));
        records.setAccreditor(address(this), true);
        records.accredit(address(this), IAccounts.Role.RESEARCHER, type(uint40).max);
        token = new TestToken();
        market = new Market(records, new Consents(records));
        svm.enableSymbolicStorage(address(market));
    }

    function _as(address sender, uint40 time) internal {
        vm.warp(time);
        vm.prank(sender);
    }
}
