// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {stdError} from "forge-std/Test.sol";

contract MarketTest is MarketWorld {
    // --- constructor, ids ---------------------------------------------------------------------

    function test_constructor_keeps_its_neighbours() public view {
        assertEq(address(market.accounts()), address(accounts));
        assertEq(address(market.consents()), address(consents));
        assertEq(market.MIN_WINDOW(), 600);
        assertEq(market.MAX_WINDOW(), 2_592_000);
    }

    function testFuzz_listingId_hashes_every_field(Listings.Listing memory l) public view {
        bytes32 expected = keccak256(
            abi.encode(
                block.chainid,
                address(market),
                l.steward,
                l.root,
                l.token,
                l.price,
                l.totalWeight,
                l.terms,
                l.feeBps,
                l.closesAt,
                l.salt
            )
        );
        assertEq(market.listingId(l), expected);
    }

    function testFuzz_orderId_hashes_every_field(Listings.Order memory o) public view {
        bytes32 expected = keccak256(
            abi.encode(
                block.chainid,
                address(market),
                o.listing,
                o.buyer,
                o.token,
                o.price,
                o.purpose,
                o.lock,
                o.deadline
            )
        );
        assertEq(market.orderId(o), expected);
    }

    /// A field's word with bits above its type is no encoding of a listing: nothing reads it as one.
    function test_list_reverts_when_a_word_is_dirty() public {
        bytes memory clean = abi.encodeCall(IMarket.list, (offer()));
        uint256[7] memory narrow = [uint256(0), 2, 3, 4, 5, 6, 7];
        for (uint256 i = 0; i < narrow.length; ++i) {
            bytes memory dirty = bytes.concat(clean);
            dirty[4 + 32 * narrow[i]] = 0x01;
            vm.prank(STEWARD);
            (bool done,) = address(market).call(dirty);
            assertFalse(done);
        }
        vm.prank(STEWARD);
        (bool listedNow,) = address(market).call(clean);
        assertTrue(listedNow);
    }

    function test_ids_differ_between_chains() public {
        bytes32 here = market.listingId(offer());
        bytes32 order = market.orderId(orderOf(offer(), SECRET));
        vm.chainId(7);
        assertNotEq(market.listingId(offer()), here);
        assertNotEq(market.orderId(orderOf(offer(), SECRET)), order);
    }

    function testFuzz_leafOf_is_double_hashed(Listings.Contribution memory c) public view {
        bytes32 once =
            keccak256(abi.encode(c.patient, c.payee, c.recordId, c.keyCommitment, c.weight, c.consentDigest));
        assertEq(market.leafOf(c), keccak256(abi.encodePacked(once)));
    }

    function testFuzz_contributionDigest_follows_EIP712(Listings.ContributionTerms memory t) public view {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("MediBloc Market"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        bytes memory head = abi.encode(
            keccak256(
                "Contribution(address patient,address steward,address token,uint64 terms,uint96 minPrice,uint16 maxFeeBps,address payee,bytes32 record,bytes32 keyCommitment,uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)"
            ),
            t.patient,
            t.steward,
            t.token,
            t.terms,
            t.minPrice
        );
        bytes memory tail = abi.encode(
            t.maxFeeBps, t.payee, t.record, t.keyCommitment, t.weight, t.maxTotalWeight, t.expiresAt
        );
        bytes32 expected = MessageHashUtils.toTypedDataHash(separator, keccak256(bytes.concat(head, tail)));
        assertEq(market.contributionDigest(t), expected);
    }

    // --- list ---------------------------------------------------------------------------------

    function test_list_emits_Listed() public {
        Listings.Listing memory listing = offer();
        bytes32 id = idOf(listing);
        vm.expectEmit(address(market));
        emit IMarket.Listed(id, STEWARD, listing);
        assertEq(list(listing), id);
        assertListing(id, 0, 0, listing.closesAt);
    }

    function test_list_reverts_when_caller_is_not_steward() public {
        Listings.Listing memory listing = offer();
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotSteward.selector, STRANGER, STEWARD));
        vm.prank(STRANGER);
        market.list(listing);
    }

    function test_list_reverts_when_listing_is_invalid() public {
        Listings.Listing memory listing = offer();
        listing.root = 0;
        _expectInvalid(listing);
        listing = offer();
        listing.price = 0;
        _expectInvalid(listing);
        listing = offer();
        listing.totalWeight = 0;
        _expectInvalid(listing);
        listing = offer();
        listing.feeBps = 10_001;
        _expectInvalid(listing);
        listing = offer();
        listing.token = STRANGER;
        _expectInvalid(listing);
    }

    function test_list_given_a_fee_of_the_whole() public {
        Listings.Listing memory listing = offer();
        listing.feeBps = 10_000;
        list(listing);
    }

    function test_list_reverts_when_terms_are_invalid() public {
        Listings.Listing memory listing = offer();
        listing.terms = Purpose.HMB | Purpose.GRU;
        vm.expectRevert(abi.encodeWithSelector(Purpose.TermsInvalid.selector, listing.terms));
        list(listing);
    }

    function test_list_reverts_when_closing_is_not_ahead() public {
        Listings.Listing memory listing = offer();
        listing.closesAt = NOW;
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        list(listing);
    }

    function test_list_reverts_when_listed_before() public {
        Listings.Listing memory listing = listed();
        bytes memory exists = abi.encodeWithSelector(IMarket.ListingExists.selector, idOf(listing));
        vm.expectRevert(exists);
        list(listing);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        vm.expectRevert(exists);
        list(listing);
        listing.salt = keccak256("another salt");
        list(listing);
    }

    // --- purchase -----------------------------------------------------------------------------

    function test_purchase_emits_Purchased() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = orderOf(listing, SECRET);
        bytes32 id = idOf(order);
        uint256 before = token.balanceOf(RESEARCHER);
        vm.expectEmit(address(market));
        emit IMarket.Purchased(id, order.listing, RESEARCHER, order);
        vm.prank(RESEARCHER);
        assertEq(market.purchase(listing, order.purpose, order.lock, order.deadline), id);
        assertEq(uint8(market.orderState(id)), uint8(IMarket.OrderState.OPEN));
        assertEq(token.balanceOf(address(market)), PRICE);
        assertEq(token.balanceOf(RESEARCHER), before - PRICE);
        assertListing(order.listing, 0, 0, listing.closesAt);
    }

    function test_purchase_reverts_when_listing_is_unknown() public {
        Listings.Listing memory listing = listed();
        listing.price -= 1;
        bytes32 id = idOf(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingUnknown.selector, id));
        _buy(listing, TERMS, vm.addr(1), NOW + 1 hours);
    }

    function test_purchase_until_the_listings_last_second() public {
        Listings.Listing memory listing = listed();
        vm.warp(listing.closesAt);
        purchase(listing, SECRET);
        vm.warp(listing.closesAt + 1);
        bytes32 id = idOf(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, id, listing.closesAt));
        _buy(listing, TERMS, vm.addr(1), listing.closesAt + 1 hours);
    }

    function test_purchase_reverts_when_a_patient_withdrew_in_the_same_block() public {
        Listings.Listing memory listing = listed();
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        bytes32 id = idOf(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, id, NOW - 1));
        _buy(listing, TERMS, vm.addr(1), NOW + 1 hours);
    }

    function test_purchase_reverts_when_buyer_is_not_accredited() public {
        Listings.Listing memory listing = listed();
        accredit(RESEARCHER, IAccounts.Role.RESEARCHER, NOW + 1);
        vm.warp(NOW + 2);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccounts.NotAccredited.selector, RESEARCHER, IAccounts.Role.RESEARCHER, NOW + 1
            )
        );
        _buy(listing, TERMS, vm.addr(1), NOW + 1 hours);
    }

    function test_purchase_reverts_when_evidence_is_not_vouched() public {
        Listings.Listing memory listing = listed();
        uint64 purpose = Purpose.HMB | Purpose.NONPROFIT | Purpose.HAS_IRB;
        uint64[3] memory vouched = [uint64(0), Purpose.HAS_IRB, Purpose.NONPROFIT];
        for (uint256 i = 0; i < vouched.length; ++i) {
            attest(RESEARCHER, vouched[i]);
            uint64 missing = Purpose.VOUCHED & ~vouched[i];
            vm.expectRevert(abi.encodeWithSelector(IMarket.EvidenceNotVouched.selector, RESEARCHER, missing));
            _buy(listing, purpose, vm.addr(1), NOW + 1 hours);
        }
        attest(RESEARCHER, Purpose.VOUCHED);
        _buy(listing, purpose, vm.addr(1), NOW + 1 hours);
    }

    function test_purchase_reverts_when_purpose_is_denied() public {
        Listings.Listing memory listing = listed();
        _expectDenied(listing, Purpose.POA, Purpose.Answer.DENY, 11);
        _expectDenied(listing, 0, Purpose.Answer.REFER, Purpose.NO_BIT);
        _expectDenied(listing, Purpose.HMB | Purpose.SENSITIVE, Purpose.Answer.REFER, 57);
        _expectDenied(listing, Purpose.TREATMENT, Purpose.Answer.DENY, 63);
        _expectDenied(listing, Purpose.HMB | Purpose.COMMERCIAL, Purpose.Answer.DENY, 60);
    }

    function test_purchase_tells_the_time_itself() public {
        Listings.Listing memory listing = offer();
        listing.terms = Purpose.HMB | Purpose.TS;
        list(listing);
        purchase(listing, SECRET);
    }

    function test_purchase_reverts_when_lock_is_nobodys() public {
        Listings.Listing memory listing = listed();
        vm.expectRevert(abi.encodeWithSelector(IMarket.LockInvalid.selector, address(0)));
        _buy(listing, TERMS, address(0), NOW + 1 hours);
    }

    function test_purchase_reverts_when_deadline_is_out_of_range() public {
        Listings.Listing memory listing = listed();
        uint40[2] memory wrong = [NOW + 10 minutes - 1, NOW + 30 days + 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMarket.DeadlineOutOfRange.selector, wrong[i], NOW + 10 minutes, NOW + 30 days
                )
            );
            _buy(listing, TERMS, vm.addr(1), wrong[i]);
        }
        _buy(listing, TERMS, vm.addr(1), NOW + 10 minutes);
        _buy(listing, TERMS, vm.addr(1), NOW + 30 days);
    }

    function test_purchase_reverts_when_order_exists() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = purchase(listing, SECRET);
        bytes memory exists = abi.encodeWithSelector(IMarket.OrderExists.selector, idOf(order));
        vm.expectRevert(exists);
        _buy(listing, TERMS, order.lock, order.deadline);
        market.settle(order, SECRET);
        vm.expectRevert(exists);
        _buy(listing, TERMS, order.lock, order.deadline);
    }

    function test_purchase_reverts_when_allowance_is_short() public {
        Listings.Listing memory listing = listed();
        vm.prank(RESEARCHER);
        token.approve(address(market), PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), PRICE - 1, PRICE
            )
        );
        _buy(listing, TERMS, vm.addr(1), NOW + 1 hours);
    }

    // --- settle -------------------------------------------------------------------------------

    function test_settle_emits_Settled() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = purchase(listing, SECRET);
        bytes32 id = idOf(order);
        vm.expectEmit(address(market));
        emit IMarket.Settled(id, order.listing, SECRET);
        vm.prank(STRANGER);
        market.settle(order, SECRET);
        assertEq(uint8(market.orderState(id)), uint8(IMarket.OrderState.SETTLED));
        assertListing(order.listing, PRICE, 0, listing.closesAt);
        assertEq(token.balanceOf(address(market)), PRICE);
    }

    function test_settle_until_the_deadline() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory first = purchase(listing, 1);
        Listings.Order memory second = purchase(listing, 2);
        vm.warp(first.deadline);
        market.settle(first, 1);
        vm.warp(second.deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, idOf(second), second.deadline)
        );
        market.settle(second, 2);
    }

    function test_settle_given_a_withdrawal_after_the_order() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = purchase(listing, SECRET);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        market.settle(order, SECRET);
        assertListing(order.listing, PRICE, 0, NOW - 1);
    }

    function testFuzz_settle_reverts_when_secret_is_wrong(uint256 secret) public {
        vm.assume(secret != SECRET);
        Listings.Order memory order = purchase(listed(), SECRET);
        vm.expectRevert(abi.encodeWithSelector(IMarket.WrongSecret.selector, idOf(order)));
        market.settle(order, secret);
    }

    function test_settle_reverts_when_secret_is_not_reduced() public {
        Listings.Order memory order = purchase(listed(), 5);
        vm.expectRevert(abi.encodeWithSelector(IMarket.WrongSecret.selector, idOf(order)));
        market.settle(order, 5 + PointLock.ORDER);
    }

    function test_settle_reverts_when_order_is_not_open() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = orderOf(listing, SECRET);
        _expectNotOpen(order, IMarket.OrderState.NONE);
        market.settle(order, SECRET);
        purchase(listing, SECRET);
        market.settle(order, SECRET);
        _expectNotOpen(order, IMarket.OrderState.SETTLED);
        market.settle(order, SECRET);
        order = purchase(listing, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        _expectNotOpen(order, IMarket.OrderState.REFUNDED);
        market.settle(order, 2);
    }

    /// Another order of the same buyer for the same lock: changing any field gives an order nobody paid.
    function test_settle_reverts_when_a_field_was_changed() public {
        Listings.Order memory order = purchase(listed(), SECRET);
        order.price *= 2;
        _expectNotOpen(order, IMarket.OrderState.NONE);
        market.settle(order, SECRET);
    }

    function test_settle_reverts_when_earned_would_overflow() public {
        Listings.Listing memory listing = offer();
        listing.price = type(uint96).max;
        list(listing);
        token.mint(RESEARCHER, 300 * uint256(listing.price));
        for (uint256 k = 1; k <= 256; ++k) {
            sell(listing, k);
        }
        Listings.Order memory last = purchase(listing, 257);
        vm.expectRevert(stdError.arithmeticError);
        market.settle(last, 257);
        vm.warp(last.deadline + 1);
        market.refund(last);
    }

    // --- refund -------------------------------------------------------------------------------

    function test_refund_emits_Refunded() public {
        uint256 before = token.balanceOf(RESEARCHER);
        Listings.Order memory order = purchase(listed(), SECRET);
        bytes32 id = idOf(order);
        vm.warp(order.deadline + 1);
        vm.expectEmit(address(market));
        emit IMarket.Refunded(id, order.listing, RESEARCHER, PRICE);
        vm.prank(STRANGER);
        market.refund(order);
        assertEq(uint8(market.orderState(id)), uint8(IMarket.OrderState.REFUNDED));
        assertEq(token.balanceOf(RESEARCHER), before);
        assertEq(token.balanceOf(address(market)), 0);
    }

    function test_refund_reverts_when_deadline_is_not_reached() public {
        Listings.Order memory order = purchase(listed(), SECRET);
        vm.warp(order.deadline);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DeadlineNotReached.selector, idOf(order), order.deadline)
        );
        market.refund(order);
    }

    function test_refund_reverts_when_order_is_not_open() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = orderOf(listing, SECRET);
        _expectNotOpen(order, IMarket.OrderState.NONE);
        market.refund(order);
        purchase(listing, SECRET);
        market.settle(order, SECRET);
        vm.warp(order.deadline + 1);
        _expectNotOpen(order, IMarket.OrderState.SETTLED);
        market.refund(order);
        order = purchase(listing, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        _expectNotOpen(order, IMarket.OrderState.REFUNDED);
        market.refund(order);
    }

    // --- claim --------------------------------------------------------------------------------

    function test_claim_emits_Claimed() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32 id = idOf(listing);
        bytes32 leaf = leafOf(contributions[1]);
        uint256 fee = uint256(PRICE) * FEE_BPS / 10_000;
        uint256 amount = (PRICE - fee) * 2 / 6;
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
        market.claim(listing, contributions[0], proofOf(0));
        sell(listing, 2);
        sell(listing, 3);
        market.claim(listing, contributions[0], proofOf(0));
        uint256 earned = 3 * uint256(PRICE);
        uint256 part = earned - earned * FEE_BPS / 10_000;
        assertEq(token.balanceOf(contributions[0].payee), part / 6);
    }

    function test_claim_given_a_withdrawal() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        assertGt(market.claim(listing, contributions[0], proofOf(0)), 0);
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
        market.due(listing, contributions[0]);
        vm.expectRevert(unknown);
        market.feeDue(listing);
        vm.expectRevert(unknown);
        market.withdraw(listing, contributions[0], proof);
    }

    function test_claim_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        Listings.Contribution memory forged = contributions[0];
        forged.payee = STRANGER;
        bytes32[] memory proof = proofOf(0);
        bytes memory unknown =
            abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leafOf(forged));
        vm.expectRevert(unknown);
        market.claim(listing, forged, proof);
        forged = contributions[0];
        forged.weight = 6;
        unknown = abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leafOf(forged));
        vm.expectRevert(unknown);
        market.claim(listing, forged, proof);
    }

    /// Weights that sum above the total weight: claims stop where the contributors' part ends, and the fee is safe.
    function test_claim_reverts_when_it_exceeds_earned() public {
        Listings.Listing memory listing = offer();
        listing.totalWeight = 3;
        bytes32 id = list(listing);
        sell(listing, SECRET);
        uint256 fee = uint256(PRICE) * FEE_BPS / 10_000;
        uint256 part = PRICE - fee;
        market.claim(listing, contributions[1], proofOf(1));
        uint256 available = part - part * 2 / 3;
        bytes32[] memory proof = proofOf(2);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ClaimExceedsEarned.selector, id, part, available));
        market.claim(listing, contributions[2], proof);
        market.claim(listing, contributions[0], proofOf(0));
        assertEq(market.claimFee(listing), fee);
    }

    function test_claim_of_another_listing_is_safe_from_hostile_weights() public {
        Listings.Listing memory honest = listed();
        Listings.Listing memory hostile = offer();
        (hostile.totalWeight, hostile.feeBps, hostile.salt) = (1, 10_000, keccak256("hostile"));
        list(hostile);
        sell(honest, 1);
        sell(hostile, 2);
        market.claimFee(hostile);
        bytes32[] memory proof = proofOf(2);
        vm.expectRevert();
        market.claim(hostile, contributions[2], proof);
        market.claimFee(honest);
        for (uint256 i = 0; i < 3; ++i) {
            market.claim(honest, contributions[i], proofOf(i));
        }
    }

    /// A claim, however the sales and the claims interleave, pays floor(part · weight / total) in the end.
    function testFuzz_claim_arithmetic(
        uint96 price,
        uint96 totalWeight,
        uint96 weight,
        uint16 feeBps,
        uint8 sales,
        uint256 claims
    ) public {
        Listings.Listing memory listing = offer();
        listing.price = price = uint96(bound(price, 1, type(uint96).max));
        listing.totalWeight = totalWeight = uint96(bound(totalWeight, 1, type(uint96).max));
        listing.feeBps = feeBps = uint16(bound(feeBps, 0, 10_000));
        contributions[0].weight = weight = uint96(bound(weight, 0, totalWeight));
        listing.root = leafOf(contributions[0]);
        bytes32 id = list(listing);
        uint256 count = bound(sales, 1, 20);
        token.mint(RESEARCHER, count * price);
        for (uint256 k = 1; k <= count; ++k) {
            sell(listing, k);
            if (claims >> k & 1 == 1 && market.due(listing, contributions[0]) > 0) {
                market.claim(listing, contributions[0], new bytes32[](0));
            }
            if (claims >> (k + 100) & 1 == 1 && market.feeDue(listing) > 0) market.claimFee(listing);
        }
        if (market.due(listing, contributions[0]) > 0) {
            market.claim(listing, contributions[0], new bytes32[](0));
        }
        if (market.feeDue(listing) > 0) market.claimFee(listing);
        uint256 earned = count * price;
        uint256 fee = earned * feeBps / 10_000;
        uint256 share = (earned - fee) * weight / totalWeight;
        assertEq(token.balanceOf(contributions[0].payee), share);
        assertEq(token.balanceOf(STEWARD), fee);
        assertListing(id, earned, share + fee, listing.closesAt);
        assertEq(token.balanceOf(address(market)), earned - share - fee);
    }

    // --- claimFee -----------------------------------------------------------------------------

    function test_claimFee_emits_FeeClaimed() public {
        Listings.Listing memory listing = listed();
        sell(listing, SECRET);
        bytes32 id = idOf(listing);
        uint256 fee = uint256(PRICE) * FEE_BPS / 10_000;
        assertEq(market.feeDue(listing), fee);
        vm.expectEmit(address(market));
        emit IMarket.FeeClaimed(id, STEWARD, fee);
        vm.prank(STRANGER);
        assertEq(market.claimFee(listing), fee);
        assertEq(token.balanceOf(STEWARD), fee);
        assertEq(market.feeDue(listing), 0);
        assertListing(id, PRICE, fee, listing.closesAt);
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

    // --- withdraw -----------------------------------------------------------------------------

    function test_withdraw_emits_Withdrawn() public {
        Listings.Listing memory listing = listed();
        bytes32 id = idOf(listing);
        bytes32 leaf = leafOf(contributions[0]);
        bytes32[] memory proof = proofOf(0);
        vm.expectEmit(address(market));
        emit IMarket.Withdrawn(id, leaf, PATIENT, PATIENT);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proof);
        assertListing(id, 0, 0, NOW - 1);
        assertEq(market.withdrawnAt(leaf), NOW);
    }

    function test_withdraw_by_the_patient_while_the_consent_holds() public {
        Listings.Listing memory listing = listed();
        consent(PATIENT, Purpose.GRU, LATER);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        assertListing(idOf(listing), 0, 0, NOW - 1);
    }

    function test_withdraw_by_the_patient_from_a_closed_listing() public {
        Listings.Listing memory listing = listed();
        bytes32 leaf = leafOf(contributions[0]);
        vm.warp(listing.closesAt + 1);
        vm.startPrank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        assertListing(idOf(listing), 0, 0, listing.closesAt);
        assertEq(market.withdrawnAt(leaf), listing.closesAt + 1);
        vm.warp(listing.closesAt + 2);
        market.withdraw(listing, contributions[0], proofOf(0));
        assertEq(market.withdrawnAt(leaf), listing.closesAt + 1, "the first time stays");
    }

    function test_withdraw_in_the_listings_last_second() public {
        Listings.Listing memory listing = listed();
        vm.warp(listing.closesAt);
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
        assertListing(idOf(listing), 0, 0, listing.closesAt - 1);
    }

    function test_withdraw_by_anyone_once_the_consent_is_gone() public {
        bytes32 leaf = leafOf(contributions[0]);
        for (uint256 i = 0; i < 4; ++i) {
            Listings.Listing memory listing = offer();
            listing.salt = bytes32(i);
            bytes32 id = list(listing);
            consent(PATIENT, Purpose.GRU, NOW + 1 days);
            bytes32[] memory proof = proofOf(0);
            vm.expectRevert(
                abi.encodeWithSelector(IMarket.WithdrawalNotAllowed.selector, id, PATIENT, STRANGER)
            );
            vm.prank(STRANGER);
            market.withdraw(listing, contributions[0], proof);
            if (i == 0) consent(PATIENT, Purpose.GRU | Purpose.NPU, NOW + 1 days);
            if (i == 1) consent(PATIENT, Purpose.DS, NOW + 1 days);
            if (i == 2) vm.prank(PATIENT);
            if (i == 2) consents.revoke();
            if (i == 3) vm.warp(NOW + 1 days + 1);
            vm.expectEmit(address(market));
            emit IMarket.Withdrawn(id, leaf, PATIENT, STRANGER);
            vm.prank(STRANGER);
            market.withdraw(listing, contributions[0], proof);
            assertListing(id, 0, 0, uint40(vm.getBlockTimestamp()) - 1);
        }
        assertEq(market.withdrawnAt(leaf), 0, "only the patient unsigns");
    }

    function test_withdraw_reverts_when_a_strangers_listing_is_closed() public {
        Listings.Listing memory listing = listed();
        vm.warp(listing.closesAt + 1);
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.ListingClosed.selector, idOf(listing), listing.closesAt)
        );
        vm.prank(STRANGER);
        market.withdraw(listing, contributions[0], proof);
    }

    function test_withdraw_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = listed();
        Listings.Contribution memory forged = contributions[0];
        forged.patient = STRANGER;
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leafOf(forged))
        );
        vm.prank(STRANGER);
        market.withdraw(listing, forged, proof);
    }

    // --- helpers ------------------------------------------------------------------------------

    function _buy(Listings.Listing memory listing, uint64 purpose, address lock, uint40 deadline) private {
        vm.prank(RESEARCHER);
        market.purchase(listing, purpose, lock, deadline);
    }

    function _expectInvalid(Listings.Listing memory listing) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingInvalid.selector, idOf(listing)));
        list(listing);
    }

    function _expectDenied(Listings.Listing memory listing, uint64 purpose, Purpose.Answer answer, uint8 bit)
        private
    {
        bytes32 id = idOf(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.PurposeDenied.selector, id, purpose, answer, bit));
        _buy(listing, purpose, vm.addr(1), NOW + 1 hours);
    }

    function _expectNotOpen(Listings.Order memory order, IMarket.OrderState state) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.OrderNotOpen.selector, idOf(order), state));
    }
}
