// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../../../contracts/consent/IConsents.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../../contracts/libraries/Scopes.sol";
import {IMarket} from "../../../../contracts/market/IMarket.sol";
import {Listings} from "../../../../contracts/market/Listings.sol";
import {NoReturnToken} from "../../../../contracts/mocks/NoReturnToken.sol";
import {Handler} from "./Handler.sol";
import {HostileToken} from "./HostileToken.sol";
import {Words} from "./Words.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice Who trades on the market, in what, and what the books say of them: patients with an agent, stewards, buyers,
/// a reviewer; two honest tokens and a hostile one.
abstract contract Floor is Handler {
    uint256 internal constant MEMBERS = 3;
    uint256 internal constant ISSUERS = 2;
    uint256 internal constant TOKENS = 3;
    uint256 internal constant PURPOSES = 5;
    uint256 internal constant MOST_LISTINGS = 8;
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    /// How a contribution is signed: as it must be, by an agent who may or may not, or badly.
    enum Evidence {
        BY_PATIENT,
        BY_AGENT,
        FORGED,
        OF_OTHER_TERMS,
        MIRRORED
    }

    /// A listing, by the books' own reckoning.
    struct Book {
        Listings.Listing listing;
        bytes32 id;
        uint256 token;
        uint256 first; // of its members
        uint40 closesAt;
        uint256 earned;
        uint256 fee;
        uint256[MEMBERS] shares;
        uint256[ISSUERS] issuerShares;
        IMarket.Bond bond;
        address challenger;
        uint256 bondPaid; // how often the bond left
    }

    /// A contribution; a listing that is listed again has the same ones.
    struct Member {
        Listings.Contribution contribution;
        Listings.ContributionTerms terms;
        bytes signature;
        Evidence evidence;
    }

    struct Slip {
        Listings.Order order;
        bytes32 id;
        uint256 book;
        uint256 secret;
        IMarket.OrderState state;
        uint256 endings;
        uint40 endedAt;
    }

    struct Will {
        bool sells; // its terms cover what listings offer
        uint40 until;
    }

    address[MEMBERS] internal _patients;
    address[MEMBERS] internal _payees;
    address[2] internal _stewards;
    address[2] internal _buyers;
    address internal _agent;
    address internal _reviewer;
    address[TOKENS] internal _tokens;
    HostileToken internal _hostile;

    Book[] internal _books;
    Member[] internal _members;
    Slip[] internal _slips;
    mapping(bytes32 order => bool) internal _placed;
    mapping(bytes32 leaf => uint40) internal _left;
    /// What each account was paid in each token; hostile fees aside.
    mapping(uint256 token => mapping(address account => uint256)) internal _received;
    /// What was given to the market in each token for nothing.
    mapping(uint256 token => uint256) internal _donated;
    /// What the hostile token took from the market.
    uint256 internal _confiscated;

    mapping(address patient => Will) internal _wills;
    mapping(address patient => mapping(bytes32 record => bool)) internal _barred;
    mapping(address patient => uint40) internal _agentUntil;
    mapping(address patient => bool) internal _agentEver;
    mapping(address buyer => uint40) internal _accredited;
    mapping(address buyer => bool) internal _approvedByBoard;
    mapping(bytes32 matter => uint40) internal _clearedUntil;
    uint40 internal _reviewerUntil;

    function setUp() public virtual override {
        super.setUp();
        _hostile = new HostileToken();
        _tokens = [address(token), address(new NoReturnToken()), address(_hostile)];
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _patients[i] = _account(string.concat("patient ", vm.toString(i)));
            _payees[i] = _account(string.concat("payee ", vm.toString(i)));
        }
        for (uint256 i = 0; i < 2; ++i) {
            _stewards[i] = _account(string.concat("steward ", vm.toString(i)));
            _buyers[i] = _account(string.concat("buyer ", vm.toString(i)));
            _fund(_stewards[i]);
            _fund(_buyers[i]);
        }
        (_agent, _reviewer) = (_account("agent"), _account("reviewer"));
    }

    // What patients, accreditors and the token do beside the market.

    /// One time in four without covering what is sold, one time in eight revoked.
    function consentToSale(uint256 member, uint256 span, uint256 luck) public {
        span = _dice(span);
        luck = _dice(luck);
        address patient = _patients[member % MEMBERS];
        Will storage will = _wills[patient];
        if (luck % 8 == 0) {
            bytes4 foretold = will.until == 0 ? IConsents.ConsentMissing.selector : DONE;
            bytes memory revocation = abi.encodeCall(IConsents.revoke, (bytes32(0)));
            if (_act(patient, address(consents), revocation, foretold)) delete _wills[patient];
            return;
        }
        bool sells = luck % 4 != 1;
        uint40 until = span % 8 == 0 ? _now() + 1 : _ahead(span);
        uint64 terms = sells ? Purpose.GRU : Purpose.POA;
        bytes memory data = abi.encodeCall(IConsents.set, (bytes32(0), terms, until, bytes32("form")));
        if (_act(patient, address(consents), data, DONE)) (will.sells, will.until) = (sells, until);
    }

    /// A patient bars one of its records, or lifts the bar.
    function bar(uint256 index, bool barred) external {
        Listings.Contribution memory contribution = _members[index % _members.length].contribution;
        (address patient, bytes32 record) = (contribution.patient, contribution.recordId);
        bool same = _barred[patient][record] == barred;
        bytes4 foretold =
            !same ? DONE : barred ? IConsents.ConsentMissing.selector : IConsents.OverrideMissing.selector;
        bytes memory data =
            barred ? abi.encodeCall(IConsents.revoke, (record)) : abi.encodeCall(IConsents.lift, (record));
        if (_act(patient, address(consents), data, foretold)) _barred[patient][record] = barred;
    }

    /// One time in four the agent is dismissed.
    /// One time in four the agent is dismissed.
    function appoint(uint256 member, uint256 span) public {
        span = _dice(span);
        address patient = _patients[member % MEMBERS];
        uint40 until = span % 4 == 0 ? 0 : _lease(span);
        uint8 scope = until == 0 ? 0 : Scopes.SELL;
        bytes memory data = abi.encodeCall(IConsents.setDelegate, (_agent, scope, until));
        if (!_act(patient, address(consents), data, DONE)) return;
        _agentUntil[patient] = until;
        if (scope != 0) _agentEver[patient] = true;
    }

    function accreditBuyer(uint256 index, uint256 span, bool approved) public {
        span = _dice(span);
        address buyer = _buyers[index % 2];
        uint40 until = _lease(span);
        accredit(buyer, IAccounts.Role.RESEARCHER, until);
        attest(buyer, approved ? Purpose.HAS_IRB : 0);
        (_accredited[buyer], _approvedByBoard[buyer]) = (until, approved);
    }

    function accreditReviewer(uint256 span) public {
        span = _dice(span);
        _reviewerUntil = _lease(span);
        accredit(_reviewer, IAccounts.Role.REVIEWER, _reviewerUntil);
    }

    /// The reviewer clears a purpose for a buyer on a listing.
    function clear(uint256 index, uint256 buyer, uint256 purpose, uint256 span) external {
        span = _dice(span);
        bytes32 listing = _books[index % _books.length].id;
        address requester = _buyers[buyer % 2];
        uint64 word = _purposeOf(purpose % PURPOSES);
        uint40 until = _now() + _span(span);
        bytes4 foretold = DONE;
        if (_reviewerUntil < _now()) foretold = IAccounts.NotAccredited.selector;
        else if (until > _reviewerUntil) foretold = IConsents.ClearanceTooLong.selector;
        bytes memory data = abi.encodeCall(IConsents.clear, (listing, requester, word, until));
        if (_act(_reviewer, address(consents), data, foretold)) {
            _clearedUntil[keccak256(abi.encode(listing, requester, word))] = until;
        }
    }

    /// Half of the time it is honest again.
    function spoil(uint256 mood) external {
        _hostile.turn(HostileToken.Mood(mood % 2 == 0 ? 0 : mood / 2 % 5));
    }

    function blockAccount(uint256 luck, bool blocked) external {
        luck = _dice(luck);
        address[4] memory accounts_ = [address(market), _payees[0], _stewards[0], _buyers[0]];
        _hostile.setBlocked(accounts_[luck % 4], blocked);
    }

    function confiscate(uint256 amount) external {
        uint256 taken = amount % 4 == 0 ? _hostile.balanceOf(address(market)) / 2 : 0;
        _hostile.confiscate(address(market), taken);
        _confiscated += taken;
    }

    function donate(uint256 index, uint32 amount) external {
        index %= TOKENS;
        _mint(_tokens[index], address(market), amount);
        _donated[index] += amount;
    }

    // What the tables say.

    function _purposeOf(uint256 number) internal pure returns (uint64) {
        if (number == 0) return Purpose.HMB;
        if (number == 1) return Purpose.HMB | Purpose.HAS_IRB;
        if (number == 2) return Purpose.HMB | Purpose.HAS_COL;
        return number == 3 ? Purpose.POA : Purpose.HMB | Purpose.SENSITIVE;
    }

    function _termsOf(uint256 number) internal pure returns (uint64) {
        uint64[3] memory words = [Purpose.HMB, Purpose.HMB | Purpose.IRB, Purpose.HMB | Purpose.COL];
        return words[number];
    }

    function _answerOf(uint64 terms, uint256 purpose) internal pure returns (bytes1) {
        // What is referred there and cannot be cleared is as good as denied.
        if (terms & Purpose.IRB != 0) return bytes("DPDDD")[purpose];
        return terms & Purpose.COL != 0 ? bytes("RRPDR")[purpose] : bytes("PPPDR")[purpose];
    }

    /// Whether what the patient says now permits all that a listing offers.
    function _covers(address patient, bytes32 record) internal view returns (bool) {
        Will memory will = _wills[patient];
        return will.sells && will.until >= _now() && !_barred[patient][record];
    }

    function _acts(address patient, address by) internal view returns (bool) {
        return by == patient || (by == _agent && _agentUntil[patient] >= _now());
    }

    /// What the three parts come to, of all that was earned.
    function _partsOf(Book memory book)
        internal
        pure
        returns (uint256 members, uint256 issuers, uint256 fee)
    {
        fee =
            book.earned * book.listing.feeBps / 10_000;
        issuers = book.earned * book.listing.issuerBps / 10_000;
        members = book.earned - book.earned * (book.listing.feeBps + book.listing.issuerBps) / 10_000;
    }

    /// How a payment from the market must end.
    function _foretellPayment(uint256 index, address to, uint256 amount) internal view returns (bytes4) {
        if (_tokens[index] != address(_hostile) || amount == 0) return DONE;
        if (_isFrozen(to)) return HostileToken.Frozen.selector;
        if (_hostile.mood() == HostileToken.Mood.SAYS_FALSE) {
            return SafeERC20.SafeERC20FailedOperation.selector;
        }
        bool poor = _hostile.balanceOf(address(market)) < amount;
        return poor ? IERC20Errors.ERC20InsufficientBalance.selector : DONE;
    }

    /// How a payment to the market must end.
    function _foretellTaking(uint256 index, address from) internal view returns (bytes4) {
        if (_tokens[index] != address(_hostile)) return DONE;
        if (_isFrozen(from)) return HostileToken.Frozen.selector;
        HostileToken.Mood mood = _hostile.mood();
        if (mood == HostileToken.Mood.SAYS_FALSE) return SafeERC20.SafeERC20FailedOperation.selector;
        return mood == HostileToken.Mood.TAKES_FEE ? IMarket.TokenMisbehaved.selector : DONE;
    }

    // Making of listings.

    function _addMembers(address steward, address token_, uint64 terms, uint256 luck, bool honest) internal {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            Member storage member = _members.push();
            if (!honest) member.evidence = Evidence((luck >> (8 * i)) % 5);
            bytes32 tag = keccak256(abi.encode(luck, _members.length));
            member.terms = Listings.ContributionTerms({
                patient: _patients[i],
                signer: member.evidence == Evidence.BY_AGENT ? _agent : _patients[i],
                steward: steward,
                token: token_,
                terms: terms,
                minPrice: member.evidence == Evidence.OF_OTHER_TERMS ? 1 ether : 1,
                maxFeeBps: 10_000,
                payee: _payees[i],
                record: tag,
                keyCommitment: tag,
                weight: uint96(i + 1),
                maxTotalWeight: 100,
                expiresAt: type(uint40).max
            });
            bytes32 digest = _digest(Words.MARKET, address(market), Words.contribution(member.terms));
            bool forged = member.evidence == Evidence.FORGED;
            bytes memory signature = _sign(forged ? steward : member.terms.signer, digest);
            if (member.evidence == Evidence.MIRRORED) signature = _mirrored(signature);
            member.signature = signature;
            member.contribution = Listings.Contribution({
                patient: _patients[i],
                payee: _payees[i],
                recordId: tag,
                weight: uint96(i + 1),
                consentDigest: keccak256(abi.encodePacked(digest, signature))
            });
        }
    }

    function _leafOf(Listings.Contribution memory contribution) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(contribution))));
    }

    function _leavesFrom(uint256 first) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            leaves[i] = _leafOf(_members[first + i].contribution);
        }
    }

    /// Issuers' weights are 2 and 4.
    function _issuerShare(uint256 index) internal pure returns (Listings.IssuerShare memory) {
        return Listings.IssuerShare({issuer: address(uint160(0x155 + index)), weight: uint96(2 * index + 2)});
    }

    function _issuerLeaves() internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ISSUERS);
        for (uint256 i = 0; i < ISSUERS; ++i) {
            leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(_issuerShare(i)))));
        }
    }

    function _idOf(Listings.Listing memory listing) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, listing));
    }

    function _mint(address token_, address to, uint256 amount) internal {
        NoReturnToken(token_).mint(to, amount);
    }

    function _fund(address account) private {
        for (uint256 i = 0; i < TOKENS; ++i) {
            _mint(_tokens[i], account, type(uint120).max);
            vm.prank(account);
            NoReturnToken(_tokens[i]).approve(address(market), type(uint256).max);
        }
    }

    function _isFrozen(address account) private view returns (bool) {
        return _hostile.mood() == HostileToken.Mood.PAUSED || _hostile.blocked(account)
            || _hostile.blocked(address(market));
    }
}
