// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {World} from "./support/World.sol";

contract ConsentsTest is World {
    bytes32 private constant FORM = keccak256("form");
    bytes32 private constant RECORD = keccak256("record");
    bytes32 private constant OTHER = keccak256("other record");
    bytes32 private constant GENERAL = 0;

    function test_constructor_keeps_accounts() public view {
        assertEq(address(consents.accounts()), address(accounts));
    }

    // --- set ---------------------------------------------------------------------------------

    function testFuzz_set_emits_ConsentSet(bytes32 record) public {
        vm.startPrank(PATIENT);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, record, Purpose.GRU, LATER, 1, FORM, PATIENT);
        consents.set(record, Purpose.GRU, LATER, FORM);
        _assertConsent(record, Purpose.GRU, LATER, 1, false);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, record, Purpose.HMB | Purpose.NPU, NOW + 1, 2, 0, PATIENT);
        consents.set(record, Purpose.HMB | Purpose.NPU, NOW + 1, 0);
        _assertConsent(record, Purpose.HMB | Purpose.NPU, NOW + 1, 2, false);
    }

    function testFuzz_set_reverts_when_terms_are_invalid(uint64 terms) public {
        vm.assume(!Purpose.validTerms(terms));
        vm.expectRevert(abi.encodeWithSelector(Purpose.TermsInvalid.selector, terms));
        consents.set(GENERAL, terms, LATER, FORM);
    }

    function test_set_reverts_when_expiry_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        consents.set(GENERAL, Purpose.GRU, NOW, FORM);
    }

    /// Versions of one record are not those of another, nor another patient's.
    function test_set_touches_nothing_else() public {
        _set(RECORD, Purpose.GRU, LATER);
        _assertConsent(GENERAL, 0, 0, 0, false);
        _assertConsent(OTHER, 0, 0, 0, false);
        (uint64 terms,,,) = consents.consentOf(STRANGER, RECORD);
        assertEq(terms, 0);
    }

    // --- revoke ------------------------------------------------------------------------------

    function test_revoke_emits_ConsentRevoked() public {
        _set(GENERAL, Purpose.GRU, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentRevoked(PATIENT, GENERAL, 2, PATIENT);
        _revoke(GENERAL);
        _assertConsent(GENERAL, 0, 0, 2, false);
        _set(GENERAL, Purpose.GRU, LATER);
        _assertConsent(GENERAL, Purpose.GRU, LATER, 3, false);
    }

    function test_revoke_reverts_when_nothing_was_given() public {
        _expectConsentMissing();
        _revoke(GENERAL);
    }

    function test_revoke_reverts_when_revoked_before() public {
        _set(GENERAL, Purpose.GRU, LATER);
        _revoke(GENERAL);
        _expectConsentMissing();
        _revoke(GENERAL);
    }

    function test_revoke_given_an_expired_consent() public {
        _set(GENERAL, Purpose.GRU, NOW + 1);
        vm.warp(NOW + 2);
        _revoke(GENERAL);
        _assertConsent(GENERAL, 0, 0, 2, false);
    }

    function test_revoke_bars_a_record_with_a_consent_of_its_own() public {
        _set(RECORD, Purpose.GRU, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentRevoked(PATIENT, RECORD, 2, PATIENT);
        _revoke(RECORD);
        _assertConsent(RECORD, 0, 0, 2, true);
    }

    function test_revoke_bars_a_record_without() public {
        _revoke(RECORD);
        _assertConsent(RECORD, 0, 0, 1, true);
        _expectConsentMissing();
        _revoke(RECORD);
    }

    function test_revoke_bars_a_record_again_after_a_lift() public {
        _revoke(RECORD);
        _lift(RECORD);
        _revoke(RECORD);
        _assertConsent(RECORD, 0, 0, 3, true);
    }

    // --- lift --------------------------------------------------------------------------------

    function test_lift_emits_ConsentLifted() public {
        _set(RECORD, Purpose.GRU, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentLifted(PATIENT, RECORD, 2, PATIENT);
        _lift(RECORD);
        _assertConsent(RECORD, 0, 0, 2, false);
    }

    function test_lift_ends_a_bar() public {
        _revoke(RECORD);
        _lift(RECORD);
        _assertConsent(RECORD, 0, 0, 2, false);
    }

    function test_lift_given_an_expired_consent() public {
        _set(RECORD, Purpose.GRU, NOW + 1);
        vm.warp(NOW + 2);
        _lift(RECORD);
        _assertConsent(RECORD, 0, 0, 2, false);
    }

    function test_lift_reverts_when_the_record_has_none_of_its_own() public {
        _expectOverrideMissing(RECORD);
        _lift(RECORD);
        _set(RECORD, Purpose.GRU, LATER);
        _lift(RECORD);
        _expectOverrideMissing(RECORD);
        _lift(RECORD);
    }

    function test_lift_reverts_when_no_record_is_named() public {
        _set(GENERAL, Purpose.GRU, LATER);
        _expectOverrideMissing(GENERAL);
        _lift(GENERAL);
    }

    // --- check and covers --------------------------------------------------------------------

    function test_check_given_no_consent() public view {
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    function test_check_until_the_last_second() public {
        _set(GENERAL, Purpose.GRU, NOW + 10);
        vm.warp(NOW + 10);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.PERMIT, 42);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.PERMIT, 42);
        vm.warp(NOW + 11);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    function test_check_given_a_revoked_consent() public {
        _set(GENERAL, Purpose.GRU, LATER);
        _revoke(GENERAL);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    /// A record's own consent takes the general one's place, whether wider or narrower.
    function test_check_given_a_record_with_a_consent_of_its_own() public {
        _set(GENERAL, Purpose.HMB, LATER);
        _set(RECORD, Purpose.POA, LATER);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, 6);
        _assertCheck(RECORD, Purpose.POA, Purpose.Answer.PERMIT, 11);
        _assertCheck(GENERAL, Purpose.POA, Purpose.Answer.DENY, 11);
        _assertCheck(OTHER, Purpose.HMB, Purpose.Answer.PERMIT, 6);
        _lift(RECORD);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.PERMIT, 6);
    }

    function test_check_given_a_record_alone() public {
        _set(RECORD, Purpose.HMB, LATER);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.PERMIT, 6);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _assertCheck(OTHER, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
    }

    /// What was narrowed does not widen by itself: an expired override denies, it does not fall back.
    function test_check_denies_when_the_records_own_consent_expired() public {
        _set(GENERAL, Purpose.NRES, LATER);
        _set(RECORD, Purpose.HMB, NOW + 10);
        vm.warp(NOW + 11);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        assertFalse(consents.covers(PATIENT, RECORD, Purpose.HMB));
        _assertCheck(OTHER, Purpose.HMB, Purpose.Answer.PERMIT, 4);
        _lift(RECORD);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.PERMIT, 4);
    }

    function test_check_denies_a_barred_record() public {
        _set(GENERAL, Purpose.NRES, LATER);
        _revoke(RECORD);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        assertFalse(consents.covers(PATIENT, RECORD, Purpose.HMB));
        _set(GENERAL, Purpose.GRU, LATER);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _set(RECORD, Purpose.HMB, LATER);
        _assertCheck(RECORD, Purpose.HMB, Purpose.Answer.PERMIT, 6);
    }

    function test_check_tells_the_bit() public {
        _set(GENERAL, Purpose.GRU | Purpose.NPU, LATER);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.DENY, 45);
        _assertCheck(GENERAL, 0, Purpose.Answer.REFER, Purpose.NO_BIT);
    }

    function test_check_tells_the_time_itself() public {
        _set(GENERAL, Purpose.GRU | Purpose.TS, LATER);
        _assertCheck(GENERAL, Purpose.HMB, Purpose.Answer.PERMIT, 42);
        _assertCheck(GENERAL, Purpose.HMB | Purpose.TS, Purpose.Answer.PERMIT, 42);
    }

    function test_check_never_permits_treatment() public {
        _set(GENERAL, Purpose.NRES, LATER);
        _assertCheck(GENERAL, Purpose.TREATMENT, Purpose.Answer.DENY, 63);
    }

    function test_covers_while_the_consent_holds() public {
        assertFalse(consents.covers(PATIENT, GENERAL, Purpose.HMB));
        _set(GENERAL, Purpose.GRU, NOW + 10);
        vm.warp(NOW + 10);
        assertTrue(consents.covers(PATIENT, GENERAL, Purpose.HMB));
        assertTrue(consents.covers(PATIENT, RECORD, Purpose.HMB));
        assertFalse(consents.covers(PATIENT, RECORD, Purpose.NRES));
        vm.warp(NOW + 11);
        assertFalse(consents.covers(PATIENT, GENERAL, Purpose.HMB));
        assertFalse(consents.covers(PATIENT, RECORD, Purpose.HMB));
    }

    function test_covers_given_a_record_with_a_consent_of_its_own() public {
        _set(GENERAL, Purpose.HMB, LATER);
        _set(RECORD, Purpose.GRU, LATER);
        assertTrue(consents.covers(PATIENT, RECORD, Purpose.POA));
        assertFalse(consents.covers(PATIENT, GENERAL, Purpose.POA));
        _revoke(GENERAL);
        assertTrue(consents.covers(PATIENT, RECORD, Purpose.POA));
    }

    /// Any changes in any order: what is stored and what is answered are those of a plain model.
    function testFuzz_changes_follow_the_model(uint8[24] calldata steps) public {
        vm.startPrank(PATIENT);
        bytes32[2] memory places = [GENERAL, RECORD];
        bool[2] memory given;
        bool[2] memory barred;
        uint32[2] memory versions;
        for (uint256 i = 0; i < steps.length; ++i) {
            uint256 where = steps[i] & 1;
            uint256 kind = steps[i] % 7 % 3;
            bool may = kind == 0 || (kind == 1 && (given[where] || (where == 1 && !barred[where])))
                || (kind == 2 && where == 1 && (given[where] || barred[where]));
            if (!may) {
                if (kind == 1) _expectConsentMissing();
                else _expectOverrideMissing(places[where]);
            }
            if (kind == 0) consents.set(places[where], where == 0 ? Purpose.HMB : Purpose.POA, LATER, FORM);
            else if (kind == 1) consents.revoke(places[where]);
            else consents.lift(places[where]);
            if (!may) continue;
            (given[where], barred[where]) = (kind == 0, kind == 1 && where == 1);
            ++versions[where];
            (uint64 terms, uint40 expiresAt, uint32 version, bool barred_) =
                consents.consentOf(PATIENT, places[where]);
            assertEq(terms != 0, given[where]);
            assertEq(expiresAt != 0, given[where]);
            assertEq(version, versions[where]);
            assertEq(barred_, barred[where]);
            bool own = given[1] || barred[1];
            _assertPermits(RECORD, Purpose.HMB, !own && given[0]);
            _assertPermits(RECORD, Purpose.POA, given[1]);
            _assertPermits(GENERAL, Purpose.HMB, given[0]);
        }
    }

    function _set(bytes32 record, uint64 terms, uint40 expiresAt) private {
        vm.prank(PATIENT);
        consents.set(record, terms, expiresAt, FORM);
    }

    function _revoke(bytes32 record) private {
        vm.prank(PATIENT);
        consents.revoke(record);
    }

    function _lift(bytes32 record) private {
        vm.prank(PATIENT);
        consents.lift(record);
    }

    function _expectConsentMissing() private {
        vm.expectRevert(abi.encodeWithSelector(IConsents.ConsentMissing.selector, PATIENT));
    }

    function _expectOverrideMissing(bytes32 record) private {
        vm.expectRevert(abi.encodeWithSelector(IConsents.OverrideMissing.selector, PATIENT, record));
    }

    function _assertConsent(bytes32 record, uint64 terms, uint40 expiresAt, uint32 version, bool barred)
        private
        view
    {
        (uint64 terms_, uint40 expiresAt_, uint32 version_, bool barred_) =
            consents.consentOf(PATIENT, record);
        assertEq(terms_, terms);
        assertEq(expiresAt_, expiresAt);
        assertEq(version_, version);
        assertEq(barred_, barred);
    }

    function _assertCheck(bytes32 record, uint64 request, Purpose.Answer answer, uint8 bit) private view {
        (Purpose.Answer answer_, uint8 bit_) = consents.check(PATIENT, record, RESEARCHER, request);
        assertEq(uint8(answer_), uint8(answer));
        assertEq(bit_, bit);
    }

    function _assertPermits(bytes32 record, uint64 request, bool permits) private view {
        (Purpose.Answer answer,) = consents.check(PATIENT, record, RESEARCHER, request);
        assertEq(answer == Purpose.Answer.PERMIT, permits);
    }
}
