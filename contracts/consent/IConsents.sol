// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../libraries/Purpose.sol";

/// @title IConsents
/// @notice What each patient's data may be used for, until when. The patient alone sets it.
/// @dev Warning: a consent speaks of purposes, not of diseases: under `DS` the request's word says itself whether its
/// diseases are covered, and clients check that before they trade. Revoking holds from the next block, everywhere
/// this contract is asked; it cannot unsee what was seen.
interface IConsents {
    /// @notice `patient` consents to `terms` up to and including the second `expiresAt`.
    /// @dev `form` is the keccak256 of the consent form's text and language as the patient saw them.
    event ConsentSet(address indexed patient, uint64 terms, uint40 expiresAt, uint32 version, bytes32 form);

    /// @notice `patient` took the consent back.
    event ConsentRevoked(address indexed patient, uint32 version);

    /// @notice `patient` has no consent to revoke.
    error ConsentMissing(address patient);

    /// @notice Sets or replaces the sender's consent.
    /// @param terms terms word (`Purpose`): one permission and any modifiers.
    /// @param expiresAt last second the consent holds, in the future.
    /// @param form keccak256 of the consent form's text and language.
    function set(uint64 terms, uint40 expiresAt, bytes32 form) external;

    /// @notice Takes the sender's consent back.
    function revoke() external;

    /// @notice The consent of `patient` as stored; `terms` is 0 when never given or revoked.
    /// @return terms terms word.
    /// @return expiresAt last second the consent holds; may have passed.
    /// @return version number of changes so far.
    function consentOf(address patient) external view returns (uint64 terms, uint40 expiresAt, uint32 version);

    /// @notice Decides whether the data of `patient` may be used for `request` now.
    /// @dev A consent that is missing or has expired is (DENY, `Purpose.NO_BIT`). The time limit `TS` counts as met
    /// while the consent holds: that evidence is the clock's, never the caller's. All other evidence in `request` is
    /// the caller's word.
    function check(address patient, uint64 request) external view returns (Purpose.Answer answer, uint8 bit);

    /// @notice Tells whether the consent of `patient`, now, permits everything that `offer` permits.
    function covers(address patient, uint64 offer) external view returns (bool);
}
