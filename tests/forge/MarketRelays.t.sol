// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batches} from "../../contracts/libraries/Batches.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// A contract wallet with one key.
contract Wallet is IERC1271 {
    address private immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address found,,) = ECDSA.tryRecover(hash, signature);
        return found == OWNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract MarketRelaysTest is MarketWorld {
    address private immutable RELAY = makeAddr("relay");
    address private immutable HAVEN = makeAddr("haven");

    // --- claimTo ------------------------------------------------------------------------------

    function test_claimTo_emits_Claimed() public {
        Listings.Listing memory listing = _sold();
        bytes32 leaf = leafOf(contributions[0]);
        uint256 amount = contributorsPartOf(PRICE) / 6;
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        vm.expectEmit(address(market));
        emit IMarket.Claimed(idOf(listing), leaf, HAVEN, amount);
        assertEq(_claimTo(listing, 0, HAVEN, by), amount);
        assertEq(token.balanceOf(HAVEN), amount);
        assertEq(token.balanceOf(contributions[0].payee), 0);
        assertEq(market.claimed(idOf(listing), leaf), amount);
    }

    function test_claimTo_by_the_payee_itself_needs_no_signature() public {
        Listings.Listing memory listing = _sold();
        bytes32[] memory proof = proofOf(0);
        address payee = contributions[0].payee;
        vm.prank(payee);
        market.claimTo(listing, contributions[0], proof, HAVEN, Signatures.Signed(payee, 0, ""));
        assertEq(token.balanceOf(HAVEN), contributorsPartOf(PRICE) / 6);
    }

    /// What it is for: a payee on a token's list still has what it earned.
    function test_claimTo_given_a_payee_that_the_token_blocks() public {
        BlockingToken coin = new BlockingToken();
        fund(address(coin), RESEARCHER);
        Listings.Listing memory listing = plainOffer();
        listing.token = address(coin);
        list(listing);
        sell(listing, SECRET);
        address payee = contributions[0].payee;
        coin.setBlocked(payee, true);
        bytes32[] memory proof = proofOf(0);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, payee));
        market.claim(listing, contributions[0], proof);
        _claimTo(listing, 0, HAVEN, _word(listing, 0, HAVEN, 0));
        assertEq(coin.balanceOf(HAVEN), contributorsPartOf(PRICE) / 6);
    }

    function test_claimTo_by_a_contract_wallet() public {
        Wallet wallet = new Wallet(vm.addr(keyOf("payee 0")));
        contributions[0].payee = address(wallet);
        Listings.Listing memory listing = _sold();
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        by.signer = address(wallet);
        _claimTo(listing, 0, HAVEN, by);
        assertEq(token.balanceOf(HAVEN), contributorsPartOf(PRICE) / 6);
    }

    /// A word is for one listing, leaf, receiver and sum so far: used once, it is used up.
    function test_claimTo_reverts_when_word_is_used_again() public {
        Listings.Listing memory listing = _sold();
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        _claimTo(listing, 0, HAVEN, by);
        _expectInvalid();
        _claimTo(listing, 0, HAVEN, by);
        sell(listing, 2);
        _expectInvalid();
        _claimTo(listing, 0, HAVEN, by);
        uint256 paid = market.claimed(idOf(listing), leafOf(contributions[0]));
        _claimTo(listing, 0, HAVEN, _word(listing, 0, HAVEN, paid));
        assertEq(token.balanceOf(HAVEN), contributorsPartOf(2 * uint256(PRICE)) / 6);
    }

    /// Anyone may pay the payee first; then the word is stale, and the payee has its money.
    function test_claimTo_reverts_when_a_claim_came_first() public {
        Listings.Listing memory listing = _sold();
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        claim(listing, 0);
        _expectInvalid();
        _claimTo(listing, 0, HAVEN, by);
        assertEq(token.balanceOf(contributions[0].payee), contributorsPartOf(PRICE) / 6);
    }

    function test_claimTo_reverts_when_signer_is_not_the_payee() public {
        Listings.Listing memory listing = _sold();
        bytes32 content = claimContent(idOf(listing), leafOf(contributions[0]), STRANGER, 0);
        Signatures.Signed memory by = wordOf(keyOf("stranger"), content);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotPayee.selector, STRANGER, contributions[0].payee));
        _claimTo(listing, 0, STRANGER, by);
        by.signer = contributions[0].payee;
        _expectInvalid();
        _claimTo(listing, 0, STRANGER, by);
    }

    function test_claimTo_reverts_when_word_says_something_else() public {
        Listings.Listing memory listing = _sold();
        Listings.Listing memory other = plainOffer();
        list(other);
        sell(other, 2);
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        _expectInvalid();
        _claimTo(listing, 0, STRANGER, by);
        _expectInvalid();
        _claimTo(other, 0, HAVEN, by);
        by.deadline -= 1;
        _expectInvalid();
        _claimTo(listing, 0, HAVEN, by);
        by = _word(listing, 0, HAVEN, 1);
        _expectInvalid();
        _claimTo(listing, 0, HAVEN, by);
    }

    function test_claimTo_until_the_words_deadline() public {
        Listings.Listing memory listing = _sold();
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        vm.warp(by.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureExpired.selector, by.signer, by.deadline));
        _claimTo(listing, 0, HAVEN, by);
        vm.warp(by.deadline);
        _claimTo(listing, 0, HAVEN, by);
    }

    function test_claimTo_reverts_when_nothing_is_due() public {
        Listings.Listing memory listing = listed();
        Signatures.Signed memory by = _word(listing, 0, HAVEN, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.NothingToClaim.selector, idOf(listing), leafOf(contributions[0]))
        );
        _claimTo(listing, 0, HAVEN, by);
    }

    /// The payee of a leaf that is not in the listing has a word, and nothing to say.
    function test_claimTo_reverts_when_contribution_is_unknown() public {
        Listings.Listing memory listing = _sold();
        bytes32[] memory proof = proofOf(0);
        contributions[0].payee = STRANGER;
        bytes32 leaf = leafOf(contributions[0]);
        Signatures.Signed memory by =
            wordOf(keyOf("stranger"), claimContent(idOf(listing), leaf, STRANGER, 0));
        vm.expectRevert(abi.encodeWithSelector(IMarket.ContributionUnknown.selector, idOf(listing), leaf));
        market.claimTo(listing, contributions[0], proof, STRANGER, by);
    }

    // --- multicall ----------------------------------------------------------------------------

    /// A hostile token among good ones: its claim is left out and told, the others are paid.
    function test_multicall_of_claims_passes_by_a_token_that_refuses() public {
        BlockingToken coin = new BlockingToken();
        fund(address(coin), RESEARCHER);
        Listings.Listing memory bad = plainOffer();
        bad.token = address(coin);
        list(bad);
        sell(bad, 1);
        coin.setBlocked(contributions[0].payee, true);
        Listings.Listing memory good = _sold();
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IMarket.claim, (bad, contributions[0], proofOf(0)));
        calls[1] = abi.encodeCall(IMarket.claim, (good, contributions[0], proofOf(0)));
        bytes memory reason = abi.encodeWithSelector(BlockingToken.Blocked.selector, contributions[0].payee);
        vm.expectRevert(reason);
        market.multicall(calls, true);
        vm.expectEmit(address(market));
        emit Batches.CallRefused(0, reason);
        bool[] memory done = market.multicall(calls, false);
        assertFalse(done[0]);
        assertTrue(done[1]);
        assertEq(token.balanceOf(contributions[0].payee), contributorsPartOf(PRICE) / 6);
        assertListing(idOf(bad), PRICE, 0, bad.closesAt);
        coin.setBlocked(contributions[0].payee, false);
        assertEq(claim(bad, 0), contributorsPartOf(PRICE) / 6);
    }

    /// A buyer's calls run in the buyer's name, in one transaction: two purchases, each paid once.
    function test_multicall_of_purchases_pays_each() public {
        Listings.Listing memory listing = listed();
        bytes[] memory calls = new bytes[](2);
        for (uint256 k = 1; k <= 2; ++k) {
            Listings.Order memory order = orderOf(listing, k);
            calls[k - 1] =
                abi.encodeCall(IMarket.purchase, (listing, order.purpose, order.lock, order.deadline));
        }
        vm.prank(RESEARCHER);
        market.multicall(calls, true);
        assertEq(token.balanceOf(address(market)), BOND + 2 * uint256(PRICE));
    }

    function test_multicall_of_withdrawals_of_many_patients() public {
        Listings.Listing memory listing = listed();
        bytes[] memory calls = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 content = withdrawalContent(idOf(listing), leafOf(contributions[i]));
            Signatures.Signed memory by = wordOf(keyOf(nameOf(i)), content);
            calls[i] = abi.encodeCall(IMarket.withdrawFor, (listing, contributions[i], proofOf(i), by));
        }
        vm.prank(RELAY);
        market.multicall(calls, true);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(market.withdrawnAt(leafOf(contributions[i])), NOW);
        }
    }

    // --- helpers ------------------------------------------------------------------------------

    function _sold() private returns (Listings.Listing memory listing) {
        listing = listed();
        sell(listing, SECRET);
    }

    /// The payee's word that what patient `index` earned goes to `to`.
    function _word(Listings.Listing memory listing, uint256 index, address to, uint256 claimed)
        private
        view
        returns (Signatures.Signed memory)
    {
        bytes32 content = claimContent(idOf(listing), leafOf(contributions[index]), to, claimed);
        return wordOf(keyOf(string.concat("payee ", vm.toString(index))), content);
    }

    function _claimTo(Listings.Listing memory listing, uint256 index, address to, Signatures.Signed memory by)
        private
        returns (uint256)
    {
        vm.prank(RELAY);
        return market.claimTo(listing, contributions[index], proofOf(index), to, by);
    }

    function _expectInvalid() private {
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureInvalid.selector, contributions[0].payee));
    }
}
