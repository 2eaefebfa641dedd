// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {IConsents} from "../consent/IConsents.sol";
import {Batches} from "../libraries/Batches.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {RecordIds} from "../libraries/RecordIds.sol";
import {Scopes} from "../libraries/Scopes.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IRecords} from "../records/IRecords.sol";
import {IGrants} from "./IGrants.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Grants
/// @notice One slot per record and reader.
contract Grants is IGrants, EIP712, Batches {
    using Signatures for Signatures.Signed;

    // slot 0: | free 120 | epoch 32 | expiresAt 40 | purpose 64 |
    struct Grant {
        uint64 purpose;
        uint40 expiresAt;
        uint32 epoch;
    }

    // slot 0: | free 24 | version 32 | until 40 | custodian 160 |
    struct Custodian {
        address custodian;
        uint40 until;
        uint32 version;
    }

    bytes32 private constant GRANT_TYPEHASH = keccak256(
        "Grant(address patient,bytes32 record,address grantee,uint64 purpose,uint40 expiresAt,bytes locator,"
        "uint32 epoch,uint40 deadline)"
    );
    bytes32 private constant REVOCATION_TYPEHASH = keccak256(
        "GrantRevocation(address patient,bytes32 record,address grantee,uint32 epoch,uint40 deadline)"
    );
    bytes32 private constant CUSTODIAN_TYPEHASH =
        keccak256("Custodian(address patient,address custodian,uint40 until,uint32 version,uint40 deadline)");

    /// @inheritdoc IGrants
    uint40 public constant GLASS_TIME = 30 minutes;

    /// @inheritdoc IGrants
    IRecords public immutable records;

    /// @inheritdoc IGrants
    IConsents public immutable consents;

    /// @inheritdoc IGrants
    IAccounts public immutable accounts;

    /// @inheritdoc IGrants
    mapping(bytes32 recordId => mapping(address grantee => Grant)) public grantOf;

    /// @inheritdoc IGrants
    mapping(address patient => Custodian) public custodianOf;

    /// @inheritdoc IGrants
    mapping(bytes32 recordId => mapping(address clinician => mapping(uint32 epoch => Emergency))) public
        emergencyOf;

    constructor(IRecords records_, IConsents consents_, IAccounts accounts_) EIP712("MediBloc Grants", "1") {
        records = records_;
        consents = consents_;
        accounts = accounts_;
    }

    /// @inheritdoc IGrants
    function grant(Request calldata request) external {
        bytes32 recordId = records.open(request.issuer, msg.sender, request.blind, request.proof);
        _requireGrantable(msg.sender, request.grantee, request.expiresAt);
        _requirePermitted(msg.sender, recordId, request.grantee, request.purpose);
        _grant(
            recordId,
            msg.sender,
            request.grantee,
            request.purpose,
            request.expiresAt,
            request.locator,
            msg.sender
        );
    }

    /// @inheritdoc IGrants
    function grantFor(address patient, Request calldata request, Signatures.Signed calldata by) external {
        bytes32 recordId = records.open(request.issuer, patient, request.blind, request.proof);
        _requireGrantable(patient, request.grantee, request.expiresAt);
        _requireWord(patient, by, request.expiresAt, _grantHash(patient, recordId, request, by.deadline));
        _requirePermitted(patient, recordId, request.grantee, request.purpose);
        _grant(
            recordId, patient, request.grantee, request.purpose, request.expiresAt, request.locator, by.signer
        );
    }

    /// @inheritdoc IGrants
    /// @dev `proof` in memory: in calldata it takes the slot of the stack that unoptimized code, as coverage needs it, lacks.
    function grantMany(
        address issuer,
        bytes32[] calldata blinds,
        bytes32[] memory proof,
        bool[] calldata flags,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        Locator[] calldata locators
    ) external {
        if (blinds.length != locators.length) {
            revert LocatorsMismatched(blinds.length, locators.length);
        }
        bytes32[] memory ids = records.openMany(issuer, msg.sender, blinds, proof, flags);
        _requireGrantable(msg.sender, grantee, expiresAt);
        for (uint256 i = 0; i < ids.length; ++i) {
            _requirePermitted(msg.sender, ids[i], grantee, purpose);
            _grant(ids[i], msg.sender, grantee, purpose, expiresAt, locators[i], msg.sender);
        }
    }

    /// @inheritdoc IGrants
    function revoke(bytes32 blind, address grantee) external {
        bytes32 recordId = RecordIds.idOf(msg.sender, blind);
        _revoke(recordId, msg.sender, grantee, grantOf[recordId][grantee].epoch, msg.sender);
    }

    /// @inheritdoc IGrants
    function revokeFor(address patient, bytes32 blind, address grantee, Signatures.Signed calldata by)
        external
    {
        bytes32 recordId = RecordIds.idOf(patient, blind);
        uint32 epoch = grantOf[recordId][grantee].epoch;
        bytes32 content =
            keccak256(abi.encode(REVOCATION_TYPEHASH, patient, recordId, grantee, epoch, by.deadline));
        _requireWord(patient, by, 0, content);
        _revoke(recordId, patient, grantee, epoch, by.signer);
    }

    /// @inheritdoc IGrants
    function nameCustodian(address custodian, uint40 until) external {
        _nameCustodian(msg.sender, custodian, until, custodianOf[msg.sender].version + 1);
    }

    /// @inheritdoc IGrants
    function nameCustodianFor(address patient, address custodian, uint40 until, Signatures.Signed calldata by)
        external
    {
        uint32 version = custodianOf[patient].version + 1;
        bytes32 content =
            keccak256(abi.encode(CUSTODIAN_TYPEHASH, patient, custodian, until, version, by.deadline));
        _requireWord(patient, by, until, content);
        _nameCustodian(patient, custodian, until, version);
    }

    /// @inheritdoc IGrants
    function breakGlass(
        address patient,
        address issuer,
        bytes32 blind,
        bytes32[] calldata proof,
        bytes32 reason
    ) external {
        _requireRole(IAccounts.Role.CLINICIAN);
        if (reason == 0) revert ReasonMissing();
        bytes32 recordId = records.open(issuer, patient, blind, proof);
        address custodian = _custodianOf(patient, recordId);
        if (msg.sender == patient || msg.sender == custodian) revert ClinicianInvolved(msg.sender);
        if (_isActive(patient, recordId, msg.sender)) revert GlassNotNeeded(recordId, msg.sender);
        uint40 expiresAt = uint40(block.timestamp) + GLASS_TIME;
        uint32 epoch = _store(recordId, msg.sender, Purpose.TREATMENT, expiresAt);
        emergencyOf[recordId][msg.sender][epoch] =
            Emergency({custodian: custodian, brokenAt: uint40(block.timestamp), reviewed: false});
        emit GlassBroken(recordId, patient, msg.sender, custodian, expiresAt, epoch, reason);
    }

    /// @inheritdoc IGrants
    function deliver(address patient, bytes32 blind, address clinician, Locator calldata locator) external {
        bytes32 recordId = RecordIds.idOf(patient, blind);
        uint32 epoch = grantOf[recordId][clinician].epoch;
        Emergency memory emergency = emergencyOf[recordId][clinician][epoch];
        bool waits = emergency.brokenAt != 0 && _isActive(patient, recordId, clinician);
        if (!waits) revert EmergencyMissing(recordId, clinician, epoch);
        if (msg.sender != emergency.custodian) revert NotCustodian(msg.sender, emergency.custodian);
        emit GlassDelivered(recordId, clinician, epoch, msg.sender, locator);
    }

    /// @inheritdoc IGrants
    function review(
        address patient,
        bytes32 blind,
        address clinician,
        uint32 epoch,
        bool justified,
        bytes32 finding
    ) external {
        _requireRole(IAccounts.Role.REVIEWER);
        bytes32 recordId = RecordIds.idOf(patient, blind);
        Emergency storage emergency = emergencyOf[recordId][clinician][epoch];
        if (emergency.brokenAt == 0 || emergency.reviewed) {
            revert EmergencyMissing(recordId, clinician, epoch);
        }
        bool involved = msg.sender == clinician || msg.sender == patient || msg.sender == emergency.custodian;
        if (involved) revert GlassReviewerInvolved(msg.sender);
        emergency.reviewed = true;
        emit GlassReviewed(recordId, clinician, msg.sender, epoch, justified, finding);
    }

    /// @inheritdoc IGrants
    function isActive(address patient, bytes32 blind, address grantee) external view returns (bool) {
        return _isActive(patient, RecordIds.idOf(patient, blind), grantee);
    }

    function _grant(
        bytes32 recordId,
        address patient,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        Locator calldata locator,
        address by
    ) private {
        uint32 epoch = _store(recordId, grantee, purpose, expiresAt);
        emit Granted(recordId, patient, grantee, purpose, expiresAt, epoch, locator, by);
    }

    function _store(bytes32 recordId, address grantee, uint64 purpose, uint40 expiresAt)
        private
        returns (uint32 epoch)
    {
        Grant storage entry = grantOf[recordId][grantee];
        epoch = entry.epoch + 1;
        (entry.purpose, entry.expiresAt, entry.epoch) = (purpose, expiresAt, epoch);
    }

    function _revoke(bytes32 recordId, address patient, address grantee, uint32 epoch, address by) private {
        Grant storage entry = grantOf[recordId][grantee];
        if (entry.purpose == 0) revert GrantMissing(recordId, grantee);
        // The next epoch: a grant that was signed before, and not sent yet, is void.
        (entry.purpose, entry.expiresAt, entry.epoch) = (0, 0, epoch + 1);
        emit GrantRevoked(recordId, patient, grantee, epoch, by);
    }

    function _nameCustodian(address patient, address custodian, uint40 until, uint32 version) private {
        if (custodian == patient) revert CustodianInvalid(custodian);
        if (custodian == address(0)) until = 0;
        else Expiry.requireAhead(until);
        custodianOf[patient] = Custodian({custodian: custodian, until: until, version: version});
        emit CustodianNamed(patient, custodian, until, version);
    }

    function _isActive(address patient, bytes32 recordId, address grantee) private view returns (bool) {
        Grant memory entry = grantOf[recordId][grantee];
        // A grant that is missing or was revoked has expired at second 0.
        if (entry.expiresAt < block.timestamp) return false;
        if (entry.purpose == Purpose.TREATMENT) return true;
        // Which bit decided is for who asks to be told, not for a yes or no.
        // slither-disable-next-line unused-return
        (Purpose.Answer answer,) = consents.check(patient, recordId, grantee, entry.purpose);
        return answer == Purpose.Answer.PERMIT;
    }

    /// @dev The custodian whom the patient named, who can read the record.
    function _custodianOf(address patient, bytes32 recordId) private view returns (address custodian) {
        Custodian memory entry = custodianOf[patient];
        custodian = entry.custodian;
        if (entry.until < block.timestamp || !_isActive(patient, recordId, custodian)) {
            revert CustodianMissing(patient, recordId);
        }
    }

    function _requireGrantable(address patient, address grantee, uint40 expiresAt) private view {
        if (grantee == address(0) || grantee == patient) revert GranteeInvalid(grantee);
        Expiry.requireAhead(expiresAt);
    }

    /// @dev Treatment is the patient's own to give; for the rest there is the consent.
    function _requirePermitted(address patient, bytes32 recordId, address grantee, uint64 purpose)
        private
        view
    {
        if (purpose == Purpose.TREATMENT) return;
        (Purpose.Answer answer, uint8 bit) = consents.check(patient, recordId, grantee, purpose);
        if (answer != Purpose.Answer.PERMIT) revert PurposeNotPermitted(patient, purpose, answer, bit);
    }

    /// @dev Reverts unless the patient, or a delegate whose mandate lasts to `expiresAt`, says `content`.
    function _requireWord(address patient, Signatures.Signed calldata by, uint40 expiresAt, bytes32 content)
        private
        view
    {
        if (by.signer != patient) consents.requireMandate(patient, by.signer, Scopes.GRANT, expiresAt);
        by.requireFrom(_hashTypedDataV4(content));
    }

    function _requireRole(IAccounts.Role role) private view {
        // What an accreditor vouched for besides plays no part here.
        // slither-disable-next-line unused-return
        (uint40 until,) = accounts.accreditation(msg.sender, role);
        if (until < block.timestamp) revert IAccounts.NotAccredited(msg.sender, role, until);
    }

    /// @dev EIP-712 `hashStruct` of a grant as it would be made now.
    function _grantHash(address patient, bytes32 recordId, Request calldata request, uint40 deadline)
        private
        view
        returns (bytes32)
    {
        Locator calldata locator = request.locator;
        return keccak256(
            abi.encode(
                GRANT_TYPEHASH,
                patient,
                recordId,
                request.grantee,
                request.purpose,
                request.expiresAt,
                keccak256(abi.encodePacked(locator.enc, locator.body, locator.tag)),
                grantOf[recordId][request.grantee].epoch + 1,
                deadline
            )
        );
    }
}
