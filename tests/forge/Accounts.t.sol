// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {Records} from "../../contracts/records/Records.sol";
import {World} from "./support/World.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract AccountsTest is World {
    IAccounts.Role private constant ISSUER = IAccounts.Role.ISSUER;
    IAccounts.Role private constant CLINICIAN = IAccounts.Role.CLINICIAN;
    IAccounts.Role private constant SCIENTIST = IAccounts.Role.RESEARCHER;

    function test_constructor_reverts_when_governance_is_nobody() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Records(address(0));
    }

    function test_governance_moves_in_two_steps() public {
        vm.prank(GOVERNANCE);
        accounts.transferOwnership(STRANGER);
        assertEq(accounts.owner(), GOVERNANCE);
        vm.prank(STRANGER);
        accounts.acceptOwnership();
        assertEq(accounts.owner(), STRANGER);
    }

    function test_governance_can_leave_accreditors_to_themselves() public {
        vm.prank(GOVERNANCE);
        accounts.renounceOwnership();
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GOVERNANCE));
        vm.prank(GOVERNANCE);
        accounts.setAccreditor(STRANGER, true);
        accredit(STRANGER, ISSUER, LATER);
    }

    function test_setAccreditor_emits_AccreditorSet() public {
        vm.startPrank(GOVERNANCE);
        vm.expectEmit(address(accounts));
        emit IAccounts.AccreditorSet(STRANGER, true);
        accounts.setAccreditor(STRANGER, true);
        assertTrue(accounts.isAccreditor(STRANGER));
        vm.expectEmit(address(accounts));
        emit IAccounts.AccreditorSet(STRANGER, false);
        accounts.setAccreditor(STRANGER, false);
        assertFalse(accounts.isAccreditor(STRANGER));
    }

    function test_setAccreditor_reverts_when_caller_is_not_governance() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ACCREDITOR));
        vm.prank(ACCREDITOR);
        accounts.setAccreditor(STRANGER, true);
    }

    function test_accredit_emits_Accredited() public {
        vm.expectEmit(address(accounts));
        emit IAccounts.Accredited(STRANGER, CLINICIAN, ACCREDITOR, NOW + 1);
        accredit(STRANGER, CLINICIAN, NOW + 1);
        (uint40 until, uint64 evidence) = accounts.accreditation(STRANGER, CLINICIAN);
        assertEq(until, NOW + 1);
        assertEq(evidence, 0);
    }

    function test_accredit_reverts_when_caller_is_not_accreditor() public {
        vm.expectRevert(abi.encodeWithSelector(IAccounts.NotAccreditor.selector, GOVERNANCE));
        vm.prank(GOVERNANCE);
        accounts.accredit(STRANGER, ISSUER, LATER);
    }

    function test_accredit_reverts_when_accreditor_was_dismissed() public {
        vm.prank(GOVERNANCE);
        accounts.setAccreditor(ACCREDITOR, false);
        vm.expectRevert(abi.encodeWithSelector(IAccounts.NotAccreditor.selector, ACCREDITOR));
        vm.prank(ACCREDITOR);
        accounts.accredit(STRANGER, ISSUER, LATER);
    }

    function test_accredit_reverts_when_until_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        accredit(STRANGER, ISSUER, NOW);
    }

    function test_accredit_takes_away_when_until_is_zero() public {
        accredit(HOSPITAL, ISSUER, 0);
        assertFalse(accounts.isAccredited(HOSPITAL, ISSUER));
    }

    function test_isAccredited_until_the_last_second() public {
        accredit(STRANGER, ISSUER, NOW + 10);
        vm.warp(NOW + 10);
        assertTrue(accounts.isAccredited(STRANGER, ISSUER));
        vm.warp(NOW + 11);
        assertFalse(accounts.isAccredited(STRANGER, ISSUER));
    }

    /// Roles share a slot: none may touch another, nor the evidence or the key beside them.
    function testFuzz_accredit_leaves_the_rest_of_the_slot(uint40[4] memory untils, uint64 evidence) public {
        evidence &= Purpose.VOUCHED;
        attest(STRANGER, evidence);
        vm.prank(STRANGER);
        accounts.publishKey(_bundle());
        for (uint8 role = 0; role < 4; ++role) {
            untils[role] = uint40(bound(untils[role], NOW + 1, type(uint40).max));
            accredit(STRANGER, IAccounts.Role(role), type(uint40).max);
            accredit(STRANGER, IAccounts.Role(role), untils[role]);
        }
        for (uint8 role = 0; role < 4; ++role) {
            (uint40 until, uint64 vouched) = accounts.accreditation(STRANGER, IAccounts.Role(role));
            assertEq(until, untils[role]);
            assertEq(vouched, evidence);
        }
        (bytes32 keyHash, uint32 version) = accounts.keyOf(STRANGER);
        assertEq(keyHash, keccak256(_bundle()));
        assertEq(version, 1);
    }

    function test_attest_emits_Attested() public {
        vm.expectEmit(address(accounts));
        emit IAccounts.Attested(STRANGER, ACCREDITOR, Purpose.VOUCHED);
        attest(STRANGER, Purpose.VOUCHED);
        (, uint64 evidence) = accounts.accreditation(STRANGER, SCIENTIST);
        assertEq(evidence, Purpose.VOUCHED);
        attest(STRANGER, Purpose.HAS_IRB);
        (, evidence) = accounts.accreditation(STRANGER, ISSUER);
        assertEq(evidence, Purpose.HAS_IRB);
    }

    function test_attest_reverts_when_caller_is_not_accreditor() public {
        vm.expectRevert(abi.encodeWithSelector(IAccounts.NotAccreditor.selector, STRANGER));
        vm.prank(STRANGER);
        accounts.attest(STRANGER, Purpose.HAS_IRB);
    }

    function testFuzz_attest_reverts_when_evidence_is_not_vouched(uint64 evidence) public {
        vm.assume(evidence & ~Purpose.VOUCHED != 0);
        vm.expectRevert(abi.encodeWithSelector(IAccounts.EvidenceInvalid.selector, evidence));
        attest(STRANGER, evidence);
    }

    function test_publishKey_emits_KeyPublished() public {
        vm.startPrank(PATIENT);
        for (uint32 version = 1; version < 3; ++version) {
            vm.expectEmit(address(accounts));
            emit IAccounts.KeyPublished(PATIENT, version, _bundle());
            accounts.publishKey(_bundle());
            (bytes32 keyHash, uint32 current) = accounts.keyOf(PATIENT);
            assertEq(keyHash, keccak256(_bundle()));
            assertEq(current, version);
        }
    }

    function test_publishKey_reverts_when_size_is_wrong() public {
        for (uint256 size = 1248; size < 1251; size += 2) {
            bytes memory bundle = new bytes(size);
            bundle[0] = 0x01;
            vm.expectRevert(abi.encodeWithSelector(IAccounts.KeyBundleInvalid.selector, size));
            accounts.publishKey(bundle);
        }
        vm.expectRevert(abi.encodeWithSelector(IAccounts.KeyBundleInvalid.selector, 0));
        accounts.publishKey("");
    }

    function test_publishKey_reverts_when_suite_is_unknown() public {
        vm.expectRevert(abi.encodeWithSelector(IAccounts.KeyBundleInvalid.selector, 1249));
        accounts.publishKey(new bytes(1249));
    }

    function test_publishKeyFor_reverts_when_bundle_is_malformed() public {
        bytes memory bundle = new bytes(1249);
        vm.expectRevert(abi.encodeWithSelector(IAccounts.KeyBundleInvalid.selector, 1249));
        vm.prank(PATIENT);
        accounts.publishKeyFor(bundle, Signatures.Signed(PATIENT, 0, ""));
    }

    /// Each account counts its own keys: a word for one is none for another.
    function test_publishKeyFor_touches_nobody_else() public {
        vm.prank(PATIENT);
        accounts.publishKeyFor(_bundle(), Signatures.Signed(PATIENT, 0, ""));
        (, uint32 version) = accounts.keyOf(STRANGER);
        assertEq(version, 0);
    }

    function test_keyOf_given_no_key() public view {
        (bytes32 keyHash, uint32 version) = accounts.keyOf(STRANGER);
        assertEq(keyHash, 0);
        assertEq(version, 0);
    }

    function _bundle() private pure returns (bytes memory bundle) {
        bundle = new bytes(1249);
        bundle[0] = 0x01;
        bundle[1248] = 0xff;
    }
}
