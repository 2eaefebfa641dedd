// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {FeeToken} from "../../contracts/mocks/FeeToken.sol";
import {LyingToken} from "../../contracts/mocks/LyingToken.sol";
import {NoReturnToken} from "../../contracts/mocks/NoReturnToken.sol";
import {PausingToken} from "../../contracts/mocks/PausingToken.sol";
import {RebasingToken} from "../../contracts/mocks/RebasingToken.sol";
import {ReentrantToken} from "../../contracts/mocks/ReentrantToken.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

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

/// Each token here is refused, or harms those only who chose it: an honest listing stands beside it and loses nothing.
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
        hooked.mint(address(intruder), 100 * uint256(BOND));
        fund(address(hooked), RESEARCHER);
        fund(address(hooked), STEWARD);
    }

    // --- a token that returns nothing ---------------------------------------------------------

    function test_token_that_returns_nothing_works_in_every_action() public {
        NoReturnToken plain = new NoReturnToken();
        Listings.Listing memory listing = _bondedIn(address(plain));
        sell(listing, 1);
        uint256 before = plain.balanceOf(RESEARCHER);
        Listings.Order memory order = purchase(listing, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        assertEq(plain.balanceOf(RESEARCHER), before);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 amount = claim(listing, i);
            assertEq(plain.balanceOf(contributions[i].payee), amount);
        }
        for (uint256 i = 0; i < 2; ++i) {
            uint256 amount = market.claimIssuer(listing, issuers[i], issuerProofOf(i));
            assertEq(plain.balanceOf(issuers[i].issuer), amount);
        }
        uint256 held = plain.balanceOf(STEWARD);
        uint256 fee = market.claimFee(listing);
        _challenge(listing);
        market.closeOut(listing);
        assertEq(plain.balanceOf(STEWARD), held + fee);
        assertEq(plain.balanceOf(STRANGER), BOND / 2);
        assertEq(plain.balanceOf(NOBODY), BOND - BOND / 2);
    }

    // --- tokens that are refused --------------------------------------------------------------

    function test_purchase_reverts_when_token_takes_a_fee() public {
        FeeToken greedy = new FeeToken();
        fund(address(greedy), RESEARCHER);
        Listings.Listing memory listing = _listedIn(address(greedy));
        _expectMisbehaved(address(greedy), PRICE, PRICE - PRICE / 100);
        purchase(listing, SECRET);
    }

    function test_list_reverts_when_token_takes_a_fee_of_the_bond() public {
        FeeToken greedy = new FeeToken();
        fund(address(greedy), STEWARD);
        Listings.Listing memory listing = offer();
        listing.token = address(greedy);
        _expectMisbehaved(address(greedy), BOND, BOND - BOND / 100);
        list(listing);
    }

    function test_purchase_reverts_when_token_moves_nothing() public {
        LyingToken liar = new LyingToken(LyingToken.Lie.MOVES_NOTHING);
        Listings.Listing memory listing = _listedIn(address(liar));
        _expectMisbehaved(address(liar), PRICE, 0);
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
        _expectMisbehaved(address(liar), PRICE, 0);
        purchase(listing, SECRET);
    }

    function test_list_reverts_when_token_lies_about_the_bond() public {
        for (uint8 lie = 0; lie <= uint8(type(LyingToken.Lie).max); ++lie) {
            LyingToken liar = new LyingToken(LyingToken.Lie(lie));
            liar.mint(address(market), BOND);
            Listings.Listing memory listing = offer();
            listing.token = address(liar);
            if (LyingToken.Lie(lie) == LyingToken.Lie.RETURNS_FALSE) {
                vm.expectRevert(
                    abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(liar))
                );
            } else {
                _expectMisbehaved(address(liar), BOND, 0);
            }
            list(listing);
        }
    }

    // --- tokens that turn against their holders later -----------------------------------------

    /// Nothing moves while the token stands still, nothing is lost, and what moves no token goes on: a challenge and a
    /// withdrawal still close the listing.
    function test_token_that_pauses_holds_back_its_own() public {
        Listings.Listing memory honest = _honest();
        PausingToken coin = new PausingToken();
        Listings.Listing memory listing = _bondedIn(address(coin));
        sell(listing, 1);
        Listings.Order memory late = purchase(listing, 2);
        Listings.Order memory open = purchase(listing, 3);
        coin.pause();
        bytes32[] memory proof = proofOf(0);
        bytes memory paused = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        vm.expectRevert(paused);
        purchase(listing, 4);
        vm.expectRevert(paused);
        market.claim(listing, contributions[0], proof);
        vm.expectRevert(paused);
        market.claimFee(listing);
        market.settle(open, 3);
        _challenge(listing);
        vm.expectRevert(paused);
        market.closeOut(listing);
        vm.warp(late.deadline + 1);
        vm.expectRevert(paused);
        market.refund(late);
        assertListing(idOf(listing), 2 * uint256(PRICE), 0, NOW - 1);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
        _assertPaysInFull(honest);
        coin.unpause();
        market.closeOut(listing);
        assertEq(coin.balanceOf(STRANGER), BOND / 2);
        market.refund(late);
        claim(listing, 0);
    }

    /// Whoever is on the list has nothing; everyone else has theirs. A challenger on it cannot keep the listing open.
    function test_token_that_blocks_a_payee_or_the_challenger() public {
        BlockingToken coin = new BlockingToken();
        Listings.Listing memory listing = _bondedIn(address(coin));
        sell(listing, 1);
        coin.setBlocked(contributions[0].payee, true);
        coin.setBlocked(STRANGER, true);
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, contributions[0].payee));
        market.claim(listing, contributions[0], proof);
        claim(listing, 1);
        claim(listing, 2);
        market.claimFee(listing);
        _challenge(listing);
        uint256 part = contributorsPartOf(PRICE);
        assertListing(idOf(listing), PRICE, part * 2 / 6 + part * 3 / 6 + feeOf(PRICE), NOW - 1);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, STRANGER));
        market.closeOut(listing);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
        coin.setBlocked(STRANGER, false);
        market.closeOut(listing);
        assertEq(coin.balanceOf(STRANGER), BOND / 2);
    }

    function test_token_that_blocks_the_market_holds_back_its_own() public {
        Listings.Listing memory honest = _honest();
        BlockingToken coin = new BlockingToken();
        Listings.Listing memory listing = _bondedIn(address(coin));
        Listings.Order memory order = purchase(listing, 1);
        coin.setBlocked(address(market), true);
        bytes memory blocked = abi.encodeWithSelector(BlockingToken.Blocked.selector, address(market));
        vm.expectRevert(blocked);
        purchase(listing, 2);
        market.settle(order, 1);
        vm.expectRevert(blocked);
        market.claimFee(listing);
        withdraw(listing);
        _assertPaysInFull(honest);
    }

    /// What a token takes from the market is missing in that token only, and whoever comes last bears it.
    function test_token_that_shrinks_harms_its_own() public {
        Listings.Listing memory honest = _honest();
        RebasingToken coin = new RebasingToken();
        Listings.Listing memory listing = _bondedIn(address(coin));
        Listings.Order memory order = purchase(listing, 1);
        coin.rebase(address(market), 1);
        vm.warp(order.deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector,
                address(market),
                (uint256(BOND) + PRICE) / 100,
                PRICE
            )
        );
        market.refund(order);
        coin.mint(address(market), PRICE);
        market.refund(order);
        _assertPaysInFull(honest);
    }

    /// What a token adds is a donation: no one can claim it.
    function test_token_that_grows_pays_nobody_more() public {
        RebasingToken coin = new RebasingToken();
        Listings.Listing memory listing = _bondedIn(address(coin));
        sell(listing, 1);
        coin.rebase(address(market), 300);
        assertEq(claim(listing, 2), contributorsPartOf(PRICE) * 3 / 6);
        assertEq(market.claimFee(listing), feeOf(PRICE));
        assertListing(
            idOf(listing), PRICE, contributorsPartOf(PRICE) * 3 / 6 + feeOf(PRICE), listing.closesAt
        );
    }

    // --- tokens that call back ----------------------------------------------------------------

    function test_purchase_reverts_when_token_enters_another_purchase() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory inner = orderOf(listing, 2);
        calls.push(abi.encodeCall(IMarket.purchase, (listing, inner.purpose, inner.lock, inner.deadline)));
        _arm();
        _expectMisbehaved(address(hooked), PRICE, 2 * uint256(PRICE));
        purchase(listing, 1);
    }

    function test_purchase_reverts_when_token_enters_a_refund() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        Listings.Order memory old = purchase(listing, 1);
        vm.warp(old.deadline + 1);
        calls.push(abi.encodeCall(IMarket.refund, (old)));
        _arm();
        _expectMisbehaved(address(hooked), PRICE, 0);
        purchase(listing, 2);
    }

    function test_purchase_reverts_when_token_settles_and_claims_before_it_pays() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        Listings.Order memory order = orderOf(listing, 2);
        calls.push(abi.encodeCall(IMarket.settle, (order, 2)));
        calls.push(abi.encodeCall(IMarket.claim, (listing, contributions[0], proofOf(0))));
        _arm();
        _expectMisbehaved(address(hooked), PRICE, PRICE - contributorsPartOf(2 * uint256(PRICE)) / 6);
        purchase(listing, 2);
    }

    function test_purchase_reverts_when_token_closes_out_a_bond_before_it_pays() public {
        Listings.Listing memory old = _bondedIn(address(hooked));
        Listings.Listing memory listing = plainOffer();
        (listing.token, listing.closesAt) = (address(hooked), LATER);
        list(listing);
        vm.warp(old.closesAt + 30 days + 2);
        calls.push(abi.encodeCall(IMarket.closeOut, (old)));
        _arm();
        _expectMisbehaved(address(hooked), PRICE, 0);
        purchase(listing, 1);
    }

    function test_list_reverts_when_token_enters_a_purchase_of_it() public {
        Listings.Listing memory listing = offer();
        listing.token = address(hooked);
        Listings.Order memory inner = orderOf(listing, 1);
        calls.push(abi.encodeCall(IMarket.purchase, (listing, inner.purpose, inner.lock, inner.deadline)));
        _arm();
        _expectMisbehaved(address(hooked), BOND, uint256(BOND) + PRICE);
        list(listing);
    }

    function test_list_reverts_when_token_enters_another_listing() public {
        Listings.Listing memory listing = offer();
        (listing.token, listing.steward) = (address(hooked), address(intruder));
        calls.push(abi.encodeCall(IMarket.list, (listing)));
        _arm();
        listing.steward = STEWARD;
        _expectMisbehaved(address(hooked), BOND, 2 * uint256(BOND));
        list(listing);
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
        _expectNothing(listing, leafOf(contributions[0]));
        market.claim(listing, contributions[0], proof);
    }

    function test_claimFee_reverts_when_token_enters_the_same_claim() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        calls.push(abi.encodeCall(IMarket.claimFee, (listing)));
        _arm();
        _expectNothing(listing, 0);
        market.claimFee(listing);
    }

    function test_claimIssuer_reverts_when_token_enters_the_same_claim() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        calls.push(abi.encodeCall(IMarket.claimIssuer, (listing, issuers[0], issuerProofOf(0))));
        _arm();
        bytes32[] memory proof = issuerProofOf(0);
        _expectNothing(listing, leafOf(issuers[0]));
        market.claimIssuer(listing, issuers[0], proof);
    }

    /// Entered in the middle of several claims, each is still paid once: the one that came in between is passed by.
    function test_claimMany_given_a_reentry_pays_each_once() public {
        Listings.Listing memory listing = _listedIn(address(hooked));
        sell(listing, 1);
        Listings.Claim[] memory claims = new Listings.Claim[](3);
        for (uint256 i = 0; i < 3; ++i) {
            claims[i] = Listings.Claim(listing, contributions[i], proofOf(i));
        }
        calls.push(abi.encodeCall(IMarket.claim, (listing, contributions[1], proofOf(1))));
        calls.push(abi.encodeCall(IMarket.claimFee, (listing)));
        _arm();
        uint256 part = contributorsPartOf(PRICE);
        assertEq(market.claimMany(claims), part / 6 + part * 3 / 6);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(hooked.balanceOf(contributions[i].payee), part * (i + 1) / 6);
        }
        assertEq(
            hooked.balanceOf(address(market)), PRICE - part / 6 - part * 2 / 6 - part * 3 / 6 - feeOf(PRICE)
        );
    }

    function test_closeOut_reverts_when_token_enters_the_same() public {
        Listings.Listing memory listing = _bondedIn(address(hooked));
        _challenge(listing);
        calls.push(abi.encodeCall(IMarket.closeOut, (listing)));
        _arm();
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.BondNotHeld.selector, idOf(listing), IMarket.Bond.NONE)
        );
        market.closeOut(listing);
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

    // --- helpers ------------------------------------------------------------------------------

    function _listedIn(address paidIn) private returns (Listings.Listing memory listing) {
        listing = plainOffer();
        listing.token = paidIn;
        list(listing);
    }

    /// A bonded listing in `paidIn`; patient 0 never signed.
    function _bondedIn(address paidIn) private returns (Listings.Listing memory listing) {
        signatures[0] = "";
        contributions[0] = contributionOf(agreed[0], "");
        fund(paidIn, STEWARD);
        fund(paidIn, RESEARCHER);
        listing = offer();
        listing.token = paidIn;
        list(listing);
    }

    function _challenge(Listings.Listing memory listing) private {
        bytes32[] memory proof = proofOf(0);
        vm.prank(STRANGER);
        market.challenge(listing, contributions[0], agreed[0], "", proof);
    }

    /// A bonded listing in an honest token that has one sale; nothing of it is claimed.
    function _honest() private returns (Listings.Listing memory listing) {
        contributions[0] = contributionOf(agreed[0], "");
        listing = listed();
        sell(listing, 1);
    }

    function _assertPaysInFull(Listings.Listing memory listing) private {
        uint256 paid = market.claimFee(listing);
        for (uint256 i = 0; i < 3; ++i) {
            paid += claim(listing, i);
        }
        for (uint256 i = 0; i < 2; ++i) {
            paid += market.claimIssuer(listing, issuers[i], issuerProofOf(i));
        }
        assertApproxEqAbs(paid, PRICE, 4);
        vm.warp(listing.closesAt + 30 days + 2);
        uint256 before = token.balanceOf(STEWARD);
        market.closeOut(listing);
        assertEq(token.balanceOf(STEWARD), before + BOND);
    }

    function _arm() private {
        hooked.arm(address(intruder), abi.encodeCall(Intruder.run, (address(market), calls)));
    }

    function _expectMisbehaved(address liar, uint256 expected, uint256 received) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.TokenMisbehaved.selector, liar, expected, received));
    }

    function _expectNothing(Listings.Listing memory listing, bytes32 leaf) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leaf));
    }
}
