// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";

contract MarketWithdrawalsTest is MarketWorld {
    address private immutable GUARDIAN = makeAddr("guardian");

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
        assertBond(id, IMarket.Bond.HELD);
    }

    function test_withdraw_by_the_patient_while_the_consent_holds() public {
        Listings.Listing memory listing = listed();
        consent(PATIENT, Purpose.GRU, LATER);
        withdraw(listing);
        assertListing(idOf(listing), 0, 0, NOW - 1);
    }

    function test_withdraw_by_the_patient_from_a_closed_listing() public {
        Listings.Listing memory listing = listed();
        bytes32 leaf = leafOf(contributions[0]);
        vm.warp(listing.closesAt + 1);
        withdraw(listing);
        assertListing(idOf(listing), 0, 0, listing.closesAt);
        assertEq(market.withdrawnAt(leaf), listing.closesAt + 1);
        vm.warp(listing.closesAt + 2);
        withdraw(listing);
        assertEq(market.withdrawnAt(leaf), listing.closesAt + 1, "the first time stays");
    }

    function test_withdraw_in_the_listings_last_second() public {
        Listings.Listing memory listing = listed();
        vm.warp(listing.closesAt);
        withdraw(listing);
        assertListing(idOf(listing), 0, 0, listing.closesAt - 1);
    }

    function test_withdraw_by_a_delegate_marks_the_leaf() public {
        Listings.Listing memory listing = listed();
        consent(PATIENT, Purpose.GRU, LATER);
        _name(Scopes.SELL, NOW + 1 days);
        bytes32[] memory proof = proofOf(0);
        vm.warp(NOW + 1 days);
        vm.expectEmit(address(market));
        emit IMarket.Withdrawn(idOf(listing), leafOf(contributions[0]), PATIENT, GUARDIAN);
        vm.prank(GUARDIAN);
        market.withdraw(listing, contributions[0], proof);
        assertEq(market.withdrawnAt(leafOf(contributions[0])), NOW + 1 days);
        assertListing(idOf(listing), 0, 0, NOW + 1 days - 1);
    }

    /// A mandate for other acts, one that ended, one that was taken back, or one of another patient.
    function test_withdraw_reverts_when_delegate_may_not_sell() public {
        Listings.Listing memory listing = listed();
        consent(PATIENT, Purpose.GRU, LATER);
        for (uint256 i = 0; i < 4; ++i) {
            if (i == 0) _name(Scopes.CONSENT | Scopes.GRANT, LATER);
            if (i == 1) _name(0, 0);
            if (i == 2) {
                _name(Scopes.ALL, NOW + 1);
                vm.warp(NOW + 2);
            }
            if (i == 3) {
                vm.prank(contributions[1].patient);
                consents.setDelegate(GUARDIAN, Scopes.ALL, LATER);
            }
            _expectNotAllowed(listing, GUARDIAN);
            vm.prank(GUARDIAN);
            market.withdraw(listing, contributions[0], proofOf(0));
        }
    }

    function test_withdraw_by_anyone_once_the_consent_is_gone() public {
        bytes32 leaf = leafOf(contributions[0]);
        bytes32 record = contributions[0].recordId;
        for (uint256 i = 0; i < 6; ++i) {
            vm.warp(NOW);
            Listings.Listing memory listing = plainOffer();
            listing.salt = bytes8(uint64(i));
            bytes32 id = list(listing);
            consent(PATIENT, Purpose.GRU, NOW + 1 days);
            bytes32[] memory proof = proofOf(0);
            _expectNotAllowed(listing, STRANGER);
            vm.prank(STRANGER);
            market.withdraw(listing, contributions[0], proof);
            if (i == 0) consent(PATIENT, Purpose.GRU | Purpose.NPU, NOW + 1 days);
            if (i == 1) consent(PATIENT, Purpose.DS, NOW + 1 days);
            if (i == 3) vm.warp(NOW + 1 days + 1);
            vm.startPrank(PATIENT);
            if (i == 2) consents.revoke(0);
            if (i == 4) consents.revoke(record);
            if (i == 5) consents.set(record, Purpose.POA, LATER, keccak256("form"));
            vm.stopPrank();
            vm.expectEmit(address(market));
            emit IMarket.Withdrawn(id, leaf, PATIENT, STRANGER);
            vm.prank(STRANGER);
            market.withdraw(listing, contributions[0], proof);
            assertListing(id, 0, 0, uint40(vm.getBlockTimestamp()) - 1);
            if (i >= 4) _lift(record);
        }
        assertEq(market.withdrawnAt(leaf), 0, "only the patient unsigns");
    }

    /// The consent for the record counts, not the general one that it replaces.
    function test_withdraw_reverts_when_the_records_own_consent_covers() public {
        Listings.Listing memory listing = listed();
        vm.startPrank(PATIENT);
        consents.set(contributions[0].recordId, Purpose.HMB, LATER, keccak256("form"));
        consents.set(0, Purpose.DS, LATER, keccak256("form"));
        vm.stopPrank();
        _expectNotAllowed(listing, STRANGER);
        vm.prank(STRANGER);
        market.withdraw(listing, contributions[0], proofOf(0));
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

    function test_withdraw_by_anyone_in_the_listings_last_second() public {
        Listings.Listing memory listing = listed();
        vm.warp(listing.closesAt);
        bytes32[] memory proof = proofOf(0);
        vm.prank(STRANGER);
        market.withdraw(listing, contributions[0], proof);
        assertListing(idOf(listing), 0, 0, listing.closesAt - 1);
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

    // --- withdrawFor --------------------------------------------------------------------------

    function test_withdrawFor_emits_Withdrawn() public {
        Listings.Listing memory listing = listed();
        consent(PATIENT, Purpose.GRU, LATER);
        bytes32 leaf = leafOf(contributions[0]);
        Signatures.Signed memory by = _word(listing, 0, "patient");
        vm.expectEmit(address(market));
        emit IMarket.Withdrawn(idOf(listing), leaf, PATIENT, PATIENT);
        _withdrawFor(listing, 0, by);
        assertListing(idOf(listing), 0, 0, NOW - 1);
        assertEq(market.withdrawnAt(leaf), NOW);
    }

    function test_withdrawFor_by_a_delegates_word() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, "guardian");
        vm.expectRevert(
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, GUARDIAN, Scopes.SELL)
        );
        _withdrawFor(listing, 0, by);
        _name(Scopes.SELL, LATER);
        vm.expectEmit(address(market));
        emit IMarket.Withdrawn(idOf(listing), leafOf(contributions[0]), PATIENT, GUARDIAN);
        _withdrawFor(listing, 0, by);
        assertEq(market.withdrawnAt(leafOf(contributions[0])), NOW);
    }

    function test_withdrawFor_by_the_signer_itself_needs_no_signature() public {
        Listings.Listing memory listing = listed();
        bytes32[] memory proof = proofOf(0);
        vm.prank(PATIENT);
        market.withdrawFor(listing, contributions[0], proof, Signatures.Signed(PATIENT, 0, ""));
        assertListing(idOf(listing), 0, 0, NOW - 1);
    }

    function test_withdrawFor_reverts_when_withdrawn_before() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, "patient");
        _withdrawFor(listing, 0, by);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.AlreadyWithdrawn.selector, idOf(listing), leafOf(contributions[0]))
        );
        _withdrawFor(listing, 0, by);
    }

    /// Marked through one listing, the leaf still stands in another: that one needs a word of its own.
    function test_withdrawFor_given_a_leaf_withdrawn_elsewhere() public {
        Listings.Listing memory first = listed();
        Listings.Listing memory second = plainOffer();
        bytes32 id = list(second);
        Signatures.Signed memory by = _word(first, 0, "patient");
        _withdrawFor(first, 0, by);
        _expectInvalid(PATIENT);
        _withdrawFor(second, 0, by);
        vm.warp(second.closesAt); // its last second
        _withdrawFor(second, 0, _word(second, 0, "patient"));
        assertListing(id, 0, 0, second.closesAt - 1);
        assertEq(market.withdrawnAt(leafOf(contributions[0])), NOW, "the first time stays");
    }

    /// A listing that others closed: the patient's word still marks the leaf.
    function test_withdrawFor_from_a_closed_listing() public {
        Listings.Listing memory listing = listed();
        bytes32[] memory proof = proofOf(0);
        vm.prank(STRANGER);
        market.withdraw(listing, contributions[0], proof);
        assertEq(market.withdrawnAt(leafOf(contributions[0])), 0);
        _withdrawFor(listing, 0, _word(listing, 0, "patient"));
        assertEq(market.withdrawnAt(leafOf(contributions[0])), NOW);
    }

    function test_withdrawFor_reverts_when_word_is_anothers_or_of_something_else() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, "stranger");
        vm.expectRevert(
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, STRANGER, Scopes.SELL)
        );
        _withdrawFor(listing, 0, by);
        by.signer = PATIENT;
        _expectInvalid(PATIENT);
        _withdrawFor(listing, 0, by);
        by = _word(listing, 1, "patient");
        _expectInvalid(PATIENT);
        _withdrawFor(listing, 0, by);
        by = _word(listing, 0, "patient");
        by.deadline += 1;
        _expectInvalid(PATIENT);
        _withdrawFor(listing, 0, by);
        // On a fork of the chain it is no word either.
        by = _word(listing, 0, "patient");
        listing = plainOffer();
        vm.chainId(7);
        list(listing);
        _expectInvalid(PATIENT);
        _withdrawFor(listing, 0, by);
    }

    function test_withdrawFor_until_the_words_deadline() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, "patient");
        vm.warp(by.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureExpired.selector, PATIENT, by.deadline));
        _withdrawFor(listing, 0, by);
        vm.warp(by.deadline);
        _withdrawFor(listing, 0, by);
    }

    function test_withdrawFor_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, "patient");
        contributions[0].weight = 6;
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.ContributionUnknown.selector, idOf(listing), leafOf(contributions[0])
            )
        );
        market.withdrawFor(listing, contributions[0], proof, by);
    }

    // --- helpers ------------------------------------------------------------------------------

    function _name(uint8 scope, uint40 until) private {
        vm.prank(PATIENT);
        consents.setDelegate(GUARDIAN, scope, until);
    }

    function _lift(bytes32 record) private {
        vm.prank(PATIENT);
        consents.lift(record);
    }

    function _word(Listings.Listing memory listing, uint256 index, string memory name)
        private
        view
        returns (Signatures.Signed memory)
    {
        bytes32 content = withdrawalContent(idOf(listing), leafOf(contributions[index]));
        return wordOf(keyOf(name), content);
    }

    function _withdrawFor(Listings.Listing memory listing, uint256 index, Signatures.Signed memory by)
        private
    {
        vm.prank(makeAddr("relay"));
        market.withdrawFor(listing, contributions[index], proofOf(index), by);
    }

    function _expectInvalid(address signer) private {
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureInvalid.selector, signer));
    }

    function _expectNotAllowed(Listings.Listing memory listing, address caller) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.WithdrawalNotAllowed.selector, idOf(listing), PATIENT, caller)
        );
    }
}
