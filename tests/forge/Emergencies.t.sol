// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {IRecords} from "../../contracts/records/IRecords.sol";
import {Acts} from "./support/Acts.sol";

/// Break-glass: by a clinician, with a reason, through a custodian the patient named, for minutes, in the open.
contract EmergenciesTest is Acts {
    bytes32 private constant REASON = keccak256("unconscious, no allergies known");
    bytes32 private constant FINDING = keccak256("justified");
    uint40 private constant GLASS_TIME = 30 minutes;
    bytes32[] private none;

    function setUp() public override {
        super.setUp();
        vm.startPrank(PATIENT);
        IGrants.Request memory request = grantRequest();
        request.grantee = CUSTODIAN;
        grants.grant(request);
        grants.nameCustodian(CUSTODIAN, LATER);
        vm.stopPrank();
    }

    // --- the custodian -----------------------------------------------------------------------

    function test_nameCustodian_emits_CustodianNamed() public {
        vm.startPrank(PATIENT);
        vm.expectEmit(address(grants));
        emit IGrants.CustodianNamed(PATIENT, STRANGER, NOW + 1, 2);
        grants.nameCustodian(STRANGER, NOW + 1);
        _assertCustodian(STRANGER, NOW + 1, 2);
        vm.expectEmit(address(grants));
        emit IGrants.CustodianNamed(PATIENT, address(0), 0, 3);
        grants.nameCustodian(address(0), LATER);
        _assertCustodian(address(0), 0, 3);
    }

    function test_nameCustodian_reverts_when_custodian_is_the_patient() public {
        vm.expectRevert(abi.encodeWithSelector(IGrants.CustodianInvalid.selector, PATIENT));
        vm.prank(PATIENT);
        grants.nameCustodian(PATIENT, LATER);
    }

    function test_nameCustodian_reverts_when_until_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        vm.prank(PATIENT);
        grants.nameCustodian(CUSTODIAN, NOW);
    }

    // --- breaking ------------------------------------------------------------------------------

    function test_breakGlass_emits_GlassBroken() public {
        assertEq(grants.GLASS_TIME(), GLASS_TIME);
        vm.expectEmit(address(grants));
        emit IGrants.GlassBroken(record, PATIENT, CLINICIAN, CUSTODIAN, NOW + GLASS_TIME, 1, REASON);
        _break();
        (uint64 purpose, uint40 expiresAt, uint32 epoch) = grants.grantOf(record, CLINICIAN);
        assertEq(purpose, Purpose.TREATMENT);
        assertEq(expiresAt, NOW + GLASS_TIME);
        assertEq(epoch, 1);
        _assertEmergency(1, CUSTODIAN, NOW, false);
        vm.warp(NOW + GLASS_TIME);
        assertTrue(_active());
        vm.warp(NOW + GLASS_TIME + 1);
        assertFalse(_active());
    }

    /// No consent is asked: the patient cannot be.
    function test_breakGlass_given_a_barred_record() public {
        vm.prank(PATIENT);
        consents.revoke(record);
        _break();
        assertTrue(_active());
    }

    function test_breakGlass_reverts_when_caller_is_no_clinician() public {
        address[4] memory others = [STRANGER, HOSPITAL, REVIEWER, CUSTODIAN];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(_notAccredited(others[i], IAccounts.Role.CLINICIAN, 0));
            vm.prank(others[i]);
            grants.breakGlass(PATIENT, HOSPITAL, BLIND, none, REASON);
        }
        vm.warp(LATER + 1);
        vm.expectRevert(_notAccredited(CLINICIAN, IAccounts.Role.CLINICIAN, LATER));
        _break();
    }

    function test_breakGlass_reverts_when_reason_is_missing() public {
        vm.expectRevert(IGrants.ReasonMissing.selector);
        vm.prank(CLINICIAN);
        grants.breakGlass(PATIENT, HOSPITAL, BLIND, none, 0);
    }

    function test_breakGlass_reverts_when_record_is_unknown() public {
        bytes32 other = records.recordId(STRANGER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, HOSPITAL, other));
        vm.prank(CLINICIAN);
        grants.breakGlass(STRANGER, HOSPITAL, BLIND, none, REASON);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, STRANGER, record));
        vm.prank(CLINICIAN);
        grants.breakGlass(PATIENT, STRANGER, BLIND, none, REASON);
    }

    function test_breakGlass_reverts_when_no_custodian_is_named() public {
        vm.prank(PATIENT);
        grants.nameCustodian(address(0), 0);
        _expectCustodianMissing();
        _break();
    }

    function test_breakGlass_reverts_when_the_custodians_time_is_over() public {
        vm.prank(PATIENT);
        grants.nameCustodian(CUSTODIAN, NOW + 10);
        vm.warp(NOW + 11);
        _expectCustodianMissing();
        _break();
        vm.warp(NOW + 10);
        _break();
    }

    function test_breakGlass_reverts_when_the_custodian_has_no_grant() public {
        vm.prank(PATIENT);
        grants.nameCustodian(STRANGER, LATER);
        _expectCustodianMissing();
        _break();
    }

    function test_breakGlass_reverts_when_the_custodian_lost_its_grant() public {
        vm.prank(PATIENT);
        grants.revoke(BLIND, CUSTODIAN);
        _expectCustodianMissing();
        _break();
    }

    function test_breakGlass_reverts_when_the_custodians_grant_expired() public {
        accredit(CLINICIAN, IAccounts.Role.CLINICIAN, type(uint40).max);
        vm.prank(PATIENT);
        grants.nameCustodian(CUSTODIAN, type(uint40).max);
        vm.warp(LATER + 1);
        _expectCustodianMissing();
        _break();
    }

    function test_breakGlass_reverts_when_the_clinician_is_the_patient_or_the_custodian() public {
        accredit(CUSTODIAN, IAccounts.Role.CLINICIAN, LATER);
        accredit(PATIENT, IAccounts.Role.CLINICIAN, LATER);
        address[2] memory involved = [CUSTODIAN, PATIENT];
        for (uint256 i = 0; i < involved.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGrants.ClinicianInvolved.selector, involved[i]));
            vm.prank(involved[i]);
            grants.breakGlass(PATIENT, HOSPITAL, BLIND, none, REASON);
        }
    }

    function test_breakGlass_reverts_when_the_clinician_may_read_already() public {
        _break();
        vm.expectRevert(abi.encodeWithSelector(IGrants.GlassNotNeeded.selector, record, CLINICIAN));
        _break();
        vm.warp(NOW + GLASS_TIME + 1);
        _break();
        _assertEmergency(2, CUSTODIAN, NOW + GLASS_TIME + 1, false);
    }

    function test_breakGlass_reverts_when_the_clinician_was_granted() public {
        _grantClinician();
        vm.expectRevert(abi.encodeWithSelector(IGrants.GlassNotNeeded.selector, record, CLINICIAN));
        _break();
    }

    // --- the patient ---------------------------------------------------------------------------

    function test_the_patient_revokes_at_once() public {
        _break();
        vm.expectEmit(address(grants));
        emit IGrants.GrantRevoked(record, PATIENT, CLINICIAN, 1, PATIENT);
        vm.prank(PATIENT);
        grants.revoke(BLIND, CLINICIAN);
        assertFalse(_active());
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 2));
        _deliver(CUSTODIAN);
        _review(1);
    }

    /// Taking the custodian away stops the next one, which revoking alone does not.
    function test_the_patient_stops_emergencies_for_good() public {
        _break();
        vm.startPrank(PATIENT);
        grants.revoke(BLIND, CLINICIAN);
        grants.nameCustodian(address(0), 0);
        vm.stopPrank();
        _expectCustodianMissing();
        _break();
    }

    // --- delivering ----------------------------------------------------------------------------

    function test_deliver_emits_GlassDelivered() public {
        _break();
        vm.warp(NOW + GLASS_TIME);
        for (uint256 i = 0; i < 2; ++i) {
            // Again, if the first object was lost.
            vm.expectEmit(address(grants));
            emit IGrants.GlassDelivered(record, CLINICIAN, 1, CUSTODIAN, locatorOf("sealed"));
            _deliver(CUSTODIAN);
        }
    }

    /// Who held the key then, though the patient named another since.
    function test_deliver_given_another_custodian_since() public {
        _break();
        vm.startPrank(PATIENT);
        grants.nameCustodian(STRANGER, LATER);
        vm.stopPrank();
        _deliver(CUSTODIAN);
        vm.expectRevert(abi.encodeWithSelector(IGrants.NotCustodian.selector, STRANGER, CUSTODIAN));
        _deliver(STRANGER);
    }

    function test_deliver_reverts_when_caller_is_not_the_custodian() public {
        _break();
        address[3] memory others = [CLINICIAN, PATIENT, HOSPITAL];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGrants.NotCustodian.selector, others[i], CUSTODIAN));
            _deliver(others[i]);
        }
    }

    function test_deliver_reverts_when_there_is_no_emergency() public {
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 0));
        _deliver(CUSTODIAN);
        _grantClinician();
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 1));
        _deliver(CUSTODIAN);
    }

    function test_deliver_reverts_when_the_access_ended() public {
        _break();
        vm.warp(NOW + GLASS_TIME + 1);
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 1));
        _deliver(CUSTODIAN);
    }

    function test_deliver_reverts_when_the_patient_granted_since() public {
        _break();
        _grantClinician();
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 2));
        _deliver(CUSTODIAN);
    }

    // --- reviewing -----------------------------------------------------------------------------

    function test_review_emits_GlassReviewed() public {
        _break();
        vm.expectEmit(address(grants));
        emit IGrants.GlassReviewed(record, CLINICIAN, REVIEWER, 1, true, FINDING);
        _review(1);
        _assertEmergency(1, CUSTODIAN, NOW, true);
    }

    function test_review_tells_what_was_not_justified() public {
        _break();
        vm.expectEmit(address(grants));
        emit IGrants.GlassReviewed(record, CLINICIAN, REVIEWER, 1, false, FINDING);
        vm.prank(REVIEWER);
        grants.review(PATIENT, BLIND, CLINICIAN, 1, false, FINDING);
        assertTrue(_active(), "a finding changes no access");
    }

    function test_review_of_an_old_emergency_after_a_newer_one() public {
        _break();
        vm.warp(NOW + GLASS_TIME + 1);
        _break();
        _review(1);
        _assertEmergency(1, CUSTODIAN, NOW, true);
        _assertEmergency(2, CUSTODIAN, NOW + GLASS_TIME + 1, false);
        _review(2);
    }

    function test_review_reverts_when_reviewed_before() public {
        _break();
        _review(1);
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, 1));
        _review(1);
    }

    function testFuzz_review_reverts_when_there_is_no_such_emergency(uint32 epoch) public {
        vm.assume(epoch != 1);
        _break();
        vm.expectRevert(abi.encodeWithSelector(IGrants.EmergencyMissing.selector, record, CLINICIAN, epoch));
        _review(epoch);
    }

    function test_review_reverts_when_caller_is_no_reviewer() public {
        _break();
        address[4] memory others = [STRANGER, ACCREDITOR, CLINICIAN, HOSPITAL];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(_notAccredited(others[i], IAccounts.Role.REVIEWER, 0));
            vm.prank(others[i]);
            grants.review(PATIENT, BLIND, CLINICIAN, 1, true, FINDING);
        }
        vm.warp(LATER + 1);
        vm.expectRevert(_notAccredited(REVIEWER, IAccounts.Role.REVIEWER, LATER));
        _review(1);
    }

    function test_review_reverts_when_the_reviewer_took_part() public {
        _break();
        address[3] memory involved = [CLINICIAN, CUSTODIAN, PATIENT];
        for (uint256 i = 0; i < involved.length; ++i) {
            accredit(involved[i], IAccounts.Role.REVIEWER, LATER);
            vm.expectRevert(abi.encodeWithSelector(IGrants.GlassReviewerInvolved.selector, involved[i]));
            vm.prank(involved[i]);
            grants.review(PATIENT, BLIND, CLINICIAN, 1, true, FINDING);
        }
    }

    function _break() private {
        vm.prank(CLINICIAN);
        grants.breakGlass(PATIENT, HOSPITAL, BLIND, none, REASON);
    }

    function _deliver(address custodian) private {
        vm.prank(custodian);
        grants.deliver(PATIENT, BLIND, CLINICIAN, locatorOf("sealed"));
    }

    function _review(uint32 epoch) private {
        vm.prank(REVIEWER);
        grants.review(PATIENT, BLIND, CLINICIAN, epoch, true, FINDING);
    }

    function _grantClinician() private {
        IGrants.Request memory request = grantRequest();
        request.grantee = CLINICIAN;
        vm.prank(PATIENT);
        grants.grant(request);
    }

    function _active() private view returns (bool) {
        return grants.isActive(PATIENT, BLIND, CLINICIAN);
    }

    function _expectCustodianMissing() private {
        vm.expectRevert(abi.encodeWithSelector(IGrants.CustodianMissing.selector, PATIENT, record));
    }

    function _notAccredited(address account, IAccounts.Role role, uint40 until)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IAccounts.NotAccredited.selector, account, role, until);
    }

    function _assertCustodian(address custodian, uint40 until, uint32 version) private view {
        (address custodian_, uint40 until_, uint32 version_) = grants.custodianOf(PATIENT);
        assertEq(custodian_, custodian);
        assertEq(until_, until);
        assertEq(version_, version);
    }

    function _assertEmergency(uint32 epoch, address custodian, uint40 brokenAt, bool reviewed) private view {
        (address custodian_, uint40 brokenAt_, bool reviewed_) = grants.emergencyOf(record, CLINICIAN, epoch);
        assertEq(custodian_, custodian);
        assertEq(brokenAt_, brokenAt);
        assertEq(reviewed_, reviewed);
    }
}
