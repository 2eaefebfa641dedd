// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../../contracts/market/IMarket.sol";
import {Tree} from "../support/Tree.sol";
import {HostileToken} from "./handlers/HostileToken.sol";
import {MarketHandler} from "./handlers/MarketHandler.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice What must hold of orders, money, bonds and listings after any acts (tests/contracts/invariants/README.md).
contract MarketInvariants is MarketHandler {
    function setUp() public override {
        super.setUp();
        bytes4[] memory acts = new bytes4[](29);
        acts[0] = this.list.selector;
        acts[1] = this.listAgain.selector;
        acts[2] = this.purchase.selector;
        acts[3] = this.sell.selector;
        acts[4] = this.sell.selector;
        acts[5] = this.settle.selector;
        acts[6] = this.refund.selector;
        acts[7] = this.claim.selector;
        acts[8] = this.claimMany.selector;
        acts[9] = this.claimIssuer.selector;
        acts[10] = this.claimFee.selector;
        acts[11] = this.withdraw.selector;
        acts[12] = this.withdrawFor.selector;
        acts[13] = this.challenge.selector;
        acts[14] = this.closeOut.selector;
        acts[15] = this.consentToSale.selector;
        acts[16] = this.bar.selector;
        acts[17] = this.appoint.selector;
        acts[18] = this.accreditBuyer.selector;
        acts[19] = this.accreditReviewer.selector;
        acts[20] = this.clear.selector;
        acts[21] = this.spoil.selector;
        acts[22] = this.blockAccount.selector;
        acts[23] = this.confiscate.selector;
        acts[24] = this.donate.selector;
        acts[25] = this.passToTheEnd.selector;
        acts[26] = this.pass.selector;
        acts[27] = this.challenge.selector;
        acts[28] = this.appoint.selector;
        _target(acts);
    }

    function invariant_market() public {
        _theBalanceIsEscrowAndOwedAndBonds();
        for (uint256 i = 0; i < _slips.length; ++i) {
            _anOrderEndsOnce(_slips[i]);
            _noMoneyWithoutTheSecretNorBackBeforeTime(_slips[i]);
        }
        for (uint256 i = 0; i < _books.length; ++i) {
            Book memory book = _books[i];
            (uint256 earned, uint256 paid, uint40 closesAt, IMarket.Bond bond) = market.stateOf(book.id);
            _aListingEarnsWhatItsSettledOrdersPaid(book, earned);
            _nobodyIsPaidMoreThanItsWeight(book);
            _noPartEatsAnother(book, paid);
            _aBondLeavesOnce(book, bond);
            _onlyABadContributionForfeits(book);
            _aClosedListingStaysClosed(book, closesAt);
            _onlyItsPatientsWordMarksAContribution(book);
        }
        _whatWasPaidArrived();
    }

    /// The hostile token comes to its senses and makes good; then every order ends and all that is due is claimed.
    function afterInvariant() public {
        invariant_market();
        _hostile.turn(HostileToken.Mood.HONEST);
        address[4] memory accounts_ = [address(market), _payees[0], _stewards[0], _buyers[0]];
        for (uint256 i = 0; i < 4; ++i) {
            _hostile.setBlocked(accounts_[i], false);
        }
        _hostile.mint(address(market), _confiscated);
        vm.warp(2 ** 39);
        for (uint256 i = 0; i < _slips.length; ++i) {
            if (_slips[i].state == IMarket.OrderState.OPEN) market.refund(_slips[i].order);
        }
        uint256[TOKENS] memory left;
        for (uint256 i = 0; i < _books.length; ++i) {
            left[_books[i].token] += _leftOf(_books[i]);
        }
        for (uint256 i = 0; i < TOKENS; ++i) {
            _hold(29, IERC20(_tokens[i]).balanceOf(address(market)) == left[i] + _donated[i]);
        }
    }

    function _theBalanceIsEscrowAndOwedAndBonds() private view {
        uint256[TOKENS] memory held;
        for (uint256 i = 0; i < _slips.length; ++i) {
            bool open = _slips[i].state == IMarket.OrderState.OPEN;
            if (open) held[_books[_slips[i].book].token] += _slips[i].order.price;
        }
        for (uint256 i = 0; i < _books.length; ++i) {
            (uint256 earned, uint256 paid,, IMarket.Bond bond) = market.stateOf(_books[i].id);
            held[_books[i].token] += earned - paid;
            if (bond != IMarket.Bond.NONE) held[_books[i].token] += _books[i].listing.bond;
        }
        for (uint256 i = 0; i < TOKENS; ++i) {
            uint256 taken = _tokens[i] == address(_hostile) ? _confiscated : 0;
            uint256 balance = IERC20(_tokens[i]).balanceOf(address(market));
            _hold(19, balance + taken == held[i] + _donated[i]);
        }
    }

    function _anOrderEndsOnce(Slip memory slip) private view {
        _hold(20, market.orderState(slip.id) == slip.state);
        _hold(20, slip.endings == (slip.state == IMarket.OrderState.OPEN ? 0 : 1));
    }

    /// What comes of these calls is forgotten with the check.
    function _noMoneyWithoutTheSecretNorBackBeforeTime(Slip memory slip) private {
        if (slip.state == IMarket.OrderState.SETTLED) _hold(21, slip.endedAt <= slip.order.deadline);
        if (slip.state == IMarket.OrderState.REFUNDED) _hold(21, slip.endedAt > slip.order.deadline);
        bool open = slip.state == IMarket.OrderState.OPEN;
        _hold(21, !_works(abi.encodeCall(IMarket.settle, (slip.order, slip.secret + N))));
        _hold(21, !_works(abi.encodeCall(IMarket.settle, (slip.order, slip.secret + 1))));
        if (!open) _hold(21, !_works(abi.encodeCall(IMarket.settle, (slip.order, slip.secret))));
        bool early = slip.order.deadline >= block.timestamp;
        if (!open || early) _hold(21, !_works(abi.encodeCall(IMarket.refund, (slip.order))));
    }

    function _works(bytes memory data) private returns (bool done) {
        (done,) = address(market).call(data);
    }

    function _aListingEarnsWhatItsSettledOrdersPaid(Book memory book, uint256 earned) private view {
        uint256 paid = 0;
        for (uint256 i = 0; i < _slips.length; ++i) {
            bool settled = _slips[i].state == IMarket.OrderState.SETTLED;
            if (settled && _slips[i].order.listing == book.id) paid += book.listing.price;
        }
        _hold(22, earned == paid && earned == book.earned);
    }

    function _nobodyIsPaidMoreThanItsWeight(Book memory book) private view {
        (uint256 members, uint256 issuers,) = _partsOf(book);
        bytes32[] memory leaves = _leavesFrom(book.first);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 share = market.claimed(book.id, leaves[i]);
            _hold(23, share == book.shares[i] && share * book.listing.totalWeight <= members * (i + 1));
        }
        leaves = _issuerLeaves();
        for (uint256 i = 0; i < ISSUERS; ++i) {
            uint256 share = market.claimed(book.id, leaves[i]);
            _hold(23, share == book.issuerShares[i]);
            _hold(23, share * book.listing.totalWeight <= issuers * _issuerShare(i).weight);
        }
    }

    function _noPartEatsAnother(Book memory book, uint256 paid) private view {
        (uint256 members, uint256 issuers, uint256 fee) = _partsOf(book);
        uint256 toMembers = book.shares[0] + book.shares[1] + book.shares[2];
        uint256 toIssuers = book.issuerShares[0] + book.issuerShares[1];
        _hold(24, toMembers <= members && toIssuers <= issuers && book.fee <= fee);
        _hold(24, paid == toMembers + toIssuers + book.fee && paid <= book.earned);
        _hold(24, market.feeDue(book.listing) == fee - book.fee);
    }

    function _aBondLeavesOnce(Book memory book, IMarket.Bond bond) private view {
        _hold(25, bond == book.bond);
        uint256 left = book.listing.bond != 0 && bond == IMarket.Bond.NONE ? 1 : 0;
        _hold(25, book.bondPaid == left);
        for (uint256 i = 0; left == 1 && book.challenger == address(0) && i < _slips.length; ++i) {
            bool open = _slips[i].state == IMarket.OrderState.OPEN;
            bool settles = open && _slips[i].order.deadline >= block.timestamp;
            _hold(25, !settles || _slips[i].order.listing != book.id);
        }
    }

    function _onlyABadContributionForfeits(Book memory book) private view {
        address challenger = market.challengerOf(book.id);
        _hold(26, challenger == book.challenger);
        if (challenger == address(0)) return;
        bool bad = false;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            bad = bad || _members[book.first + i].evidence != Evidence.BY_PATIENT;
        }
        _hold(26, bad);
    }

    function _aClosedListingStaysClosed(Book memory book, uint40 closesAt) private pure {
        _hold(27, closesAt == book.closesAt && closesAt <= book.listing.closesAt);
    }

    function _onlyItsPatientsWordMarksAContribution(Book memory book) private view {
        bytes32[] memory leaves = _leavesFrom(book.first);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _hold(28, market.withdrawnAt(leaves[i]) == _left[leaves[i]]);
        }
    }

    /// Honest tokens only: a hostile one takes its fee. Buyers and stewards began with all there is.
    function _whatWasPaidArrived() private view {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 who = 0; who < MEMBERS; ++who) {
                _hold(30, IERC20(_tokens[i]).balanceOf(_payees[who]) == _received[i][_payees[who]]);
            }
            for (uint256 who = 0; who < ISSUERS; ++who) {
                address issuer = _issuerShare(who).issuer;
                _hold(30, IERC20(_tokens[i]).balanceOf(issuer) == _received[i][issuer]);
                address other = address(uint160(0x70 + who));
                _hold(30, IERC20(_tokens[i]).balanceOf(other) == _received[i][other]);
            }
            _hold(30, IERC20(_tokens[i]).balanceOf(NOBODY) == _received[i][NOBODY]);
            for (uint256 who = 0; who < 2; ++who) {
                _hold(30, IERC20(_tokens[i]).balanceOf(_buyers[who]) == _leftTo(i, _buyers[who]));
                _hold(30, IERC20(_tokens[i]).balanceOf(_stewards[who]) == _leftTo(i, _stewards[who]));
            }
            _hold(30, IERC20(_tokens[i]).balanceOf(STRANGER) == _received[i][STRANGER]);
        }
    }

    /// What an account began with, less what it paid, with what it was paid.
    function _leftTo(uint256 token_, address account) private view returns (uint256 left) {
        left = type(uint120).max + _received[token_][account];
        for (uint256 i = 0; i < _slips.length; ++i) {
            bool paid = _slips[i].order.buyer == account && _books[_slips[i].book].token == token_;
            if (paid) left -= _slips[i].order.price;
        }
        for (uint256 i = 0; i < _books.length; ++i) {
            Book memory book = _books[i];
            if (book.listing.steward == account && book.token == token_) left -= book.listing.bond;
        }
    }

    /// Claims all that is due; returns what stays: less than one unit for each share if the weights add up.
    function _leftOf(Book memory book) private returns (uint256 left) {
        if (market.feeDue(book.listing) != 0) market.claimFee(book.listing);
        if (book.bond != IMarket.Bond.NONE) market.closeOut(book.listing);
        bool exact = book.listing.totalWeight == 6;
        bytes32[] memory leaves = _leavesFrom(book.first);
        for (uint256 i = 0; exact && i < MEMBERS; ++i) {
            if (_dueOf(book, i) == 0) continue;
            market.claim(book.listing, _members[book.first + i].contribution, Tree.proofOf(leaves, i));
        }
        for (uint256 i = 0; exact && i < ISSUERS && book.listing.issuerBps != 0; ++i) {
            if (market.issuerDue(book.listing, _issuerShare(i)) == 0) continue;
            market.claimIssuer(book.listing, _issuerShare(i), Tree.proofOf(_issuerLeaves(), i));
        }
        (uint256 earned, uint256 paid,,) = market.stateOf(book.id);
        left = earned - paid;
        _hold(29, !exact || left < MEMBERS + ISSUERS);
    }
}
