// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../../contracts/libraries/Purpose.sol";
import {IMarket} from "../../../contracts/market/IMarket.sol";
import {Listings} from "../../../contracts/market/Listings.sol";
import {Market} from "../../../contracts/market/Market.sol";
import {TestToken} from "../../../contracts/mocks/TestToken.sol";
import {Tree} from "./Tree.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Trades at random on a market, with honest stewards and a hostile one, and keeps its own books.
/// @dev The books foretell how each call must end: calls that must fail are made, too, and must fail with that error.
contract MarketHandler is Test {
    uint256 public constant MEMBERS = 3;

    uint256 private constant KINDS = 4;
    uint256 private constant MOST_LISTINGS = 8;
    uint64 private constant TERMS = Purpose.HMB;

    /// What is known of a listing, by the handler's own reckoning.
    struct Book {
        Listings.Listing listing;
        bytes32 id;
        bytes32[MEMBERS] leaves;
        uint256 earned;
        uint256 fees;
        uint256[MEMBERS] shares;
    }

    /// What is known of an order.
    struct Slip {
        Listings.Order order;
        bytes32 id;
        IMarket.OrderState state;
        uint256 endings;
    }

    Market private immutable MARKET;
    TestToken private immutable TOKEN;
    address private immutable BUYER;

    Book[] private _books;
    Slip[] private _slips;

    constructor(Market market, TestToken token, address buyer) {
        (MARKET, TOKEN, BUYER) = (market, token, buyer);
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            _list(kind);
        }
    }

    function purchase(uint256 seed, uint40 window) public {
        Book storage book = _books[seed % _books.length];
        Listings.Listing memory listing = book.listing;
        uint256 secret = _slips.length + 1;
        window = uint40(bound(window, MARKET.MIN_WINDOW(), MARKET.MAX_WINDOW()));
        uint40 deadline = uint40(vm.getBlockTimestamp()) + window;
        (,, uint40 closesAt) = MARKET.stateOf(book.id);
        bool open = closesAt >= vm.getBlockTimestamp();
        if (!open) {
            vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, book.id, closesAt));
        }
        vm.prank(BUYER);
        bytes32 id = MARKET.purchase(listing, TERMS, vm.addr(secret), deadline);
        if (!open) return;
        Slip storage slip = _slips.push();
        slip.order = Listings.Order({
            listing: book.id,
            buyer: BUYER,
            token: address(TOKEN),
            price: listing.price,
            purpose: TERMS,
            lock: vm.addr(secret),
            deadline: deadline
        });
        slip.id = id;
        slip.state = IMarket.OrderState.OPEN;
    }

    /// A purchase that its steward settles at once.
    function sell(uint256 seed, uint40 window) external {
        uint256 before = _slips.length;
        purchase(seed, window);
        if (_slips.length > before) settle(before, 1);
    }

    /// One time in eight with a wrong secret.
    function settle(uint256 seed, uint256 luck) public {
        if (_slips.length == 0) return;
        uint256 index = seed % _slips.length;
        Slip storage slip = _slips[index];
        bool wrong = luck % 8 == 0;
        if (slip.state != IMarket.OrderState.OPEN) {
            _expectNotOpen(slip);
        } else if (slip.order.deadline < vm.getBlockTimestamp()) {
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.DeadlinePassed.selector, slip.id, slip.order.deadline)
            );
        } else if (wrong) {
            vm.expectRevert(abi.encodeWithSelector(IMarket.WrongSecret.selector, slip.id));
        } else {
            _end(slip, IMarket.OrderState.SETTLED);
            _bookOf(slip.order.listing).earned += slip.order.price;
        }
        MARKET.settle(slip.order, wrong ? index + 2 : index + 1);
    }

    function refund(uint256 seed) external {
        if (_slips.length == 0) return;
        Slip storage slip = _slips[seed % _slips.length];
        if (slip.state != IMarket.OrderState.OPEN) {
            _expectNotOpen(slip);
        } else if (slip.order.deadline >= vm.getBlockTimestamp()) {
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.DeadlineNotReached.selector, slip.id, slip.order.deadline)
            );
        } else {
            _end(slip, IMarket.OrderState.REFUNDED);
        }
        MARKET.refund(slip.order);
    }

    function claim(uint256 seed, uint256 member) external {
        member %= MEMBERS;
        Book storage book = _books[seed % _books.length];
        Listings.Listing memory listing = book.listing;
        uint256 part = book.earned - book.earned * listing.feeBps / 10_000;
        uint256 amount = part * (member + 1) / listing.totalWeight - book.shares[member];
        uint256 available = part - book.shares[0] - book.shares[1] - book.shares[2];
        if (amount == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.NothingToClaim.selector, book.id, book.leaves[member])
            );
        } else if (amount > available) {
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.ClaimExceedsEarned.selector, book.id, amount, available)
            );
        } else {
            book.shares[member] += amount;
        }
        MARKET.claim(listing, contributionOf(listing, member), proofOf(book, member));
    }

    function claimFee(uint256 seed) external {
        Book storage book = _books[seed % _books.length];
        uint256 amount = book.earned * book.listing.feeBps / 10_000 - book.fees;
        if (amount == 0) {
            vm.expectRevert(abi.encodeWithSelector(IMarket.NothingToClaim.selector, book.id, bytes32(0)));
        }
        book.fees += amount;
        MARKET.claimFee(book.listing);
    }

    /// One time in eight, so that listings live long enough to sell. No patient here has a consent on chain, so
    /// anyone may send it while the listing is open. The steward lists anew what was closed.
    function withdraw(uint256 seed, uint256 member, bool byPatient) external {
        if (seed % 8 != 0 || _books.length == MOST_LISTINGS) return;
        member %= MEMBERS;
        Book storage book = _books[seed / 8 % _books.length];
        Listings.Listing memory listing = book.listing;
        Listings.Contribution memory contribution = contributionOf(listing, member);
        (,, uint40 closesAt) = MARKET.stateOf(book.id);
        bool open = closesAt >= vm.getBlockTimestamp();
        if (byPatient) {
            vm.prank(contribution.patient);
        } else if (!open) {
            vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, book.id, closesAt));
        }
        MARKET.withdraw(listing, contribution, proofOf(book, member));
        if (open) _list(uint256(listing.salt) % KINDS);
    }

    function pass(uint32 time) external {
        skip(bound(time, 1, 2 days));
    }

    function books() external view returns (Book[] memory) {
        return _books;
    }

    function slips() external view returns (Slip[] memory) {
        return _slips;
    }

    /// Contribution number `member` of a listing, of weight `member` + 1.
    function contributionOf(Listings.Listing memory listing, uint256 member)
        public
        pure
        returns (Listings.Contribution memory)
    {
        bytes32 tag = keccak256(abi.encode(listing.salt, member));
        return Listings.Contribution({
            patient: address(uint160(uint256(tag))),
            payee: address(uint160(uint256(tag) >> 1)),
            recordId: tag,
            keyCommitment: tag,
            weight: uint96(member + 1),
            consentDigest: tag
        });
    }

    function proofOf(Book memory book, uint256 member) public pure returns (bytes32[] memory) {
        return Tree.proofOf(_items(book.leaves), member);
    }

    /// Kinds: 0 honest, 1 honest at a price that does not divide, 2 hostile (weights sum to thrice the total), 3 all
    /// for the steward.
    function _list(uint256 kind) private {
        Book storage book = _books.push();
        Listings.Listing memory listing;
        listing.salt = bytes32(_books.length * KINDS + kind);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            book.leaves[i] = MARKET.leafOf(contributionOf(listing, i));
        }
        listing.steward = address(uint160(0x57E0 + kind));
        listing.root = Tree.rootOf(_items(book.leaves));
        listing.token = address(TOKEN);
        listing.price = kind == 1 ? 7_777_777_777 : 1_000_000;
        listing.totalWeight = kind == 2 ? 2 : 6;
        listing.terms = TERMS;
        listing.feeBps = kind == 3 ? 10_000 : 333;
        listing.closesAt = uint40(vm.getBlockTimestamp() + 3650 days);
        book.listing = listing;
        vm.prank(listing.steward);
        book.id = MARKET.list(listing);
    }

    function _items(bytes32[MEMBERS] memory leaves) private pure returns (bytes32[] memory items) {
        items = new bytes32[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            items[i] = leaves[i];
        }
    }

    function _bookOf(bytes32 listing) private view returns (Book storage book) {
        uint256 i = 0;
        while (_books[i].id != listing) {
            ++i;
        }
        return _books[i];
    }

    function _end(Slip storage slip, IMarket.OrderState state) private {
        slip.state = state;
        ++slip.endings;
    }

    function _expectNotOpen(Slip storage slip) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.OrderNotOpen.selector, slip.id, slip.state));
    }
}
