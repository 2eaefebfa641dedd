// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {RecordIds} from "../libraries/RecordIds.sol";
import {IRecords} from "./IRecords.sol";

/// @title Records
/// @notice One slot per batch of records.
contract Records is IRecords {
    // slot 0: | free 176 | superseded 8 | count 32 | registeredAt 40 |
    struct Batch {
        uint40 registeredAt;
        uint32 count;
        bool superseded;
    }

    /// @inheritdoc IRecords
    IAccounts public immutable accounts;

    /// @inheritdoc IRecords
    mapping(address issuer => mapping(bytes32 root => Batch)) public batch;

    constructor(IAccounts accounts_) {
        accounts = accounts_;
    }

    /// @inheritdoc IRecords
    function register(bytes32 root, uint32 count) external {
        (uint40 until,) = accounts.accreditation(msg.sender, IAccounts.Role.ISSUER);
        if (until < block.timestamp) {
            revert IAccounts.NotAccredited(msg.sender, IAccounts.Role.ISSUER, until);
        }
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
    function recordId(address patient, bytes32 blind) external pure returns (bytes32) {
        return RecordIds.idOf(patient, blind);
    }
}
