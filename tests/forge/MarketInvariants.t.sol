// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketHandler} from "./support/MarketHandler.sol";
import {World} from "./support/World.sol";

/// What must hold after any sequence of purchases, settlements, refunds, claims and withdrawals, with one steward
/// among several whose weights exceed its total weight:
/// 1. Over all listings and orders, sum(earned - paid) + open orders is the market's balance.
/// 2. An order ends once, in the state its ending gave it.
/// 3. No contribution is paid more than weight / total weight of the contributors' part.
/// 4. Contributors together are never paid more than earned - fee, the steward never more than the fee.
/// 5. What was paid arrived: each payee holds its share.
/// 6. In the end all that is due on honest listings can be paid, and open orders can be refunded.
contract MarketInvariants is World {
    MarketHandler private handler;

    function setUp() public override {
        super.setUp();
        accredit(RESEARCHER, IAccounts.Role.RESEARCHER, type(uint40).max);
        token.mint(RESEARCHER, type(uint128).max);
        vm.prank(RESEARCHER);
        token.approve(address(market), type(uint256).max);
        handler = new MarketHandler(market, token, RESEARCHER);
        bytes4[] memory actions = new bytes4[](8);
        actions[0] = handler.purchase.selector;
        actions[1] = handler.sell.selector;
        actions[2] = handler.settle.selector;
        actions[3] = handler.refund.selector;
        actions[4] = handler.claim.selector;
        actions[5] = handler.claimFee.selector;
        actions[6] = handler.withdraw.selector;
        actions[7] = handler.pass.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: actions}));
    }

    function invariant_market_pays_what_it_owes_and_no_more() public view {
        uint256 owed = _assertOrders();
        MarketHandler.Book[] memory books = handler.books();
        for (uint256 i = 0; i < books.length; ++i) {
            owed += _assertListing(books[i]);
        }
        assertEq(token.balanceOf(address(market)), owed);
    }

    /// Ends every order and claims all that is due: dust is left, and what a hostile listing cannot pay out.
    function afterInvariant() public {
        skip(market.MAX_WINDOW() + 1);
        MarketHandler.Slip[] memory slips = handler.slips();
        for (uint256 i = 0; i < slips.length; ++i) {
            if (slips[i].state == IMarket.OrderState.OPEN) market.refund(slips[i].order);
        }
        uint256 left = 0;
        MarketHandler.Book[] memory books = handler.books();
        for (uint256 i = 0; i < books.length; ++i) {
            MarketHandler.Book memory book = books[i];
            if (market.feeDue(book.listing) > 0) market.claimFee(book.listing);
            bool honest = book.listing.totalWeight == 6;
            for (uint256 member = 0; honest && member < book.leaves.length; ++member) {
                Listings.Contribution memory contribution = handler.contributionOf(book.listing, member);
                if (market.due(book.listing, contribution) > 0) {
                    market.claim(book.listing, contribution, handler.proofOf(book, member));
                }
            }
            (uint104 earned, uint104 paid,) = market.stateOf(book.id);
            if (honest) assertLt(earned - paid, book.leaves.length);
            left += earned - paid;
        }
        assertEq(token.balanceOf(address(market)), left);
    }

    /// Returns what open orders hold.
    function _assertOrders() private view returns (uint256 held) {
        MarketHandler.Slip[] memory slips = handler.slips();
        for (uint256 i = 0; i < slips.length; ++i) {
            IMarket.OrderState state = market.orderState(slips[i].id);
            assertEq(uint8(state), uint8(slips[i].state));
            assertEq(slips[i].endings, state == IMarket.OrderState.OPEN ? 0 : 1);
            if (state == IMarket.OrderState.OPEN) held += slips[i].order.price;
        }
    }

    /// Returns what the listing earned and did not pay.
    function _assertListing(MarketHandler.Book memory book) private view returns (uint256) {
        (uint104 earned, uint104 paid,) = market.stateOf(book.id);
        uint256 fee = uint256(earned) * book.listing.feeBps / 10_000;
        uint256 shared = 0;
        for (uint256 member = 0; member < book.leaves.length; ++member) {
            uint256 share = market.claimed(book.id, book.leaves[member]);
            assertEq(share, book.shares[member]);
            assertLe(share * book.listing.totalWeight, (earned - fee) * (member + 1));
            assertEq(token.balanceOf(handler.contributionOf(book.listing, member).payee), share);
            shared += share;
        }
        assertLe(shared, earned - fee);
        assertLe(book.fees, fee);
        assertEq(earned, book.earned);
        assertEq(paid, shared + book.fees);
        return earned - paid;
    }
}
