// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {NoReturnToken} from "../../contracts/mocks/NoReturnToken.sol";
import {PermitToken} from "../../contracts/mocks/PermitToken.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

contract MarketPermitTest is MarketWorld {
    function setUp() public override {
        super.setUp();
        vm.prank(RESEARCHER);
        token.approve(address(market), 0);
    }

    function test_purchaseWithPermit_emits_Purchased() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = orderOf(listing, SECRET);
        Listings.Permit memory permit = _permit(PRICE);
        vm.expectEmit(address(market));
        emit IMarket.Purchased(idOf(order), order.listing, RESEARCHER, order);
        vm.prank(RESEARCHER);
        bytes32 id = market.purchaseWithPermit(listing, order.purpose, order.lock, order.deadline, permit);
        assertEq(id, idOf(order));
        assertEq(token.balanceOf(address(market)), BOND + PRICE);
        assertEq(token.allowance(RESEARCHER, address(market)), 0);
        assertEq(token.nonces(RESEARCHER), 1);
    }

    /// Whoever sends the permit first does the buyer no harm.
    function test_purchaseWithPermit_given_a_permit_used_before() public {
        Listings.Listing memory listing = listed();
        Listings.Permit memory permit = _permit(PRICE);
        vm.prank(STRANGER);
        token.permit(RESEARCHER, address(market), PRICE, permit.deadline, permit.v, permit.r, permit.s);
        _buy(listing, permit);
        assertEq(token.balanceOf(address(market)), BOND + PRICE);
    }

    function test_purchaseWithPermit_given_an_allowance_and_no_permit() public {
        Listings.Listing memory listing = listed();
        vm.prank(RESEARCHER);
        token.approve(address(market), PRICE);
        _buy(listing, Listings.Permit(0, 0, 0, 0));
        assertEq(token.balanceOf(address(market)), BOND + PRICE);
    }

    function test_purchaseWithPermit_reverts_when_permit_is_anothers() public {
        Listings.Listing memory listing = listed();
        Listings.Permit memory permit = _permit(PRICE);
        accredit(STRANGER, IAccounts.Role.RESEARCHER, LATER);
        token.mint(STRANGER, PRICE);
        _expectNoAllowance();
        _buyAs(STRANGER, listing, permit);
    }

    function test_purchaseWithPermit_reverts_when_permit_is_of_another_amount() public {
        Listings.Listing memory listing = listed();
        Listings.Permit memory permit = _permit(PRICE + 1);
        _expectNoAllowance();
        _buy(listing, permit);
    }

    function test_purchaseWithPermit_reverts_when_permit_has_expired() public {
        Listings.Listing memory listing = listed();
        Listings.Permit memory permit = _permit(PRICE);
        vm.warp(permit.deadline + 1);
        _expectNoAllowance();
        _buy(listing, permit);
    }

    /// No token is asked anything before it is known to be a listed one.
    function test_purchaseWithPermit_reverts_when_listing_is_unknown() public {
        Listings.Listing memory listing = offer();
        Listings.Permit memory permit = _permit(PRICE);
        vm.expectCall(address(token), abi.encodeWithSelector(token.permit.selector), 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingUnknown.selector, idOf(listing)));
        _buy(listing, permit);
    }

    function test_purchaseWithPermit_given_a_token_without_permit() public {
        NoReturnToken plain = new NoReturnToken();
        fund(address(plain), RESEARCHER);
        _buy(_listedIn(address(plain)), Listings.Permit(0, 0, 0, 0));
        assertEq(plain.balanceOf(address(market)), PRICE);
    }

    /// A permit that reverts, does nothing or takes every call for granted: the allowance alone counts.
    function test_purchaseWithPermit_given_a_hostile_permit() public {
        for (uint8 i = 0; i <= uint8(type(PermitToken.Kind).max); ++i) {
            PermitToken coin = new PermitToken(PermitToken.Kind(i));
            Listings.Listing memory listing = _listedIn(address(coin));
            coin.mint(RESEARCHER, PRICE);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, PRICE
                )
            );
            _buy(listing, Listings.Permit(0, 0, 0, 0));
            vm.prank(RESEARCHER);
            coin.approve(address(market), PRICE);
            _buy(listing, Listings.Permit(0, 0, 0, 0));
            assertEq(coin.balanceOf(address(market)), PRICE);
            (, uint104 paid,,) = market.stateOf(idOf(listing));
            assertEq(paid, 0);
        }
    }

    function _listedIn(address paidIn) private returns (Listings.Listing memory listing) {
        listing = plainOffer();
        listing.token = paidIn;
        list(listing);
    }

    function _buy(Listings.Listing memory listing, Listings.Permit memory permit) private {
        _buyAs(RESEARCHER, listing, permit);
    }

    function _buyAs(address buyer, Listings.Listing memory listing, Listings.Permit memory permit) private {
        vm.prank(buyer);
        market.purchaseWithPermit(listing, TERMS, vm.addr(SECRET), inAnHour(), permit);
    }

    function _expectNoAllowance() private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, PRICE
            )
        );
    }

    /// The researcher's ERC-2612 word that the market may take `amount`, for the next hour.
    function _permit(uint256 amount) private view returns (Listings.Permit memory permit) {
        permit.deadline = inAnHour();
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                RESEARCHER,
                market,
                amount,
                token.nonces(RESEARCHER),
                permit.deadline
            )
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(token.DOMAIN_SEPARATOR(), content);
        (permit.v, permit.r, permit.s) = vm.sign(keyOf("researcher"), digest);
    }
}
