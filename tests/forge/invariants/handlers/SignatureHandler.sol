// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../../../contracts/access/IGrants.sol";
import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../../../contracts/consent/IConsents.sol";
import {Batches} from "../../../../contracts/libraries/Batches.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../../../contracts/market/IMarket.sol";
import {Listings} from "../../../../contracts/market/Listings.sol";
import {TestWallet} from "../../../../contracts/mocks/TestWallet.sol";
import {Tree} from "../../support/Tree.sol";
import {Handler} from "./Handler.sol";
import {Words} from "./Words.sol";

/// @notice Three patients, one of them a contract wallet and one with a delegate, sign all there is to sign; relays send
/// it on time, late, twice, out of order, flawed, made for another contract or chain.
abstract contract SignatureHandler is Handler {
    uint256 internal constant PATIENTS = 3;
    uint256 private constant KINDS = 10;
    uint256 private constant FLAWS = 7;
    uint256 private constant MOST_WORDS = 12;
    uint256 internal constant FOREIGN_CHAIN = 777;
    uint40 private constant FOREVER = type(uint40).max;
    bytes32 private constant RECORD = "record";
    bytes32 private constant BLIND = "blind";

    enum Kind {
        CONSENT,
        REVOCATION,
        LIFT,
        MANDATE,
        GRANT,
        GRANT_REVOCATION,
        CUSTODIAN,
        KEY,
        WITHDRAWAL,
        CLAIM
    }

    enum Flaw {
        NONE,
        MIRRORED,
        BY_ANOTHER,
        LONGER_DEADLINE,
        FOR_ANOTHER_CONTRACT,
        FOR_ANOTHER_CHAIN,
        CUT
    }

    /// A signed act, ready to be sent.
    struct Word {
        Kind kind;
        uint256 patient;
        address signer;
        address target;
        bytes data;
        bytes32 matter; // what it changes
        uint256 state; // the count of changes at which it is good
        uint40 deadline;
        Flaw flaw;
        uint256 uses;
    }

    Word[] internal _words;
    address[PATIENTS] internal _patients;
    address private _delegate;
    address private _friend;
    Listings.Contribution[] private _contributions;
    /// One to leave, one to sell.
    Listings.Listing private _leaving;
    Listings.Listing private _selling;
    uint256 internal _earned;

    /// Changes so far; for claims, units paid.
    mapping(bytes32 matter => uint256) internal _changes;
    /// Whether there is something to revoke or lift.
    mapping(bytes32 matter => bool) private _stands;
    mapping(address signer => address) private _holder;

    function setUp() public virtual override {
        super.setUp();
        (_delegate, _friend) = (_account("delegate"), _account("friend"));
        for (uint256 i = 0; i < PATIENTS; ++i) {
            address key = _account(string.concat("key ", vm.toString(i)));
            _patients[i] = i == 2 ? address(new TestWallet(key)) : key;
            _holder[_patients[i]] = key;
        }
        _holder[_delegate] = _delegate;
        vm.prank(_patients[0]);
        consents.setDelegate(_delegate, Scopes.ALL, FOREVER);
        _register();
        _listAll();
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            sign(kind, kind, 21, 16);
        }
    }

    // Acts.

    /// Half of the words are without flaw; one in eight is for the state after the next change.
    function sign(uint256 kind, uint256 patient, uint256 span, uint256 luck) public {
        span = _dice(span);
        luck = _dice(luck);
        Word memory word;
        word.kind = Kind(kind % KINDS);
        word.patient = patient % PATIENTS;
        word.signer = _patients[word.patient];
        bool byDelegate = word.patient == 0 && luck / 16 % 2 == 0 && word.kind != Kind.MANDATE
            && word.kind != Kind.KEY && word.kind != Kind.CLAIM;
        if (byDelegate) word.signer = _delegate;
        word.matter = _matterOf(word.kind, word.patient);
        bool early = luck / 32 % 8 == 7 && word.kind != Kind.WITHDRAWAL;
        word.state = _changes[word.matter] + (early ? 1 : 0);
        word.deadline = _now() + _span(span);
        word.flaw = luck % 2 == 0 ? Flaw.NONE : Flaw(luck / 2 % FLAWS);
        _complete(word);
        if (_words.length < MOST_WORDS) _words.push(word);
        else _words[luck / 512 % MOST_WORDS] = word;
    }

    function send(uint256 index, uint256 luck) external {
        luck = _dice(luck);
        Word storage word = _words[index % _words.length];
        bool abroad = luck % 8 == 0;
        bytes4 foretold = abroad ? REFUSED : _foretell(word);
        if (abroad) vm.chainId(FOREIGN_CHAIN);
        bool done = _act(luck % 2 == 0 ? STRANGER : _friend, word.target, word.data, foretold);
        if (abroad) vm.chainId(31_337);
        if (done) _count(word);
    }

    /// Twice in one transaction: once is done, or nothing if it is all or none.
    function sendTwice(uint256 index, bool atomic) external {
        Word storage word = _words[index % _words.length];
        bytes[] memory calls = new bytes[](2);
        (calls[0], calls[1]) = (word.data, word.data);
        if (atomic) {
            _act(STRANGER, word.target, abi.encodeCall(Batches.multicall, (calls, true)), REFUSED);
            return;
        }
        bytes4 foretold = _foretell(word);
        vm.prank(STRANGER);
        bool[] memory done = Batches(word.target).multicall(calls, false);
        bool asForetold = done[0] == (foretold == DONE) && !done[1];
        if (!asForetold) revert Unforetold(word.target, word.data, 0, foretold);
        if (done[0]) _count(word);
    }

    /// The signer itself does what it could have signed: what was signed before is out of date.
    function actAlone(uint256 kind, uint256 patient) external {
        Word memory word;
        word.kind = Kind(kind % KINDS);
        word.patient = patient % PATIENTS;
        word.signer = _patients[word.patient];
        word.matter = _matterOf(word.kind, word.patient);
        word.state = _changes[word.matter];
        word.deadline = _now();
        _complete(word);
        bytes4 foretold = _isPossible(word) ? DONE : REFUSED;
        if (_act(word.signer, word.target, word.data, foretold)) _count(word);
    }

    /// A sale, so that claims have something to pay.
    function earn(uint256 luck) external {
        luck = _dice(luck);
        uint256 secret = 1 + luck % 1000;
        token.mint(RESEARCHER, _selling.price);
        vm.startPrank(RESEARCHER);
        token.approve(address(market), _selling.price);
        Listings.Order memory order = Listings.Order({
            listing: _idOf(_selling),
            buyer: RESEARCHER,
            token: address(token),
            price: _selling.price,
            purpose: Purpose.HMB,
            lock: vm.addr(secret),
            deadline: _now() + 1 hours
        });
        bytes32 id = keccak256(abi.encode(block.chainid, market, order));
        if (market.orderState(id) == IMarket.OrderState.NONE) {
            market.purchase(_selling, order.purpose, order.lock, order.deadline);
            market.settle(order, secret);
            _earned += _selling.price;
        }
        vm.stopPrank();
    }

    function passToTheEnd(uint256 index, uint256 luck) external {
        luck = _dice(luck);
        _passTo(_words[index % _words.length].deadline, luck);
    }

    // Books.

    /// How a relay's sending of `word` must end, here and now.
    function _foretell(Word memory word) internal view returns (bytes4) {
        bool fits = word.state == _changes[word.matter] && _isPossible(word);
        if (!fits) return REFUSED;
        if (word.deadline < _now()) return Signatures.SignatureExpired.selector;
        return word.flaw == Flaw.NONE ? DONE : Signatures.SignatureInvalid.selector;
    }

    function _matterOf(Kind kind, uint256 patient) internal pure returns (bytes32) {
        Kind first = kind == Kind.REVOCATION || kind == Kind.LIFT ? Kind.CONSENT : kind;
        if (kind == Kind.GRANT_REVOCATION) first = Kind.GRANT;
        return keccak256(abi.encode(first, patient));
    }

    function _isPossible(Word memory word) private view returns (bool) {
        bool stands = _stands[word.matter];
        if (word.kind == Kind.LIFT || word.kind == Kind.GRANT_REVOCATION) return stands;
        // A bar on a record that is barred is refused: a consent must come first.
        if (word.kind == Kind.REVOCATION) return !stands || !_isBarred(word.patient);
        if (word.kind == Kind.WITHDRAWAL) return _changes[word.matter] == 0;
        return word.kind != Kind.CLAIM || _dueTo(word.patient) != 0;
    }

    function _isBarred(uint256 patient) private view returns (bool) {
        return _stands[keccak256(abi.encode("barred", patient))];
    }

    function _dueTo(uint256 patient) private view returns (uint256) {
        return _earned * (patient + 1) / 6 - _changes[_matterOf(Kind.CLAIM, patient)];
    }

    function _count(Word memory word) private {
        for (uint256 i = 0; i < _words.length; ++i) {
            if (keccak256(_words[i].data) == keccak256(word.data)) ++_words[i].uses;
        }
        bytes32 barred = keccak256(abi.encode("barred", word.patient));
        if (word.kind == Kind.CONSENT || word.kind == Kind.LIFT || word.kind == Kind.REVOCATION) {
            _stands[barred] = word.kind == Kind.REVOCATION;
            _stands[word.matter] = word.kind != Kind.LIFT;
        } else if (word.kind == Kind.GRANT || word.kind == Kind.GRANT_REVOCATION) {
            _stands[word.matter] = word.kind == Kind.GRANT;
        }
        if (word.kind == Kind.CLAIM) _changes[word.matter] += _dueTo(word.patient);
        else ++_changes[word.matter];
    }

    // What is signed and sent.

    function _complete(Word memory word) private view {
        (string memory domain, address target, bytes32 content) = _contentOf(word);
        word.target = target;
        if (word.flaw == Flaw.FOR_ANOTHER_CONTRACT) target = address(this);
        bytes32 digest = _digest(domain, target, content);
        if (word.flaw == Flaw.FOR_ANOTHER_CHAIN) digest = keccak256(abi.encode(digest, FOREIGN_CHAIN));
        address holder = word.flaw == Flaw.BY_ANOTHER ? _friend : _holder[word.signer];
        bytes memory signature = _sign(holder, digest);
        if (word.flaw == Flaw.MIRRORED) signature = _mirrored(signature);
        if (word.flaw == Flaw.CUT) {
            assembly {
                mstore(signature, 64)
            }
        }
        if (word.flaw == Flaw.LONGER_DEADLINE) word.deadline += 1;
        word.data = _dataOf(word, Signatures.Signed(word.signer, word.deadline, signature));
    }

    function _contentOf(Word memory word)
        private
        view
        returns (string memory domain, address target, bytes32 content)
    {
        address patient = _patients[word.patient];
        uint40 deadline = word.deadline;
        uint32 next = uint32(word.state + 1);
        if (word.kind <= Kind.MANDATE) {
            (domain, target) = (Words.CONSENTS, address(consents));
            if (word.kind == Kind.CONSENT) {
                content = Words.consent(patient, RECORD, Purpose.GRU, FOREVER, "form", next, deadline);
            } else if (word.kind == Kind.REVOCATION) {
                content = Words.revocation(patient, RECORD, next, deadline);
            } else if (word.kind == Kind.LIFT) {
                content = Words.lift(patient, RECORD, next, deadline);
            } else {
                content = Words.mandate(patient, _friend, Scopes.GRANT, FOREVER, next, deadline);
            }
        } else if (word.kind <= Kind.CUSTODIAN) {
            (domain, target) = (Words.GRANTS, address(grants));
            bytes32 record = records.recordId(patient, BLIND);
            if (word.kind == Kind.GRANT) {
                content = Words.grant(
                    patient,
                    record,
                    _friend,
                    Purpose.TREATMENT,
                    FOREVER,
                    abi.encodePacked(bytes32("enc"), bytes32("body"), bytes16("tag")),
                    next,
                    deadline
                );
            } else if (word.kind == Kind.GRANT_REVOCATION) {
                content = Words.grantRevocation(patient, record, _friend, uint32(word.state), deadline);
            } else {
                content = Words.custodian(patient, _friend, FOREVER, next, deadline);
            }
        } else if (word.kind == Kind.KEY) {
            (domain, target) = (Words.ACCOUNTS, address(records));
            content = Words.key(patient, _bundle(), next, deadline);
        } else {
            (domain, target) = (Words.MARKET, address(market));
            bytes32 leaf = _leafOf(word.patient);
            content = word.kind == Kind.WITHDRAWAL
                ? Words.withdrawal(_idOf(_leaving), leaf, deadline)
                : Words.claim(_idOf(_selling), leaf, _friend, word.state, deadline);
        }
    }

    function _dataOf(Word memory word, Signatures.Signed memory by) private view returns (bytes memory) {
        address patient = _patients[word.patient];
        if (word.kind == Kind.CONSENT) {
            return
                abi.encodeCall(IConsents.setFor, (patient, RECORD, Purpose.GRU, FOREVER, bytes32("form"), by));
        }
        if (word.kind == Kind.REVOCATION) return abi.encodeCall(IConsents.revokeFor, (patient, RECORD, by));
        if (word.kind == Kind.LIFT) return abi.encodeCall(IConsents.liftFor, (patient, RECORD, by));
        if (word.kind == Kind.MANDATE) {
            return abi.encodeCall(IConsents.setDelegateFor, (_friend, Scopes.GRANT, FOREVER, by));
        }
        if (word.kind == Kind.GRANT) {
            IGrants.Request memory request = IGrants.Request({
                issuer: HOSPITAL,
                blind: BLIND,
                proof: Tree.proofOf(_recordLeaves(), word.patient),
                grantee: _friend,
                purpose: Purpose.TREATMENT,
                expiresAt: FOREVER,
                locator: IGrants.Locator({enc: "enc", body: "body", tag: "tag"})
            });
            return abi.encodeCall(IGrants.grantFor, (patient, request, by));
        }
        if (word.kind == Kind.GRANT_REVOCATION) {
            return abi.encodeCall(IGrants.revokeFor, (patient, BLIND, _friend, by));
        }
        if (word.kind == Kind.CUSTODIAN) {
            return abi.encodeCall(IGrants.nameCustodianFor, (patient, _friend, FOREVER, by));
        }
        if (word.kind == Kind.KEY) return abi.encodeCall(IAccounts.publishKeyFor, (_bundle(), by));
        bytes32[] memory proof = Tree.proofOf(_leaves(), word.patient);
        Listings.Contribution memory contribution = _contributions[word.patient];
        if (word.kind == Kind.WITHDRAWAL) {
            return abi.encodeCall(IMarket.withdrawFor, (_leaving, contribution, proof, by));
        }
        return abi.encodeCall(IMarket.claimTo, (_selling, contribution, proof, _friend, by));
    }

    function _register() private {
        vm.prank(HOSPITAL);
        records.register(Tree.rootOf(_recordLeaves()), uint32(PATIENTS));
    }

    /// Each patient is its own payee; weights are 1, 2 and 3 of 6.
    function _listAll() private {
        for (uint256 i = 0; i < PATIENTS; ++i) {
            _contributions.push(
                Listings.Contribution({
                    patient: _patients[i],
                    payee: _patients[i],
                    recordId: RECORD,
                    weight: uint96(i + 1),
                    consentDigest: "digest"
                })
            );
        }
        accredit(RESEARCHER, IAccounts.Role.RESEARCHER, FOREVER);
        _leaving.steward = address(this);
        _leaving.root = Tree.rootOf(_leaves());
        _leaving.token = address(token);
        _leaving.price = 6000;
        _leaving.totalWeight = 6;
        _leaving.terms = Purpose.HMB;
        _leaving.closesAt = FOREVER;
        _selling = _leaving;
        _selling.salt = "selling";
        market.list(_leaving);
        market.list(_selling);
    }

    function _recordLeaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PATIENTS);
        for (uint256 i = 0; i < PATIENTS; ++i) {
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(_patients[i], BLIND))));
        }
    }

    function _leaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PATIENTS);
        for (uint256 i = 0; i < PATIENTS; ++i) {
            leaves[i] = _leafOf(i);
        }
    }

    function _leafOf(uint256 patient) internal view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(_contributions[patient]))));
    }

    function _idOf(Listings.Listing memory listing) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, listing));
    }

    function _bundle() private pure returns (bytes memory bundle) {
        bundle = new bytes(1249);
        bundle[0] = 0x01;
    }

    // What the contracts count.

    function _countOf(Kind kind, uint256 number) internal view returns (uint256 count) {
        address patient = _patients[number];
        if (kind == Kind.CONSENT) (,, count,) = consents.consentOf(patient, RECORD);
        if (kind == Kind.MANDATE) (,,, count) = consents.mandateOf(patient, _friend);
        if (kind == Kind.GRANT) (,, count) = grants.grantOf(records.recordId(patient, BLIND), _friend);
        if (kind == Kind.CUSTODIAN) (,, count) = grants.custodianOf(patient);
        if (kind == Kind.KEY) (, count) = records.keyOf(patient);
        if (kind == Kind.WITHDRAWAL) count = market.withdrawnAt(_leafOf(number)) == 0 ? 0 : 1;
        if (kind == Kind.CLAIM) count = market.claimed(_idOf(_selling), _leafOf(number));
    }
}
