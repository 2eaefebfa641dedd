// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accounts} from "../accounts/Accounts.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {RecordIds} from "../libraries/RecordIds.sol";
import {IRecords} from "./IRecords.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Records
/// @notice One slot per batch of records, beside the accounts that tell who is an issuer.
contract Records is IRecords, Accounts {
    // slot 0: | free 176 | superseded 8 | count 32 | registeredAt 40 |
    struct Batch {
        uint40 registeredAt;
        uint32 count;
        bool superseded;
    }

    /// @inheritdoc IRecords
    mapping(address issuer => mapping(bytes32 root => Batch)) public batch;

    constructor(address governance) Accounts(governance) {}

    /// @inheritdoc IRecords
    function register(bytes32 root, uint32 count) external {
        _requireAccredited(msg.sender, Role.ISSUER);
        if (count == 0) revert RecordCountInvalid(count);
        Batch storage entry = batch[msg.sender][root];
        if (entry.registeredAt != 0) revert RootAlreadyRegistered(msg.sender, root);
        batch[msg.sender][root] =
            Batch({registeredAt: uint40(block.timestamp), count: count, superseded: false});
        emit Registered(msg.sender, root, count);
    }

    /// @inheritdoc IRecords
    function supersede(bytes32 oldRoot, bytes32 newRoot) external {
        Batch storage entry = batch[msg.sender][oldRoot];
        if (entry.registeredAt == 0) revert RootUnknown(msg.sender, oldRoot);
        if (batch[msg.sender][newRoot].registeredAt == 0) revert RootUnknown(msg.sender, newRoot);
        if (entry.superseded) revert RootAlreadySuperseded(msg.sender, oldRoot);
        entry.superseded = true;
        emit Superseded(msg.sender, oldRoot, newRoot);
    }

    /// @inheritdoc IRecords
    function open(address issuer, address patient, bytes32 blind, bytes32[] calldata proof)
        external
        view
        returns (bytes32 id)
    {
        id = RecordIds.idOf(patient, blind);
        if (batch[issuer][MerklePath.rootOf(proof, id)].registeredAt == 0) {
            revert RecordUnknown(issuer, id);
        }
    }

    /// @inheritdoc IRecords
    function openMany(
        address issuer,
        address patient,
        bytes32[] calldata blinds,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) external view returns (bytes32[] memory ids) {
        ids = new bytes32[](blinds.length);
        for (uint256 i = 0; i < blinds.length; ++i) {
            ids[i] = RecordIds.idOf(patient, blinds[i]);
        }
        // Of no leaf, the proof itself would be the root.
        if (
            blinds.length == 0
                || batch[issuer][MerkleProof.processMultiProofCalldata(proof, flags, ids)].registeredAt == 0
        ) revert RecordsUnknown(issuer, blinds.length);
    }

    /// @inheritdoc IRecords
    function recordId(address patient, bytes32 blind) external pure returns (bytes32) {
        return RecordIds.idOf(patient, blind);
    }
}
