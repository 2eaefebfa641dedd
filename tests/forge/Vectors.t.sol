// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerklePath} from "../../contracts/libraries/MerklePath.sol";
import {PointLock} from "../../contracts/libraries/PointLock.sol";
import {IMarket} from "../../contracts/market/IMarket.sol";
import {Listings} from "../../contracts/market/Listings.sol";
import {World} from "./support/World.sol";

/// Ids, leaves, roots and locks are those of `tests/vectors`, which the Python library is held to.
contract VectorsTest is World {
    struct RecordRow {
        address patient;
        bytes32 blind;
        bytes32 id;
    }

    struct ListingRow {
        uint256 chainId;
        address market;
        Listings.Listing listing;
        bytes32 id;
    }

    struct OrderRow {
        uint256 chainId;
        address market;
        Listings.Order order;
        bytes32 id;
    }

    struct ContributionRow {
        Listings.Contribution contribution;
        bytes32 leaf;
        bytes32 digest;
        bytes signature;
    }

    struct IssuerRow {
        Listings.IssuerShare share;
        bytes32 leaf;
    }

    struct TreeRow {
        bytes32[] leaves;
        bytes32 root;
        bytes32[][] proofs;
    }

    struct LockRow {
        uint256 k;
        address lock;
    }

    // The files' own field names, under type names that no Solidity struct here has: forge would want its fields.
    string private constant RECORD = "Row(address patient,bytes32 blind,bytes32 record_id)";
    string private constant LISTING = "Row(uint256 chain_id,address market,Offer listing,bytes32 id)"
        "Offer(address steward,bytes32 root,address token,uint96 price,uint96 total_weight,uint64 terms,"
        "uint16 fee_bps,uint16 issuer_bps,bytes32 issuers,uint96 bond,uint40 closes_at,bytes8 salt)";
    string private constant ORDER = "Row(uint256 chain_id,address market,Purchase order,bytes32 id)"
        "Purchase(bytes32 listing,address buyer,address token,uint96 price,uint64 purpose,address lock,uint40 deadline)";
    string private constant CONTRIBUTION = "Row(Share contribution,bytes32 leaf,bytes32 eip712_digest,bytes signature)"
        "Share(address patient,address payee,bytes32 record,uint96 weight,bytes32 consent_digest)";
    string private constant ISSUER = "Row(Share share,bytes32 leaf)Share(address issuer,uint96 weight)";
    string private constant TREE = "Row(bytes32[] leaves,bytes32 root,bytes32[][] proofs)";
    string private constant LOCK = "Row(uint256 k,address lock)";

    string private ids = vm.readFile("tests/vectors/ids.json");
    string private sale = vm.readFile("tests/vectors/sale.json");

    function test_recordId_follows_the_vectors() public view {
        RecordRow[] memory rows = abi.decode(vm.parseJsonTypeArray(ids, ".records", RECORD), (RecordRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            assertEq(records.recordId(rows[i].patient, rows[i].blind), rows[i].id);
        }
    }

    function test_listingId_follows_the_vectors() public {
        ListingRow[] memory rows =
            abi.decode(vm.parseJsonTypeArray(ids, ".listings", LISTING), (ListingRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].chainId > type(uint64).max) continue; // no chain here can have such an id
            vm.chainId(rows[i].chainId);
            vm.etch(rows[i].market, address(market).code);
            assertEq(IMarket(rows[i].market).listingId(rows[i].listing), rows[i].id);
        }
    }

    function test_orderId_follows_the_vectors() public {
        OrderRow[] memory rows = abi.decode(vm.parseJsonTypeArray(ids, ".orders", ORDER), (OrderRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            vm.chainId(rows[i].chainId);
            vm.etch(rows[i].market, address(market).code);
            assertEq(IMarket(rows[i].market).orderId(rows[i].order), rows[i].id);
        }
    }

    function test_leafOf_follows_the_vectors() public view {
        ContributionRow[] memory rows =
            abi.decode(vm.parseJsonTypeArray(ids, ".contributions", CONTRIBUTION), (ContributionRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            assertEq(market.leafOf(rows[i].contribution), rows[i].leaf);
            bytes32 digest = keccak256(abi.encodePacked(rows[i].digest, rows[i].signature));
            assertEq(digest, rows[i].contribution.consentDigest);
        }
    }

    function test_issuerLeafOf_follows_the_vectors() public view {
        IssuerRow[] memory rows =
            abi.decode(vm.parseJsonTypeArray(ids, ".issuer_shares", ISSUER), (IssuerRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            assertEq(market.issuerLeafOf(rows[i].share), rows[i].leaf);
        }
    }

    function test_rootOf_follows_the_vectors() public view {
        TreeRow[] memory rows = abi.decode(vm.parseJsonTypeArray(ids, ".trees", TREE), (TreeRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            for (uint256 j = 0; j < rows[i].leaves.length; ++j) {
                assertEq(this.rootOf(rows[i].proofs[j], rows[i].leaves[j]), rows[i].root);
            }
        }
    }

    function test_addressOf_follows_the_vectors() public view {
        LockRow[] memory rows = abi.decode(vm.parseJsonTypeArray(sale, ".locks", LOCK), (LockRow[]));
        assertGt(rows.length, 0);
        for (uint256 i = 0; i < rows.length; ++i) {
            assertEq(PointLock.addressOf(rows[i].k), rows[i].lock);
        }
    }

    /// Gives the siblings in calldata.
    function rootOf(bytes32[] calldata siblings, bytes32 leaf) external pure returns (bytes32) {
        return MerklePath.rootOf(siblings, leaf);
    }
}
