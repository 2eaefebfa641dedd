// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Batches} from "../../contracts/libraries/Batches.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {RudeWallet} from "../../contracts/mocks/RudeWallet.sol";
import {Acts} from "./support/Acts.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract BatchesTest is Acts {
    bytes[] private calls;

    function test_multicall_makes_calls_as_its_caller() public {
        calls.push(_set(Purpose.GRU, LATER));
        calls.push(_set(Purpose.HMB, LATER));
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(STRANGER, 0, Purpose.GRU, LATER, 1, FORM, STRANGER);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(STRANGER, 0, Purpose.HMB, LATER, 2, FORM, STRANGER);
        bool[] memory done = _send(true);
        assertEq(done.length, 2);
        assertTrue(done[0] && done[1]);
    }

    function test_multicall_given_no_call() public {
        assertEq(_send(true).length, 0);
        assertEq(_send(false).length, 0);
    }

    function test_multicall_atomic_reverts_with_the_first_reason() public {
        calls.push(_set(Purpose.GRU, LATER));
        calls.push(_set(0, LATER));
        calls.push(abi.encodeCall(IConsents.lift, (record)));
        vm.expectRevert(abi.encodeWithSelector(Purpose.TermsInvalid.selector, 0));
        _send(true);
        (,, uint32 version,) = consents.consentOf(STRANGER, 0);
        assertEq(version, 0, "none was made");
    }

    function test_multicall_leaves_out_what_is_refused() public {
        calls.push(_set(0, LATER));
        calls.push(_set(Purpose.GRU, LATER));
        calls.push(abi.encodeCall(IConsents.lift, (record)));
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(0, abi.encodeWithSelector(Purpose.TermsInvalid.selector, 0));
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(STRANGER, 0, Purpose.GRU, LATER, 1, FORM, STRANGER);
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(
            2, abi.encodeWithSelector(IConsents.OverrideMissing.selector, STRANGER, record)
        );
        bool[] memory done = _send(false);
        assertFalse(done[0]);
        assertTrue(done[1]);
        assertFalse(done[2]);
    }

    /// A relay sends acts of many; one patient acted meanwhile.
    function test_multicall_given_acts_of_many() public {
        Signatures.Signed memory by = sign(Act.SET, "patient", DEADLINE);
        calls.push(callOf(Act.SET, by));
        calls.push(callOf(Act.SET, by));
        calls.push(callOf(Act.SET_DELEGATE, sign(Act.SET_DELEGATE, "patient", DEADLINE)));
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(1, abi.encodeWithSelector(Signatures.SignatureInvalid.selector, PATIENT));
        bool[] memory done = _send(false);
        assertTrue(done[0] && !done[1] && done[2]);
        assertEq(versionOf(Act.SET), 2);
    }

    function test_multicall_given_a_wallet_that_burns() public {
        address wallet = address(new RudeWallet(RudeWallet.Manner.BURNS));
        Signatures.Signed memory by = Signatures.Signed(wallet, DEADLINE, "");
        calls.push(abi.encodeCall(IConsents.revokeFor, (wallet, record, by)));
        calls.push(_set(Purpose.GRU, LATER));
        vm.prank(STRANGER);
        bool[] memory done = consents.multicall{gas: 700_000}(calls, false);
        assertTrue(!done[0] && done[1]);
    }

    function test_multicall_within_a_multicall() public {
        calls.push(_set(0, LATER));
        bytes memory inner = abi.encodeCall(Batches.multicall, (calls, false));
        bytes memory strict = abi.encodeCall(Batches.multicall, (calls, true));
        calls[0] = inner;
        calls.push(_set(Purpose.GRU, LATER));
        calls.push(strict);
        bytes memory reason = abi.encodeWithSelector(Purpose.TermsInvalid.selector, 0);
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(0, reason);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(STRANGER, 0, Purpose.GRU, LATER, 1, FORM, STRANGER);
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(2, reason);
        bool[] memory done = _send(false);
        assertTrue(done[0] && done[1] && !done[2]);
    }

    function test_multicall_gives_nobody_more_rights() public {
        calls.push(abi.encodeCall(accounts.setAccreditor, (STRANGER, true)));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        accounts.multicall(calls, true);
        vm.prank(GOVERNANCE);
        accounts.multicall(calls, true);
        assertTrue(accounts.isAccreditor(STRANGER));
    }

    function test_multicall_given_an_unknown_function() public {
        calls.push(hex"12345678");
        calls.push("");
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(0, "");
        vm.expectEmit(address(consents));
        emit Batches.CallRefused(1, "");
        bool[] memory done = _send(false);
        assertFalse(done[0] || done[1]);
        vm.expectRevert(bytes(""));
        _send(true);
    }

    function test_multicall_takes_no_ether() public {
        vm.deal(STRANGER, 1);
        vm.prank(STRANGER);
        (bool done,) = address(consents).call{value: 1}(abi.encodeCall(Batches.multicall, (calls, false)));
        assertFalse(done);
    }

    function _send(bool atomic) private returns (bool[] memory) {
        vm.prank(STRANGER);
        return consents.multicall(calls, atomic);
    }

    function _set(uint64 terms, uint40 expiresAt) private pure returns (bytes memory) {
        return abi.encodeCall(IConsents.set, (0, terms, expiresAt, FORM));
    }
}
