// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketBench} from "./MarketBench.sol";

/// The machine of an order: NONE -> OPEN -> SETTLED or REFUNDED, and no other step. The market's whole storage is
/// symbolic, so each proof starts in every state there could be, reachable or not; each makes one call. Steps of one call
/// are all there is: `multicall` is such calls one after another, and the token of these proofs calls nobody back.
/// `OtherActProofs` says that no other function moves an order.
contract OrderProofs is MarketBench {
    function check_settle_ends_an_open_order_by_its_secret_in_time(
        Listings.Order memory order,
        uint256 secret,
        address sender,
        uint40 time
    ) external {
        bytes32 id = market.orderId(order);
        (uint104 earned,,,) = market.stateOf(order.listing);
        IMarket.OrderState before = market.orderState(id);
        _as(sender, time);
        (bool done,) = address(market).call(abi.encodeCall(IMarket.settle, (order, secret)));
        IMarket.OrderState state = market.orderState(id);
        if (!done) {
            assert(state == before);
            return;
        }
        assert(before == IMarket.OrderState.OPEN && state == IMarket.OrderState.SETTLED);
        assert(time <= order.deadline);
        assert(PointLock.opens(order.lock, secret));
        (uint104 earnedNow,,,) = market.stateOf(order.listing);
        assert(earnedNow == uint256(earned) + order.price);
    }

    function check_refund_ends_an_open_order_after_its_deadline(
        Listings.Order memory order,
        address sender,
        uint40 time,
        uint128 held
    ) external {
        order.token = address(token);
        token.mint(address(market), held);
        bytes32 id = market.orderId(order);
        IMarket.OrderState before = market.orderState(id);
        _as(sender, time);
        (bool done,) = address(market).call(abi.encodeCall(IMarket.refund, (order)));
        IMarket.OrderState state = market.orderState(id);
        if (!done) {
            assert(state == before);
            return;
        }
        assert(before == IMarket.OrderState.OPEN && state == IMarket.OrderState.REFUNDED);
        assert(time > order.deadline);
        if (order.buyer != address(market)) {
            assert(token.balanceOf(order.buyer) == order.price);
            assert(token.balanceOf(address(market)) == uint256(held) - order.price);
        }
    }

    /// A purchase opens an order that was none; any other order stays where it was. For one purpose, which the terms
    /// permit: what others they permit is `PurposeProofs`' matter.
    function check_purchase_opens_a_new_order(
        Listings.Listing memory listing,
        address lock,
        uint40 deadline,
        uint40 time,
        uint128 held,
        bytes32 other
    ) external {
        listing.token = address(token);
        listing.terms = TERMS;
        token.mint(address(this), held);
        token.approve(address(market), held);
        Listings.Order memory order = Listings.Order({
            listing: market.listingId(listing),
            buyer: address(this),
            token: listing.token,
            price: listing.price,
            purpose: PURPOSE,
            lock: lock,
            deadline: deadline
        });
        bytes32 id = market.orderId(order);
        IMarket.OrderState before = market.orderState(id);
        IMarket.OrderState others = market.orderState(other);
        _as(address(this), time);
        try market.purchase(listing, PURPOSE, lock, deadline) returns (bytes32 opened) {
            assert(opened == id);
            assert(before == IMarket.OrderState.NONE);
            assert(market.orderState(id) == IMarket.OrderState.OPEN);
            assert(token.balanceOf(address(market)) == listing.price);
            assert(time + market.MIN_WINDOW() <= deadline && deadline <= time + market.MAX_WINDOW());
            assert(lock != address(0));
        } catch {
            assert(market.orderState(id) == before);
        }
        if (other != id) assert(market.orderState(other) == others);
    }
}
