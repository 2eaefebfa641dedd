// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {TestToken} from "../../contracts/mocks/TestToken.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketClaimsTest is MarketWorld {
    // --- claim --------------------------------------------------------------------------------

    function test_claim_emits_Claimed() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32 id = idOf(listing);
        bytes32 leaf = leafOf(contributions[1]);
        uint256 amount = contributorsPartOf(PRICE) * 2 / 6;
        assertEq(market.due(listing, contributions[1]), amount);
        vm.expectEmit(address(market));
        emit IMarket.Claimed(id, leaf, contributions[1].payee, amount);
        vm.prank(STRANGER);
        assertEq(market.claim(listing, contributions[1], proofOf(1)), amount);
        assertEq(token.balanceOf(contributions[1].payee), amount);
        assertEq(market.claimed(id, leaf), amount);
        assertEq(market.due(listing, contributions[1]), 0);
        assertListing(id, PRICE, amount, listing.closesAt);
    }

    function test_claim_pays_what_was_earned_since() public {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        claim(listing, 0);
        sell(listing, 2);
        sell(listing, 3);
        claim(listing, 0);
        assertEq(token.balanceOf(contributions[0].payee), contributorsPartOf(3 * uint256(PRICE)) / 6);
    }

    function test_claim_given_a_withdrawal() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        withdraw(listing);
        assertGt(claim(listing, 0), 0);
    }

    function test_claim_reverts_when_nothing_is_due() public {
        Listings.Listing memory listing = listed();
        bytes memory nothing =
            abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leafOf(contributions[0]));
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(nothing);
        market.claim(listing, contributions[0], proof);
        sell(listing, SECRET);
        market.claim(listing, contributions[0], proof);
        vm.expectRevert(nothing);
        market.claim(listing, contributions[0], proof);
    }

    function test_claim_reverts_when_listing_is_unknown() public {
        Listings.Listing memory listing = offer();
        bytes32[] memory proof = proofOf(0);
        bytes memory unknown = abi.encodeWithSelector(IMarket.ListingUnknown.selector, idOf(listing));
        vm.expectRevert(unknown);
        market.claim(listing, contributions[0], proof);
        vm.expectRevert(unknown);
        market.claimFee(listing);
        vm.expectRevert(unknown);
        market.claimIssuer(listing, issuers[0], proof);
        vm.expectRevert(unknown);
        market.due(listing, contributions[0]);
        vm.expectRevert(unknown);
        market.feeDue(listing);
        vm.expectRevert(unknown);
        market.issuerDue(listing, issuers[0]);
        vm.expectRevert(unknown);
        market.withdraw(listing, contributions[0], proof);
        vm.expectRevert(unknown);
        market.closeOut(listing);
    }

    function test_claim_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        for (uint256 i = 0; i < 5; ++i) {
            Listings.Contribution memory forged = contributions[0];
            if (i == 0) forged.patient = STRANGER;
            if (i == 1) forged.payee = STRANGER;
            if (i == 2) forged.recordId = 0;
            if (i == 3) forged.weight = 6;
            if (i == 4) forged.consentDigest = 0;
            bytes32[] memory proof = proofOf(0);
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leafOf(forged))
            );
            market.claim(listing, forged, proof);
        }
    }

    /// An inner node of the tree, or another contribution's proof, opens nothing.
    function test_claim_reverts_when_proof_is_anothers() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes memory unknown = abi.encodeWithSelector(
            IMarket.ContributionUnknown.selector, idOf(listing), leafOf(contributions[0])
        );
        bytes32[] memory proof = proofOf(1);
        vm.expectRevert(unknown);
        market.claim(listing, contributions[0], proof);
        vm.expectRevert(unknown);
        market.claim(listing, contributions[0], new bytes32[](0));
    }

    /// Weights that sum above the total weight: claims stop where the contributors' part ends; fee and issuers are safe.
    function test_claim_reverts_when_it_exceeds_earned() public {
        Listings.Listing memory listing = offer();
        listing.totalWeight = 3;
        bytes32 id = list(listing);
        sell(listing, SECRET);
        uint256 part = contributorsPartOf(PRICE);
        claim(listing, 1);
        uint256 available = part - part * 2 / 3;
        bytes32[] memory proof = proofOf(2);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ClaimExceedsEarned.selector, id, part, available));
        market.claim(listing, contributions[2], proof);
        claim(listing, 0);
        assertEq(market.claimFee(listing), feeOf(PRICE));
        assertEq(market.claimIssuer(listing, issuers[1], issuerProofOf(1)), issuersPartOf(PRICE) * 2 / 3);
    }

    function test_claim_of_another_listing_is_safe_from_hostile_weights() public {
        Listings.Listing memory honest = listed();
        Listings.Listing memory hostile = offer();
        (hostile.totalWeight, hostile.feeBps, hostile.salt) = (1, 9_000, "hostile");
        bytes32 id = list(hostile);
        sell(honest, 1);
        sell(hostile, 2);
        market.claimFee(hostile);
        uint256 part = PRICE - uint256(PRICE) * 9_300 / 10_000;
        bytes32[] memory proof = proofOf(2);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ClaimExceedsEarned.selector, id, 3 * part, part));
        market.claim(hostile, contributions[2], proof);
        market.claimFee(honest);
        for (uint256 i = 0; i < 3; ++i) {
            claim(honest, i);
        }
    }

    /// Rounded down each for itself, a fee and an issuers' part of a half each would both take the odd unit of two
    /// sales, and what the first sale left to the contributors would be paid a second time.
    function test_claim_given_parts_that_round_against_each_other() public {
        Listings.Listing memory listing = plainOffer();
        (listing.feeBps, listing.issuerBps, listing.price) = (5_000, 5_000, 1);
        (listing.issuers, listing.totalWeight) = (leafOf(issuers[0]), 4);
        bytes32 id = list(listing);
        for (uint256 k = 1; k <= 4; ++k) {
            sell(listing, k);
            for (uint256 i = 0; i < 3; ++i) {
                assertEq(market.due(listing, contributions[i]), 0);
            }
        }
        assertEq(market.claimFee(listing), 2);
        assertEq(market.claimIssuer(listing, issuers[0], new bytes32[](0)), 2);
        assertListing(id, 4, 4, listing.closesAt);
    }

    /// Claims, however they interleave with the sales, pay floor(part · weight / total) in the end, and all parts
    /// together never more than was earned.
    function testFuzz_claim_arithmetic(
        uint96[3] memory sizes,
        uint16 feeBps,
        uint16 issuerBps,
        uint8 sales,
        uint256 claims
    ) public {
        Listings.Listing memory listing = plainOffer();
        listing.price = uint96(bound(sizes[0], 1, type(uint96).max));
        listing.totalWeight = uint96(bound(sizes[1], 1, type(uint96).max));
        listing.feeBps = uint16(bound(feeBps, 0, 10_000));
        listing.issuerBps = uint16(bound(issuerBps, 0, 10_000 - listing.feeBps));
        contributions[0].weight = uint96(bound(sizes[2], 0, listing.totalWeight));
        issuers[0].weight = listing.totalWeight;
        listing.root = leafOf(contributions[0]);
        listing.issuers = listing.issuerBps == 0 ? bytes32(0) : leafOf(issuers[0]);
        list(listing);
        uint256 count = bound(sales, 1, 20);
        token.mint(RESEARCHER, count * listing.price);
        for (uint256 k = 1; k <= count; ++k) {
            sell(listing, k);
            _claimSome(listing, k == count ? type(uint256).max : claims >> 3 * k);
        }
        _assertAllPaid(listing, count * listing.price);
    }

    function _claimSome(Listings.Listing memory listing, uint256 which) private {
        bytes32[] memory none = new bytes32[](0);
        if (which & 1 == 1 && market.due(listing, contributions[0]) > 0) {
            market.claim(listing, contributions[0], none);
        }
        if (which & 2 == 2 && market.feeDue(listing) > 0) market.claimFee(listing);
        if (which & 4 == 4 && listing.issuerBps > 0 && market.issuerDue(listing, issuers[0]) > 0) {
            market.claimIssuer(listing, issuers[0], none);
        }
        (uint104 earned, uint104 paid,,) = market.stateOf(idOf(listing));
        assertLe(paid, earned);
        assertEq(token.balanceOf(address(market)), earned - paid);
    }

    function _assertAllPaid(Listings.Listing memory listing, uint256 earned) private view {
        uint256 part = earned - earned * (uint256(listing.feeBps) + listing.issuerBps) / 10_000;
        uint256 share = part * contributions[0].weight / listing.totalWeight;
        uint256 fee = earned * listing.feeBps / 10_000;
        uint256 issuersPart = earned * listing.issuerBps / 10_000;
        assertEq(token.balanceOf(contributions[0].payee), share, "share");
        // The steward was funded, too.
        assertEq(token.balanceOf(STEWARD), 1_000 * uint256(PRICE) + 8 * uint256(BOND) + fee, "fee");
        assertEq(token.balanceOf(issuers[0].issuer), issuersPart, "issuers");
        assertListing(idOf(listing), earned, share + fee + issuersPart, listing.closesAt);
        // All that stays for nobody is what is rounded off.
        if (contributions[0].weight == listing.totalWeight) {
            assertLe(token.balanceOf(address(market)), 1);
        }
    }

    // --- claimMany ----------------------------------------------------------------------------

    function test_claimMany_pays_over_listings_and_tokens() public {
        TestToken other = new TestToken();
        fund(address(other), RESEARCHER);
        Listings.Listing memory first = listed();
        Listings.Listing memory second = plainOffer();
        second.token = address(other);
        list(second);
        sell(first, 1);
        sell(second, 2);
        Listings.Claim[] memory claims = new Listings.Claim[](3);
        claims[0] = _claimOf(first, 0);
        claims[1] = _claimOf(second, 0);
        claims[2] = _claimOf(first, 2);
        uint256 part = contributorsPartOf(PRICE);
        vm.expectEmit(address(market));
        emit IMarket.Claimed(idOf(first), leafOf(contributions[0]), contributions[0].payee, part / 6);
        vm.expectEmit(address(market));
        emit IMarket.Claimed(idOf(second), leafOf(contributions[0]), contributions[0].payee, part / 6);
        vm.expectEmit(address(market));
        emit IMarket.Claimed(idOf(first), leafOf(contributions[2]), contributions[2].payee, part * 3 / 6);
        vm.prank(STRANGER);
        assertEq(market.claimMany(claims), part / 6 + part / 6 + part * 3 / 6);
        assertEq(token.balanceOf(contributions[0].payee), part / 6);
        assertEq(other.balanceOf(contributions[0].payee), part / 6);
        assertEq(token.balanceOf(contributions[2].payee), part * 3 / 6);
        assertListing(idOf(first), PRICE, part / 6 + part * 3 / 6, first.closesAt);
    }

    function test_claimMany_passes_by_what_has_nothing_due() public {
        Listings.Listing memory sold = listed();
        Listings.Listing memory unsold = plainOffer();
        list(unsold);
        sell(sold, 1);
        claim(sold, 1);
        Listings.Claim[] memory claims = new Listings.Claim[](5);
        claims[0] = _claimOf(unsold, 0);
        claims[1] = _claimOf(sold, 0);
        claims[2] = _claimOf(sold, 0);
        claims[3] = _claimOf(sold, 1);
        claims[4] = _claimOf(sold, 2);
        uint256 part = contributorsPartOf(PRICE);
        vm.expectCall(address(token), abi.encodeCall(IERC20.transfer, (contributions[0].payee, 0)), 0);
        assertEq(market.claimMany(claims), part / 6 + part * 3 / 6);
        assertEq(token.balanceOf(contributions[0].payee), part / 6, "once");
        vm.expectRevert(abi.encodeWithSelector(IMarket.NothingToClaim.selector, bytes32(0), bytes32(0)));
        market.claimMany(claims);
    }

    function test_claimMany_reverts_when_nothing_is_claimed() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NothingToClaim.selector, bytes32(0), bytes32(0)));
        market.claimMany(new Listings.Claim[](0));
    }

    function test_claimMany_reverts_when_one_claim_is_wrong() public {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        Listings.Claim[] memory claims = new Listings.Claim[](2);
        claims[0] = _claimOf(listing, 0);
        claims[1] = _claimOf(listing, 1);
        claims[1].contribution.weight = 6;
        bytes32 leaf = leafOf(claims[1].contribution);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leaf));
        market.claimMany(claims);
        claims[1] = _claimOf(plainOffer(), 1);
        bytes32 id = idOf(claims[1].listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingUnknown.selector, id));
        market.claimMany(claims);
    }

    /// Two elements at one place: the same claim twice, paid once.
    function test_claimMany_given_offsets_that_meet() public {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        bytes memory data = _claimAll(listing);
        // Behind selector, the array's offset and its length: three offsets.
        _put(data, 3, _word(data, 2));
        (bool done,) = address(market).call(data);
        assertTrue(done);
        assertEq(token.balanceOf(contributions[0].payee), contributorsPartOf(PRICE) / 6);
        assertEq(token.balanceOf(contributions[1].payee), 0);
        assertEq(token.balanceOf(contributions[2].payee), contributorsPartOf(PRICE) * 3 / 6);
    }

    /// Whatever the words say, offsets that run back, out or into each other: what is hashed is what is read, so each
    /// payee has its share or nothing, and nobody else anything.
    function testFuzz_claimMany_given_bent_calldata(uint256 place, uint256 value, uint256 kind, bool twice)
        public
    {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        sell(listing, 2);
        bytes memory data = _claimAll(listing);
        uint256 words = data.length / 32;
        _bend(data, bound(place, 0, words - 1), kind, value);
        if (twice) _bend(data, 2 + value % 3, kind >> 8, value >> 8);
        uint256 held = token.balanceOf(address(market));
        vm.prank(STRANGER);
        (bool done,) = address(market).call(data);
        uint256 part = contributorsPartOf(2 * uint256(PRICE));
        uint256 paid = 0;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 amount = token.balanceOf(contributions[i].payee);
            assertTrue(amount == 0 || amount == part * (i + 1) / 6);
            assertEq(market.claimed(idOf(listing), leafOf(contributions[i])), amount);
            paid += amount;
        }
        assertEq(done, paid > 0);
        assertEq(held - token.balanceOf(address(market)), paid);
        assertListing(idOf(listing), 2 * uint256(PRICE), paid, listing.closesAt);
    }

    /// Words with bits above their type are no listing, no contribution of it: nothing is paid.
    function test_claim_reverts_when_a_word_is_dirty() public {
        Listings.Listing memory listing = listed();
        sell(listing, 1);
        bytes memory clean = abi.encodeCall(IMarket.claim, (listing, contributions[0], proofOf(0)));
        uint256[12] memory narrow = [uint256(0), 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 15];
        for (uint256 i = 0; i < narrow.length; ++i) {
            bytes memory dirty = bytes.concat(clean);
            dirty[4 + 32 * narrow[i]] = 0x01;
            (bool done,) = address(market).call(dirty);
            assertFalse(done);
        }
        (bool claimedNow,) = address(market).call(clean);
        assertTrue(claimedNow);
    }

    /// A steward may put a leaf of dirty words into its own tree. It cannot be paid if a word that is read is dirty; if
    /// another is, its payee takes of that listing what its weight says.
    function test_claim_given_a_dirty_leaf_in_the_tree() public {
        Listings.Listing memory honest = listed();
        sell(honest, 1);
        for (uint256 word = 0; word < 2; ++word) {
            bytes memory dirty = abi.encode(contributions[0]);
            dirty[32 * word] = 0x01;
            Listings.Listing memory listing = plainOffer();
            listing.root = keccak256(bytes.concat(keccak256(dirty)));
            list(listing);
            sell(listing, 2 + word);
            bytes memory tail = abi.encode(uint256(18 * 32), uint256(0));
            (bool done,) =
                address(market).call(bytes.concat(IMarket.claim.selector, abi.encode(listing), dirty, tail));
            assertEq(done, word == 0);
            uint256 paid = done ? contributorsPartOf(PRICE) / 6 : 0;
            assertListing(idOf(listing), PRICE, paid, listing.closesAt);
        }
        assertListing(idOf(honest), PRICE, 0, honest.closesAt);
    }

    function _claimOf(Listings.Listing memory listing, uint256 index)
        private
        view
        returns (Listings.Claim memory)
    {
        return Listings.Claim(listing, contributions[index], proofOf(index));
    }

    function _claimAll(Listings.Listing memory listing) private view returns (bytes memory) {
        Listings.Claim[] memory claims = new Listings.Claim[](3);
        for (uint256 i = 0; i < 3; ++i) {
            claims[i] = _claimOf(listing, i);
        }
        return abi.encodeCall(IMarket.claimMany, (claims));
    }

    /// Replaces word `index`: by anything, by a small number, by one that runs backwards, or by another word there.
    function _bend(bytes memory data, uint256 index, uint256 kind, uint256 value) private pure {
        kind %= 4;
        if (kind == 1) value %= data.length;
        if (kind == 2) value = type(uint256).max - value % data.length;
        if (kind == 3) value = _word(data, value % (data.length / 32));
        _put(data, index, value);
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x24), shl(5, index)))
        }
    }

    function _put(bytes memory data, uint256 index, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x24), shl(5, index)), value)
        }
    }

    // --- claimFee -----------------------------------------------------------------------------

    function test_claimFee_emits_FeeClaimed() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32 id = idOf(listing);
        uint256 before = token.balanceOf(STEWARD);
        assertEq(market.feeDue(listing), feeOf(PRICE));
        vm.expectEmit(address(market));
        emit IMarket.FeeClaimed(id, STEWARD, feeOf(PRICE));
        vm.prank(STRANGER);
        assertEq(market.claimFee(listing), feeOf(PRICE));
        assertEq(token.balanceOf(STEWARD), before + feeOf(PRICE));
        assertEq(market.feeDue(listing), 0);
        assertListing(id, PRICE, feeOf(PRICE), listing.closesAt);
    }

    function test_claimFee_reverts_when_nothing_is_due() public {
        Listings.Listing memory listing = listed();
        bytes memory nothing =
            abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), bytes32(0));
        vm.expectRevert(nothing);
        market.claimFee(listing);
        sell(listing, SECRET);
        market.claimFee(listing);
        vm.expectRevert(nothing);
        market.claimFee(listing);
    }
}
