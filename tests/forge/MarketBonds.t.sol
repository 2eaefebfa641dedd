// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../contracts/libraries/Scopes.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketBondsTest is MarketWorld {
    address private immutable GUARDIAN = makeAddr("guardian");

    // --- list ---------------------------------------------------------------------------------

    function test_list_takes_the_bond() public {
        uint256 before = token.balanceOf(STEWARD);
        bytes32 id = list(offer());
        assertEq(token.balanceOf(address(market)), BOND);
        assertEq(token.balanceOf(STEWARD), before - BOND);
        assertBond(id, IMarket.Bond.HELD);
        assertListing(id, 0, 0, NOW + 30 days);
    }

    function test_list_given_no_bond() public {
        vm.prank(STEWARD);
        token.approve(address(market), 0);
        assertBond(list(plainOffer()), IMarket.Bond.NONE);
        assertEq(token.balanceOf(address(market)), 0);
    }

    function test_list_reverts_when_the_bond_is_not_approved() public {
        vm.prank(STEWARD);
        token.approve(address(market), BOND - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), BOND - 1, BOND
            )
        );
        list(offer());
    }

    // --- challenge ----------------------------------------------------------------------------

    function test_challenge_emits_Challenged() public {
        Listings.Listing memory listing = _listedWith(sign(keyOf("stranger"), digestOf(agreed[0])));
        bytes32 id = idOf(listing);
        bytes32[] memory proof = proofOf(0);
        vm.expectEmit(address(market));
        emit IMarket.Challenged(id, leafOf(contributions[0]), STRANGER);
        vm.prank(STRANGER);
        market.challenge(listing, contributions[0], agreed[0], signatures[0], proof);
        assertBond(id, IMarket.Bond.FORFEITED);
        assertEq(market.challengerOf(id), STRANGER);
        assertListing(id, 0, 0, NOW - 1);
        assertEq(token.balanceOf(address(market)), BOND, "paid by closeOut only");
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingClosed.selector, id, NOW - 1));
        purchase(listing, SECRET);
    }

    function test_challenge_reverts_when_the_contribution_is_valid() public {
        Listings.Listing memory listing = listed();
        for (uint256 i = 0; i < 3; ++i) {
            _expectValid(listing, i);
            _challenge(listing, i);
        }
        assertBond(idOf(listing), IMarket.Bond.HELD);
    }

    /// Patients may change their minds, move their keys behind code, and listings may end: what was signed was signed.
    function test_challenge_reverts_when_it_was_valid_once() public {
        Listings.Listing memory listing = listed();
        vm.etch(PATIENT, abi.encodePacked(hex"ef0100", address(token)));
        withdraw(listing);
        vm.warp(listing.closesAt + 1);
        _expectValid(listing, 0);
        _challenge(listing, 0);
    }

    function test_challenge_reverts_when_a_delegate_signed() public {
        vm.prank(PATIENT);
        consents.setDelegate(GUARDIAN, Scopes.SELL, NOW + 1 days);
        Listings.Listing memory listing = _listedByGuardian();
        _expectValid(listing, 0);
        _challenge(listing, 0);
    }

    /// Its mandate ended, or was taken back, or is for something else by now: no steward can lose by that.
    function test_challenge_reverts_when_the_delegate_was_removed_since() public {
        vm.prank(PATIENT);
        consents.setDelegate(GUARDIAN, Scopes.ALL, NOW + 1);
        Listings.Listing memory listing = _listedByGuardian();
        vm.warp(NOW + 2);
        for (uint8 scope = 0; scope < 4; ++scope) {
            vm.prank(PATIENT);
            consents.setDelegate(GUARDIAN, scope, LATER);
            _expectValid(listing, 0);
            _challenge(listing, 0);
        }
    }

    function test_challenge_of_a_signer_who_was_never_a_delegate_for_it() public {
        vm.prank(PATIENT);
        consents.setDelegate(GUARDIAN, Scopes.CONSENT | Scopes.GRANT, LATER);
        Listings.Listing memory listing = _listedByGuardian();
        _challenge(listing, 0);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
    }

    /// Signatures that only look like one: empty, short, compact, of the other parity, not in low-s form, or long.
    function test_challenge_of_each_malformed_signature() public {
        bytes memory good = signatures[0];
        (bytes32 r, bytes32 s, uint8 v) = _parts(good);
        bytes32 high = bytes32(PointLock.ORDER - uint256(s));
        _challengeOf("");
        _challengeOf(abi.encodePacked(r, s));
        _challengeOf(abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255));
        _challengeOf(abi.encodePacked(r, s, v - 27));
        _challengeOf(abi.encodePacked(r, s, uint8(55) - v));
        _challengeOf(abi.encodePacked(r, high, uint8(55) - v));
        _challengeOf(bytes.concat(good, hex"00"));
    }

    /// One field beyond what was signed is enough.
    function test_challenge_of_each_breach_of_the_terms() public {
        for (uint256 i = 0; i < 11; ++i) {
            Listings.ContributionTerms memory terms = termsOf(0);
            Listings.Contribution memory contribution = contributions[0];
            if (i == 0) contribution.payee = STEWARD;
            if (i == 1) contribution.recordId = keccak256("another record");
            if (i == 2) contribution.weight = 2;
            if (i == 3) terms.steward = STRANGER;
            if (i == 4) terms.token = STRANGER;
            if (i == 5) terms.terms = Purpose.DS;
            if (i == 6) terms.minPrice = PRICE + 1;
            if (i == 7) terms.maxFeeBps = FEE_BPS + ISSUER_BPS - 1;
            if (i == 8) terms.maxTotalWeight = 5;
            if (i == 9) terms.expiresAt = NOW + 30 days - 1;
            if (i == 10) contribution.patient = STRANGER;
            bytes memory signature = sign(keyOf("patient"), digestOf(terms));
            contribution.consentDigest = contributionOf(terms, signature).consentDigest;
            (contributions[0], agreed[0], signatures[0]) = (contribution, terms, signature);
            Listings.Listing memory listing = offer();
            listing.salt = bytes8(uint64(i));
            list(listing);
            _challenge(listing, 0);
            assertBond(idOf(listing), IMarket.Bond.FORFEITED);
            contributions[0] = contributionOf(termsOf(0), signature);
        }
    }

    /// Whatever was agreed above what is offered is no breach.
    function testFuzz_challenge_reverts_when_terms_are_wider(uint96[2] memory more, uint16 bps, uint40 until)
        public
    {
        Listings.ContributionTerms memory terms = agreed[0];
        terms.minPrice = uint96(bound(more[0], 0, PRICE));
        terms.maxTotalWeight = uint96(bound(more[1], 6, type(uint96).max));
        terms.maxFeeBps = uint16(bound(bps, FEE_BPS + ISSUER_BPS, type(uint16).max));
        terms.expiresAt = uint40(bound(until, NOW + 30 days, type(uint40).max));
        agreed[0] = terms;
        Listings.Listing memory listing = _listedWith(sign(keyOf("patient"), digestOf(terms)));
        _expectValid(listing, 0);
        _challenge(listing, 0);
    }

    /// A valid contribution is safe from any other evidence: another's, other terms, its own signature bent.
    function test_challenge_reverts_when_evidence_is_not_the_leafs() public {
        Listings.Listing memory listing = listed();
        (bytes32 r, bytes32 s, uint8 v) = _parts(signatures[0]);
        bytes memory bent = abi.encodePacked(r, PointLock.ORDER - uint256(s), uint8(55) - v);
        Listings.ContributionTerms memory other = agreed[0];
        other.keyCommitment = 0;
        bytes32[] memory proof = proofOf(0);
        bytes memory mismatched = abi.encodeWithSelector(
            IMarket.EvidenceMismatched.selector, idOf(listing), leafOf(contributions[0])
        );
        vm.expectRevert(mismatched);
        market.challenge(listing, contributions[0], agreed[1], signatures[1], proof);
        vm.expectRevert(mismatched);
        market.challenge(listing, contributions[0], other, signatures[0], proof);
        vm.expectRevert(mismatched);
        market.challenge(listing, contributions[0], agreed[0], bent, proof);
        vm.expectRevert(mismatched);
        market.challenge(listing, contributions[0], agreed[0], "", proof);
    }

    /// One patient's evidence under two leaves: the leaf that it does not fit is challenged, not the other.
    function test_challenge_of_evidence_used_twice() public {
        contributions[1].consentDigest = contributions[0].consentDigest;
        (agreed[1], signatures[1]) = (agreed[0], signatures[0]);
        Listings.Listing memory listing = listed();
        _expectValid(listing, 0);
        _challenge(listing, 0);
        _challenge(listing, 1);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
    }

    function test_challenge_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = listed();
        bytes32[] memory proof = proofOf(0);
        contributions[0] = contributionOf(agreed[0], "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.ContributionUnknown.selector, idOf(listing), leafOf(contributions[0])
            )
        );
        market.challenge(listing, contributions[0], agreed[0], "", proof);
    }

    function test_challenge_reverts_when_listing_is_unknown() public {
        Listings.Listing memory listing = offer();
        vm.expectRevert(abi.encodeWithSelector(IMarket.ListingUnknown.selector, idOf(listing)));
        _challenge(listing, 0);
    }

    function test_challenge_of_a_closed_listing_takes_the_bond() public {
        Listings.Listing memory listing = _listedWith("");
        withdraw(listing);
        vm.warp(NOW + 30 days);
        _challenge(listing, 0);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
        assertListing(idOf(listing), 0, 0, NOW - 1);
    }

    function test_challenge_reverts_when_it_came_before() public {
        Listings.Listing memory listing = _listedWith("");
        _challenge(listing, 0);
        _expectBond(listing, IMarket.Bond.FORFEITED);
        _challengeAs(GUARDIAN, listing, 0);
        assertEq(market.challengerOf(idOf(listing)), STRANGER, "the first");
        market.closeOut(listing);
        _expectBond(listing, IMarket.Bond.NONE);
        _challengeAs(GUARDIAN, listing, 0);
    }

    function test_challenge_of_a_listing_without_bond_closes_it() public {
        contributions[0] = contributionOf(agreed[0], "");
        signatures[0] = "";
        Listings.Listing memory listing = plainOffer();
        bytes32 id = list(listing);
        vm.warp(listing.closesAt); // its last second
        _challenge(listing, 0);
        assertBond(id, IMarket.Bond.NONE);
        assertListing(id, 0, 0, listing.closesAt - 1);
        _expectBond(listing, IMarket.Bond.NONE);
        _challenge(listing, 0);
        _expectBond(listing, IMarket.Bond.NONE);
        market.closeOut(listing);
    }

    /// Open orders end as they would have: the challenge is about the next buyer's trust.
    function test_challenge_given_open_orders() public {
        Listings.Listing memory listing = _listedWith("");
        Listings.Order memory first = purchase(listing, 1);
        Listings.Order memory second = purchase(listing, 2);
        _challenge(listing, 0);
        market.closeOut(listing);
        market.settle(first, 1);
        vm.warp(second.deadline + 1);
        market.refund(second);
        assertListing(idOf(listing), PRICE, 0, NOW - 1);
        for (uint256 i = 0; i < 3; ++i) {
            claim(listing, i);
        }
        market.claimFee(listing);
        for (uint256 i = 0; i < 2; ++i) {
            market.claimIssuer(listing, issuers[i], issuerProofOf(i));
        }
        assertLe(token.balanceOf(address(market)), 4, "what is rounded off");
    }

    // --- closeOut -----------------------------------------------------------------------------

    function test_closeOut_emits_ClosedOut_to_the_steward() public {
        Listings.Listing memory listing = listed();
        uint256 before = token.balanceOf(STEWARD);
        vm.warp(listing.closesAt + 30 days + 2);
        _expectNoTransferOfNothing(NOBODY);
        vm.expectEmit(address(market));
        emit IMarket.ClosedOut(idOf(listing), STEWARD, BOND, 0);
        vm.prank(STRANGER);
        market.closeOut(listing);
        assertEq(token.balanceOf(STEWARD), before + BOND);
        assertEq(token.balanceOf(address(market)), 0);
        assertBond(idOf(listing), IMarket.Bond.NONE);
    }

    function test_closeOut_emits_ClosedOut_to_the_challenger() public {
        Listings.Listing memory listing = _listedWith("");
        _challenge(listing, 0);
        vm.expectEmit(address(market));
        emit IMarket.ClosedOut(idOf(listing), STRANGER, BOND / 2, BOND - BOND / 2);
        market.closeOut(listing);
        assertEq(token.balanceOf(STRANGER), BOND / 2);
        assertEq(token.balanceOf(NOBODY), BOND - BOND / 2);
        assertEq(token.balanceOf(address(market)), 0);
        assertBond(idOf(listing), IMarket.Bond.NONE);
    }

    function testFuzz_closeOut_pays_all_of_the_bond(uint96 bond, bool challenged) public {
        bond = uint96(bound(bond, 1, type(uint96).max));
        contributions[0] = contributionOf(agreed[0], "");
        signatures[0] = "";
        Listings.Listing memory listing = offer();
        listing.bond = bond;
        token.mint(STEWARD, bond);
        uint256 before = token.balanceOf(STEWARD);
        list(listing);
        if (challenged) _challenge(listing, 0);
        else vm.warp(listing.closesAt + 30 days + 2);
        market.closeOut(listing);
        assertEq(token.balanceOf(address(market)), 0);
        assertEq(token.balanceOf(STEWARD), challenged ? before - bond : before);
        assertEq(token.balanceOf(STRANGER), challenged ? bond / 2 : 0);
        assertEq(token.balanceOf(NOBODY), challenged ? bond - bond / 2 : 0);
    }

    function test_closeOut_of_a_bond_of_one_pays_the_challenger_nothing() public {
        contributions[0] = contributionOf(agreed[0], "");
        signatures[0] = "";
        Listings.Listing memory listing = offer();
        listing.bond = 1;
        list(listing);
        _challenge(listing, 0);
        _expectNoTransferOfNothing(STRANGER);
        market.closeOut(listing);
        assertEq(token.balanceOf(NOBODY), 1);
    }

    function test_closeOut_of_a_steward_who_challenged_itself_loses_half() public {
        uint256 before = token.balanceOf(STEWARD);
        Listings.Listing memory listing = _listedWith("");
        _challengeAs(STEWARD, listing, 0);
        market.closeOut(listing);
        assertEq(token.balanceOf(STEWARD), before - (BOND - BOND / 2));
    }

    function test_closeOut_reverts_when_it_is_too_early() public {
        Listings.Listing memory listing = listed();
        uint40 until = listing.closesAt + 1 + 30 days;
        uint40[3] memory early = [NOW, listing.closesAt + 1, until];
        for (uint256 i = 0; i < early.length; ++i) {
            vm.warp(early[i]);
            vm.expectRevert(abi.encodeWithSelector(IMarket.CloseOutTooEarly.selector, idOf(listing), until));
            market.closeOut(listing);
        }
        vm.warp(until + 1);
        market.closeOut(listing);
    }

    function test_closeOut_reverts_when_it_was_paid() public {
        Listings.Listing memory first = listed();
        Listings.Listing memory second = offer();
        second.salt = "second";
        list(second);
        vm.warp(first.closesAt + 30 days + 2);
        market.closeOut(first);
        _expectBond(first, IMarket.Bond.NONE);
        market.closeOut(first);
        market.closeOut(second);
    }

    /// An order opened in the second of a withdrawal, for as long as can be, is over before the bond is paid.
    function test_closeOut_waits_for_an_order_in_the_second_of_closing() public {
        Listings.Listing memory listing = listed();
        Listings.Order memory order = orderOf(listing, SECRET);
        order.deadline = NOW + 30 days;
        vm.prank(RESEARCHER);
        market.purchase(listing, order.purpose, order.lock, order.deadline);
        withdraw(listing);
        vm.warp(order.deadline);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.CloseOutTooEarly.selector, idOf(listing), order.deadline)
        );
        market.closeOut(listing);
        vm.warp(order.deadline + 1);
        market.closeOut(listing);
        vm.expectRevert(abi.encodeWithSelector(IMarket.DeadlinePassed.selector, idOf(order), order.deadline));
        market.settle(order, SECRET);
    }

    /// However a listing closes: once its steward can have the bond, no order of it can be settled.
    function testFuzz_closeOut_comes_after_every_deadline(
        uint40 boughtAt,
        uint40 window,
        uint40 closedAt,
        bool early,
        uint40 time
    ) public {
        Listings.Listing memory listing = listed();
        boughtAt = uint40(bound(boughtAt, NOW, listing.closesAt));
        vm.warp(boughtAt);
        Listings.Order memory order = orderOf(listing, SECRET);
        order.deadline = boughtAt + uint40(bound(window, 10 minutes, 30 days));
        vm.prank(RESEARCHER);
        market.purchase(listing, order.purpose, order.lock, order.deadline);
        vm.warp(bound(closedAt, boughtAt, listing.closesAt));
        if (early) withdraw(listing);
        vm.warp(bound(time, vm.getBlockTimestamp(), listing.closesAt + 31 days));
        try market.closeOut(listing) {
            assertGt(vm.getBlockTimestamp(), order.deadline);
        } catch {
            assertBond(idOf(listing), IMarket.Bond.HELD);
        }
    }

    // --- helpers ------------------------------------------------------------------------------

    /// A listing in which patient 0's terms stand with `signature`.
    function _listedWith(bytes memory signature) private returns (Listings.Listing memory) {
        signatures[0] = signature;
        contributions[0] = contributionOf(agreed[0], signature);
        return listed();
    }

    function _listedByGuardian() private returns (Listings.Listing memory) {
        agreed[0].signer = GUARDIAN;
        return _listedWith(sign(keyOf("guardian"), digestOf(agreed[0])));
    }

    function _challenge(Listings.Listing memory listing, uint256 index) private {
        _challengeAs(STRANGER, listing, index);
    }

    function _challengeAs(address challenger, Listings.Listing memory listing, uint256 index) private {
        vm.prank(challenger);
        market.challenge(listing, contributions[index], agreed[index], signatures[index], proofOf(index));
    }

    function _challengeOf(bytes memory signature) private {
        Listings.Listing memory listing = _listedWith(signature);
        _challenge(listing, 0);
        assertBond(idOf(listing), IMarket.Bond.FORFEITED);
    }

    function _parts(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function _expectValid(Listings.Listing memory listing, uint256 index) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.ContributionValid.selector, idOf(listing), leafOf(contributions[index])
            )
        );
    }

    /// Tokens may refuse to move nothing, and what else they move would be stuck.
    function _expectNoTransferOfNothing(address to) private {
        vm.expectCall(address(token), abi.encodeCall(IERC20.transfer, (to, 0)), 0);
    }

    function _expectBond(Listings.Listing memory listing, IMarket.Bond state) private {
        vm.expectRevert(abi.encodeWithSelector(IMarket.BondNotHeld.selector, idOf(listing), state));
    }
}
