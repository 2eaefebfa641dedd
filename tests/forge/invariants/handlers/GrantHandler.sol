// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../../../contracts/access/IGrants.sol";
import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../../../contracts/consent/IConsents.sol";
import {Expiry} from "../../../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {IRecords} from "../../../../contracts/records/IRecords.sol";
import {Tree} from "../../support/Tree.sol";
import {Handler} from "./Handler.sol";
import {Words} from "./Words.sol";

/// @notice Two patients of two records each grant, revoke and name custodians, by themselves and by delegates;
/// clinicians break the glass; custodians deliver; reviewers look: all of them by turns the wrong people.
abstract contract GrantHandler is Handler {
    uint256 internal constant PATIENTS = 2;
    uint256 internal constant RECORDS = 4;
    uint256 internal constant PEOPLE = 6;
    uint256 private constant MOST_EMERGENCIES = 12;

    struct Given {
        uint64 purpose; // 0: none, or revoked
        uint40 until;
        uint32 epoch;
        uint40 lent; // last second of the mandate of who gave it
    }

    struct Keeper {
        address custodian;
        uint40 until;
        uint32 acts;
        uint40 lent;
    }

    struct Plot {
        uint256 record;
        address clinician;
        address custodian;
        uint32 epoch;
        uint40 brokenAt;
        uint256 reviews;
    }

    /// Two patients; a delegate; a custodian, who reads, too; two clinicians, who may also review.
    address[PEOPLE] internal _people;
    bytes32[RECORDS] internal _ids;
    Plot[] internal _cases;
    mapping(uint256 record => mapping(address reader => Given)) internal _given;
    mapping(address patient => Keeper) internal _keepers;
    mapping(address patient => uint40) private _mandates;
    mapping(address patient => uint40) private _researchUntil;
    mapping(address account => mapping(IAccounts.Role => uint40)) private _accredited;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _people[i] = _account(string.concat("person ", vm.toString(i)));
        }
        for (uint256 record = 0; record < RECORDS; ++record) {
            _ids[record] = records.recordId(_patientOf(record), _blindOf(record));
        }
        vm.prank(HOSPITAL);
        records.register(Tree.rootOf(_leaves()), uint32(RECORDS));
        for (uint256 i = 0; i < PATIENTS; ++i) {
            delegate(i, 1);
            research(i, 1);
            name(i, 0, 3, 1, 0);
            grant(2 * i, 0, 3, true, 1, 0);
        }
        for (uint256 i = 4; i < PEOPLE; ++i) {
            accreditPerson(i - 4, true, 1);
            accreditPerson(i - 4, false, 1);
        }
    }

    // Acts.

    function grant(
        uint256 record,
        uint256 speaker,
        uint256 reader,
        bool treatment,
        uint256 span,
        uint256 luck
    ) public {
        span = _dice(span);
        luck = _dice(luck);
        record %= RECORDS;
        address patient = _patientOf(record);
        address by = _speaker(patient, speaker);
        IGrants.Request memory request = _request(record, _people[reader % PEOPLE], treatment, _ahead(span));
        if (luck % 16 == 15) request.blind = "another";
        bool direct = _isDirect(patient, by, luck);
        bytes memory data = abi.encodeCall(IGrants.grant, (request));
        if (!direct) {
            Signatures.Signed memory word = _word(by, _grantWord(patient, record, request, _slip(luck)));
            data = abi.encodeCall(IGrants.grantFor, (patient, request, word));
        }
        bytes4 foretold = _foretellGrant(patient, by, request, luck);
        if (!_act(direct ? by : STRANGER, address(grants), data, foretold)) return;
        _give(record, by, request.grantee, request.purpose, request.expiresAt);
    }

    /// Both records of a patient at once.
    function grantBoth(uint256 number, uint256 reader, bool treatment, uint256 span) external {
        span = _dice(span);
        number %= PATIENTS;
        address patient = _people[number];
        IGrants.Request memory request =
            _request(2 * number, _people[reader % PEOPLE], treatment, _ahead(span));
        bytes4 foretold = _foretellGrantee(patient, request);
        if (foretold == DONE && !_permits(patient, request.purpose)) {
            foretold = IGrants.PurposeNotPermitted.selector;
        }
        if (!_act(patient, address(grants), _bothData(number, request), foretold)) return;
        for (uint256 i = 0; i < 2; ++i) {
            _give(2 * number + i, patient, request.grantee, request.purpose, request.expiresAt);
        }
    }

    function revoke(uint256 record, uint256 speaker, uint256 reader, uint256 luck) external {
        luck = _dice(luck);
        record %= RECORDS;
        address patient = _patientOf(record);
        address by = _speaker(patient, speaker);
        address grantee = _people[reader % PEOPLE];
        Given storage given = _given[record][grantee];
        bool direct = _isDirect(patient, by, luck);
        bytes4 foretold = direct ? DONE : _foretellWord(patient, by, 0, luck);
        if (foretold == DONE && given.purpose == 0) foretold = IGrants.GrantMissing.selector;
        bytes memory data = abi.encodeCall(IGrants.revoke, (_blindOf(record), grantee));
        if (!direct) {
            uint32 epoch = _slip(luck) == 1 ? given.epoch : given.epoch + 1;
            bytes32 content = Words.grantRevocation(patient, _ids[record], grantee, epoch, _now());
            data = abi.encodeCall(IGrants.revokeFor, (patient, _blindOf(record), grantee, _word(by, content)));
        }
        if (_act(direct ? by : STRANGER, address(grants), data, foretold)) {
            (given.purpose, given.until, given.epoch) = (0, 0, given.epoch + 1);
        }
    }

    /// One name in eight is nobody's.
    function name(uint256 number, uint256 speaker, uint256 person, uint256 span, uint256 luck) public {
        span = _dice(span);
        luck = _dice(luck);
        address patient = _people[number % PATIENTS];
        address by = _speaker(patient, speaker);
        address custodian = person % 8 == 7 ? address(0) : _people[person % PEOPLE];
        uint40 until = _ahead(span);
        Keeper storage keeper = _keepers[patient];
        bool direct = _isDirect(patient, by, luck);
        bytes4 foretold = direct ? DONE : _foretellWord(patient, by, until, luck);
        if (foretold == DONE && custodian == patient) foretold = IGrants.CustodianInvalid.selector;
        bool late = custodian != address(0) && until <= _now();
        if (foretold == DONE && late) foretold = Expiry.ExpiryInPast.selector;
        bytes memory data = abi.encodeCall(IGrants.nameCustodian, (custodian, until));
        if (!direct) {
            uint32 version = keeper.acts + _slip(luck);
            bytes32 content = Words.custodian(patient, custodian, until, version, _now());
            data = abi.encodeCall(IGrants.nameCustodianFor, (patient, custodian, until, _word(by, content)));
        }
        if (!_act(direct ? by : STRANGER, address(grants), data, foretold)) return;
        (keeper.custodian, keeper.until) = (custodian, custodian == address(0) ? 0 : until);
        (keeper.acts, keeper.lent) = (keeper.acts + 1, _lent(patient, by));
    }

    function breakGlass(uint256 person, uint256 record, uint256 luck) external {
        luck = _dice(luck);
        if (_cases.length == MOST_EMERGENCIES) return;
        record %= RECORDS;
        address clinician = luck % 8 == 0 ? _people[person % PEOPLE] : _people[4 + person % 2];
        address patient = _patientOf(record);
        address custodian = _keepers[patient].custodian;
        bytes32 reason = luck / 4 % 8 == 0 ? bytes32(0) : bytes32("reason");
        bytes4 foretold = DONE;
        if (_accredited[clinician][IAccounts.Role.CLINICIAN] < _now()) {
            foretold = IAccounts.NotAccredited.selector;
        } else if (reason == 0) {
            foretold = IGrants.ReasonMissing.selector;
        } else if (_keepers[patient].until < _now() || !_reads(record, custodian)) {
            foretold = IGrants.CustodianMissing.selector;
        } else if (clinician == patient || clinician == custodian) {
            foretold = IGrants.ClinicianInvolved.selector;
        } else if (_reads(record, clinician)) {
            foretold = IGrants.GlassNotNeeded.selector;
        }
        bytes memory data = abi.encodeCall(
            IGrants.breakGlass, (patient, HOSPITAL, _blindOf(record), Tree.proofOf(_leaves(), record), reason)
        );
        if (!_act(clinician, address(grants), data, foretold)) return;
        _give(record, patient, clinician, Purpose.TREATMENT, _now() + 30 minutes);
        _cases.push(
            Plot({
                record: record,
                clinician: clinician,
                custodian: custodian,
                epoch: _given[record][clinician].epoch,
                brokenAt: _now(),
                reviews: 0
            })
        );
    }

    function deliver(uint256 index, uint256 person, uint256 luck) external {
        luck = _dice(luck);
        if (_cases.length == 0) return;
        Plot memory case_ = _cases[index % _cases.length];
        address sender = luck % 4 == 0 ? _people[person % PEOPLE] : case_.custodian;
        (bool waits, address custodian) = _waits(case_.record, case_.clinician);
        bytes4 foretold = DONE;
        if (!waits) foretold = IGrants.EmergencyMissing.selector;
        else if (sender != custodian) foretold = IGrants.NotCustodian.selector;
        _act(sender, address(grants), _deliverData(case_), foretold);
    }

    /// One epoch in eight is that of no emergency.
    function review(uint256 index, uint256 person, uint256 luck) external {
        luck = _dice(luck);
        if (_cases.length == 0) return;
        Plot storage case_ = _cases[index % _cases.length];
        address reviewer = luck / 8 % 4 == 0 ? _people[person % PEOPLE] : _people[4 + person % 2];
        uint32 epoch = luck % 8 == 0 ? case_.epoch + 1000 : case_.epoch;
        bytes4 foretold = DONE;
        if (_accredited[reviewer][IAccounts.Role.REVIEWER] < _now()) {
            foretold = IAccounts.NotAccredited.selector;
        } else if (epoch != case_.epoch || case_.reviews != 0) {
            foretold = IGrants.EmergencyMissing.selector;
        } else if (_tookPart(case_, reviewer)) {
            foretold = IGrants.GlassReviewerInvolved.selector;
        }
        bytes memory data = abi.encodeCall(
            IGrants.review,
            (_patientOf(case_.record), _blindOf(case_.record), case_.clinician, epoch, true, "finding")
        );
        if (_act(reviewer, address(grants), data, foretold)) ++case_.reviews;
    }

    /// The patient lets the delegate act, or ends it.
    function delegate(uint256 number, uint256 span) public {
        span = _dice(span);
        address patient = _people[number % PATIENTS];
        uint40 until = _lease(span);
        uint8 scope = until == 0 ? 0 : span % 16 == 1 ? Scopes.CONSENT | Scopes.SELL : Scopes.GRANT;
        bytes memory data = abi.encodeCall(IConsents.setDelegate, (_people[2], scope, until));
        _act(patient, address(consents), data, DONE);
        _mandates[patient] = scope == Scopes.GRANT ? until : 0;
    }

    /// The patient consents to research, or takes it back.
    function research(uint256 number, uint256 span) public {
        span = _dice(span);
        address patient = _people[number % PATIENTS];
        uint40 until = _lease(span);
        bool nothing = _researchUntil[patient] == 0;
        bytes memory data = until == 0
            ? abi.encodeCall(IConsents.revoke, (bytes32(0)))
            : abi.encodeCall(IConsents.set, (bytes32(0), Purpose.HMB, until, bytes32("form")));
        bytes4 foretold = until == 0 && nothing ? IConsents.ConsentMissing.selector : DONE;
        if (_act(patient, address(consents), data, foretold)) _researchUntil[patient] = until;
    }

    function accreditPerson(uint256 person, bool clinician, uint256 span) public {
        span = _dice(span);
        address account = _people[person % 4 == 3 ? person / 4 % PEOPLE : 4 + person % 2];
        IAccounts.Role role = clinician ? IAccounts.Role.CLINICIAN : IAccounts.Role.REVIEWER;
        uint40 until = _lease(span);
        accredit(account, role, until);
        _accredited[account][role] = until;
    }

    function passToTheEnd(uint256 record, uint256 reader, bool ofMandate, uint256 luck) external {
        luck = _dice(luck);
        record %= RECORDS;
        uint40 end = _given[record][_people[reader % PEOPLE]].until;
        _passTo(ofMandate ? _mandates[_patientOf(record)] : end, luck);
    }

    // Books.

    function _patientOf(uint256 record) internal view returns (address) {
        return _people[record / 2];
    }

    function _blindOf(uint256 record) internal pure returns (bytes32) {
        return keccak256(abi.encode("blind", record));
    }

    /// Whether a reader's grant stands and, for research, the consent permits it.
    function _reads(uint256 record, address reader) internal view returns (bool) {
        Given memory given = _given[record][reader];
        return given.until >= _now() && _permits(_patientOf(record), given.purpose);
    }

    /// Whether the latest grant is an emergency's and holds, and whose it is to deliver.
    function _waits(uint256 record, address clinician) internal view returns (bool, address) {
        for (uint256 i = 0; i < _cases.length; ++i) {
            Plot memory case_ = _cases[i];
            bool latest = case_.record == record && case_.clinician == clinician
                && case_.epoch == _given[record][clinician].epoch;
            if (latest) return (_reads(record, clinician), case_.custodian);
        }
        return (false, address(0));
    }

    function _tookPart(Plot memory case_, address person) internal view returns (bool) {
        return person == case_.clinician || person == case_.custodian || person == _patientOf(case_.record);
    }

    function _deliverData(Plot memory case_) internal view returns (bytes memory) {
        return abi.encodeCall(
            IGrants.deliver, (_patientOf(case_.record), _blindOf(case_.record), case_.clinician, _locator())
        );
    }

    function _permits(address patient, uint64 purpose) private view returns (bool) {
        return purpose == Purpose.TREATMENT || _researchUntil[patient] >= _now();
    }

    function _lent(address patient, address by) private view returns (uint40) {
        return by == patient ? type(uint40).max : _mandates[patient];
    }

    function _give(uint256 record, address by, address grantee, uint64 purpose, uint40 until) private {
        Given storage given = _given[record][grantee];
        (given.purpose, given.until) = (purpose, until);
        (given.epoch, given.lent) = (given.epoch + 1, _lent(_patientOf(record), by));
    }

    // How an act must end.

    function _foretellGrant(address patient, address by, IGrants.Request memory request, uint256 luck)
        private
        view
        returns (bytes4 foretold)
    {
        if (request.blind == "another") return IRecords.RecordUnknown.selector;
        foretold = _foretellGrantee(patient, request);
        if (foretold == DONE && !_isDirect(patient, by, luck)) {
            foretold = _foretellWord(patient, by, request.expiresAt, luck);
        }
        bool denied = foretold == DONE && !_permits(patient, request.purpose);
        if (denied) foretold = IGrants.PurposeNotPermitted.selector;
    }

    function _foretellGrantee(address patient, IGrants.Request memory request) private view returns (bytes4) {
        if (request.grantee == patient) return IGrants.GranteeInvalid.selector;
        return request.expiresAt <= _now() ? Expiry.ExpiryInPast.selector : DONE;
    }

    function _foretellWord(address patient, address by, uint40 until, uint256 luck)
        private
        view
        returns (bytes4)
    {
        if (by != patient) {
            uint40 mandate = by == _people[2] ? _mandates[patient] : 0;
            if (mandate < _now()) return IConsents.MandateMissing.selector;
            if (until > mandate) return IConsents.MandateTooShort.selector;
        }
        return _slip(luck) == 1 ? DONE : Signatures.SignatureInvalid.selector;
    }

    // How it is sent.

    function _isDirect(address patient, address by, uint256 luck) private pure returns (bool) {
        return by == patient && luck % 2 == 0;
    }

    /// How far the signed epoch or version is ahead: 1 is right.
    function _slip(uint256 luck) private pure returns (uint32) {
        return luck / 2 % 8 == 0 ? uint32(luck / 16 % 2 * 2) : 1;
    }

    /// The patient half of the time, the delegate as often as all others together.
    function _speaker(address patient, uint256 speaker) private view returns (address) {
        if (speaker % 2 == 0) return patient;
        return speaker % 8 < 6 ? _people[2] : _people[speaker / 8 % PEOPLE];
    }

    function _word(address by, bytes32 content) private view returns (Signatures.Signed memory) {
        return _signed(by, _now(), _digest(Words.GRANTS, address(grants), content));
    }

    function _grantWord(address patient, uint256 record, IGrants.Request memory request, uint32 ahead)
        private
        view
        returns (bytes32)
    {
        IGrants.Locator memory locator = request.locator;
        return Words.grant(
            patient,
            _ids[record],
            request.grantee,
            request.purpose,
            request.expiresAt,
            abi.encodePacked(locator.enc, locator.body, locator.tag),
            _given[record][request.grantee].epoch + ahead,
            _now()
        );
    }

    function _request(uint256 record, address grantee, bool treatment, uint40 until)
        private
        view
        returns (IGrants.Request memory)
    {
        return IGrants.Request({
            issuer: HOSPITAL,
            blind: _blindOf(record),
            proof: Tree.proofOf(_leaves(), record),
            grantee: grantee,
            purpose: treatment ? Purpose.TREATMENT : Purpose.HMB,
            expiresAt: until,
            locator: _locator()
        });
    }

    /// The records of a patient are siblings: their parent's sibling proves both.
    function _bothData(uint256 number, IGrants.Request memory request) private view returns (bytes memory) {
        bytes32[] memory blinds = new bytes32[](2);
        (blinds[0], blinds[1]) = (_blindOf(2 * number), _blindOf(2 * number + 1));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = Tree.proofOf(_leaves(), 2 * number)[1];
        bool[] memory flags = new bool[](2);
        flags[0] = true;
        IGrants.Locator[] memory locators = new IGrants.Locator[](2);
        (locators[0], locators[1]) = (request.locator, request.locator);
        return abi.encodeCall(
            IGrants.grantMany,
            (HOSPITAL, blinds, proof, flags, request.grantee, request.purpose, request.expiresAt, locators)
        );
    }

    function _locator() private pure returns (IGrants.Locator memory) {
        return IGrants.Locator({enc: "enc", body: "body", tag: "tag"});
    }

    function _leaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](RECORDS);
        for (uint256 i = 0; i < RECORDS; ++i) {
            leaves[i] = _ids[i];
        }
    }
}
