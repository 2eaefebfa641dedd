// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {IRecords} from "../../contracts/records/IRecords.sol";
import {Tree} from "./support/Tree.sol";
import {World} from "./support/World.sol";

contract GrantsTest is World {
    bytes32 private constant BLIND = keccak256("blind");
    address private immutable READER = makeAddr("reader");

    bytes32 private record;
    bytes32[] private proof;
    bytes private locator = new bytes(80);

    function setUp() public override {
        super.setUp();
        record = records.recordId(PATIENT, BLIND);
        bytes32[] memory ids = new bytes32[](5);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = records.recordId(STRANGER, bytes32(i));
        }
        ids[3] = record;
        proof = Tree.proofOf(ids, 3);
        vm.prank(HOSPITAL);
        records.register(Tree.rootOf(ids), 5);
        locator[79] = 0x7f;
    }

    function test_constructor_keeps_its_neighbours() public view {
        assertEq(address(grants.records()), address(records));
        assertEq(address(grants.consents()), address(consents));
    }

    function test_grant_emits_Granted() public {
        vm.expectEmit(address(grants));
        emit IGrants.Granted(record, PATIENT, READER, Purpose.TREATMENT, LATER, 1, locator);
        _grant(Purpose.TREATMENT, LATER);
        _assertGrant(Purpose.TREATMENT, LATER, 1);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_grant_replaces_a_grant() public {
        _grant(Purpose.TREATMENT, LATER);
        consent(PATIENT, Purpose.GRU, LATER);
        vm.expectEmit(address(grants));
        emit IGrants.Granted(record, PATIENT, READER, Purpose.HMB, NOW + 1, 2, locator);
        _grant(Purpose.HMB, NOW + 1);
        _assertGrant(Purpose.HMB, NOW + 1, 2);
    }

    function test_grant_reverts_when_record_is_unknown() public {
        bytes32 other = records.recordId(STRANGER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, HOSPITAL, other));
        vm.prank(STRANGER);
        grants.grant(HOSPITAL, BLIND, proof, READER, Purpose.TREATMENT, LATER, locator);
    }

    function test_grant_reverts_when_grantee_is_nobody_or_the_patient() public {
        vm.startPrank(PATIENT);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, address(0)));
        grants.grant(HOSPITAL, BLIND, proof, address(0), Purpose.TREATMENT, LATER, locator);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, PATIENT));
        grants.grant(HOSPITAL, BLIND, proof, PATIENT, Purpose.TREATMENT, LATER, locator);
    }

    function test_grant_reverts_when_expiry_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        _grant(Purpose.TREATMENT, NOW);
    }

    function test_grant_reverts_when_locator_has_another_size() public {
        for (uint256 size = 79; size < 82; size += 2) {
            vm.expectRevert(abi.encodeWithSelector(IGrants.LocatorInvalid.selector, size));
            vm.prank(PATIENT);
            grants.grant(HOSPITAL, BLIND, proof, READER, Purpose.TREATMENT, LATER, new bytes(size));
        }
    }

    function test_grant_reverts_when_consent_is_missing() public {
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _grant(Purpose.HMB, LATER);
    }

    function test_grant_reverts_when_consent_denies() public {
        consent(PATIENT, Purpose.HMB, LATER);
        _expectNotPermitted(Purpose.POA, Purpose.Answer.DENY, 11);
        _grant(Purpose.POA, LATER);
    }

    function test_grant_reverts_when_consent_refers() public {
        consent(PATIENT, Purpose.HMB | Purpose.COL, LATER);
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.REFER, 20);
        _grant(Purpose.HMB, LATER);
    }

    function test_grant_reverts_when_purpose_is_none() public {
        consent(PATIENT, Purpose.NRES, LATER);
        _expectNotPermitted(0, Purpose.Answer.REFER, Purpose.NO_BIT);
        _grant(0, LATER);
    }

    function test_grant_reverts_when_treatment_is_mixed() public {
        consent(PATIENT, Purpose.NRES, LATER);
        uint64 mixed = Purpose.TREATMENT | Purpose.HMB;
        _expectNotPermitted(mixed, Purpose.Answer.DENY, 63);
        _grant(mixed, LATER);
    }

    function test_revoke_emits_GrantRevoked() public {
        _grant(Purpose.TREATMENT, LATER);
        vm.expectEmit(address(grants));
        emit IGrants.GrantRevoked(record, PATIENT, READER, 1);
        vm.prank(PATIENT);
        grants.revoke(BLIND, READER);
        _assertGrant(0, 0, 1);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
        _grant(Purpose.TREATMENT, LATER);
        _assertGrant(Purpose.TREATMENT, LATER, 2);
    }

    function test_revoke_reverts_when_there_is_no_grant() public {
        vm.startPrank(PATIENT);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, record, READER));
        grants.revoke(BLIND, READER);
        grants.grant(HOSPITAL, BLIND, proof, READER, Purpose.TREATMENT, LATER, locator);
        grants.revoke(BLIND, READER);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, record, READER));
        grants.revoke(BLIND, READER);
    }

    function test_revoke_reverts_when_caller_is_not_the_patient() public {
        _grant(Purpose.TREATMENT, LATER);
        bytes32 other = records.recordId(READER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, other, READER));
        vm.prank(READER);
        grants.revoke(BLIND, READER);
    }

    function test_isActive_given_no_grant() public view {
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_isActive_until_the_last_second() public {
        _grant(Purpose.TREATMENT, NOW + 10);
        vm.warp(NOW + 10);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        vm.warp(NOW + 11);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_isActive_while_the_consent_permits() public {
        consent(PATIENT, Purpose.GRU, NOW + 10);
        _grant(Purpose.HMB, LATER);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        consent(PATIENT, Purpose.GRU | Purpose.NPU, NOW + 10);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
        consent(PATIENT, Purpose.GRU | Purpose.COL, NOW + 10);
        assertFalse(grants.isActive(PATIENT, BLIND, READER), "a person must decide first");
        consent(PATIENT, Purpose.GRU, NOW + 10);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        vm.warp(NOW + 11);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_isActive_for_treatment_outlives_the_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        _grant(Purpose.TREATMENT, LATER);
        vm.prank(PATIENT);
        consents.revoke();
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
    }

    function _grant(uint64 purpose, uint40 expiresAt) private {
        vm.prank(PATIENT);
        grants.grant(HOSPITAL, BLIND, proof, READER, purpose, expiresAt, locator);
    }

    function _expectNotPermitted(uint64 purpose, Purpose.Answer answer, uint8 bit) private {
        vm.expectRevert(
            abi.encodeWithSelector(IGrants.PurposeNotPermitted.selector, PATIENT, purpose, answer, bit)
        );
    }

    function _assertGrant(uint64 purpose, uint40 expiresAt, uint32 epoch) private view {
        (uint64 purpose_, uint40 expiresAt_, uint32 epoch_) = grants.grantOf(record, READER);
        assertEq(purpose_, purpose);
        assertEq(expiresAt_, expiresAt);
        assertEq(epoch_, epoch);
    }
}
