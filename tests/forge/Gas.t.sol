// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {MarketWorld} from "./support/MarketWorld.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {VmSafe} from "forge-std/Vm.sol";

/// What a transaction costs, base fee and calldata included: each call runs as a transaction of its own.
/// `snapshots/Gas.json` keeps the figures, so that a review sees them change; the bounds below are promises. The listing
/// is one with issuers and a bond, and no word of it is zero.
/// forge-config: default.isolate = true
contract GasTest is MarketWorld {
    uint256 private constant DEPTH = 17;
    uint256 private constant MANY = 100;
    bytes32 private constant FORM = keccak256("form");

    Listings.Listing private deep;
    bytes32[] private proof;

    function setUp() public override {
        // Coverage measures other bytecode.
        vm.skip(vm.isContext(VmSafe.ForgeContext.Coverage));
        super.setUp();
        // Trees of 131,072 leaves, of which only this path is known.
        for (uint256 i = 0; i < DEPTH; ++i) {
            proof.push(keccak256(abi.encode("sibling", i)));
        }
        deep = offer();
        deep.root = _rootAbove(leafOf(contributions[0]));
        // Not unlimited: the token writes what is left of it.
        vm.prank(RESEARCHER);
        token.approve(address(market), 1e18);
    }

    // --- records, consents, grants ------------------------------------------------------------

    function test_register() public {
        vm.prank(HOSPITAL);
        records.register(keccak256("root"), 100_000);
        _assertGas("register", 53_000);
    }

    function test_consent() public {
        consent(PATIENT, Purpose.GRU, LATER);
        _assertGas("consent, first", 51_000);
        consent(PATIENT, Purpose.HMB, LATER);
        _assertGas("consent, again", 34_000);
        vm.prank(PATIENT);
        consents.revoke(0);
        _assertGas("consent, revoke", 32_000);
    }

    function test_consent_by_a_relay() public {
        bytes memory call = _consentCall("patient");
        (bool done,) = address(consents).call(call);
        assertTrue(done);
        _assertGas("consentFor, first", 65_000);
    }

    function test_consents_of_many_by_a_relay() public {
        bytes[] memory calls = new bytes[](MANY);
        for (uint256 i = 0; i < MANY; ++i) {
            calls[i] = _consentCall(nameOf(i));
        }
        consents.multicall(calls, false);
        _assertGas("consentFor, 100 by multicall", MANY * 37_500);
        for (uint256 i = 0; i < MANY; ++i) {
            assertTrue(consents.covers(vm.addr(keyOf(nameOf(i))), 0, Purpose.GRU));
        }
    }

    function test_grant_for_treatment_in_a_batch_of_one() public {
        bytes32 blind = keccak256("blind");
        bytes32 id = records.recordId(PATIENT, blind);
        vm.prank(HOSPITAL);
        records.register(id, 1);
        _grant(blind, new bytes32[](0), Purpose.TREATMENT);
        _assertGas("grant, batch of 1", 60_000);
        vm.prank(PATIENT);
        grants.revoke(blind, RESEARCHER);
        _assertGas("revoke", 40_000);
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

    /// A hundred records of one patient side by side in a batch of 131,072.
    function test_grantMany() public {
        bytes32[] memory blinds = new bytes32[](MANY);
        bytes32[] memory nodes = new bytes32[](MANY);
        IGrants.Locator[] memory locators = new IGrants.Locator[](MANY);
        for (uint256 i = 0; i < MANY; ++i) {
            blinds[i] = keccak256(abi.encode("blind", i));
            nodes[i] = records.recordId(PATIENT, blinds[i]);
            locators[i] = _locator(i);
        }
        (bytes32 root, bytes32[] memory siblings, bool[] memory flags) = _rootAboveAll(nodes);
        vm.prank(HOSPITAL);
        records.register(root, 131_072);
        vm.prank(PATIENT);
        grants.grantMany(HOSPITAL, blinds, siblings, flags, RESEARCHER, Purpose.TREATMENT, LATER, locators);
        _assertGas("grantMany, 100", MANY * 31_000);
        for (uint256 i = 0; i < MANY; ++i) {
            assertTrue(grants.isActive(PATIENT, blinds[i], RESEARCHER));
        }
    }

    // --- market -------------------------------------------------------------------------------

    function test_list() public {
        Listings.Listing memory listing = deep;
        list(listing);
        _assertGas("list, with bond", 100_000);
        listing.bond = 0;
        list(listing);
        _assertGas("list", 60_000);
    }

    function test_first_purchase_and_settle() public {
        list(_unbonded());
        Listings.Order memory order = purchase(_unbonded(), 1);
        uint256 gas = _assertGas("purchase, first of all", 125_000);
        market.settle(order, 1);
        gas += _assertGas("settle, first", 62_000);
        assertLe(gas, 185_000);
    }

    function test_purchase_and_settle_on_a_listing_that_sold_before() public {
        _sellDeep();
        Listings.Order memory order = purchase(deep, 2);
        uint256 gas = _assertGas("purchase", 100_000);
        market.settle(order, 2);
        gas += _assertGas("settle", 45_000);
        assertLe(gas, 150_000);
    }

    function test_refund() public {
        list(deep);
        Listings.Order memory order = purchase(deep, 2);
        vm.warp(order.deadline + 1);
        market.refund(order);
        _assertGas("refund", 50_000);
    }

    function test_claim_at_depth_17() public {
        _sellDeep();
        market.claim(deep, contributions[0], proof);
        _assertGas("claim, first, fresh payee", 105_000);
        sell(deep, 2);
        market.claim(deep, contributions[0], proof);
        _assertGas("claim, again", 70_000);
    }

    /// Ten years of a payee: ten listings that sold again since the last claim.
    function test_claimMany() public {
        Listings.Claim[] memory claims = new Listings.Claim[](10);
        for (uint64 i = 0; i < 10; ++i) {
            Listings.Listing memory listing = _unbonded();
            listing.salt = bytes8(keccak256(abi.encode(i)));
            list(listing);
            sell(listing, 1);
            claims[i] = Listings.Claim(listing, contributions[0], proof);
        }
        market.claimMany(claims);
        _assertGas("claimMany, 10, first", 10 * 85_000);
        for (uint256 i = 0; i < 10; ++i) {
            sell(claims[i].listing, 2);
        }
        market.claimMany(claims);
        _assertGas("claimMany, 10, again", 10 * 50_000);
    }

    function test_claimIssuer() public {
        _sellDeep();
        market.claimIssuer(deep, issuers[0], issuerProofOf(0));
        sell(deep, 2);
        market.claimIssuer(deep, issuers[0], issuerProofOf(0));
        _assertGas("claimIssuer, again", 62_000);
    }

    function test_claimFee() public {
        _sellDeep();
        market.claimFee(deep);
        sell(deep, 2);
        market.claimFee(deep);
        _assertGas("claimFee, again", 53_000);
    }

    function test_withdraw_at_depth_17() public {
        list(deep);
        vm.prank(PATIENT);
        market.withdraw(deep, contributions[0], proof);
        _assertGas("withdraw", 75_000);
    }

    function test_withdrawFor_at_depth_17() public {
        list(deep);
        bytes32 content = withdrawalContent(idOf(deep), leafOf(contributions[0]));
        market.withdrawFor(deep, contributions[0], proof, wordOf(keyOf("patient"), content));
        _assertGas("withdrawFor", 85_000);
    }

    function test_challenge_at_depth_17() public {
        signatures[0] = sign(keyOf("stranger"), digestOf(agreed[0]));
        contributions[0] = contributionOf(agreed[0], signatures[0]);
        deep.root = _rootAbove(leafOf(contributions[0]));
        list(deep);
        vm.prank(STRANGER);
        market.challenge(deep, contributions[0], agreed[0], signatures[0], proof);
        _assertGas("challenge", 90_000);
        market.closeOut(deep);
        _assertGas("closeOut, challenged", 100_000);
    }

    // --- helpers ------------------------------------------------------------------------------

    function _unbonded() private view returns (Listings.Listing memory listing) {
        listing = deep;
        listing.bond = 0;
    }

    function _sellDeep() private {
        list(deep);
        sell(deep, 1);
    }

    /// A patient's first consent as a relay sends it.
    function _consentCall(string memory name) private view returns (bytes memory) {
        address patient = vm.addr(keyOf(name));
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,uint32 version,uint40 deadline)"
                ),
                patient,
                bytes32(0),
                Purpose.GRU,
                LATER,
                FORM,
                1,
                inAnHour()
            )
        );
        bytes32 digest = typedDigest("MediBloc Consents", address(consents), content);
        Signatures.Signed memory by = Signatures.Signed(patient, inAnHour(), sign(keyOf(name), digest));
        return abi.encodeCall(IConsents.setFor, (patient, 0, Purpose.GRU, LATER, FORM, by));
    }

    function _grant(bytes32 blind, bytes32[] memory proof_, uint64 purpose) private {
        vm.prank(PATIENT);
        grants.grant(
            IGrants.Request({
                issuer: HOSPITAL,
                blind: blind,
                proof: proof_,
                grantee: RESEARCHER,
                purpose: purpose,
                expiresAt: LATER,
                locator: _locator(0)
            })
        );
    }

    function _locator(uint256 i) private pure returns (IGrants.Locator memory) {
        bytes32 tag = keccak256(abi.encode("tag", i));
        return IGrants.Locator(keccak256(abi.encode("a", i)), keccak256(abi.encode("b", i)), bytes16(tag));
    }

    function _rootAbove(bytes32 node) private view returns (bytes32) {
        for (uint256 i = 0; i < DEPTH; ++i) {
            node = Hashes.commutativeKeccak256(node, proof[i]);
        }
        return node;
    }

    /// Root over all of `nodes`, then a sibling for each level above them, with the multiproof that shows it.
    function _rootAboveAll(bytes32[] memory nodes)
        private
        view
        returns (bytes32 root, bytes32[] memory siblings, bool[] memory flags)
    {
        uint256 joins = nodes.length - 1;
        // 100 nodes fill 7 levels.
        siblings = new bytes32[](DEPTH - 7);
        flags = new bool[](joins + siblings.length);
        bytes32[] memory queue = new bytes32[](nodes.length + joins);
        for (uint256 i = 0; i < nodes.length; ++i) {
            queue[i] = nodes[i];
        }
        for (uint256 i = 0; i < joins; ++i) {
            queue[nodes.length + i] = Hashes.commutativeKeccak256(queue[2 * i], queue[2 * i + 1]);
            flags[i] = true;
        }
        root = queue[queue.length - 1];
        for (uint256 i = 0; i < siblings.length; ++i) {
            siblings[i] = proof[i];
            root = Hashes.commutativeKeccak256(root, siblings[i]);
        }
    }

    function _assertGas(string memory name, uint256 most) private returns (uint256 gas) {
        gas = vm.snapshotGasLastCall("Gas", name);
        assertLe(gas, most, name);
    }
}
