// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../../../contracts/consent/IConsents.sol";
import {Expiry} from "../../../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {Handler} from "./Handler.sol";
import {Words} from "./Words.sol";

/// @notice Two patients, their delegates, reviewers and strangers set, revoke, lift, delegate and clear at random.
abstract contract ConsentHandler is Handler {
    uint256 internal constant PATIENTS = 2;
    uint256 internal constant PLACES = 3;
    uint256 internal constant REQUESTS = 4;
    uint256 internal constant PEOPLE = 6;

    /// The last word on one record of a patient.
    struct Will {
        uint256 terms; // number of a terms word, 0: none
        bool barred;
        uint40 until;
        uint32 acts;
        uint40 lent; // last second of the mandate of who said it
    }

    struct Mandate {
        uint8 scope;
        uint8 ever;
        uint40 until;
        uint32 acts;
    }

    struct Clearance {
        address reviewer;
        uint40 until;
    }

    /// Two patients, two who may become delegates, two who may become reviewers; the last four also ask for data.
    address[PEOPLE] internal _people;
    mapping(address patient => mapping(bytes32 record => Will)) internal _wills;
    mapping(address patient => mapping(address delegate => Mandate)) internal _mandates;
    mapping(bytes32 matter => Clearance) private _clearances;
    mapping(address reviewer => uint40) private _accredited;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _people[i] = _account(string.concat("person ", vm.toString(i)));
        }
        for (uint256 i = 0; i < PATIENTS; ++i) {
            delegate(i, 2, Scopes.CONSENT, 1, 0);
        }
        accreditReviewer(4, 1);
    }

    // Acts.

    function set(uint256 place, uint256 speaker, uint256 terms, uint256 span, uint256 luck) external {
        span = _dice(span);
        luck = _dice(luck);
        (address patient, bytes32 record) = _place(place);
        address by = _speaker(patient, speaker);
        terms %= 5;
        uint64 word = _termsOf(terms);
        uint40 until = _ahead(span);
        bytes4 foretold = _foretellWord(patient, by, until, luck);
        if (foretold == DONE) foretold = _foretellSet(terms, until);
        Will storage will = _wills[patient][record];
        bytes memory data;
        if (_isDirect(patient, by, luck)) {
            data = abi.encodeCall(IConsents.set, (record, word, until, "form"));
        } else {
            uint32 version = will.acts + _slip(luck);
            bytes32 content = Words.consent(patient, record, word, until, "form", version, _now());
            data =
                abi.encodeCall(IConsents.setFor, (patient, record, word, until, "form", _word(by, content)));
        }
        if (!_say(patient, by, luck, data, foretold)) return;
        (will.terms, will.barred, will.until, will.lent) = (terms, false, until, _lent(patient, by));
        ++will.acts;
    }

    function revoke(uint256 place, uint256 speaker, uint256 luck) external {
        luck = _dice(luck);
        (address patient, bytes32 record) = _place(place);
        address by = _speaker(patient, speaker);
        Will storage will = _wills[patient][record];
        bytes4 foretold = _foretellWord(patient, by, 0, luck);
        bool nothing = record == 0 ? will.terms == 0 : will.barred;
        if (foretold == DONE && nothing) foretold = IConsents.ConsentMissing.selector;
        bytes memory data;
        if (_isDirect(patient, by, luck)) {
            data = abi.encodeCall(IConsents.revoke, (record));
        } else {
            bytes32 content = Words.revocation(patient, record, will.acts + _slip(luck), _now());
            data = abi.encodeCall(IConsents.revokeFor, (patient, record, _word(by, content)));
        }
        if (!_say(patient, by, luck, data, foretold)) return;
        (will.terms, will.barred, will.until) = (0, record != 0, 0);
        ++will.acts;
    }

    function lift(uint256 place, uint256 speaker, uint256 luck) external {
        luck = _dice(luck);
        (address patient, bytes32 record) = _place(place);
        address by = _speaker(patient, speaker);
        Will storage will = _wills[patient][record];
        bytes4 foretold = _foretellWord(patient, by, _wills[patient][0].until, luck);
        bool nothing = record == 0 || (will.terms == 0 && !will.barred);
        if (foretold == DONE && nothing) foretold = IConsents.OverrideMissing.selector;
        bytes memory data;
        if (_isDirect(patient, by, luck)) {
            data = abi.encodeCall(IConsents.lift, (record));
        } else {
            bytes32 content = Words.lift(patient, record, will.acts + _slip(luck), _now());
            data = abi.encodeCall(IConsents.liftFor, (patient, record, _word(by, content)));
        }
        if (!_say(patient, by, luck, data, foretold)) return;
        (will.terms, will.barred, will.until) = (0, false, 0);
        ++will.acts;
    }

    /// Scopes above 7 do not exist. Anyone may be named, the patient itself too, which is refused.
    function delegate(uint256 patient, uint256 person, uint8 scope, uint256 span, uint256 luck) public {
        span = _dice(span);
        luck = _dice(luck);
        address by = _people[patient % PATIENTS];
        address to = _people[person % PEOPLE];
        scope %= 9;
        uint40 until = _ahead(span);
        Mandate storage mandate = _mandates[by][to];
        bytes4 foretold = _foretellWord(by, by, 0, luck);
        if (foretold != DONE) {} else if (to == by) {
            foretold = IConsents.DelegateInvalid.selector;
        } else if (scope > Scopes.ALL) {
            foretold = IConsents.ScopeInvalid.selector;
        } else if (scope != 0 && until <= _now()) {
            foretold = Expiry.ExpiryInPast.selector;
        }
        bytes memory data;
        if (_isDirect(by, by, luck)) {
            data = abi.encodeCall(IConsents.setDelegate, (to, scope, until));
        } else {
            uint32 version = mandate.acts + _slip(luck);
            bytes32 content = Words.mandate(by, to, scope, until, version, _now());
            data = abi.encodeCall(IConsents.setDelegateFor, (to, scope, until, _word(by, content)));
        }
        if (!_say(by, by, luck, data, foretold)) return;
        (mandate.scope, mandate.until) = (scope, scope == 0 ? 0 : until);
        mandate.ever |= scope;
        ++mandate.acts;
    }

    /// Clears the consent as it stands, as it stood one change ago, or as it will stand after the next.
    function clear(uint256 person, uint256 place, uint256 asker, uint256 request, uint256 span, uint256 luck)
        external
    {
        span = _dice(span);
        luck = _dice(luck);
        address reviewer = luck / 64 % 4 == 0 ? _people[person % PEOPLE] : _people[4 + person % 2];
        address requester = _requesterOf(asker % PATIENTS);
        uint64 word = _requestOf(request % REQUESTS);
        (address patient, bytes32 record) = _place(place);
        uint32 acts = _wills[patient][record].acts;
        acts = luck % 8 == 0 ? acts + 1 : luck % 8 == 1 && acts > 0 ? acts - 1 : acts;
        Clearance storage entry = _clearances[_matter(patient, record, acts, requester, word)];
        uint40 until = luck / 8 % 8 == 0 ? 0 : _now() + _span(span);
        bytes4 foretold = DONE;
        if (_accredited[reviewer] < _now()) foretold = IAccounts.NotAccredited.selector;
        else if (requester == reviewer) foretold = IConsents.ReviewerInvolved.selector;
        else if (until == 0 && entry.until == 0) foretold = IConsents.ClearanceMissing.selector;
        else if (until > _accredited[reviewer]) foretold = IConsents.ClearanceTooLong.selector;
        bytes32 subject = keccak256(abi.encode(block.chainid, consents, patient, record, acts));
        bytes memory data = abi.encodeCall(IConsents.clear, (subject, requester, word, until));
        if (_act(reviewer, address(consents), data, foretold)) {
            (entry.reviewer, entry.until) = (reviewer, until);
        }
    }

    /// A reviewer is accredited, or loses the accreditation.
    function accreditReviewer(uint256 person, uint256 span) public {
        span = _dice(span);
        address reviewer = _people[4 + person % 2];
        uint40 until = _lease(span);
        bytes memory data = abi.encodeCall(IAccounts.accredit, (reviewer, IAccounts.Role.REVIEWER, until));
        if (_act(ACCREDITOR, address(accounts), data, DONE)) _accredited[reviewer] = until;
    }

    /// To the last second of a consent or a mandate, or the one after it.
    function passToTheEnd(uint256 place, bool ofMandate, uint256 luck) external {
        luck = _dice(luck);
        (address patient, bytes32 record) = _place(place);
        _passTo(ofMandate ? _mandates[patient][_people[2]].until : _wills[patient][record].until, luck);
    }

    // Books.

    function _patientOf(uint256 place) internal view returns (address) {
        return _people[place / PLACES];
    }

    /// Record number 0 stands for all records.
    function _recordOf(uint256 place) internal pure returns (bytes32) {
        return bytes32(place % PLACES);
    }

    /// One who may be a reviewer too, and one who is nothing else.
    function _requesterOf(uint256 index) internal view returns (address) {
        return _people[3 + index];
    }

    /// Whether a clearance stands for what counts now for this record.
    function _cleared(address patient, bytes32 record, address requester, uint64 request)
        internal
        view
        returns (bool)
    {
        bytes32 place = _overrides(patient, record) ? record : bytes32(0);
        uint32 acts = _wills[patient][place].acts;
        Clearance memory entry = _clearances[_matter(patient, place, acts, requester, request)];
        return entry.until >= _now() && _accredited[entry.reviewer] >= _now();
    }

    /// The will that counts now for this record, with `terms` 0 when it permits nothing.
    function _standing(address patient, bytes32 record) internal view returns (Will memory will) {
        will = _wills[patient][_overrides(patient, record) ? record : bytes32(0)];
        if (will.until < _now()) will.terms = 0;
    }

    /// What the terms say: Permitted, Denied, Referred, or Never to be cleared though referred.
    function _letterOf(uint256 terms, uint256 request) internal pure returns (bytes1) {
        // HMB, HMB with an approval, POA, sensitive HMB; under: nothing, GRU, HMB | IRB, HMB | COL.
        bytes memory table = "DDDD" "PPPR" "DPDN" "RRDR";
        return table[terms * REQUESTS + request];
    }

    /// Numbers 0 and 4 are not terms words: no permission, and two.
    function _termsOf(uint256 number) internal pure returns (uint64) {
        if (number == 1) return Purpose.GRU;
        if (number == 2) return Purpose.HMB | Purpose.IRB;
        if (number == 3) return Purpose.HMB | Purpose.COL;
        return number == 0 ? 0 : Purpose.HMB | Purpose.GRU;
    }

    function _requestOf(uint256 number) internal pure returns (uint64) {
        if (number == 0) return Purpose.HMB;
        if (number == 1) return Purpose.HMB | Purpose.HAS_IRB;
        return number == 2 ? Purpose.POA : Purpose.HMB | Purpose.SENSITIVE;
    }

    // How an act must end.

    function _foretellWord(address patient, address by, uint40 until, uint256 luck)
        private
        view
        returns (bytes4)
    {
        if (_isDirect(patient, by, luck)) return DONE;
        if (by != patient) {
            Mandate memory mandate = _mandates[patient][by];
            bool holds = mandate.scope & Scopes.CONSENT != 0 && mandate.until >= _now();
            if (!holds) return IConsents.MandateMissing.selector;
            if (until > mandate.until) return IConsents.MandateTooShort.selector;
        }
        bool bySender = _sender(by, luck) == by;
        return bySender || _slip(luck) == 1 ? DONE : Signatures.SignatureInvalid.selector;
    }

    function _foretellSet(uint256 terms, uint40 until) private view returns (bytes4) {
        if (terms == 0 || terms == 4) return Purpose.TermsInvalid.selector;
        return until <= _now() ? Expiry.ExpiryInPast.selector : DONE;
    }

    // How it is sent.

    function _say(address patient, address by, uint256 luck, bytes memory data, bytes4 foretold)
        private
        returns (bool)
    {
        address sender = _isDirect(patient, by, luck) ? by : _sender(by, luck);
        return _act(sender, address(consents), data, foretold);
    }

    /// Half of what patients say is sent by themselves, without a word for a relay.
    function _isDirect(address patient, address by, uint256 luck) private pure returns (bool) {
        return by == patient && luck % 2 == 0;
    }

    /// A signed word is sent by a stranger, one time in four by who signed it.
    function _sender(address by, uint256 luck) private view returns (address) {
        return luck / 2 % 4 == 0 ? by : _people[5];
    }

    /// How far the signed version is ahead: 1 is right. One time in eight the word is old or too new.
    function _slip(uint256 luck) private pure returns (uint32) {
        return luck / 8 % 8 == 0 ? uint32(luck / 64 % 2 * 2) : 1;
    }

    function _word(address by, bytes32 content) private view returns (Signatures.Signed memory) {
        return _signed(by, _now(), _digest(Words.CONSENTS, address(consents), content));
    }

    function _lent(address patient, address by) private view returns (uint40) {
        return by == patient ? type(uint40).max : _mandates[patient][by].until;
    }

    /// Every second word is the patient's own, most others are those of a delegate.
    function _speaker(address patient, uint256 speaker) private view returns (address) {
        if (speaker % 2 == 0) return patient;
        return speaker % 8 < 6 ? _people[2] : _people[speaker / 8 % PEOPLE];
    }

    function _place(uint256 place) internal view returns (address patient, bytes32 record) {
        place %= PATIENTS * PLACES;
        return (_patientOf(place), _recordOf(place));
    }

    function _overrides(address patient, bytes32 record) private view returns (bool) {
        Will memory will = _wills[patient][record];
        return record != 0 && (will.terms != 0 || will.barred);
    }

    function _matter(address patient, bytes32 record, uint32 acts, address requester, uint64 request)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(patient, record, acts, requester, request));
    }
}
