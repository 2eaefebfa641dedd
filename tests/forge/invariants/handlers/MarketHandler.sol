// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../../../contracts/consent/IConsents.sol";
import {Expiry} from "../../../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../../../contracts/market/IMarket.sol";
import {Listings} from "../../../../contracts/market/Listings.sol";
import {Tree} from "../../support/Tree.sol";
import {Floor} from "./Floor.sol";
import {HostileToken} from "./HostileToken.sol";
import {Words} from "./Words.sol";

/// @notice Every function of the market at random, called by whoever may and whoever may not.
abstract contract MarketHandler is Floor {
    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < 2; ++i) {
            accreditBuyer(i, 1, i == 0);
        }
        for (uint256 i = 0; i < MEMBERS; ++i) {
            consentToSale(i, 1, 2);
            // The last patient never had an agent, at first.
            if (i + 1 < MEMBERS) appoint(i, 1);
        }
        accreditReviewer(1);
        // With bond, fee and issuers: a good one, one that was forged, one whose weights exceed the whole.
        uint256[TOKENS] memory kinds = [uint256(0x9210), 0x02000100009211, 0x9010];
        for (uint256 i = 0; i < TOKENS; ++i) {
            list(i, 1, kinds[i], 1);
            sell(2 * i, 0, 1, 1);
            purchase(2 * i, 0, 1, 3, 5);
        }
    }

    // Listings.

    /// Kinds by luck, a digit for each choice: token, price, parts, bond, weights that exceed the whole, evidence that is none.
    function list(uint256 index, uint256 span, uint256 luck, uint256 fault) public {
        span = _dice(span);
        luck = _dice(luck);
        if (_books.length == MOST_LISTINGS) return;
        Listings.Listing memory listing;
        listing.steward = _stewards[luck / 8 % 2];
        listing.token = _tokens[index % TOKENS];
        listing.price = luck / 16 % 4 == 0 ? uint96(1 + luck / 64 % 3) : 7_777_777_777;
        listing.totalWeight = luck / 256 % 4 == 0 ? 2 : luck / 256 % 4 == 1 ? 9 : 6;
        listing.terms = _termsOf(luck / 1024 % 3);
        listing.feeBps = luck / 4096 % 4 == 0 ? 9_300 : 333;
        listing.issuerBps = luck / 16384 % 2 == 0 ? 700 : 0;
        listing.bond = luck / 32768 % 4 == 0 ? 0 : 5_000_001;
        listing.closesAt = _ahead(span);
        listing.salt = bytes8(uint64(_books.length));
        uint256 first = _members.length;
        _addMembers(listing.steward, listing.token, listing.terms, luck >> 32, luck % 4 == 0);
        listing.root = Tree.rootOf(_leavesFrom(first));
        if (listing.issuerBps != 0) listing.issuers = Tree.rootOf(_issuerLeaves());
        _offer(listing, first, index % TOKENS, fault);
    }

    /// The same contributions under a new id; one time in four, unchanged: refused.
    function listAgain(uint256 index, uint256 span, uint256 luck) external {
        span = _dice(span);
        luck = _dice(luck);
        if (_books.length == MOST_LISTINGS) return;
        Book storage old = _books[index % _books.length];
        Listings.Listing memory listing = old.listing;
        if (luck % 4 != 0) {
            listing.salt = bytes8(uint64(_books.length));
            listing.closesAt = _ahead(span);
        }
        _offer(listing, old.first, old.token, 1);
    }

    // Orders.

    function purchase(uint256 index, uint256 who, uint256 purpose, uint256 window, uint256 luck) public {
        luck = _dice(luck);
        index = _pick(index, _takesOrders);
        purpose = _fittingPurpose(_books[index].listing.terms, purpose);
        uint256 secret = luck % 16 == 0 ? 0 : 1 + luck % 64;
        Listings.Order memory order = Listings.Order({
            listing: _books[index].id,
            buyer: _buyers[who % 2],
            token: _books[index].listing.token,
            price: _books[index].listing.price,
            purpose: _purposeOf(purpose),
            lock: secret == 0 ? address(0) : vm.addr(secret),
            deadline: _now() + _windowOf(window)
        });
        bytes4 foretold = _foretellPurchase(_books[index], order, purpose);
        bytes memory data = _purchaseData(_books[index].listing, order, luck / 64);
        if (!_onMarket(order.buyer, data, foretold)) return;
        bytes32 id = keccak256(abi.encode(block.chainid, market, order));
        Slip storage slip = _slips.push();
        (slip.order, slip.id, slip.book, slip.secret) = (order, id, index, secret);
        slip.state = IMarket.OrderState.OPEN;
        _placed[id] = true;
        vm.prank(order.buyer);
        token.approve(address(market), type(uint256).max);
    }

    /// A purchase that is settled at once.
    function sell(uint256 index, uint256 who, uint256 purpose, uint256 luck) public {
        luck = _dice(luck);
        uint256 before = _slips.length;
        purchase(index, who, purpose, 3, luck);
        if (_slips.length > before) _settle(_slips[before], _slips[before].secret);
    }

    /// One time in four with a wrong secret: another one, none, or the same one beyond the group's order.
    function settle(uint256 index, uint256 luck) external {
        luck = _dice(luck);
        Slip storage slip = _slips[_openSlip(index)];
        uint256[3] memory wrong = [slip.secret + 1, 0, slip.secret + N];
        _settle(slip, luck % 4 != 0 ? slip.secret : wrong[luck / 4 % 3]);
    }

    function _settle(Slip storage slip, uint256 secret) private {
        bytes4 foretold = DONE;
        if (slip.state != IMarket.OrderState.OPEN) foretold = IMarket.OrderNotOpen.selector;
        else if (slip.order.deadline < _now()) foretold = IMarket.DeadlinePassed.selector;
        else if (secret != slip.secret) foretold = IMarket.WrongSecret.selector;
        if (!_onMarket(STRANGER, abi.encodeCall(IMarket.settle, (slip.order, secret)), foretold)) return;
        _end(slip, IMarket.OrderState.SETTLED);
        _books[slip.book].earned += slip.order.price;
    }

    function refund(uint256 index) external {
        Slip storage slip = _slips[_openSlip(index)];
        uint256 token_ = _books[slip.book].token;
        bytes4 foretold = _foretellPayment(token_, slip.order.buyer, slip.order.price);
        if (slip.state != IMarket.OrderState.OPEN) foretold = IMarket.OrderNotOpen.selector;
        else if (slip.order.deadline >= _now()) foretold = IMarket.DeadlineNotReached.selector;
        if (!_onMarket(STRANGER, abi.encodeCall(IMarket.refund, (slip.order)), foretold)) return;
        _end(slip, IMarket.OrderState.REFUNDED);
    }

    // Payouts.

    /// Ways by luck: to the payee, to another address by the payee's word, or with a weight that is not in the tree.
    function claim(uint256 index, uint256 who, uint256 luck) external {
        luck = _dice(luck);
        Book storage book = _books[_pick(index, _owesMembers)];
        who %= MEMBERS;
        bool greedy = luck % 8 == 0;
        bool redirected = luck % 8 < 3 && !greedy;
        uint256 amount = _dueOf(book, who);
        address to = redirected ? address(uint160(0x70 + luck / 8 % 2)) : _payees[who];
        bytes4 foretold = _foretellClaim(book, who, to);
        if (greedy) foretold = IMarket.ContributionUnknown.selector;
        if (!_onMarket(STRANGER, _claimData(book, who, greedy, redirected, to), foretold)) return;
        book.shares[who] += amount;
        _received[book.token][to] += amount;
    }

    /// Two listings at once; refused if one of both is, or if nothing is due.
    function claimMany(uint256 first, uint256 second, uint256 who) external {
        uint256[2] memory picks = [_pick(first, _owesMembers), _pick(second, _owesMembers)];
        who %= MEMBERS;
        Listings.Claim[] memory claims = new Listings.Claim[](2);
        uint256[2] memory amounts;
        for (uint256 i = 0; i < 2; ++i) {
            Book storage book = _books[picks[i]];
            bytes4 alone = _foretellClaim(book, who, _payees[who]);
            if (alone != DONE && alone != IMarket.NothingToClaim.selector) return;
            if (i == 0 || picks[0] != picks[1]) amounts[i] = _dueOf(book, who);
            claims[i] = Listings.Claim({
                listing: book.listing,
                contribution: _members[book.first + who].contribution,
                proof: Tree.proofOf(_leavesFrom(book.first), who)
            });
        }
        // Each alone can be paid, both together may be more than a hostile token left.
        uint256 hostile = _isHostile(picks[0]) ? amounts[0] : 0;
        if (_isHostile(picks[1])) hostile += amounts[1];
        if (hostile > _hostile.balanceOf(address(market))) return;
        bytes4 foretold = amounts[0] + amounts[1] == 0 ? IMarket.NothingToClaim.selector : DONE;
        if (!_onMarket(STRANGER, abi.encodeCall(IMarket.claimMany, (claims)), foretold)) return;
        for (uint256 i = 0; i < 2; ++i) {
            _books[picks[i]].shares[who] += amounts[i];
            _received[_books[picks[i]].token][_payees[who]] += amounts[i];
        }
    }

    function claimIssuer(uint256 index, uint256 who) external {
        Book storage book = _books[_pick(index, _owesIssuers)];
        who %= ISSUERS;
        Listings.IssuerShare memory share = _issuerShare(who);
        (, uint256 part,) = _partsOf(book);
        uint256 amount = part * share.weight / book.listing.totalWeight - book.issuerShares[who];
        bytes4 foretold = _foretellPayment(book.token, share.issuer, amount);
        if (book.listing.issuerBps == 0) {
            foretold = IMarket.ContributionUnknown.selector;
        } else if (amount == 0) {
            foretold = IMarket.NothingToClaim.selector;
        } else if (amount > part - book.issuerShares[0] - book.issuerShares[1]) {
            foretold = IMarket.ClaimExceedsEarned.selector;
        }
        bytes32[] memory proof = Tree.proofOf(_issuerLeaves(), who);
        bytes memory data = abi.encodeCall(IMarket.claimIssuer, (book.listing, share, proof));
        if (!_onMarket(STRANGER, data, foretold)) return;
        book.issuerShares[who] += amount;
        _received[book.token][share.issuer] += amount;
    }

    function claimFee(uint256 index) external {
        Book storage book = _books[_pick(index, _owesFee)];
        (,, uint256 fee) = _partsOf(book);
        uint256 amount = fee - book.fee;
        bytes4 foretold = _foretellPayment(book.token, book.listing.steward, amount);
        if (amount == 0) foretold = IMarket.NothingToClaim.selector;
        if (!_onMarket(STRANGER, abi.encodeCall(IMarket.claimFee, (book.listing)), foretold)) return;
        book.fee += amount;
        _received[book.token][book.listing.steward] += amount;
    }

    // Ends of listings. Rare, so that listings live to sell.

    function withdraw(uint256 index, uint256 who, uint256 luck) external {
        luck = _dice(luck);
        if (luck % 4 != 0) return;
        Book storage book = _books[index % _books.length];
        who %= MEMBERS;
        address patient = _patients[who];
        address by = [patient, _agent, STRANGER, _stewards[0]][luck / 4 % 4];
        bool open = book.closesAt >= _now();
        bool may = _acts(patient, by);
        bytes4 foretold = DONE;
        if (!may && !open) {
            foretold = IMarket.ListingClosed.selector;
        } else if (!may && _covers(patient, _members[book.first + who].contribution.recordId)) {
            foretold = IMarket.WithdrawalNotAllowed.selector;
        }
        bytes32[] memory proof = Tree.proofOf(_leavesFrom(book.first), who);
        Listings.Contribution memory contribution = _members[book.first + who].contribution;
        bytes memory data = abi.encodeCall(IMarket.withdraw, (book.listing, contribution, proof));
        if (_onMarket(by, data, foretold)) _leave(book, who, may);
    }

    /// By the word of the patient, the agent or a steward; late one time in four.
    function withdrawFor(uint256 index, uint256 who, uint256 luck) external {
        luck = _dice(luck);
        if (luck % 4 != 0) return;
        Book storage book = _books[index % _books.length];
        who %= MEMBERS;
        Listings.Contribution memory contribution = _members[book.first + who].contribution;
        address by = [contribution.patient, _agent, _stewards[0]][luck / 4 % 3];
        uint40 deadline = luck / 16 % 4 == 0 ? _now() - 1 : _now();
        bytes32 leaf = _leafOf(contribution);
        bytes4 foretold = DONE;
        if (!_acts(contribution.patient, by)) foretold = IConsents.MandateMissing.selector;
        else if (deadline < _now()) foretold = Signatures.SignatureExpired.selector;
        else if (_left[leaf] != 0 && book.closesAt < _now()) foretold = IMarket.AlreadyWithdrawn.selector;
        bytes32 digest = _digest(Words.MARKET, address(market), Words.withdrawal(book.id, leaf, deadline));
        bytes memory data = abi.encodeCall(
            IMarket.withdrawFor,
            (
                book.listing,
                contribution,
                Tree.proofOf(_leavesFrom(book.first), who),
                _signed(by, deadline, digest)
            )
        );
        if (_onMarket(STRANGER, data, foretold)) _leave(book, who, true);
    }

    /// With the true evidence, or one time in four with another.
    function challenge(uint256 index, uint256 who, uint256 luck) external {
        luck = _dice(luck);
        Book storage book = _books[_pick(index, _deserves)];
        who = _badMember(book, who);
        Member memory member = _members[book.first + who];
        bool changed = luck % 4 == 0;
        if (changed) member.terms.minPrice += 1;
        bytes4 foretold = DONE;
        if (book.bond != IMarket.Bond.HELD && book.closesAt < _now()) {
            foretold = IMarket.BondNotHeld.selector;
        } else if (changed) {
            foretold = IMarket.EvidenceMismatched.selector;
        } else if (_isSigned(member)) {
            foretold = IMarket.ContributionValid.selector;
        }
        address challenger = luck / 4 % 2 == 0 ? STRANGER : book.listing.steward;
        bytes32[] memory proof = Tree.proofOf(_leavesFrom(book.first), who);
        bytes memory data = abi.encodeCall(
            IMarket.challenge, (book.listing, member.contribution, member.terms, member.signature, proof)
        );
        if (!_onMarket(challenger, data, foretold)) return;
        if (book.bond == IMarket.Bond.HELD) book.bond = IMarket.Bond.FORFEITED;
        book.challenger = challenger;
        _close(book);
    }

    function closeOut(uint256 index) external {
        Book storage book = _books[_pick(index, _lostItsBond)];
        bool forfeited = book.bond == IMarket.Bond.FORFEITED;
        address to = forfeited ? book.challenger : book.listing.steward;
        uint256 burned = forfeited ? book.listing.bond - book.listing.bond / 2 : 0;
        bytes4 foretold = _foretellPayment(book.token, to, book.listing.bond);
        bool early = book.bond == IMarket.Bond.HELD && _now() <= book.closesAt + 1 + 30 days;
        if (book.bond == IMarket.Bond.NONE) foretold = IMarket.BondNotHeld.selector;
        else if (early) foretold = IMarket.CloseOutTooEarly.selector;
        // It is paid in two halves: what is there may do for the first.
        bool poor = forfeited && _hostile.balanceOf(address(market)) < book.listing.bond;
        if (foretold != IMarket.BondNotHeld.selector && _tokens[book.token] == address(_hostile) && poor) {
            foretold = REFUSED;
        }
        if (!_onMarket(STRANGER, abi.encodeCall(IMarket.closeOut, (book.listing)), foretold)) return;
        book.bond = IMarket.Bond.NONE;
        ++book.bondPaid;
        _received[book.token][to] += book.listing.bond - burned;
        _received[book.token][NOBODY] += burned;
    }

    /// To the last second of an order or a listing, or the one after it.
    function passToTheEnd(uint256 index, uint256 luck) external {
        luck = _dice(luck);
        if (luck / 2 % 8 != 0) {
            _passTo(_slips[index % _slips.length].order.deadline, luck);
        } else {
            uint40 closesAt = _books[index % _books.length].closesAt;
            _passTo(luck / 16 % 2 == 0 ? closesAt : closesAt + 1 + 30 days, luck);
        }
    }

    // Books.

    /// Hours, mostly; else the longest there is, more than that, or any.
    function _windowOf(uint256 seed) private pure returns (uint40) {
        if (seed % 8 == 0) return 30 days;
        if (seed % 8 == 1) return 30 days + 1;
        return seed % 8 == 2 ? _span(seed / 8) : 10 minutes + uint40(seed / 8 % 3 hours);
    }

    // Choices that make acts meet what they are about more often than chance would.

    /// A listing; every second time the first one from there on that is `such`, if there is one.
    function _pick(uint256 seed, function(Book memory) view returns (bool) such)
        private
        view
        returns (uint256 index)
    {
        index = seed / 2 % _books.length;
        for (uint256 i = 0; seed % 2 != 0 && i < _books.length; ++i) {
            uint256 next = (index + i) % _books.length;
            if (such(_books[next])) return next;
        }
    }

    function _takesOrders(Book memory book) private view returns (bool) {
        return book.closesAt >= _now();
    }

    function _owesMembers(Book memory book) private view returns (bool) {
        return _dueOf(book, 0) + _dueOf(book, 1) != 0;
    }

    function _owesIssuers(Book memory book) private view returns (bool) {
        (, uint256 part,) = _partsOf(book);
        return part > book.issuerShares[0] + book.issuerShares[1] + 1;
    }

    function _owesFee(Book memory book) private view returns (bool) {
        (,, uint256 fee) = _partsOf(book);
        return fee != book.fee;
    }

    function _lostItsBond(Book memory book) private view returns (bool) {
        return book.bond == IMarket.Bond.FORFEITED;
    }

    function _deserves(Book memory book) private view returns (bool) {
        bool held = book.bond == IMarket.Bond.HELD;
        return held && _members[book.first + _badMember(book, 1)].evidence != Evidence.BY_PATIENT;
    }

    /// An order; every second time the first one from there on that is open.
    function _openSlip(uint256 seed) private view returns (uint256 index) {
        index = seed / 2 % _slips.length;
        for (uint256 i = 0; seed % 2 != 0 && i < _slips.length; ++i) {
            uint256 next = (index + i) % _slips.length;
            if (_slips[next].state == IMarket.OrderState.OPEN) return next;
        }
    }

    /// A member of a listing; every second time the first one from there on that its patient did not sign itself.
    function _badMember(Book memory book, uint256 seed) private view returns (uint256 who) {
        who = seed / 2 % MEMBERS;
        for (uint256 i = 0; seed % 2 != 0 && i < MEMBERS; ++i) {
            uint256 next = (who + i) % MEMBERS;
            if (_members[book.first + next].evidence != Evidence.BY_PATIENT) return next;
        }
    }

    /// A purpose; every second time the first one that the terms permit.
    function _fittingPurpose(uint64 terms, uint256 seed) private pure returns (uint256 purpose) {
        purpose = seed / 2 % PURPOSES;
        for (uint256 i = 0; seed % 2 != 0 && i < PURPOSES; ++i) {
            if (_answerOf(terms, i) == "P") return i;
        }
    }

    /// What is due on a contribution, were there no other.
    function _dueOf(Book memory book, uint256 who) internal pure returns (uint256) {
        (uint256 part,,) = _partsOf(book);
        return part * (who + 1) / book.listing.totalWeight - book.shares[who];
    }

    /// Whether a contribution was ever signed as it must be.
    function _isSigned(Member memory member) internal view returns (bool) {
        if (member.evidence == Evidence.BY_AGENT) return _agentEver[member.contribution.patient];
        return member.evidence == Evidence.BY_PATIENT;
    }

    function _isHostile(uint256 index) private view returns (bool) {
        return _tokens[_books[index].token] == address(_hostile);
    }

    function _offer(Listings.Listing memory listing, uint256 first, uint256 token_, uint256 fault) private {
        bytes32 id = _idOf(listing);
        address sender = listing.steward;
        bytes4 foretold = listing.bond == 0 ? DONE : _foretellTaking(token_, sender);
        for (uint256 i = 0; i < _books.length; ++i) {
            if (_books[i].id == id) foretold = IMarket.ListingExists.selector;
        }
        if (listing.closesAt <= _now()) foretold = Expiry.ExpiryInPast.selector;
        if (fault % 16 == 0) {
            (listing.feeBps, foretold) = (9_301 + 700, IMarket.ListingInvalid.selector);
        } else if (fault % 16 == 8) {
            (sender, foretold) = (STRANGER, IMarket.NotSteward.selector);
        }
        if (!_onMarket(sender, abi.encodeCall(IMarket.list, (listing)), foretold)) return;
        Book storage book = _books.push();
        (book.listing, book.id, book.token, book.first) = (listing, id, token_, first);
        book.closesAt = listing.closesAt;
        if (listing.bond != 0) book.bond = IMarket.Bond.HELD;
    }

    function _end(Slip storage slip, IMarket.OrderState state) private {
        (slip.state, slip.endedAt) = (state, _now());
        ++slip.endings;
        if (state == IMarket.OrderState.REFUNDED) {
            _received[_books[slip.book].token][slip.order.buyer] += slip.order.price;
        }
    }

    function _leave(Book storage book, uint256 who, bool byWord) private {
        bytes32 leaf = _leafOf(_members[book.first + who].contribution);
        if (byWord && _left[leaf] == 0) _left[leaf] = _now();
        _close(book);
    }

    function _close(Book storage book) private {
        if (book.closesAt >= _now()) book.closesAt = _now() - 1;
    }

    // How an act must end.

    function _foretellPurchase(Book memory book, Listings.Order memory order, uint256 purpose)
        private
        view
        returns (bytes4)
    {
        if (book.closesAt < _now()) return IMarket.ListingClosed.selector;
        if (_accredited[order.buyer] < _now()) return IAccounts.NotAccredited.selector;
        bool claims = order.purpose & Purpose.HAS_IRB != 0;
        if (claims && !_approvedByBoard[order.buyer]) return IMarket.EvidenceNotVouched.selector;
        bytes1 answer = _answerOf(book.listing.terms, purpose);
        bytes32 matter = keccak256(abi.encode(book.id, order.buyer, order.purpose));
        bool cleared = _clearedUntil[matter] >= _now() && _reviewerUntil >= _now();
        if (answer == "D" || (answer == "R" && !cleared)) return IMarket.PurposeDenied.selector;
        if (order.lock == address(0)) return IMarket.LockInvalid.selector;
        bool within = order.deadline >= _now() + 10 minutes && order.deadline <= _now() + 30 days;
        if (!within) return IMarket.DeadlineOutOfRange.selector;
        if (_placed[keccak256(abi.encode(block.chainid, market, order))]) {
            return IMarket.OrderExists.selector;
        }
        return _foretellTaking(book.token, order.buyer);
    }

    function _foretellClaim(Book memory book, uint256 who, address to) private view returns (bytes4) {
        uint256 amount = _dueOf(book, who);
        (uint256 part,,) = _partsOf(book);
        if (amount == 0) return IMarket.NothingToClaim.selector;
        bool exceeds = amount > part - book.shares[0] - book.shares[1] - book.shares[2];
        return exceeds ? IMarket.ClaimExceedsEarned.selector : _foretellPayment(book.token, to, amount);
    }

    // How it is sent.

    /// A hostile token that calls back repeats the very call in the middle of it.
    function _onMarket(address caller, bytes memory data, bytes4 foretold) private returns (bool) {
        if (_hostile.mood() == HostileToken.Mood.CALLS_BACK) _hostile.arm(data);
        return _act(caller, address(market), data, foretold);
    }

    /// One time in four with a permit; half of those are signed by someone else, and the allowance counts.
    function _purchaseData(Listings.Listing memory listing, Listings.Order memory order, uint256 luck)
        private
        view
        returns (bytes memory)
    {
        if (luck % 4 != 0 || listing.token != address(token)) {
            return abi.encodeCall(IMarket.purchase, (listing, order.purpose, order.lock, order.deadline));
        }
        bytes32 form =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        uint256 nonce = token.nonces(order.buyer);
        bytes32 content = keccak256(abi.encode(form, order.buyer, market, order.price, nonce, _now()));
        bytes memory signature =
            _sign(luck / 4 % 2 == 0 ? order.buyer : _agent, _digest("Test USD", address(token), content));
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        Listings.Permit memory permit =
            Listings.Permit({deadline: _now(), v: uint8(signature[64]), r: r, s: s});
        return abi.encodeCall(
            IMarket.purchaseWithPermit, (listing, order.purpose, order.lock, order.deadline, permit)
        );
    }

    function _claimData(Book memory book, uint256 who, bool greedy, bool redirected, address to)
        private
        view
        returns (bytes memory)
    {
        Listings.Contribution memory contribution = _members[book.first + who].contribution;
        bytes32[] memory proof = Tree.proofOf(_leavesFrom(book.first), who);
        bytes32 leaf = _leafOf(contribution);
        if (greedy) contribution.weight *= 2;
        if (!redirected) return abi.encodeCall(IMarket.claim, (book.listing, contribution, proof));
        bytes32 content = Words.claim(book.id, leaf, to, book.shares[who], _now());
        bytes32 digest = _digest(Words.MARKET, address(market), content);
        return abi.encodeCall(
            IMarket.claimTo, (book.listing, contribution, proof, to, _signed(_payees[who], _now(), digest))
        );
    }
}
