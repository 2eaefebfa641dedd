// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IRecords} from "../../contracts/records/IRecords.sol";
import {Tree} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

contract RecordsTest is World {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant OTHER = keccak256("other root");
    bytes32 private constant BLIND = keccak256("blind");
    bytes32[] private none;

    function test_register_emits_Registered() public {
        vm.expectEmit(address(records));
        emit IRecords.Registered(HOSPITAL, ROOT, 100_000);
        _register(HOSPITAL, ROOT, 100_000);
        _assertBatch(ROOT, NOW, 100_000, false);
    }

    function test_register_given_another_issuers_root() public {
        _register(HOSPITAL, ROOT, 1);
        accredit(STRANGER, IAccounts.Role.ISSUER, LATER);
        _register(STRANGER, ROOT, 7);
        _assertBatch(ROOT, NOW, 1, false);
    }

    function test_register_reverts_when_not_accredited() public {
        vm.expectRevert(
            abi.encodeWithSelector(IAccounts.NotAccredited.selector, STRANGER, IAccounts.Role.ISSUER, 0)
        );
        _register(STRANGER, ROOT, 1);
    }

    function test_register_until_the_accreditations_last_second() public {
        vm.warp(LATER);
        _register(HOSPITAL, ROOT, 1);
        vm.warp(LATER + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAccounts.NotAccredited.selector, HOSPITAL, IAccounts.Role.ISSUER, LATER)
        );
        _register(HOSPITAL, OTHER, 1);
    }

    function test_register_reverts_when_count_is_zero() public {
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordCountInvalid.selector, 0));
        _register(HOSPITAL, ROOT, 0);
    }

    function test_register_reverts_when_registered_before() public {
        _register(HOSPITAL, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RootAlreadyRegistered.selector, HOSPITAL, ROOT));
        _register(HOSPITAL, ROOT, 2);
    }

    function test_supersede_emits_Superseded() public {
        _register(HOSPITAL, ROOT, 1);
        _register(HOSPITAL, OTHER, 2);
        vm.expectEmit(address(records));
        emit IRecords.Superseded(HOSPITAL, ROOT, OTHER);
        vm.prank(HOSPITAL);
        records.supersede(ROOT, OTHER);
        _assertBatch(ROOT, NOW, 1, true);
        _assertBatch(OTHER, NOW, 2, false);
    }

    function test_supersede_reverts_when_a_root_is_unknown() public {
        _register(HOSPITAL, ROOT, 1);
        vm.startPrank(HOSPITAL);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RootUnknown.selector, HOSPITAL, OTHER));
        records.supersede(ROOT, OTHER);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RootUnknown.selector, HOSPITAL, OTHER));
        records.supersede(OTHER, ROOT);
    }

    function test_supersede_reverts_when_root_is_another_issuers() public {
        _register(HOSPITAL, ROOT, 1);
        _register(HOSPITAL, OTHER, 1);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RootUnknown.selector, STRANGER, ROOT));
        vm.prank(STRANGER);
        records.supersede(ROOT, OTHER);
    }

    function test_supersede_reverts_when_superseded_before() public {
        _register(HOSPITAL, ROOT, 1);
        _register(HOSPITAL, OTHER, 1);
        vm.startPrank(HOSPITAL);
        records.supersede(ROOT, OTHER);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RootAlreadySuperseded.selector, HOSPITAL, ROOT));
        records.supersede(ROOT, OTHER);
    }

    function test_open_given_a_batch_of_one() public {
        bytes32 id = records.recordId(PATIENT, BLIND);
        _register(HOSPITAL, id, 1);
        assertEq(records.open(HOSPITAL, PATIENT, BLIND, none), id);
    }

    function test_open_given_a_superseded_batch() public {
        bytes32 id = records.recordId(PATIENT, BLIND);
        _register(HOSPITAL, id, 1);
        _register(HOSPITAL, OTHER, 1);
        vm.prank(HOSPITAL);
        records.supersede(id, OTHER);
        assertEq(records.open(HOSPITAL, PATIENT, BLIND, none), id);
    }

    function testFuzz_open_given_any_batch(uint8 size, uint8 index) public {
        uint256 count = bound(size, 1, 40);
        uint256 i = bound(index, 0, count - 1);
        bytes32[] memory ids = _ids(count);
        _register(HOSPITAL, Tree.rootOf(ids), uint32(count));
        assertEq(records.open(HOSPITAL, PATIENT, bytes32(i), Tree.proofOf(ids, i)), ids[i]);
    }

    function test_open_reverts_when_record_is_unknown() public {
        bytes32[] memory ids = _ids(8);
        _register(HOSPITAL, Tree.rootOf(ids), 8);
        bytes32[] memory proof = Tree.proofOf(ids, 3);
        _expectUnknown(HOSPITAL, PATIENT, bytes32(uint256(4)));
        records.open(HOSPITAL, PATIENT, bytes32(uint256(4)), proof);
        _expectUnknown(HOSPITAL, STRANGER, bytes32(uint256(3)));
        records.open(HOSPITAL, STRANGER, bytes32(uint256(3)), proof);
        _expectUnknown(STRANGER, PATIENT, bytes32(uint256(3)));
        records.open(STRANGER, PATIENT, bytes32(uint256(3)), proof);
        _expectUnknown(HOSPITAL, PATIENT, bytes32(uint256(3)));
        records.open(HOSPITAL, PATIENT, bytes32(uint256(3)), none);
    }

    function testFuzz_openMany_given_any_choice(uint16 choice) public {
        vm.assume(choice != 0);
        (bytes32[] memory ids, bool[] memory chosen, bytes32[] memory blinds) = _chosen(choice);
        _register(HOSPITAL, Tree.rootOf(ids), 16);
        (bytes32[] memory proof, bool[] memory flags) = Tree.multiProofOf(ids, chosen);
        bytes32[] memory opened = records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
        assertEq(opened.length, blinds.length);
        for (uint256 i = 0; i < blinds.length; ++i) {
            assertEq(opened[i], records.recordId(PATIENT, blinds[i]));
        }
        _expectManyUnknown(STRANGER, blinds.length);
        records.openMany(STRANGER, PATIENT, blinds, proof, flags);
        _expectManyUnknown(HOSPITAL, blinds.length);
        records.openMany(HOSPITAL, STRANGER, blinds, proof, flags);
    }

    function test_openMany_given_a_batch_of_one() public {
        bytes32 id = records.recordId(PATIENT, BLIND);
        _register(HOSPITAL, id, 1);
        bytes32[] memory blinds = new bytes32[](1);
        blinds[0] = BLIND;
        assertEq(records.openMany(HOSPITAL, PATIENT, blinds, none, new bool[](0))[0], id);
    }

    /// Of no leaf the proof itself would be the root, and open anything.
    function test_openMany_reverts_when_no_record_is_asked() public {
        _register(HOSPITAL, ROOT, 1);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = ROOT;
        _expectManyUnknown(HOSPITAL, 0);
        records.openMany(HOSPITAL, PATIENT, none, proof, new bool[](0));
        _expectManyUnknown(HOSPITAL, 0);
        records.openMany(HOSPITAL, PATIENT, none, none, new bool[](0));
    }

    function test_openMany_reverts_when_a_record_is_named_twice() public {
        (bytes32[] memory ids, bool[] memory chosen, bytes32[] memory blinds) = _chosen(3);
        _register(HOSPITAL, Tree.rootOf(ids), 16);
        (bytes32[] memory proof, bool[] memory flags) = Tree.multiProofOf(ids, chosen);
        blinds[1] = blinds[0];
        _expectManyUnknown(HOSPITAL, 2);
        records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
    }

    /// Siblings may change places, as pairs are hashed in order; others may not.
    function test_openMany_reverts_when_records_change_places() public {
        (bytes32[] memory ids, bool[] memory chosen, bytes32[] memory blinds) = _chosen(15);
        _register(HOSPITAL, Tree.rootOf(ids), 16);
        (bytes32[] memory proof, bool[] memory flags) = Tree.multiProofOf(ids, chosen);
        (blinds[1], blinds[2]) = (blinds[2], blinds[1]);
        _expectManyUnknown(HOSPITAL, 4);
        records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
        (blinds[1], blinds[2]) = (blinds[2], blinds[1]);
        (blinds[0], blinds[1]) = (blinds[1], blinds[0]);
        bytes32[] memory opened = records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
        assertEq(opened[0], ids[1]);
        assertEq(opened[1], ids[0]);
    }

    function test_openMany_reverts_when_flags_do_not_fit() public {
        (bytes32[] memory ids, bool[] memory chosen, bytes32[] memory blinds) = _chosen(3);
        _register(HOSPITAL, Tree.rootOf(ids), 16);
        (bytes32[] memory proof, bool[] memory flags) = Tree.multiProofOf(ids, chosen);
        vm.expectRevert(MerkleProof.MerkleProofInvalidMultiproof.selector);
        records.openMany(HOSPITAL, PATIENT, blinds, proof, new bool[](flags.length + 1));
        flags[0] = false;
        flags[1] = true;
        vm.expectRevert();
        records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
    }

    /// Whatever proof and flags: what opens is a record of the batch.
    function testFuzz_openMany_opens_no_stranger(bytes32 foreign, bytes32[] memory proof) public {
        (bytes32[] memory ids,,) = _chosen(1);
        _register(HOSPITAL, Tree.rootOf(ids), 16);
        vm.assume(uint256(foreign) >= 16);
        bytes32[] memory blinds = new bytes32[](1 + uint256(foreign) % 3);
        blinds[0] = foreign;
        bool[] memory flags = new bool[](blinds.length + proof.length - 1);
        for (uint256 i = 0; i < flags.length; ++i) {
            flags[i] = uint256(foreign) >> i & 1 == 1;
        }
        vm.expectRevert();
        records.openMany(HOSPITAL, PATIENT, blinds, proof, flags);
    }

    function testFuzz_recordId_is_the_double_hashed_leaf(address patient, bytes32 blind) public view {
        bytes32 once = keccak256(abi.encodePacked(bytes12(0), patient, blind));
        assertEq(records.recordId(patient, blind), keccak256(abi.encodePacked(once)));
    }

    function _register(address issuer, bytes32 root, uint32 count) private {
        vm.prank(issuer);
        records.register(root, count);
    }

    function _ids(uint256 count) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = records.recordId(PATIENT, bytes32(i));
        }
    }

    /// @dev 16 records, and the blinds of those whose bit is set in `choice`.
    function _chosen(uint16 choice)
        private
        view
        returns (bytes32[] memory ids, bool[] memory chosen, bytes32[] memory blinds)
    {
        ids = _ids(16);
        chosen = new bool[](16);
        uint256 count;
        for (uint256 i = 0; i < 16; ++i) {
            chosen[i] = choice >> i & 1 == 1;
            if (chosen[i]) ++count;
        }
        blinds = new bytes32[](count);
        for (uint256 i = 16; i > 0; --i) {
            if (chosen[i - 1]) blinds[--count] = bytes32(i - 1);
        }
    }

    function _expectManyUnknown(address issuer, uint256 count) private {
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordsUnknown.selector, issuer, count));
    }

    function _expectUnknown(address issuer, address patient, bytes32 blind) private {
        bytes32 id = records.recordId(patient, blind);
        vm.expectRevert(abi.encodeWithSelector(IRecords.RecordUnknown.selector, issuer, id));
    }

    function _assertBatch(bytes32 root, uint40 since, uint32 size, bool over) private view {
        (uint40 registeredAt, uint32 count, bool superseded) = records.batch(HOSPITAL, root);
        assertEq(registeredAt, since);
        assertEq(count, size);
        assertEq(superseded, over);
    }
}
