// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {Expiry} from "../../../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {IRecords} from "../../../../contracts/records/IRecords.sol";
import {Handler} from "./Handler.sol";
import {Words} from "./Words.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice Four accounts register roots, take over each other's, accredit, attest and publish keys at random.
abstract contract RecordHandler is Handler {
    uint256 internal constant PEOPLE = 4;
    uint256 internal constant ROLES = 4;
    uint256 internal constant ROOTS = 4;
    bytes32 internal constant BLIND = "blind";

    struct Root {
        uint40 since; // 0: not registered
        uint32 count;
        bool superseded;
    }

    struct Standing {
        uint40[ROLES] untils;
        uint64 evidence;
        uint32 keys;
        bytes32 key;
        bool accreditor;
    }

    /// Everyone may try everything; the last two are accreditors at first, all are issuers.
    address[PEOPLE] internal _people;
    address internal _governor;
    mapping(address issuer => mapping(bytes32 root => Root)) internal _roots;
    mapping(address account => Standing) internal _standings;

    function setUp() public virtual override {
        super.setUp();
        _governor = GOVERNANCE;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _people[i] = _account(string.concat("person ", vm.toString(i)));
        }
        nameAccreditor(0, 2, 1);
        nameAccreditor(0, 3, 1);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            accreditPerson(3, i, 0, 1);
        }
    }

    // Acts.

    function register(uint256 person, uint256 number, uint256 luck) external {
        luck = _dice(luck);
        address issuer = _people[person % PEOPLE];
        bytes32 root = _root(number % ROOTS);
        Root storage entry = _roots[issuer][root];
        uint32 count = uint32(luck % 8);
        bytes4 foretold = DONE;
        if (_standings[issuer].untils[0] < _now()) foretold = IAccounts.NotAccredited.selector;
        else if (count == 0) foretold = IRecords.RecordCountInvalid.selector;
        else if (entry.since != 0) foretold = IRecords.RootAlreadyRegistered.selector;
        bytes memory data = abi.encodeCall(IRecords.register, (root, count));
        if (_act(issuer, address(records), data, foretold)) (entry.since, entry.count) = (_now(), count);
    }

    function supersede(uint256 person, uint256 older, uint256 newer) external {
        address issuer = _people[person % PEOPLE];
        (bytes32 oldRoot, bytes32 newRoot) = (_pick(issuer, older), _pick(issuer, newer));
        Root storage entry = _roots[issuer][oldRoot];
        bytes4 foretold = DONE;
        if (entry.since == 0 || _roots[issuer][newRoot].since == 0) foretold = IRecords.RootUnknown.selector;
        else if (entry.superseded) foretold = IRecords.RootAlreadySuperseded.selector;
        bytes memory data = abi.encodeCall(IRecords.supersede, (oldRoot, newRoot));
        if (_act(issuer, address(records), data, foretold)) entry.superseded = true;
    }

    /// By governance, one time in four by someone else; one time in four a dismissal.
    function nameAccreditor(uint256 luck, uint256 person, uint256 choice) public {
        luck = _dice(luck);
        bool allowed = choice % 4 != 0;
        address account = _people[person % PEOPLE];
        bool byOther = luck % 4 == 1;
        address sender = byOther ? _people[luck / 4 % PEOPLE] : _governor;
        bytes4 foretold = byOther ? Ownable.OwnableUnauthorizedAccount.selector : DONE;
        bytes memory data = abi.encodeCall(IAccounts.setAccreditor, (account, allowed));
        if (_act(sender, address(records), data, foretold)) _standings[account].accreditor = allowed;
    }

    function accreditPerson(uint256 by, uint256 person, uint256 role, uint256 span) public {
        span = _dice(span);
        (address sender, address account) = (_people[by % PEOPLE], _people[person % PEOPLE]);
        role = role % 2 == 0 ? 0 : role / 2 % ROLES;
        uint40 until = span % 16 == 8 ? _now() : _lease(span);
        bytes4 foretold = DONE;
        if (!_standings[sender].accreditor) foretold = IAccounts.NotAccreditor.selector;
        else if (until != 0 && until <= _now()) foretold = Expiry.ExpiryInPast.selector;
        bytes memory data = abi.encodeCall(IAccounts.accredit, (account, IAccounts.Role(role), until));
        if (_act(sender, address(records), data, foretold)) _standings[account].untils[role] = until;
    }

    function attestPerson(uint256 by, uint256 person, uint256 luck) external {
        luck = _dice(luck);
        (address sender, address account) = (_people[by % PEOPLE], _people[person % PEOPLE]);
        uint64 evidence = luck % 2 == 0 ? Purpose.HAS_IRB : luck % 4 == 1 ? Purpose.NONPROFIT : 0;
        if (luck / 4 % 4 == 0) evidence |= Purpose.HMB;
        bytes4 foretold = DONE;
        if (!_standings[sender].accreditor) foretold = IAccounts.NotAccreditor.selector;
        else if (luck / 4 % 4 == 0) foretold = IAccounts.EvidenceInvalid.selector;
        bytes memory data = abi.encodeCall(IAccounts.attest, (account, evidence));
        if (_act(sender, address(records), data, foretold)) _standings[account].evidence = evidence;
    }

    /// Sent by the account, or as its word by a stranger; one word in four is old, one bundle in eight too short.
    function publish(uint256 person, uint256 luck) external {
        luck = _dice(luck);
        address account = _people[person % PEOPLE];
        Standing storage entry = _standings[account];
        bool direct = luck % 2 == 0;
        bool stale = luck / 2 % 4 == 0;
        bool small = luck / 8 % 8 == 0;
        bytes memory bundle = new bytes(small ? 1248 : 1249);
        (bundle[0], bundle[1]) = (0x01, bytes1(uint8(luck / 64)));
        bytes4 foretold = small ? IAccounts.KeyBundleInvalid.selector : DONE;
        if (!direct && stale) foretold = Signatures.SignatureInvalid.selector;
        bytes memory data = abi.encodeCall(IAccounts.publishKey, (bundle));
        if (!direct) {
            bytes32 content = Words.key(account, bundle, stale ? entry.keys : entry.keys + 1, _now());
            bytes32 digest = _digest(Words.ACCOUNTS, address(records), content);
            data = abi.encodeCall(IAccounts.publishKeyFor, (bundle, _signed(account, _now(), digest)));
        }
        if (!_act(direct ? account : STRANGER, address(records), data, foretold)) return;
        (entry.keys, entry.key) = (entry.keys + 1, keccak256(bundle));
    }

    /// Governance is handed over to one of the people, or back, in two steps.
    function handOver(uint256 luck) external {
        luck = _dice(luck);
        address next = luck % 2 == 0 ? GOVERNANCE : address(uint160(0x60F));
        vm.prank(_governor);
        records.transferOwnership(next);
        if (luck / 2 % 2 == 0) return;
        vm.prank(next);
        records.acceptOwnership();
        _governor = next;
    }

    function passToTheEnd(uint256 person, uint256 role, uint256 luck) external {
        luck = _dice(luck);
        _passTo(_standings[_people[person % PEOPLE]].untils[role % ROLES], luck);
    }

    /// A root; every second time the first one from there on that `issuer` registered.
    function _pick(address issuer, uint256 seed) private view returns (bytes32 root) {
        root = _root(seed / 2 % ROOTS);
        for (uint256 i = 0; seed % 2 != 0 && i < ROOTS; ++i) {
            bytes32 next = _root((seed / 2 + i) % ROOTS);
            if (_roots[issuer][next].since != 0) return next;
        }
    }

    // Books.

    /// Each root is a batch of one record: the id of the record of a patient of its own.
    function _root(uint256 number) internal view returns (bytes32) {
        return records.recordId(_patientOf(number), BLIND);
    }

    function _patientOf(uint256 number) internal pure returns (address) {
        return address(uint160(0xA11CE + number));
    }
}
