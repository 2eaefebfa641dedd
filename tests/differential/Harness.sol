// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {RecordIds} from "../../contracts/libraries/RecordIds.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";

/// Many cases of one function in one call. What belongs to a contract is asked of the deployed contract itself.
contract Harness {
    function recordIds(address[] calldata patients, bytes32[] calldata blinds)
        external
        pure
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](patients.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = RecordIds.idOf(patients[i], blinds[i]);
        }
    }

    function listingIds(IMarket market, Listings.Listing[] calldata listings)
        external
        view
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](listings.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = market.listingId(listings[i]);
        }
    }

    function orderIds(IMarket market, Listings.Order[] calldata orders)
        external
        view
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](orders.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = market.orderId(orders[i]);
        }
    }

    function leaves(IMarket market, Listings.Contribution[] calldata contributions)
        external
        pure
        returns (bytes32[] memory hashes)
    {
        hashes = new bytes32[](contributions.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = market.leafOf(contributions[i]);
        }
    }

    function issuerLeaves(IMarket market, Listings.IssuerShare[] calldata shares)
        external
        pure
        returns (bytes32[] memory hashes)
    {
        hashes = new bytes32[](shares.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = market.issuerLeafOf(shares[i]);
        }
    }

    function contributionDigests(IMarket market, Listings.ContributionTerms[] calldata terms)
        external
        view
        returns (bytes32[] memory digests)
    {
        digests = new bytes32[](terms.length);
        for (uint256 i = 0; i < digests.length; ++i) {
            digests[i] = market.contributionDigest(terms[i]);
        }
    }

    function matches(uint64[] calldata terms, uint64[] calldata requests)
        external
        pure
        returns (Purpose.Answer[] memory answers, uint8[] memory bits)
    {
        (answers, bits) = (new Purpose.Answer[](terms.length), new uint8[](terms.length));
        for (uint256 i = 0; i < terms.length; ++i) {
            (answers[i], bits[i]) = Purpose.matches(terms[i], requests[i]);
        }
    }

    function covers(uint64[] calldata consents, uint64[] calldata offers)
        external
        pure
        returns (bool[] memory covered)
    {
        covered = new bool[](consents.length);
        for (uint256 i = 0; i < covered.length; ++i) {
            covered[i] = Purpose.covers(consents[i], offers[i]);
        }
    }

    function locks(uint256[] calldata secrets) external pure returns (address[] memory addresses) {
        addresses = new address[](secrets.length);
        for (uint256 i = 0; i < addresses.length; ++i) {
            addresses[i] = PointLock.addressOf(secrets[i]);
        }
    }

    /// Makes `calls` in order, as this contract; empty for each that was taken, else why it was not.
    function outcomes(address[] calldata targets, bytes[] calldata calls)
        external
        returns (bytes[] memory reasons)
    {
        reasons = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = targets[i].call(calls[i]);
            if (!done) reasons[i] = answer.length == 0 ? bytes("empty") : answer;
        }
    }
}
