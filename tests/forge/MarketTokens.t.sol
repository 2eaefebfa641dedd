// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {FeeToken} from "../../contracts/mocks/FeeToken.sol";
import {LyingToken} from "../../contracts/mocks/LyingToken.sol";
import {NoReturnToken} from "../../contracts/mocks/NoReturnToken.sol";
import {ReentrantToken} from "../../contracts/mocks/ReentrantToken.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// Runs the calls it was given, in the middle of a token's transfer, in its own name.
contract Intruder {
    function run(address market, bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            Address.functionCall(market, calls[i]);
        }
    }

    function approve(IERC20 token, address market) external {
        token.approve(market, type(uint256).max);
    }
}

contract MarketTokensTest is MarketWorld {
    ReentrantToken private hooked;
    Intruder private intruder;
    bytes[] private calls;

    function setUp() public override {
        super.setUp();
        hooked = new ReentrantToken();
        intruder = new Intruder();
        accredit(address(intruder), IAccounts.Role.RESEARCHER, LATER);
        intruder.approve(hooked, address(market));
        hooked.mint(address(intruder), 100 * uint256(PRICE));
        hooked.mint(RESEARCHER, 100 * uint256(PRICE));
        vm.prank(RESEARCHER);
        hooked.approve(address(market), type(uint256).max);
    }

    function test_token_that_returns_nothing_works_in_every_action() public {
        NoReturnToken plain = new NoReturnToken();
        plain.mint(RESEARCHER, 2 * uint256(PRICE));
        vm.prank(RESEARCHER);
        plain.approve(address(market), type(uint256).max);
        Listings.Listing memory listing = _listedIn(address(plain));
        sell(listing, 1);
        Listings.Order memory order = purchase(listing, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        assertEq(plain.balanceOf(RESEARCHER), PRICE);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 amount = market.claim(listing, contributions[i], proofOf(i));
            assertEq(plain.balanceOf(contributions[i].payee), amount);
        }
        assertEq(market.claimFee(listing), plain.balanceOf(STEWARD));
    }

    function test_purchase_reverts_when_token_takes_a_fee() public {
        FeeToken greedy = new FeeToken();
        greedy.mint(RESEARCHER, PRICE);
        vm.prank(RESEARCHER);
        greedy.approve(address(market), PRICE);
        Listings.Listing memory listing = _listedIn(address(greedy));
        _expectMisbehaved(address(greedy), PRICE - PRICE / 100);
        purchase(listing, SECRET);
    }

    function test_purchase_reverts_when_token_moves_nothing() public {
        LyingToken liar = new LyingToken(LyingToken.Lie.MOVES_NOTHING);
        Listings.Listing memory listing = _listedIn(address(liar));
        _expectMisbehaved(address(liar), 0);
        purchase(listing, SECRET);
    }

    function test_purchase_reverts_when_token_returns_false() public {
        LyingToken liar = new LyingToken(LyingToken.Lie.RETURNS_FALSE);
        Listings.Listing memory listing = _listedIn(address(liar));
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(liar)));
        purchase(listing, SECRET);
    }

    function test_purchase_reverts_when_token_takes_from_the_market() public {
        LyingToken liar = new LyingToken(LyingToken.Lie.TAKES);
        liar.mint(address(market), PRICE);
        Listings.Listing memory listing = _listedIn(address(liar));
        _expectMisbehaved(address(liar), 0);
        purchase(listing, SECRET);
    }

    function test_purchase_reverts_when_token_enters_another_purchase() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory inner = orderOf(listing, 2);
        calls.push(abi.encodeCall(IMarket.purchase, (listing, inner.purpose, inner.lock, inner.deadline)));
        _arm();
        _expectMisbehaved(address(hooked), 2 * uint256(PRICE));
        purchase(listing, 1);
    }

    function test_purchase_reverts_when_token_enters_a_refund() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory old = purchase(listing, 1);
        vm.warp(old.deadline + 1);
        calls.push(abi.encodeCall(IMarket.refund, (old)));
        _arm();
        _expectMisbehaved(address(hooked), 0);
        purchase(listing, 2);
    }

    function test_purchase_reverts_when_token_settles_and_claims_before_it_pays() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        Listings.Order memory order = orderOf(listing, 2);
        calls.push(abi.encodeCall(IMarket.settle, (order, 2)));
        calls.push(abi.encodeCall(IMarket.claim, (listing, contributions[0], proofOf(0))));
        _arm();
        uint256 earned = 2 * uint256(PRICE);
        uint256 claimed = (earned - earned * FEE_BPS / 10_000) / 6;
        _expectMisbehaved(address(hooked), PRICE - claimed);
        purchase(listing, 2);
    }

    /// An old order refunded and a new one paid in between leave the balance as it was: nothing is lost.
    function test_purchase_given_a_reentry_that_balances() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory old = purchase(listing, 1);
        vm.warp(old.deadline + 1);
        Listings.Order memory inner = orderOf(listing, 2);
        calls.push(abi.encodeCall(IMarket.purchase, (listing, inner.purpose, inner.lock, inner.deadline)));
        calls.push(abi.encodeCall(IMarket.refund, (old)));
        _arm();
        purchase(listing, 3);
        assertEq(hooked.balanceOf(address(market)), 2 * uint256(PRICE));
    }

    function test_claim_reverts_when_token_enters_the_same_claim() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        calls.push(abi.encodeCall(IMarket.claim, (listing, contributions[0], proofOf(0))));
        _arm();
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leafOf(contributions[0]))
        );
        market.claim(listing, contributions[0], proof);
    }

    function test_claimFee_reverts_when_token_enters_the_same_claim() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        calls.push(abi.encodeCall(IMarket.claimFee, (listing)));
        _arm();
        vm.expectRevert(abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), bytes32(0)));
        market.claimFee(listing);
    }

    function test_refund_reverts_when_token_enters_the_same_refund() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory order = purchase(listing, 1);
        vm.warp(order.deadline + 1);
        calls.push(abi.encodeCall(IMarket.refund, (order)));
        _arm();
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.OrderNotOpen.selector, idOf(order), IMarket.OrderState.REFUNDED)
        );
        market.refund(order);
    }

    function _listedIn(address paidIn) private returns (Listings.Listing memory listing) {
        listing = offer();
        listing.token = paidIn;
        list(listing);
    }

    function _arm() private {
        hooked.arm(address(intruder), abi.encodeCall(Intruder.run, (address(market), calls)));
    }

    function _expectMisbehaved(address liar, uint256 received) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.TokenMisbehaved.selector, liar, PRICE, received));
    }
}
