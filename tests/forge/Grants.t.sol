// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {IRecords} from "../../contracts/records/IRecords.sol";
import {Tree} from "./support/Tree.sol";
import {World} from "./support/World.sol";

contract GrantsTest is World {
    bytes32 private constant BLIND = keccak256("blind");
    bytes32 private constant FORM = keccak256("form");
    address private immutable READER = makeAddr("reader");

    bytes32 private record;
    IGrants.Request private request;
    // The patient's records of a batch of eight, of which two are a stranger's.
    bytes32[] private blinds;
    bytes32[] private proof;
    bool[] private flags;
    IGrants.Locator[] private locators;

    function setUp() public override {
        super.setUp();
        record = records.recordId(PATIENT, BLIND);
        bytes32[] memory ids = new bytes32[](5);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = records.recordId(STRANGER, bytes32(i));
        }
        ids[3] = record;
        _register(ids);
        request.issuer = HOSPITAL;
        request.blind = BLIND;
        request.proof = Tree.proofOf(ids, 3);
        request.grantee = READER;
        request.purpose = Purpose.TREATMENT;
        request.expiresAt = LATER;
        request.locator = _locator(0);
        _setUpMany();
    }

    function test_constructor_keeps_its_neighbours() public view {
        assertEq(address(grants.records()), address(records));
        assertEq(address(grants.consents()), address(consents));
        assertEq(address(grants.accounts()), address(accounts));
    }

    // --- grant -------------------------------------------------------------------------------

    function test_grant_emits_Granted() public {
        _expectGranted(Purpose.TREATMENT, LATER, 1);
        _grant(Purpose.TREATMENT, LATER);
        _assertGrant(Purpose.TREATMENT, LATER, 1);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_grant_replaces_a_grant() public {
        _grant(Purpose.TREATMENT, LATER);
        consent(PATIENT, Purpose.GRU, LATER);
        _expectGranted(Purpose.HMB, NOW + 1, 2);
        _grant(Purpose.HMB, NOW + 1);
        _assertGrant(Purpose.HMB, NOW + 1, 2);
    }

    function test_grant_reverts_when_record_is_unknown() public {
        bytes32 other = records.recordId(STRANGER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, HOSPITAL, other));
        vm.prank(STRANGER);
        grants.grant(request);
        request.issuer = STRANGER;
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, STRANGER, record));
        vm.prank(PATIENT);
        grants.grant(request);
    }

    function test_grant_reverts_when_grantee_is_nobody_or_the_patient() public {
        address[2] memory wrong = [address(0), PATIENT];
        for (uint256 i = 0; i < wrong.length; ++i) {
            request.grantee = wrong[i];
            vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, wrong[i]));
            _grant(Purpose.TREATMENT, LATER);
            vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, wrong[i]));
            grants.grantFor(PATIENT, request, Signatures.Signed(PATIENT, NOW, ""));
        }
    }

    function test_grant_reverts_when_expiry_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        _grant(Purpose.TREATMENT, NOW);
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        grants.grantFor(PATIENT, request, Signatures.Signed(PATIENT, NOW, ""));
    }

    function test_grant_reverts_when_consent_is_missing() public {
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _grant(Purpose.HMB, LATER);
    }

    /// The patient's signature gives no more than the patient's consent does.
    function test_grantFor_reverts_when_consent_is_missing() public {
        request.purpose = Purpose.HMB;
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        vm.prank(PATIENT);
        grants.grantFor(PATIENT, request, Signatures.Signed(PATIENT, NOW, ""));
    }

    function test_grantFor_reverts_when_record_is_another_patients() public {
        bytes32 other = records.recordId(STRANGER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, HOSPITAL, other));
        vm.prank(STRANGER);
        grants.grantFor(STRANGER, request, Signatures.Signed(STRANGER, NOW, ""));
    }

    function test_grant_reverts_when_consent_denies() public {
        consent(PATIENT, Purpose.HMB, LATER);
        _expectNotPermitted(Purpose.POA, Purpose.Answer.DENY, 11);
        _grant(Purpose.POA, LATER);
    }

    /// The record's own consent decides, not the general one.
    function test_grant_given_a_record_with_a_consent_of_its_own() public {
        consent(PATIENT, Purpose.HMB, LATER);
        vm.prank(PATIENT);
        consents.set(record, Purpose.POA, LATER, FORM);
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.DENY, 6);
        _grant(Purpose.HMB, LATER);
        _grant(Purpose.POA, LATER);
        vm.prank(PATIENT);
        consents.revoke(record);
        _expectNotPermitted(Purpose.POA, Purpose.Answer.DENY, Purpose.NO_BIT);
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

    // --- grantMany ---------------------------------------------------------------------------

    function test_grantMany_emits_Granted_for_each() public {
        for (uint256 i = 0; i < blinds.length; ++i) {
            vm.expectEmit(address(grants));
            emit IGrants.Granted(
                records.recordId(PATIENT, blinds[i]),
                PATIENT,
                READER,
                Purpose.TREATMENT,
                LATER,
                1,
                locators[i],
                PATIENT
            );
        }
        _grantMany(PATIENT, Purpose.TREATMENT);
        for (uint256 i = 0; i < blinds.length; ++i) {
            assertTrue(grants.isActive(PATIENT, blinds[i], READER));
        }
    }

    function test_grantMany_reverts_when_nothing_is_granted() public {
        delete blinds;
        delete locators;
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordsUnknown.selector, HOSPITAL, 0));
        _grantMany(PATIENT, Purpose.TREATMENT);
    }

    function test_grantMany_reverts_when_locators_do_not_match() public {
        locators.pop();
        vm.expectRevert(abi.encodeWithSelector(IGrants.LocatorsMismatched.selector, 6, 5));
        _grantMany(PATIENT, Purpose.TREATMENT);
        locators.push();
        locators.push();
        vm.expectRevert(abi.encodeWithSelector(IGrants.LocatorsMismatched.selector, 6, 7));
        _grantMany(PATIENT, Purpose.TREATMENT);
    }

    function test_grantMany_reverts_when_caller_is_not_the_patient() public {
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordsUnknown.selector, HOSPITAL, 6));
        _grantMany(STRANGER, Purpose.TREATMENT);
    }

    function test_grantMany_reverts_when_a_record_is_a_strangers_or_named_twice_or_out_of_place() public {
        bytes memory unknown = abi.encodeWithSelector(IRecords.RecordsUnknown.selector, HOSPITAL, 6);
        bytes32 own = blinds[1];
        blinds[1] = bytes32(uint256(6));
        vm.expectRevert(unknown);
        _grantMany(PATIENT, Purpose.TREATMENT);
        blinds[1] = blinds[0];
        vm.expectRevert(unknown);
        _grantMany(PATIENT, Purpose.TREATMENT);
        (blinds[1], blinds[5]) = (blinds[5], own);
        vm.expectRevert(unknown);
        _grantMany(PATIENT, Purpose.TREATMENT);
    }

    function test_grantMany_reverts_when_grantee_or_expiry_is_invalid() public {
        vm.startPrank(PATIENT);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, PATIENT));
        grants.grantMany(HOSPITAL, blinds, proof, flags, PATIENT, Purpose.TREATMENT, LATER, locators);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GranteeInvalid.selector, address(0)));
        grants.grantMany(HOSPITAL, blinds, proof, flags, address(0), Purpose.TREATMENT, LATER, locators);
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        grants.grantMany(HOSPITAL, blinds, proof, flags, READER, Purpose.TREATMENT, NOW, locators);
    }

    /// One record that the consent does not permit stops all: nothing is granted by halves.
    function test_grantMany_reverts_when_one_record_is_not_permitted() public {
        consent(PATIENT, Purpose.GRU, LATER);
        bytes32 last = records.recordId(PATIENT, blinds[5]);
        vm.prank(PATIENT);
        consents.revoke(last);
        _expectNotPermitted(Purpose.HMB, Purpose.Answer.DENY, Purpose.NO_BIT);
        _grantMany(PATIENT, Purpose.HMB);
        vm.prank(PATIENT);
        consents.lift(last);
        _grantMany(PATIENT, Purpose.HMB);
        assertTrue(grants.isActive(PATIENT, blinds[0], READER));
    }

    // --- revoke ------------------------------------------------------------------------------

    function test_revoke_emits_GrantRevoked() public {
        _grant(Purpose.TREATMENT, LATER);
        vm.expectEmit(address(grants));
        emit IGrants.GrantRevoked(record, PATIENT, READER, 1, PATIENT);
        vm.prank(PATIENT);
        grants.revoke(BLIND, READER);
        _assertGrant(0, 0, 2);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
        _grant(Purpose.TREATMENT, LATER);
        _assertGrant(Purpose.TREATMENT, LATER, 3);
    }

    function test_revoke_given_an_expired_grant() public {
        _grant(Purpose.TREATMENT, NOW + 1);
        vm.warp(NOW + 2);
        vm.prank(PATIENT);
        grants.revoke(BLIND, READER);
        _assertGrant(0, 0, 2);
    }

    function test_revoke_reverts_when_there_is_no_grant() public {
        vm.startPrank(PATIENT);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, record, READER));
        grants.revoke(BLIND, READER);
        grants.grant(request);
        grants.revoke(BLIND, READER);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, record, READER));
        grants.revoke(BLIND, READER);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, record, READER));
        grants.revokeFor(PATIENT, BLIND, READER, Signatures.Signed(PATIENT, 0, ""));
    }

    function test_revoke_reverts_when_caller_is_not_the_patient() public {
        _grant(Purpose.TREATMENT, LATER);
        bytes32 other = records.recordId(READER, BLIND);
        vm.expectRevert(abi.encodeWithSelector(IGrants.GrantMissing.selector, other, READER));
        vm.prank(READER);
        grants.revoke(BLIND, READER);
    }

    // --- isActive ----------------------------------------------------------------------------

    function test_isActive_given_no_grant() public view {
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_isActive_until_the_last_second() public {
        _grant(Purpose.TREATMENT, NOW + 10);
        vm.warp(NOW + 10);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        assertFalse(grants.isActive(PATIENT, BLIND, STRANGER));
        assertFalse(grants.isActive(STRANGER, BLIND, READER));
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
        vm.prank(PATIENT);
        consents.revoke(record);
        assertFalse(grants.isActive(PATIENT, BLIND, READER), "barred");
        vm.prank(PATIENT);
        consents.lift(record);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
        vm.warp(NOW + 11);
        assertFalse(grants.isActive(PATIENT, BLIND, READER));
    }

    function test_isActive_for_treatment_outlives_the_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        _grant(Purpose.TREATMENT, LATER);
        vm.prank(PATIENT);
        consents.revoke(0);
        assertTrue(grants.isActive(PATIENT, BLIND, READER));
    }

    function _setUpMany() private {
        bytes32[] memory ids = new bytes32[](8);
        bool[] memory chosen = new bool[](8);
        for (uint256 i = 0; i < 8; ++i) {
            chosen[i] = i < 6;
            ids[i] = records.recordId(chosen[i] ? PATIENT : STRANGER, bytes32(i));
            if (!chosen[i]) continue;
            blinds.push(bytes32(i));
            locators.push(_locator(i));
        }
        _register(ids);
        (proof, flags) = Tree.multiProofOf(ids, chosen);
    }

    function _register(bytes32[] memory ids) private {
        vm.prank(HOSPITAL);
        records.register(Tree.rootOf(ids), uint32(ids.length));
    }

    function _locator(uint256 number) private pure returns (IGrants.Locator memory) {
        return IGrants.Locator({
            enc: keccak256(abi.encode("enc", number)),
            body: keccak256(abi.encode("body", number)),
            tag: bytes16(keccak256(abi.encode("tag", number)))
        });
    }

    function _grant(uint64 purpose, uint40 expiresAt) private {
        request.purpose = purpose;
        request.expiresAt = expiresAt;
        vm.prank(PATIENT);
        grants.grant(request);
    }

    function _grantMany(address patient, uint64 purpose) private {
        vm.prank(patient);
        grants.grantMany(HOSPITAL, blinds, proof, flags, READER, purpose, LATER, locators);
    }

    function _expectGranted(uint64 purpose, uint40 expiresAt, uint32 epoch) private {
        vm.expectEmit(address(grants));
        emit IGrants.Granted(record, PATIENT, READER, purpose, expiresAt, epoch, _locator(0), PATIENT);
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
