// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {World} from "./support/World.sol";

contract ConsentsTest is World {
    bytes32 private constant FORM = keccak256("form");

    function test_set_emits_ConsentSet() public {
        vm.startPrank(PATIENT);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, Purpose.GRU, LATER, 1, FORM);
        consents.set(Purpose.GRU, LATER, FORM);
        _assertConsent(Purpose.GRU, LATER, 1);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, Purpose.HMB | Purpose.NPU, NOW + 1, 2, FORM);
        consents.set(Purpose.HMB | Purpose.NPU, NOW + 1, FORM);
        _assertConsent(Purpose.HMB | Purpose.NPU, NOW + 1, 2);
    }

    function testFuzz_set_reverts_when_terms_are_invalid(uint64 terms) public {
        vm.assume(!Purpose.validTerms(terms));
        vm.expectRevert(abi.encodeWithSelector(Purpose.TermsInvalid.selector, terms));
        consents.set(terms, LATER, FORM);
    }

    function test_set_reverts_when_expiry_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        consents.set(Purpose.GRU, NOW, FORM);
    }

    function test_revoke_emits_ConsentRevoked() public {
        consent(PATIENT, Purpose.GRU, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentRevoked(PATIENT, 2);
        vm.prank(PATIENT);
        consents.revoke();
        _assertConsent(0, 0, 2);
        consent(PATIENT, Purpose.GRU, LATER);
        _assertConsent(Purpose.GRU, LATER, 3);
    }

    function test_revoke_reverts_when_nothing_was_given() public {
        vm.expectRevert(abi.encodeWithSelector(IConsents.ConsentMissing.selector, PATIENT));
        vm.prank(PATIENT);
        consents.revoke();
    }

    function test_revoke_reverts_when_revoked_before() public {
        consent(PATIENT, Purpose.GRU, LATER);
        vm.startPrank(PATIENT);
        consents.revoke();
        vm.expectRevert(abi.encodeWithSelector(IConsents.ConsentMissing.selector, PATIENT));
        consents.revoke();
    }

    function test_revoke_given_an_expired_consent() public {
        consent(PATIENT, Purpose.GRU, NOW + 1);
        vm.warp(NOW + 2);
        vm.prank(PATIENT);
        consents.revoke();
        _assertConsent(0, 0, 2);
    }

    function test_check_given_no_consent() public view {
        _assertCheck(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    function test_check_until_the_last_second() public {
        consent(PATIENT, Purpose.GRU, NOW + 10);
        vm.warp(NOW + 10);
        _assertCheck(Purpose.HMB, Purpose.Answer.PERMIT, 42);
        vm.warp(NOW + 11);
        _assertCheck(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    function test_check_given_a_revoked_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        vm.prank(PATIENT);
        consents.revoke();
        _assertCheck(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    function test_check_tells_the_bit() public {
        consent(PATIENT, Purpose.GRU | Purpose.NPU, LATER);
        _assertCheck(Purpose.HMB, Purpose.Answer.DENY, 45);
        _assertCheck(0, Purpose.Answer.REFER, Purpose.NO_BIT);
    }

    function test_check_tells_the_time_itself() public {
        consent(PATIENT, Purpose.GRU | Purpose.TS, LATER);
        _assertCheck(Purpose.HMB, Purpose.Answer.PERMIT, 42);
        _assertCheck(Purpose.HMB | Purpose.TS, Purpose.Answer.PERMIT, 42);
    }

    function test_check_never_permits_treatment() public {
        consent(PATIENT, Purpose.NRES, LATER);
        _assertCheck(Purpose.TREATMENT, Purpose.Answer.DENY, 63);
    }

    function test_covers_while_the_consent_holds() public {
        assertFalse(consents.covers(PATIENT, Purpose.HMB));
        consent(PATIENT, Purpose.GRU, NOW + 10);
        vm.warp(NOW + 10);
        assertTrue(consents.covers(PATIENT, Purpose.HMB));
        assertFalse(consents.covers(PATIENT, Purpose.NRES));
        vm.warp(NOW + 11);
        assertFalse(consents.covers(PATIENT, Purpose.HMB));
    }

    function test_covers_given_a_revoked_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        vm.prank(PATIENT);
        consents.revoke();
        assertFalse(consents.covers(PATIENT, Purpose.HMB));
    }

    function _assertConsent(uint64 terms, uint40 expiresAt, uint32 version) private view {
        (uint64 terms_, uint40 expiresAt_, uint32 version_) = consents.consentOf(PATIENT);
        assertEq(terms_, terms);
        assertEq(expiresAt_, expiresAt);
        assertEq(version_, version);
    }

    function _assertCheck(uint64 request, Purpose.Answer answer, uint8 bit) private view {
        (Purpose.Answer answer_, uint8 bit_) = consents.check(PATIENT, request);
        assertEq(uint8(answer_), uint8(answer));
        assertEq(bit_, bit);
    }
}
