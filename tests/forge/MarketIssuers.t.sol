// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";

contract MarketIssuersTest is MarketWorld {
    function test_claimIssuer_emits_IssuerClaimed() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32 id = idOf(listing);
        bytes32 leaf = leafOf(issuers[0]);
        bytes32[] memory proof = issuerProofOf(0);
        uint256 amount = issuersPartOf(PRICE) * 4 / 6;
        assertEq(market.issuerDue(listing, issuers[0]), amount);
        vm.expectEmit(address(market));
        emit IMarket.IssuerClaimed(id, HOSPITAL, amount);
        vm.prank(STRANGER);
        assertEq(market.claimIssuer(listing, issuers[0], proof), amount);
        assertEq(token.balanceOf(HOSPITAL), amount);
        assertEq(market.claimed(id, leaf), amount);
        assertEq(market.issuerDue(listing, issuers[0]), 0);
        assertListing(id, PRICE, amount, listing.closesAt);
    }

    function test_claimIssuer_pays_what_was_earned_since() public {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        market.claimIssuer(listing, issuers[0], issuerProofOf(0));
        sell(listing, 2);
        sell(listing, 3);
        market.claimIssuer(listing, issuers[0], issuerProofOf(0));
        market.claimIssuer(listing, issuers[1], issuerProofOf(1));
        uint256 part = issuersPartOf(3 * uint256(PRICE));
        assertEq(token.balanceOf(HOSPITAL), part * 4 / 6);
        assertEq(token.balanceOf(issuers[1].issuer), part * 2 / 6);
    }

    function test_claimIssuer_reverts_when_nothing_is_due() public {
        Listings.Listing memory listing = listed();
        bytes memory nothing =
            abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leafOf(issuers[0]));
        bytes32[] memory proof = issuerProofOf(0);
        vm.expectRevert(nothing);
        market.claimIssuer(listing, issuers[0], proof);
        sell(listing, SECRET);
        market.claimIssuer(listing, issuers[0], proof);
        vm.expectRevert(nothing);
        market.claimIssuer(listing, issuers[0], proof);
    }

    function test_claimIssuer_reverts_when_share_is_unknown() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32[] memory proof = issuerProofOf(0);
        Listings.IssuerShare[2] memory forged =
            [Listings.IssuerShare(STRANGER, 4), Listings.IssuerShare(HOSPITAL, 6)];
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leafOf(forged[i]))
            );
            market.claimIssuer(listing, forged[i], proof);
        }
    }

    function test_claimIssuer_reverts_when_listing_has_no_issuers() public {
        Listings.Listing memory listing = offer();
        (listing.issuerBps, listing.issuers) = (0, 0);
        bytes32 id = list(listing);
        sell(listing, SECRET);
        bytes32[] memory proof = issuerProofOf(0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ContributionUnknown.selector, id, leafOf(issuers[0])));
        market.claimIssuer(listing, issuers[0], proof);
        assertEq(market.issuerDue(listing, issuers[0]), 0);
    }

    /// Issuers whose weights sum above the total drain their own part: fee and contributors have all of theirs.
    function testFuzz_claimIssuer_of_hostile_weights_drains_its_part_only(uint96 first, uint96 second)
        public
    {
        issuers[0].weight = uint96(bound(first, 1, type(uint96).max));
        issuers[1].weight = uint96(bound(second, 1, type(uint96).max));
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        uint256 part = issuersPartOf(PRICE);
        uint256 left = part;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 amount = part * issuers[i].weight / 6;
            bytes32[] memory proof = issuerProofOf(i);
            if (amount == 0) {
                vm.expectRevert(
                    abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leafOf(issuers[i]))
                );
            } else if (amount > left) {
                vm.expectRevert(
                    abi.encodeWithSelector(IMarket.ClaimExceedsEarned.selector, idOf(listing), amount, left)
                );
            } else {
                left -= amount;
            }
            market.claimIssuer(listing, issuers[i], proof);
        }
        assertEq(market.claimFee(listing), feeOf(PRICE));
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(claim(listing, i), contributorsPartOf(PRICE) * (i + 1) / 6);
        }
    }

    /// A root that is both: a contribution is no issuer's share, nor the other way round.
    function test_claimIssuer_given_one_tree_for_both() public {
        bytes32[] memory both = new bytes32[](2);
        (both[0], both[1]) = (leafOf(contributions[0]), leafOf(issuers[0]));
        bytes32 root = both[0] < both[1]
            ? keccak256(bytes.concat(both[0], both[1]))
            : keccak256(bytes.concat(both[1], both[0]));
        Listings.Listing memory listing = plainOffer();
        (listing.root, listing.issuers) = (root, root);
        bytes32 id = list(listing);
        sell(listing, SECRET);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = both[1];
        assertEq(market.claim(listing, contributions[0], proof), contributorsPartOf(PRICE) / 6);
        proof[0] = both[0];
        assertEq(market.claimIssuer(listing, issuers[0], proof), issuersPartOf(PRICE) * 4 / 6);
        assertEq(market.claimed(id, both[0]), contributorsPartOf(PRICE) / 6);
        assertEq(market.claimed(id, both[1]), issuersPartOf(PRICE) * 4 / 6);
    }
}
