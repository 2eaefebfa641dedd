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
        bytes memory head = abi.encode(
            block.chainid, address(market), l.steward, l.root, l.token, l.price, l.totalWeight, l.terms
        );
        bytes memory tail = abi.encode(l.feeBps, l.issuerBps, l.issuers, l.bond, l.closesAt, l.salt);
        assertEq(market.listingId(l), keccak256(bytes.concat(head, tail)));
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
        uint256[9] memory narrow = [uint256(0), 2, 3, 4, 5, 6, 7, 9, 10];
        for (uint256 i = 0; i <= narrow.length; ++i) {
            bytes memory dirty = bytes.concat(clean);
            // The salt is left-aligned: its unused bytes are the last.
            dirty[4 + (i < narrow.length ? 32 * narrow[i] : 32 * 12 - 1)] = 0x01;
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
        bytes32 once = keccak256(abi.encode(c.patient, c.payee, c.recordId, c.weight, c.consentDigest));
        assertEq(market.leafOf(c), keccak256(abi.encodePacked(once)));
    }

    function testFuzz_issuerLeafOf_is_double_hashed(Listings.IssuerShare memory s) public view {
        bytes32 once = keccak256(abi.encode(s.issuer, s.weight));
        assertEq(market.issuerLeafOf(s), keccak256(abi.encodePacked(once)));
    }

    function testFuzz_contributionDigest_follows_EIP712(Listings.ContributionTerms memory t, uint64 chain)
        public
    {
        vm.chainId(bound(chain, 1, type(uint64).max));
        bytes memory head = abi.encode(
            keccak256(bytes(CONTRIBUTION_TYPE)), t.patient, t.signer, t.steward, t.token, t.terms, t.minPrice
        );
        bytes memory tail = abi.encode(
            t.maxFeeBps, t.payee, t.record, t.keyCommitment, t.weight, t.maxTotalWeight, t.expiresAt
        );
        assertEq(market.contributionDigest(t), typedDigest(keccak256(bytes.concat(head, tail))));
    }

    function test_domain_tells_name_version_chain_and_contract() public view {
        (, string memory name, string memory version, uint256 chain, address verifier,,) =
            market.eip712Domain();
        assertEq(name, "MediBloc Market");
        assertEq(version, "1");
        assertEq(chain, block.chainid);
        assertEq(verifier, address(market));
    }

    // --- list ---------------------------------------------------------------------------------

    function test_list_emits_Listed() public {
        Listings.Listing memory listing = offer();
        bytes32 id = idOf(listing);
        vm.expectEmit(address(market));
        emit IMarket.Listed(id, STEWARD, listing);
        assertEq(list(listing), id);
        assertListing(id, 0, 0, listing.closesAt);
        assertBond(id, IMarket.Bond.HELD);
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
        listing.feeBps = 10_001 - ISSUER_BPS;
        _expectInvalid(listing);
        listing = offer();
        (listing.feeBps, listing.issuerBps) = (type(uint16).max, type(uint16).max);
        _expectInvalid(listing);
        listing = offer();
        listing.issuerBps = 0;
        _expectInvalid(listing);
        listing = offer();
        listing.issuers = 0;
        _expectInvalid(listing);
        listing = offer();
        listing.token = STRANGER;
        _expectInvalid(listing);
    }

    function test_list_given_a_fee_of_the_whole() public {
        Listings.Listing memory listing = offer();
        listing.feeBps = 10_000 - ISSUER_BPS;
        list(listing);
        (listing.feeBps, listing.issuerBps, listing.issuers) = (10_000, 0, 0);
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
        withdraw(listing);
        vm.expectRevert(exists);
        list(listing);
        listing.salt = bytes8(keccak256("another salt"));
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
        assertEq(token.balanceOf(address(market)), BOND + PRICE);
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
        withdraw(listing);
        bytes32 id = idOf(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, id, NOW - 1));
        _buy(listing, TERMS, vm.addr(1), NOW + 1 hours);
    }

    function test_purchase_until_the_accreditations_last_second() public {
        Listings.Listing memory listing = listed();
        accredit(RESEARCHER, IAccounts.Role.RESEARCHER, NOW + 1);
        vm.warp(NOW + 1);
        purchase(listing, SECRET);
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

    /// A person decided, for this listing, this buyer and this request, and may change its mind.
    function test_purchase_given_a_referred_purpose_that_a_reviewer_cleared() public {
        address reviewer = makeAddr("reviewer");
        accredit(reviewer, IAccounts.Role.REVIEWER, LATER);
        Listings.Listing memory listing = listed();
        uint64 purpose = Purpose.HMB | Purpose.SENSITIVE;
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
        _clear(reviewer, idOf(listing), purpose, NOW + 1 hours);
        vm.warp(NOW + 1 hours);
        _buy(listing, purpose, vm.addr(1), NOW + 2 hours);
        _expectDenied(listing, purpose | Purpose.DS, Purpose.Answer.REFER, 57);
        vm.warp(NOW + 1 hours + 1);
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
        _clear(reviewer, idOf(listing), purpose, LATER);
        _buy(listing, purpose, vm.addr(2), NOW + 2 hours);
        _clear(reviewer, idOf(listing), purpose, 0);
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
        _clear(reviewer, idOf(listing), purpose, LATER);
        accredit(reviewer, IAccounts.Role.REVIEWER, 0);
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
    }

    function test_purchase_reverts_when_a_reviewer_cleared_what_the_terms_deny() public {
        address reviewer = makeAddr("reviewer");
        accredit(reviewer, IAccounts.Role.REVIEWER, LATER);
        Listings.Listing memory listing = listed();
        uint64 purpose = Purpose.HMB | Purpose.SENSITIVE | Purpose.COMMERCIAL;
        _clear(reviewer, idOf(listing), purpose, LATER);
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
    }

    function test_purchase_reverts_when_another_listing_or_buyer_was_cleared() public {
        address reviewer = makeAddr("reviewer");
        accredit(reviewer, IAccounts.Role.REVIEWER, LATER);
        Listings.Listing memory listing = listed();
        Listings.Listing memory other = plainOffer();
        list(other);
        uint64 purpose = Purpose.HMB | Purpose.SENSITIVE;
        _clear(reviewer, idOf(other), purpose, LATER);
        vm.startPrank(reviewer);
        consents.clear(idOf(listing), STRANGER, purpose, LATER);
        consents.clear(consents.subjectOf(PATIENT, 0), RESEARCHER, purpose, LATER);
        vm.stopPrank();
        _expectDenied(listing, purpose, Purpose.Answer.REFER, 57);
        _buy(other, purpose, vm.addr(1), NOW + 1 hours);
    }

    /// No clearance permits what the terms deny.
    function test_purchase_reverts_when_a_denied_purpose_was_cleared() public {
        address reviewer = makeAddr("reviewer");
        accredit(reviewer, IAccounts.Role.REVIEWER, LATER);
        Listings.Listing memory listing = listed();
        _clear(reviewer, idOf(listing), Purpose.POA, LATER);
        _expectDenied(listing, Purpose.POA, Purpose.Answer.DENY, 11);
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
        assertEq(token.balanceOf(address(market)), BOND + PRICE);
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
        withdraw(listing);
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
        assertEq(token.balanceOf(address(market)), BOND);
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

    // --- helpers ------------------------------------------------------------------------------

    function _buy(Listings.Listing memory listing, uint64 purpose, address lock, uint40 deadline) private {
        vm.prank(RESEARCHER);
        market.purchase(listing, purpose, lock, deadline);
    }

    function _clear(address reviewer, bytes32 subject, uint64 purpose, uint40 until) private {
        vm.prank(reviewer);
        consents.clear(subject, RESEARCHER, purpose, until);
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
