// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Listings} from "../../contracts/market/Listings.sol";
import {MarketBench} from "./MarketBench.sol";

/// What a claim pays, in every state of the market's storage. That these terms never sum up to more than was earned is
/// arithmetic: `shares.py`.
contract ClaimProofs is MarketBench {
    uint256 private constant WHOLE_BPS = 10_000;
    /// Slots of `_listings` and `_paid`, as `forge inspect Market storage-layout` tells.
    uint256 private constant LISTINGS = 6;
    uint256 private constant PAID = 7;

    function check_list_takes_no_part_above_the_whole(
        Listings.Listing memory listing,
        address sender,
        uint40 time
    ) external {
        listing.token = address(token);
        listing.terms = TERMS;
        listing.bond = 0;
        _as(sender, time);
        try market.list(listing) {
            assert(uint256(listing.feeBps) + listing.issuerBps <= WHOLE_BPS);
            assert(listing.totalWeight != 0 && sender == listing.steward);
        } catch {}
    }

    function check_claim_pays_a_contribution_its_share_and_no_more(
        Listings.Listing memory listing,
        Listings.Contribution memory contribution,
        bytes32[] memory proof,
        address sender,
        uint128 held
    ) external {
        listing.token = address(token);
        token.mint(address(market), held);
        bytes32 id = market.listingId(listing);
        bytes32 leaf = market.leafOf(contribution);
        uint256 before = market.claimed(id, leaf);
        uint256 shared = _shared(id);
        vm.prank(sender);
        try market.claim(listing, contribution, proof) returns (uint256 amount) {
            (uint256 earned,,,) = market.stateOf(id);
            uint256 part = earned - earned * (uint256(listing.feeBps) + listing.issuerBps) / WHOLE_BPS;
            assert(market.claimed(id, leaf) == part * contribution.weight / listing.totalWeight);
            assert(amount == market.claimed(id, leaf) - before);
            assert(_shared(id) == shared + amount);
            assert(_shared(id) <= part && part <= earned);
            if (contribution.payee != address(market)) {
                assert(token.balanceOf(contribution.payee) == amount);
            }
        } catch {
            assert(market.claimed(id, leaf) == before && _shared(id) == shared);
        }
    }

    function check_claimIssuer_pays_an_issuer_its_share_and_no_more(
        Listings.Listing memory listing,
        Listings.IssuerShare memory share,
        bytes32[] memory proof,
        address sender,
        uint128 held
    ) external {
        listing.token = address(token);
        token.mint(address(market), held);
        bytes32 id = market.listingId(listing);
        _assumePart(id, listing.issuerBps);
        bytes32 leaf = market.issuerLeafOf(share);
        uint256 before = market.claimed(id, leaf);
        (, uint256 issuers) = _paid(id);
        vm.prank(sender);
        try market.claimIssuer(listing, share, proof) returns (uint256 amount) {
            (uint256 earned,,,) = market.stateOf(id);
            uint256 part = earned * listing.issuerBps / WHOLE_BPS;
            (, uint256 issuersNow) = _paid(id);
            assert(market.claimed(id, leaf) == part * share.weight / listing.totalWeight);
            assert(amount == market.claimed(id, leaf) - before);
            assert(issuersNow == issuers + amount && issuersNow <= part);
            if (share.issuer != address(market)) assert(token.balanceOf(share.issuer) == amount);
        } catch {
            (, uint256 issuersNow) = _paid(id);
            assert(market.claimed(id, leaf) == before && issuersNow == issuers);
        }
    }

    function check_claimFee_pays_the_steward_its_part_and_no_more(
        Listings.Listing memory listing,
        address sender,
        uint128 held
    ) external {
        listing.token = address(token);
        token.mint(address(market), held);
        bytes32 id = market.listingId(listing);
        _assumePart(id, listing.feeBps);
        (uint256 fee,) = _paid(id);
        vm.prank(sender);
        try market.claimFee(listing) returns (uint256 amount) {
            (uint256 earned,,,) = market.stateOf(id);
            (uint256 feeNow,) = _paid(id);
            assert(feeNow == fee + amount);
            assert(feeNow == earned * listing.feeBps / WHOLE_BPS);
            if (listing.steward != address(market)) assert(token.balanceOf(listing.steward) == amount);
        } catch {
            (uint256 feeNow,) = _paid(id);
            assert(feeNow == fee);
        }
    }

    /// `list` takes no basis points above the whole (`check_list_takes_no_part_above_the_whole`), so a part is no more
    /// than the whole (`shares.py`); the solver cannot divide in useful time.
    function _assumePart(bytes32 id, uint256 bps) private view {
        (uint256 earned,,,) = market.stateOf(id);
        vm.assume(bps <= WHOLE_BPS && earned * bps / WHOLE_BPS <= earned);
    }

    function _shared(bytes32 id) private view returns (uint256) {
        return uint104(uint256(vm.load(address(market), keccak256(abi.encode(id, LISTINGS)))) >> 104);
    }

    function _paid(bytes32 id) private view returns (uint256 fee, uint256 issuers) {
        uint256 word = uint256(vm.load(address(market), keccak256(abi.encode(id, PAID))));
        return (uint104(word), uint104(word >> 104));
    }
}
