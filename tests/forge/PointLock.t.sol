// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {Test} from "forge-std/Test.sol";

contract PointLockTest is Test {
    /// `vm.addr` multiplies the base point by other means than the precompile.
    function testFuzz_addressOf_is_the_address_of_the_point(uint256 k) public pure {
        k = bound(k, 1, PointLock.ORDER - 1);
        assertEq(PointLock.addressOf(k), vm.addr(k));
    }

    function test_addressOf_given_known_points() public pure {
        assertEq(PointLock.addressOf(1), 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf);
        assertEq(PointLock.addressOf(2), 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF);
        assertEq(PointLock.addressOf(PointLock.ORDER - 1), vm.addr(PointLock.ORDER - 1));
    }

    function testFuzz_addressOf_is_nobodys_out_of_range(uint256 k) public pure {
        k = bound(k, PointLock.ORDER, type(uint256).max);
        assertEq(PointLock.addressOf(0), address(0));
        assertEq(PointLock.addressOf(PointLock.ORDER), address(0));
        assertEq(PointLock.addressOf(k), address(0));
    }

    function testFuzz_opens_by_its_secret_only(uint256 k, uint256 other) public pure {
        k = bound(k, 1, PointLock.ORDER - 1);
        vm.assume(other != k);
        assertTrue(PointLock.opens(vm.addr(k), k));
        assertFalse(PointLock.opens(vm.addr(k), other));
    }

    /// k and k + n are one scalar: only the reduced one opens.
    function testFuzz_opens_once(uint256 k) public pure {
        k = bound(k, 1, type(uint256).max - PointLock.ORDER);
        assertFalse(PointLock.opens(vm.addr(k), k + PointLock.ORDER));
    }

    function testFuzz_opens_never_the_zero_address(uint256 k) public pure {
        assertFalse(PointLock.opens(address(0), k));
        assertFalse(PointLock.opens(address(0), 0));
        assertFalse(PointLock.opens(address(0), PointLock.ORDER));
    }
}
