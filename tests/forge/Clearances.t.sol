// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Acts} from "./support/Acts.sol";

/// What a reviewer may clear: one request of one requester, under one version of one consent, that REFERs.
contract ClearancesTest is Acts {
    uint64 private constant REQUEST = Purpose.HMB;
    uint8 private constant COL = 20;

    function setUp() public override {
        super.setUp();
        vm.prank(PATIENT);
        consents.lift(record);
        consent(PATIENT, Purpose.GRU | Purpose.COL, LATER);
    }

    function test_clear_emits_Cleared() public {
        bytes32 subject = _subject();
        vm.expectEmit(address(consents));
        emit IConsents.Cleared(subject, RESEARCHER, REVIEWER, REQUEST, NOW + 10);
        _clear(subject, NOW + 10);
        (address reviewer, uint40 until) = consents.clearanceOf(subject, RESEARCHER, REQUEST);
        assertEq(reviewer, REVIEWER);
        assertEq(until, NOW + 10);
        assertTrue(consents.isCleared(subject, RESEARCHER, REQUEST));
    }

    function test_check_permits_what_was_cleared_up_to_the_last_second() public {
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
        _clear(_subject(), NOW + 10);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.PERMIT);
        vm.warp(NOW + 10);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.PERMIT);
        vm.warp(NOW + 11);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
    }

    function testFuzz_check_refers_when_request_or_requester_is_another(uint64 request, address requester)
        public
    {
        _clear(_subject(), LATER);
        uint64 refers = Purpose.HMB | (request & (Purpose.GENETIC | Purpose.SENSITIVE | Purpose.HAS_IRB));
        vm.assume(refers != REQUEST);
        _assertAnswer(RESEARCHER, refers, Purpose.Answer.REFER);
        vm.assume(requester != RESEARCHER);
        _assertAnswer(requester, REQUEST, Purpose.Answer.REFER);
        _assertAnswer(address(0), REQUEST, Purpose.Answer.REFER);
    }

    /// Exactly the word that is asked: the clock's bit is no part of it unless it is asked with it.
    function test_check_refers_when_the_word_differs_in_the_clocks_bit() public {
        _clear(_subject(), LATER);
        _assertAnswer(RESEARCHER, REQUEST | Purpose.TS, Purpose.Answer.REFER);
    }

    function test_check_asks_nobody_without_a_requester() public {
        bytes32 subject = _subject();
        vm.prank(REVIEWER);
        consents.clear(subject, address(0), REQUEST, LATER);
        _assertAnswer(address(0), REQUEST, Purpose.Answer.REFER);
    }

    /// Over all requests: a clearance turns REFER into PERMIT and nothing else into anything.
    function testFuzz_clear_never_permits_what_is_denied(uint64 terms, uint64 request) public {
        terms = (terms & (Purpose.RESTRICTIONS | Purpose.ALLOWANCES | Purpose.CC)) | Purpose.HMB;
        if (request & 1 == 0) request = (request & Purpose.REQUEST) | Purpose.HMB;
        consent(PATIENT, terms, LATER);
        (Purpose.Answer before, uint8 bit) = consents.check(PATIENT, record, RESEARCHER, request);
        bytes32 subject = _subject();
        vm.prank(REVIEWER);
        consents.clear(subject, RESEARCHER, request, LATER);
        (Purpose.Answer answer, uint8 bitAfter) = consents.check(PATIENT, record, RESEARCHER, request);
        bool opens = before == Purpose.Answer.REFER && Purpose.clearable(terms, request | Purpose.TS);
        Purpose.Answer expected = opens ? Purpose.Answer.PERMIT : before;
        assertEq(uint8(answer), uint8(expected));
        assertEq(bitAfter, bit);
    }

    /// A sensitive request is referred before the terms are asked; a clearance does not pass them by.
    function test_a_clearance_never_permits_what_the_terms_deny() public {
        uint64[3] memory denied = [
            Purpose.SENSITIVE | Purpose.HMB | Purpose.COMMERCIAL,
            Purpose.OTHER | Purpose.HMB | Purpose.AI,
            Purpose.SENSITIVE
        ];
        for (uint256 i = 0; i < denied.length; ++i) {
            _clearFor(denied[i]);
            _assertAnswer(RESEARCHER, denied[i], Purpose.Answer.REFER);
        }
        _clearFor(Purpose.SENSITIVE | Purpose.HMB);
        _assertAnswer(RESEARCHER, Purpose.SENSITIVE | Purpose.HMB, Purpose.Answer.PERMIT);
    }

    function test_clear_ends_with_the_consents_next_version() public {
        _clear(_subject(), LATER);
        consent(PATIENT, Purpose.GRU | Purpose.COL, LATER);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
        _clear(_subject(), LATER);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.PERMIT);
        vm.prank(PATIENT);
        consents.revoke(0);
        _assertAnswer(RESEARCHER, REQUEST, Purpose.Answer.DENY);
        consent(PATIENT, Purpose.GRU | Purpose.COL, LATER);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
    }

    function test_clear_never_outlasts_the_consent() public {
        consent(PATIENT, Purpose.GRU | Purpose.COL, NOW + 5);
        _clear(_subject(), LATER);
        vm.warp(NOW + 6);
        _assertAnswer(RESEARCHER, REQUEST, Purpose.Answer.DENY);
    }

    /// What was cleared under the general consent is not cleared under the record's own, nor the other way.
    function test_clear_is_of_the_consent_that_counts() public {
        bytes32 general = _subject();
        assertEq(consents.subjectOf(PATIENT, 0), general);
        _clear(general, LATER);
        vm.prank(PATIENT);
        consents.set(record, Purpose.HMB | Purpose.COL, LATER, FORM);
        bytes32 own = _subject();
        assertNotEq(own, general);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
        _clear(own, LATER);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.PERMIT);
        vm.prank(PATIENT);
        consents.revoke(record);
        _assertAnswer(RESEARCHER, REQUEST, Purpose.Answer.DENY);
        vm.prank(PATIENT);
        consents.lift(record);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.PERMIT);
        vm.prank(PATIENT);
        consents.set(record, Purpose.HMB | Purpose.COL, LATER, FORM);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
    }

    function testFuzz_subjectOf_binds_chain_contract_patient_place_version(address patient, bytes32 own)
        public
    {
        vm.assume(patient != PATIENT);
        bytes32 expected =
            keccak256(abi.encode(block.chainid, address(consents), PATIENT, bytes32(0), uint32(2)));
        assertEq(consents.subjectOf(PATIENT, own), expected);
        assertNotEq(consents.subjectOf(patient, own), expected);
        vm.chainId(2);
        assertNotEq(consents.subjectOf(PATIENT, own), expected);
    }

    function test_isCleared_while_the_reviewer_is_accredited() public {
        bytes32 subject = _subject();
        _clear(subject, NOW + 10);
        accredit(REVIEWER, IAccounts.Role.REVIEWER, 0);
        assertFalse(consents.isCleared(subject, RESEARCHER, REQUEST));
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
        accredit(REVIEWER, IAccounts.Role.REVIEWER, NOW + 5);
        vm.warp(NOW + 5);
        assertTrue(consents.isCleared(subject, RESEARCHER, REQUEST));
        vm.warp(NOW + 6);
        assertFalse(consents.isCleared(subject, RESEARCHER, REQUEST));
    }

    function test_isCleared_given_nothing() public view {
        assertFalse(consents.isCleared(_subject(), RESEARCHER, REQUEST));
        assertFalse(consents.isCleared(0, address(0), 0));
    }

    function test_clear_takes_back_with_until_0() public {
        bytes32 subject = _subject();
        _clear(subject, LATER);
        accredit(STRANGER, IAccounts.Role.REVIEWER, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.Cleared(subject, RESEARCHER, STRANGER, REQUEST, 0);
        vm.prank(STRANGER);
        consents.clear(subject, RESEARCHER, REQUEST, 0);
        _assertCheck(RESEARCHER, REQUEST, Purpose.Answer.REFER);
        vm.expectRevert(
            abi.encodeWithSelector(IConsents.ClearanceMissing.selector, subject, RESEARCHER, REQUEST)
        );
        _clear(subject, 0);
    }

    function test_clear_reverts_when_caller_is_no_reviewer() public {
        bytes32 subject = _subject();
        address[4] memory others = [STRANGER, PATIENT, ACCREDITOR, RESEARCHER];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(_notAccredited(others[i], 0));
            vm.prank(others[i]);
            consents.clear(subject, RESEARCHER, REQUEST, LATER);
        }
        vm.warp(LATER + 1);
        vm.expectRevert(_notAccredited(REVIEWER, LATER));
        _clear(subject, LATER + 2);
        vm.expectRevert(_notAccredited(REVIEWER, LATER));
        _clear(subject, 0);
    }

    function test_clear_reverts_when_the_reviewer_asks_itself() public {
        bytes32 subject = _subject();
        vm.expectRevert(abi.encodeWithSelector(IConsents.ReviewerInvolved.selector, REVIEWER));
        vm.prank(REVIEWER);
        consents.clear(subject, REVIEWER, REQUEST, LATER);
    }

    function test_clear_reverts_when_it_outlasts_the_accreditation() public {
        bytes32 subject = _subject();
        vm.expectRevert(abi.encodeWithSelector(IConsents.ClearanceTooLong.selector, REVIEWER, LATER));
        _clear(subject, LATER + 1);
    }

    function test_clear_reverts_when_until_is_not_ahead() public {
        bytes32 subject = _subject();
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        _clear(subject, NOW);
    }

    /// A grant for a purpose that refers stands while it is cleared.
    function test_grant_given_a_clearance() public {
        vm.startPrank(REVIEWER);
        consents.clear(_subject(), READER, REQUEST, NOW + 10);
        vm.stopPrank();
        vm.prank(PATIENT);
        grants.grant(_requestFor(REQUEST));
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        vm.warp(NOW + 11);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function _requestFor(uint64 purpose) private view returns (IGrants.Request memory) {
        IGrants.Request memory request = grantRequest();
        request.purpose = purpose;
        return request;
    }

    function _subject() private view returns (bytes32) {
        return consents.subjectOf(PATIENT, record);
    }

    function _clear(bytes32 subject, uint40 until) private {
        vm.prank(REVIEWER);
        consents.clear(subject, RESEARCHER, REQUEST, until);
    }

    function _clearFor(uint64 request) private {
        bytes32 subject = _subject();
        vm.prank(REVIEWER);
        consents.clear(subject, RESEARCHER, request, LATER);
    }

    function _notAccredited(address account, uint40 until) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(IAccounts.NotAccredited.selector, account, IAccounts.Role.REVIEWER, until);
    }

    /// @dev The bit still names what referred.
    function _assertCheck(address requester, uint64 request, Purpose.Answer expected) private view {
        (Purpose.Answer answer, uint8 bit) = consents.check(PATIENT, record, requester, request);
        assertEq(uint8(answer), uint8(expected));
        assertEq(bit, COL);
    }

    function _assertAnswer(address requester, uint64 request, Purpose.Answer expected) private view {
        (Purpose.Answer answer,) = consents.check(PATIENT, record, requester, request);
        assertEq(uint8(answer), uint8(expected));
    }
}
