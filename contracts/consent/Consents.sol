// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {Batches} from "../libraries/Batches.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Scopes} from "../libraries/Scopes.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IConsents} from "./IConsents.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Consents
/// @notice One slot per patient, and one per record that has a consent of its own.
contract Consents is IConsents, EIP712, Batches {
    using Signatures for Signatures.Signed;

    // slot 0: | free 112 | barred 8 | version 32 | expiresAt 40 | terms 64 |
    struct Consent {
        uint64 terms;
        uint40 expiresAt;
        uint32 version;
        bool barred;
    }

    // slot 0: | free 168 | version 32 | until 40 | everScope 8 | scope 8 |
    struct Mandate {
        uint8 scope;
        uint8 everScope;
        uint40 until;
        uint32 version;
    }

    // slot 0: | free 56 | until 40 | reviewer 160 |
    struct Clearance {
        address reviewer;
        uint40 until;
    }

    bytes32 private constant CONSENT_TYPEHASH = keccak256(
        "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,uint32 version,uint40 deadline)"
    );
    bytes32 private constant REVOCATION_TYPEHASH =
        keccak256("Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)");
    bytes32 private constant LIFT_TYPEHASH =
        keccak256("Lift(address patient,bytes32 record,uint32 version,uint40 deadline)");
    bytes32 private constant MANDATE_TYPEHASH = keccak256(
        "Mandate(address patient,address delegate,uint8 scope,uint40 until,uint32 version,uint40 deadline)"
    );

    /// @inheritdoc IConsents
    IAccounts public immutable accounts;

    /// @inheritdoc IConsents
    mapping(address patient => mapping(bytes32 record => Consent)) public consentOf;

    /// @inheritdoc IConsents
    mapping(address patient => mapping(address delegate => Mandate)) public mandateOf;

    /// @inheritdoc IConsents
    mapping(bytes32 subject => mapping(address requester => mapping(uint64 request => Clearance))) public
        clearanceOf;

    constructor(IAccounts accounts_) EIP712("MediBloc Consents", "1") {
        accounts = accounts_;
    }

    /// @inheritdoc IConsents
    function set(bytes32 record, uint64 terms, uint40 expiresAt, bytes32 form) external {
        Consent storage consent = consentOf[msg.sender][record];
        _set(consent, msg.sender, record, terms, expiresAt, form, consent.version + 1, msg.sender);
    }

    /// @inheritdoc IConsents
    function setFor(
        address patient,
        bytes32 record,
        uint64 terms,
        uint40 expiresAt,
        bytes32 form,
        Signatures.Signed calldata by
    ) external {
        Consent storage consent = consentOf[patient][record];
        uint32 version = consent.version + 1;
        bytes32 content = keccak256(
            abi.encode(CONSENT_TYPEHASH, patient, record, terms, expiresAt, form, version, by.deadline)
        );
        _requireWord(patient, by, expiresAt, content);
        _set(consent, patient, record, terms, expiresAt, form, version, by.signer);
    }

    /// @inheritdoc IConsents
    function revoke(bytes32 record) external {
        _revoke(msg.sender, record, msg.sender);
    }

    /// @inheritdoc IConsents
    function revokeFor(address patient, bytes32 record, Signatures.Signed calldata by) external {
        uint32 version = _next(patient, record);
        bytes32 content = keccak256(abi.encode(REVOCATION_TYPEHASH, patient, record, version, by.deadline));
        _requireWord(patient, by, 0, content);
        _revoke(patient, record, by.signer);
    }

    /// @inheritdoc IConsents
    function lift(bytes32 record) external {
        _lift(msg.sender, record, msg.sender);
    }

    /// @inheritdoc IConsents
    function liftFor(address patient, bytes32 record, Signatures.Signed calldata by) external {
        uint32 version = _next(patient, record);
        bytes32 content = keccak256(abi.encode(LIFT_TYPEHASH, patient, record, version, by.deadline));
        // A lift gives what the general consent permits, for as long as that holds.
        _requireWord(patient, by, consentOf[patient][0].expiresAt, content);
        _lift(patient, record, by.signer);
    }

    /// @inheritdoc IConsents
    function setDelegate(address delegate, uint8 scope, uint40 until) external {
        _setDelegate(msg.sender, delegate, scope, until, mandateOf[msg.sender][delegate].version + 1);
    }

    /// @inheritdoc IConsents
    function setDelegateFor(address delegate, uint8 scope, uint40 until, Signatures.Signed calldata by)
        external
    {
        uint32 version = mandateOf[by.signer][delegate].version + 1;
        bytes32 content =
            keccak256(abi.encode(MANDATE_TYPEHASH, by.signer, delegate, scope, until, version, by.deadline));
        by.requireFrom(_hashTypedDataV4(content));
        _setDelegate(by.signer, delegate, scope, until, version);
    }

    /// @inheritdoc IConsents
    function clear(bytes32 subject, address requester, uint64 request, uint40 until) external {
        // What an accreditor vouched for besides plays no part here.
        // slither-disable-next-line unused-return
        (uint40 accreditedUntil,) = accounts.accreditation(msg.sender, IAccounts.Role.REVIEWER);
        if (accreditedUntil < block.timestamp) {
            revert IAccounts.NotAccredited(msg.sender, IAccounts.Role.REVIEWER, accreditedUntil);
        }
        if (requester == msg.sender) revert ReviewerInvolved(msg.sender);
        Clearance storage entry = clearanceOf[subject][requester][request];
        if (until == 0) {
            if (entry.until == 0) revert ClearanceMissing(subject, requester, request);
        } else {
            Expiry.requireAhead(until);
            if (until > accreditedUntil) revert ClearanceTooLong(msg.sender, accreditedUntil);
        }
        (entry.reviewer, entry.until) = (msg.sender, until);
        emit Cleared(subject, requester, msg.sender, request, until);
    }

    /// @inheritdoc IConsents
    function check(address patient, bytes32 record, address requester, uint64 request)
        external
        view
        returns (Purpose.Answer answer, uint8 bit)
    {
        (bytes32 place, Consent memory consent) = _standing(patient, record);
        // A consent that is missing, revoked or barred has expired at second 0.
        if (consent.expiresAt < block.timestamp) return (Purpose.Answer.DENY, Purpose.NO_BIT);
        uint64 asked = request | Purpose.TS;
        (answer, bit) = Purpose.matches(consent.terms, asked);
        if (answer != Purpose.Answer.REFER || requester == address(0)) return (answer, bit);
        bool cleared = isCleared(_subject(patient, place, consent.version), requester, request);
        if (cleared && Purpose.clearable(consent.terms, asked)) answer = Purpose.Answer.PERMIT;
    }

    /// @inheritdoc IConsents
    function covers(address patient, bytes32 record, uint64 offer) external view returns (bool) {
        (, Consent memory consent) = _standing(patient, record);
        return consent.expiresAt >= block.timestamp && Purpose.covers(consent.terms, offer);
    }

    /// @inheritdoc IConsents
    function subjectOf(address patient, bytes32 record) external view returns (bytes32) {
        (bytes32 place, Consent memory consent) = _standing(patient, record);
        return _subject(patient, place, consent.version);
    }

    /// @inheritdoc IConsents
    function isCleared(bytes32 subject, address requester, uint64 request) public view returns (bool) {
        Clearance memory entry = clearanceOf[subject][requester][request];
        return
            entry.until >= block.timestamp && accounts.isAccredited(entry.reviewer, IAccounts.Role.REVIEWER);
    }

    /// @inheritdoc IConsents
    function mayAct(address patient, address actor, uint8 scope) public view returns (uint40 until) {
        if (actor == patient) return type(uint40).max;
        Mandate memory mandate = mandateOf[patient][actor];
        bool holds = mandate.scope & scope == scope && scope != 0 && mandate.until >= block.timestamp;
        return holds ? mandate.until : 0;
    }

    /// @inheritdoc IConsents
    function requireMandate(address patient, address actor, uint8 scope, uint40 expiresAt) public view {
        uint40 until = mayAct(patient, actor, scope);
        if (until == 0) revert MandateMissing(patient, actor, scope);
        if (expiresAt > until) revert MandateTooShort(patient, actor, until);
    }

    function _set(
        Consent storage consent,
        address patient,
        bytes32 record,
        uint64 terms,
        uint40 expiresAt,
        bytes32 form,
        uint32 version,
        address by
    ) private {
        Purpose.requireTerms(terms);
        Expiry.requireAhead(expiresAt);
        _write(consent, terms, expiresAt, version, false);
        emit ConsentSet(patient, record, terms, expiresAt, version, form, by);
    }

    function _revoke(address patient, bytes32 record, address by) private {
        Consent storage consent = consentOf[patient][record];
        // A record can be barred before it ever had a consent of its own; a bar is not revoked twice.
        if (consent.terms == 0 && (record == 0 || consent.barred)) revert ConsentMissing(patient);
        uint32 version = consent.version + 1;
        _write(consent, 0, 0, version, record != 0);
        emit ConsentRevoked(patient, record, version, by);
    }

    function _lift(address patient, bytes32 record, address by) private {
        Consent storage consent = consentOf[patient][record];
        if (record == 0 || !_overrides(consent)) revert OverrideMissing(patient, record);
        uint32 version = consent.version + 1;
        _write(consent, 0, 0, version, false);
        emit ConsentLifted(patient, record, version, by);
    }

    /// @dev The slot's next state, which makes void whatever was signed for an earlier one.
    function _write(Consent storage consent, uint64 terms, uint40 expiresAt, uint32 version, bool barred)
        private
    {
        (consent.terms, consent.expiresAt, consent.version, consent.barred) =
        (terms, expiresAt, version, barred);
    }

    function _setDelegate(address patient, address delegate, uint8 scope, uint40 until, uint32 version)
        private
    {
        if (delegate == address(0) || delegate == patient) revert DelegateInvalid(delegate);
        if (scope & ~Scopes.ALL != 0) revert ScopeInvalid(scope);
        if (scope == 0) until = 0;
        else Expiry.requireAhead(until);
        uint8 everScope = mandateOf[patient][delegate].everScope | scope;
        mandateOf[patient][delegate] =
            Mandate({scope: scope, everScope: everScope, until: until, version: version});
        emit DelegateSet(patient, delegate, scope, until, version);
    }

    /// @dev Reverts unless the patient, or a delegate whose mandate lasts to `expiresAt`, says `content`.
    function _requireWord(address patient, Signatures.Signed calldata by, uint40 expiresAt, bytes32 content)
        private
        view
    {
        if (by.signer != patient) requireMandate(patient, by.signer, Scopes.CONSENT, expiresAt);
        by.requireFrom(_hashTypedDataV4(content));
    }

    /// @dev Version that the next change makes.
    function _next(address patient, bytes32 record) private view returns (uint32) {
        return consentOf[patient][record].version + 1;
    }

    /// @dev The consent that counts for `record`, and the record it is kept under.
    function _standing(address patient, bytes32 record) private view returns (bytes32, Consent memory) {
        if (record != 0 && _overrides(consentOf[patient][record])) {
            return (record, consentOf[patient][record]);
        }
        return (0, consentOf[patient][0]);
    }

    function _overrides(Consent storage consent) private view returns (bool) {
        return consent.terms != 0 || consent.barred;
    }

    function _subject(address patient, bytes32 place, uint32 version) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), patient, place, version));
    }
}
