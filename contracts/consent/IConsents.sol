// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Signatures} from "../libraries/Signatures.sol";

/// @title IConsents
/// @notice What each patient's data may be used for, until when; who may act for a patient; what a reviewer cleared.
/// A patient has one consent for all records (record 0), and may have another for one record, which then takes its
/// place.
/// @dev Warning: a consent speaks of purposes, not of diseases: under `DS` the request's word says itself whether its
/// diseases are covered, and clients check that before they trade. Revoking holds from the next block, everywhere
/// this contract is asked; it cannot unsee what was seen.
/// Every act can be sent by the patient, by a delegate, or by anyone with a signature of either: EIP-712, domain
/// "MediBloc Consents", "1". The version in the signed data is the one that the act will make, so that a signature works
/// once, in one state, on one chain, up to its deadline.
interface IConsents {
    /// @notice `patient` consents to `terms` up to and including the second `expiresAt`; `by` said so.
    /// @dev `form` is the keccak256 of the consent form's text and language as the patient saw them.
    event ConsentSet(
        address indexed patient,
        bytes32 indexed record,
        uint64 terms,
        uint40 expiresAt,
        uint32 version,
        bytes32 form,
        address by
    );

    /// @notice The consent was taken back; of a record: nothing is permitted for it, whatever the general consent says.
    event ConsentRevoked(address indexed patient, bytes32 indexed record, uint32 version, address by);

    /// @notice The record has no consent of its own any more: the general one counts for it again.
    event ConsentLifted(address indexed patient, bytes32 indexed record, uint32 version, address by);

    /// @notice `delegate` may act for `patient` in `scope` (`Scopes`; 0: in nothing) up to and including `until`.
    event DelegateSet(
        address indexed patient, address indexed delegate, uint8 scope, uint40 until, uint32 version
    );

    /// @notice `reviewer` clears the use of `subject` by `requester` for `request` up to `until`; 0 took it back.
    event Cleared(
        bytes32 indexed subject,
        address indexed requester,
        address indexed reviewer,
        uint64 request,
        uint40 until
    );

    /// @notice `patient` has no consent to revoke.
    error ConsentMissing(address patient);

    /// @notice `record` of `patient` has no consent of its own.
    error OverrideMissing(address patient, bytes32 record);

    /// @notice `delegate` is nobody, or the patient.
    error DelegateInvalid(address delegate);

    /// @notice `scope` has bits outside `Scopes.ALL`.
    error ScopeInvalid(uint8 scope);

    /// @notice `actor` may not act for `patient` in `scope` now.
    error MandateMissing(address patient, address actor, uint8 scope);

    /// @notice `actor` may act for `patient` up to `until`: nothing it gives outlasts that.
    error MandateTooShort(address patient, address actor, uint40 until);

    /// @notice `reviewer` would clear its own request.
    error ReviewerInvolved(address reviewer);

    /// @notice `reviewer` is accredited up to `accreditedUntil`: nothing it clears outlasts that.
    error ClearanceTooLong(address reviewer, uint40 accreditedUntil);

    /// @notice There is no clearance to take back.
    error ClearanceMissing(bytes32 subject, address requester, uint64 request);

    /// @notice Sets or replaces the sender's consent.
    /// @param record the record it is for; 0 for all that have none of their own.
    /// @param terms terms word (`Purpose`): one permission and any modifiers.
    /// @param expiresAt last second the consent holds, in the future.
    /// @param form keccak256 of the consent form's text and language.
    function set(bytes32 record, uint64 terms, uint40 expiresAt, bytes32 form) external;

    /// @notice Sets a consent of `patient` by the word of the patient or of a delegate for `Scopes.CONSENT`, whose
    /// mandate must last as long as the consent.
    /// @dev `Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,uint32 version,uint40 deadline)`
    function setFor(
        address patient,
        bytes32 record,
        uint64 terms,
        uint40 expiresAt,
        bytes32 form,
        Signatures.Signed calldata by
    ) external;

    /// @notice Takes the sender's consent back. Of a record: bars it, with or without a consent of its own.
    function revoke(bytes32 record) external;

    /// @notice `revoke` by the word of the patient or of a delegate.
    /// @dev `Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)`
    function revokeFor(address patient, bytes32 record, Signatures.Signed calldata by) external;

    /// @notice Ends the sender's own consent for one record, or its bar: the general consent counts again.
    function lift(bytes32 record) external;

    /// @notice `lift` by the word of the patient, or of a delegate whose mandate lasts as long as the general consent.
    /// @dev `Lift(address patient,bytes32 record,uint32 version,uint40 deadline)`
    function liftFor(address patient, bytes32 record, Signatures.Signed calldata by) external;

    /// @notice Lets `delegate` act for the sender, in place of what it was allowed before; scope 0 ends it at once.
    /// @dev A guardian of a minor: `until` is the last second before coming of age. A delegate cannot give anything that
    /// outlasts its mandate, so from then on only the patient's own word counts. No delegate can name another.
    /// @param scope bits of `Scopes`.
    /// @param until last second of the mandate, in the future; ignored with scope 0.
    function setDelegate(address delegate, uint8 scope, uint40 until) external;

    /// @notice `setDelegate` for `by.signer`, who signed it.
    /// @dev `Mandate(address patient,address delegate,uint8 scope,uint40 until,uint32 version,uint40 deadline)`
    function setDelegateFor(address delegate, uint8 scope, uint40 until, Signatures.Signed calldata by)
        external;

    /// @notice Clears a request that a consent or a listing REFERs to a person. Only who is accredited as `REVIEWER`.
    /// @dev It never permits what the terms deny (`Purpose.clearable`), it ends with the consent's next change, and with the reviewer's accreditation.
    /// @param subject `subjectOf` a patient and record, or the id of a listing.
    /// @param requester who will use the data; not the reviewer.
    /// @param request the request word, exactly as it will be asked.
    /// @param until last second of the clearance; 0 takes it back.
    function clear(bytes32 subject, address requester, uint64 request, uint40 until) external;

    /// @notice The accounts that tell who is a reviewer.
    function accounts() external view returns (IAccounts);

    /// @notice A consent as stored; `terms` is 0 when never given, revoked or lifted.
    /// @return terms terms word.
    /// @return expiresAt last second the consent holds; may have passed.
    /// @return version number of changes so far.
    /// @return barred whether nothing is permitted for this record.
    function consentOf(address patient, bytes32 record)
        external
        view
        returns (uint64 terms, uint40 expiresAt, uint32 version, bool barred);

    /// @notice Decides whether `requester` may use a record of `patient` for `request` now.
    /// @dev A consent that is missing or has expired is (DENY, `Purpose.NO_BIT`). The time limit `TS` counts as met
    /// while the consent holds: that evidence is the clock's, never the caller's. All other evidence in `request` is
    /// the caller's word. REFER becomes PERMIT when a reviewer cleared it; `bit` still names what referred.
    /// @param record 0 to ask the general consent.
    /// @param requester zero to ask without any clearance.
    function check(address patient, bytes32 record, address requester, uint64 request)
        external
        view
        returns (Purpose.Answer answer, uint8 bit);

    /// @notice Tells whether the consent for a record of `patient`, now, permits everything that `offer` permits.
    function covers(address patient, bytes32 record, uint64 offer) external view returns (bool);

    /// @notice What a reviewer clears when a consent REFERs: keccak256 over chain, contract, patient, the record whose
    /// consent counts (0 for the general one) and that consent's version.
    function subjectOf(address patient, bytes32 record) external view returns (bytes32);

    /// @notice Tells whether an accredited reviewer cleared exactly this.
    function isCleared(bytes32 subject, address requester, uint64 request) external view returns (bool);

    /// @notice A clearance as stored.
    function clearanceOf(bytes32 subject, address requester, uint64 request)
        external
        view
        returns (address reviewer, uint40 until);

    /// @notice A mandate as stored.
    /// @return scope what the delegate may do (`Scopes`).
    /// @return everScope what it was ever allowed; grows only.
    /// @return until last second of the mandate; may have passed.
    /// @return version number of changes so far.
    function mandateOf(address patient, address delegate)
        external
        view
        returns (uint8 scope, uint8 everScope, uint40 until, uint32 version);

    /// @notice Last second up to which `actor` may act for `patient` in `scope`; 0 when it may not now. For the patient
    /// itself, the largest.
    function mayAct(address patient, address actor, uint8 scope) external view returns (uint40 until);

    /// @notice Reverts unless `actor` may act for `patient` in `scope` now and up to `expiresAt`.
    function requireMandate(address patient, address actor, uint8 scope, uint40 expiresAt) external view;
}
