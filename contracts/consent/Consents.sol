// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Expiry} from "../libraries/Expiry.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {IConsents} from "./IConsents.sol";

/// @title Consents
/// @notice One slot per patient.
contract Consents is IConsents {
    // slot 0: | free 120 | version 32 | expiresAt 40 | terms 64 |
    struct Consent {
        uint64 terms;
        uint40 expiresAt;
        uint32 version;
    }

    /// @inheritdoc IConsents
    mapping(address patient => Consent) public consentOf;

    /// @inheritdoc IConsents
    function set(uint64 terms, uint40 expiresAt, bytes32 form) external {
        Purpose.requireTerms(terms);
        Expiry.requireAhead(expiresAt);
        uint32 version = consentOf[msg.sender].version + 1;
        consentOf[msg.sender] = Consent({terms: terms, expiresAt: expiresAt, version: version});
        emit ConsentSet(msg.sender, terms, expiresAt, version, form);
    }

    /// @inheritdoc IConsents
    function revoke() external {
        if (consentOf[msg.sender].terms == 0) revert ConsentMissing(msg.sender);
        uint32 version = consentOf[msg.sender].version + 1;
        consentOf[msg.sender] = Consent({terms: 0, expiresAt: 0, version: version});
        emit ConsentRevoked(msg.sender, version);
    }

    /// @inheritdoc IConsents
    function check(address patient, uint64 request) external view returns (Purpose.Answer answer, uint8 bit) {
        Consent memory consent = consentOf[patient];
        // A missing consent has expired at second 0.
        if (consent.expiresAt < block.timestamp) return (Purpose.Answer.DENY, Purpose.NO_BIT);
        return Purpose.matches(consent.terms, request | Purpose.TS);
    }

    /// @inheritdoc IConsents
    function covers(address patient, uint64 offer) external view returns (bool) {
        Consent memory consent = consentOf[patient];
        return consent.expiresAt >= block.timestamp && Purpose.covers(consent.terms, offer);
    }
}
