// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../consent/IConsents.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {RecordIds} from "../libraries/RecordIds.sol";
import {IRecords} from "../records/IRecords.sol";
import {IGrants} from "./IGrants.sol";

/// @title Grants
/// @notice One slot per record and reader.
contract Grants is IGrants {
    // slot 0: | free 120 | epoch 32 | expiresAt 40 | purpose 64 |
    struct Grant {
        uint64 purpose;
        uint40 expiresAt;
        uint32 epoch;
    }

    uint256 private constant LOCATOR_SIZE = 80;

    /// @inheritdoc IGrants
    IRecords public immutable records;

    /// @inheritdoc IGrants
    IConsents public immutable consents;

    /// @inheritdoc IGrants
    mapping(bytes32 recordId => mapping(address grantee => Grant)) public grantOf;

    constructor(IRecords records_, IConsents consents_) {
        records = records_;
        consents = consents_;
    }

    /// @inheritdoc IGrants
    function grant(
        address issuer,
        bytes32 blind,
        bytes32[] calldata proof,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        bytes calldata locator
    ) external {
        bytes32 recordId = records.open(issuer, msg.sender, blind, proof);
        if (grantee == address(0) || grantee == msg.sender) revert GranteeInvalid(grantee);
        Expiry.requireAhead(expiresAt);
        if (locator.length != LOCATOR_SIZE) revert LocatorInvalid(locator.length);
        (Purpose.Answer answer, uint8 bit) = _answer(msg.sender, purpose);
        if (answer != Purpose.Answer.PERMIT) revert PurposeNotPermitted(msg.sender, purpose, answer, bit);
        Grant storage entry = grantOf[recordId][grantee];
        uint32 epoch = entry.epoch + 1;
        (entry.purpose, entry.expiresAt, entry.epoch) = (purpose, expiresAt, epoch);
        emit Granted(recordId, msg.sender, grantee, purpose, expiresAt, epoch, locator);
    }

    /// @inheritdoc IGrants
    function revoke(bytes32 blind, address grantee) external {
        bytes32 recordId = RecordIds.idOf(msg.sender, blind);
        Grant storage entry = grantOf[recordId][grantee];
        if (entry.purpose == 0) revert GrantMissing(recordId, grantee);
        (entry.purpose, entry.expiresAt) = (0, 0);
        emit GrantRevoked(recordId, msg.sender, grantee, entry.epoch);
    }

    /// @inheritdoc IGrants
    function isActive(address patient, bytes32 blind, address grantee) external view returns (bool) {
        Grant memory entry = grantOf[RecordIds.idOf(patient, blind)][grantee];
        // A grant that is missing or was revoked has expired at second 0.
        if (entry.expiresAt < block.timestamp) return false;
        (Purpose.Answer answer,) = _answer(patient, entry.purpose);
        return answer == Purpose.Answer.PERMIT;
    }

    /// @dev Whether `patient` may give `purpose` now, and the bit that decides.
    function _answer(address patient, uint64 purpose) private view returns (Purpose.Answer, uint8) {
        if (purpose == Purpose.TREATMENT) return (Purpose.Answer.PERMIT, Purpose.NO_BIT);
        return consents.check(patient, purpose);
    }
}
