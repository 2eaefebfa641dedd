// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../contracts/libraries/Scopes.sol";
import {ConsentHandler} from "./handlers/ConsentHandler.sol";

/// @notice What must hold of consents, mandates and clearances after any acts (tests/contracts/invariants/README.md).
contract ConsentInvariants is ConsentHandler {
    function setUp() public override {
        super.setUp();
        bytes4[] memory acts = new bytes4[](8);
        acts[0] = this.set.selector;
        acts[1] = this.revoke.selector;
        acts[2] = this.lift.selector;
        acts[3] = this.delegate.selector;
        acts[4] = this.clear.selector;
        acts[5] = this.accreditReviewer.selector;
        acts[6] = this.passToTheEnd.selector;
        acts[7] = this.pass.selector;
        _target(acts);
    }

    function invariant_consents() public view {
        for (uint256 place = 0; place < PATIENTS * PLACES; ++place) {
            (address patient, bytes32 record) = _place(place);
            _whatEndedIsNeverPermitted(patient, record);
            _aBarredRecordIsDenied(patient, record);
            _versionsCountAcceptedActs(patient, record);
            _noConsentOutlastsItsMandate(patient, record);
            _aClearancePermitsWhatWasReferred(patient, record);
        }
        for (uint256 i = 0; i < PATIENTS * PEOPLE; ++i) {
            _aMandateIsThePatientsLastWord(_people[i / PEOPLE], _people[i % PEOPLE]);
        }
    }

    function _whatEndedIsNeverPermitted(address patient, bytes32 record) private view {
        if (_standing(patient, record).terms != 0) return;
        _hold(1, !consents.covers(patient, record, Purpose.HMB));
        for (uint256 request = 0; request < REQUESTS; ++request) {
            (Purpose.Answer answer, uint8 bit) =
                consents.check(patient, record, _requesterOf(request % 2), _requestOf(request));
            _hold(1, answer == Purpose.Answer.DENY && bit == Purpose.NO_BIT);
        }
    }

    function _aBarredRecordIsDenied(address patient, bytes32 record) private view {
        (,,, bool barred) = consents.consentOf(patient, record);
        _hold(2, barred == _wills[patient][record].barred && !(barred && record == 0));
        (Purpose.Answer answer,) = consents.check(patient, record, _requesterOf(0), _requestOf(1));
        _hold(2, !barred || answer == Purpose.Answer.DENY);
    }

    function _versionsCountAcceptedActs(address patient, bytes32 record) private view {
        Will memory will = _wills[patient][record];
        (uint64 terms, uint40 expiresAt, uint32 version,) = consents.consentOf(patient, record);
        _hold(3, version == will.acts && terms == _termsOf(will.terms) && expiresAt == will.until);
    }

    function _noConsentOutlastsItsMandate(address patient, bytes32 record) private view {
        (uint64 terms, uint40 expiresAt,,) = consents.consentOf(patient, record);
        _hold(4, terms == 0 || expiresAt <= _wills[patient][record].lent);
    }

    function _aMandateIsThePatientsLastWord(address patient, address person) private view {
        Mandate memory mandate = _mandates[patient][person];
        (uint8 scope, uint8 everScope, uint40 until, uint32 version) = consents.mandateOf(patient, person);
        _hold(5, scope == mandate.scope && everScope == mandate.ever && scope & ~everScope == 0);
        _hold(5, until == mandate.until && version == mandate.acts);
        if (person == patient) return;
        bool active = scope & Scopes.CONSENT != 0 && until >= block.timestamp;
        _hold(5, consents.mayAct(patient, person, Scopes.CONSENT) == (active ? until : 0));
    }

    function _aClearancePermitsWhatWasReferred(address patient, bytes32 record) private view {
        uint256 terms = _standing(patient, record).terms;
        for (uint256 i = 0; terms != 0 && i < 2 * REQUESTS; ++i) {
            (uint64 word, address requester) = (_requestOf(i / 2), _requesterOf(i % 2));
            bytes1 letter = _letterOf(terms, i / 2);
            Purpose.Answer expected = letter == "D" ? Purpose.Answer.DENY : Purpose.Answer.REFER;
            bool permitted = letter == "P" || (letter == "R" && _cleared(patient, record, requester, word));
            if (permitted) expected = Purpose.Answer.PERMIT;
            (Purpose.Answer answer,) = consents.check(patient, record, requester, word);
            _hold(6, answer == expected);
        }
    }
}
