// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../../contracts/libraries/Purpose.sol";
import {Listings} from "../../../contracts/market/Listings.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @notice A world with a dataset of three contributions (weights 1, 2 and 3 of 6) and a buyer with money.
abstract contract MarketWorld is World {
    uint96 internal constant PRICE = 1_000_003;
    uint16 internal constant FEE_BPS = 500;
    uint256 internal constant SECRET = uint256(keccak256("secret"));
    uint64 internal constant TERMS = Purpose.HMB;

    address internal immutable STEWARD = makeAddr("steward");

    Listings.Contribution[] internal contributions;

    function setUp() public virtual override {
        super.setUp();
        addContributions(3, 1);
        token.mint(RESEARCHER, 1_000 * uint256(PRICE));
        vm.prank(RESEARCHER);
        token.approve(address(market), type(uint256).max);
    }

    /// @dev Makes `count` contributions with weights `factor`, 2 `factor`, ...
    function addContributions(uint256 count, uint96 factor) internal {
        delete contributions;
        for (uint96 i = 0; i < count; ++i) {
            contributions.push(
                Listings.Contribution({
                    patient: i == 0 ? PATIENT : makeAddr(string.concat("patient ", vm.toString(i))),
                    payee: makeAddr(string.concat("payee ", vm.toString(i))),
                    recordId: keccak256(abi.encode("record", i)),
                    keyCommitment: keccak256(abi.encode("commitment", i)),
                    weight: (i + 1) * factor,
                    consentDigest: keccak256(abi.encode("consent", i))
                })
            );
        }
    }

    function leaves() internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](contributions.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leafOf(contributions[i]);
        }
    }

    // Ids and leaves are computed here, not asked of the market: a call would use up a prank.

    function idOf(Listings.Listing memory listing) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, listing));
    }

    function idOf(Listings.Order memory order) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, order));
    }

    function leafOf(Listings.Contribution memory contribution) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(contribution))));
    }

    function proofOf(uint256 index) internal view returns (bytes32[] memory) {
        return Tree.proofOf(leaves(), index);
    }

    /// @dev The listing as it would be offered: not yet on the market.
    function offer() internal view returns (Listings.Listing memory) {
        return Listings.Listing({
            steward: STEWARD,
            root: Tree.rootOf(leaves()),
            token: address(token),
            price: PRICE,
            totalWeight: 6,
            terms: TERMS,
            feeBps: FEE_BPS,
            closesAt: NOW + 30 days,
            salt: keccak256("salt")
        });
    }

    function listed() internal returns (Listings.Listing memory listing) {
        listing = offer();
        list(listing);
    }

    function list(Listings.Listing memory listing) internal returns (bytes32) {
        vm.prank(listing.steward);
        return market.list(listing);
    }

    /// @dev The order that the researcher's purchase with `secret`'s lock makes.
    function orderOf(Listings.Listing memory listing, uint256 secret)
        internal
        view
        returns (Listings.Order memory)
    {
        return Listings.Order({
            listing: idOf(listing),
            buyer: RESEARCHER,
            token: listing.token,
            price: listing.price,
            purpose: TERMS,
            lock: vm.addr(secret),
            deadline: uint40(vm.getBlockTimestamp() + 1 hours)
        });
    }

    function purchase(Listings.Listing memory listing, uint256 secret)
        internal
        returns (Listings.Order memory order)
    {
        order = orderOf(listing, secret);
        vm.prank(order.buyer);
        market.purchase(listing, order.purpose, order.lock, order.deadline);
    }

    function sell(Listings.Listing memory listing, uint256 secret) internal {
        market.settle(purchase(listing, secret), secret);
    }

    function assertListing(bytes32 id, uint256 earned, uint256 paid, uint40 closesAt) internal view {
        (uint104 earned_, uint104 paid_, uint40 closesAt_) = market.stateOf(id);
        assertEq(earned_, earned, "earned");
        assertEq(paid_, paid, "paid");
        assertEq(closesAt_, closesAt, "closesAt");
    }
}
