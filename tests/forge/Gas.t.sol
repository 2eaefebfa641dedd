// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// What a transaction costs, base fee and calldata included: each call runs as a transaction of its own.
/// `snapshots/Gas.json` keeps the figures, so that a review sees them change; the bounds below are promises.
/// forge-config: default.isolate = true
contract GasTest is MarketWorld {
    uint256 private constant DEPTH = 17;

    Listings.Listing private deep;
    bytes32[] private proof;

    function setUp() public override {
        // Coverage measures other bytecode.
        vm.skip(vm.isContext(VmSafe.ForgeContext.Coverage));
        super.setUp();
        // A tree of 131,072 contributions, of which only this path is known.
        for (uint256 i = 0; i < DEPTH; ++i) {
            proof.push(keccak256(abi.encode("sibling", i)));
        }
        deep = offer();
        deep.root = _rootAbove(leafOf(contributions[0]));
        list(deep);
        sell(deep, 1);
        // Not unlimited: the token writes what is left of it.
        vm.prank(RESEARCHER);
        token.approve(address(market), 1e18);
    }

    function test_register() public {
        vm.prank(HOSPITAL);
        records.register(keccak256("root"), 100_000);
        _assertGas("register", 53_000);
    }

    function test_grant_for_treatment_in_a_batch_of_one() public {
        bytes32 blind = keccak256("blind");
        bytes32 id = records.recordId(PATIENT, blind);
        vm.prank(HOSPITAL);
        records.register(id, 1);
        _grant(blind, new bytes32[](0), Purpose.TREATMENT);
        _assertGas("grant, batch of 1", 60_000);
    }

    function test_grant_for_research_in_a_batch_of_131072() public {
        bytes32 blind = keccak256("blind");
        bytes32 root = _rootAbove(records.recordId(PATIENT, blind));
        vm.prank(HOSPITAL);
        records.register(root, 131_072);
        consent(PATIENT, Purpose.GRU, LATER);
        _grant(blind, proof, Purpose.HMB);
        _assertGas("grant, batch of 131072, by consent", 85_000);
    }

    function test_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        _assertGas("consent, first", 50_000);
        consent(PATIENT, Purpose.HMB, LATER);
        _assertGas("consent, again", 33_000);
    }

    function test_list() public {
        list(offer());
        _assertGas("list", 60_000);
    }

    function test_purchase_and_settle_on_a_listing_that_sold_before() public {
        Listings.Order memory order = purchase(deep, 2);
        uint256 gas = _assertGas("purchase", 95_000);
        market.settle(order, 2);
        gas += _assertGas("settle", 45_000);
        assertLe(gas, 150_000);
    }

    function test_refund() public {
        Listings.Order memory order = purchase(deep, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        _assertGas("refund", 50_000);
    }

    function test_claim_at_depth_17() public {
        market.claim(deep, contributions[0], proof);
        _assertGas("claim, first, fresh payee", 105_000);
        sell(deep, 2);
        market.claim(deep, contributions[0], proof);
        _assertGas("claim, again", 70_000);
    }

    function test_claimFee() public {
        market.claimFee(deep);
        sell(deep, 2);
        market.claimFee(deep);
        _assertGas("claimFee, again", 52_000);
    }

    function test_withdraw_at_depth_17() public {
        vm.prank(PATIENT);
        market.withdraw(deep, contributions[0], proof);
        _assertGas("withdraw", 75_000);
    }

    function _grant(bytes32 blind, bytes32[] memory proof_, uint64 purpose) private {
        bytes memory locator = bytes.concat(keccak256("a"), keccak256("b"), bytes16(keccak256("c")));
        vm.prank(PATIENT);
        grants.grant(HOSPITAL, blind, proof_, RESEARCHER, purpose, LATER, locator);
    }

    function _rootAbove(bytes32 node) private view returns (bytes32) {
        for (uint256 i = 0; i < DEPTH; ++i) {
            node = Hashes.commutativeKeccak256(node, proof[i]);
        }
        return node;
    }

    function _assertGas(string memory name, uint256 most) private returns (uint256 gas) {
        gas = vm.snapshotGasLastCall("Gas", name);
        assertLe(gas, most, name);
    }
}
