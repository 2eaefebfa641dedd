// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketBench} from "./MarketBench.sol";

/// No function but purchase, settle and refund moves an order. Whatever the storage of the market, whoever sends.
contract OtherActProofs is MarketBench {
    function check_list_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing
    ) external {
        _movesNone(id, sender, time, abi.encodeCall(IMarket.list, (_plain(listing))));
    }

    function check_claim_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution
    ) external {
        bytes memory act = abi.encodeCall(IMarket.claim, (_plain(listing), contribution, new bytes32[](0)));
        _movesNone(id, sender, time, act);
    }

    function check_claimMany_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution
    ) external {
        Listings.Claim[] memory claims = new Listings.Claim[](2);
        claims[0] = Listings.Claim(_plain(listing), contribution, new bytes32[](0));
        claims[1] = claims[0];
        _movesNone(id, sender, time, abi.encodeCall(IMarket.claimMany, (claims)));
    }

    function check_claimTo_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution,
        address to,
        Signatures.Signed memory by
    ) external {
        bytes memory act = abi.encodeCall(
            IMarket.claimTo, (_plain(listing), contribution, new bytes32[](0), to, by)
        );
        _movesNone(id, sender, time, act);
    }

    function check_claimIssuer_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.IssuerShare memory share
    ) external {
        bytes memory act = abi.encodeCall(IMarket.claimIssuer, (_plain(listing), share, new bytes32[](0)));
        _movesNone(id, sender, time, act);
    }

    function check_claimFee_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing
    ) external {
        _movesNone(id, sender, time, abi.encodeCall(IMarket.claimFee, (_plain(listing))));
    }

    function check_withdraw_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution
    ) external {
        bytes memory act = abi.encodeCall(IMarket.withdraw, (_plain(listing), contribution, new bytes32[](0)));
        _movesNone(id, sender, time, act);
    }

    function check_withdrawFor_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution,
        Signatures.Signed memory by
    ) external {
        bytes memory act = abi.encodeCall(
            IMarket.withdrawFor, (_plain(listing), contribution, new bytes32[](0), by)
        );
        _movesNone(id, sender, time, act);
    }

    function check_challenge_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing,
        Listings.Contribution memory contribution,
        Listings.ContributionTerms memory terms,
        bytes memory signature
    ) external {
        terms.terms = TERMS;
        bytes memory act = abi.encodeCall(
            IMarket.challenge, (_plain(listing), contribution, terms, signature, new bytes32[](0))
        );
        _movesNone(id, sender, time, act);
    }

    function check_closeOut_moves_no_order(
        bytes32 id,
        address sender,
        uint40 time,
        Listings.Listing memory listing
    ) external {
        _movesNone(id, sender, time, abi.encodeCall(IMarket.closeOut, (_plain(listing))));
    }

    /// Of the plain token, for one terms word: neither is what these proofs are about.
    function _plain(Listings.Listing memory listing) private view returns (Listings.Listing memory) {
        (listing.token, listing.terms) = (address(token), TERMS);
        return listing;
    }

    function _movesNone(bytes32 id, address sender, uint40 time, bytes memory act) private {
        IMarket.OrderState before = market.orderState(id);
        _as(sender, time);
        (bool done,) = address(market).call(act);
        done;
        assert(market.orderState(id) == before);
    }
}
