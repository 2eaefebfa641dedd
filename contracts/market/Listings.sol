// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../libraries/Purpose.sol";

/// @title Listings
/// @notice The market's types and their hashes. An id is the hash of content, chain and market: terms travel in
/// calldata, the market stores only what changes.
library Listings {
    /// @notice A dataset's offer.
    struct Listing {
        address steward; // seals the data, answers quotes, settles, takes the fee
        bytes32 root; // of OpenZeppelin's StandardMerkleTree over the contributions
        address token; // ERC-20 that is paid in
        uint96 price; // token units per sale
        uint96 totalWeight; // sum of the contributions' weights
        uint64 terms; // terms word every sale is matched against
        uint16 feeBps; // the steward's part of the price, in basis points
        uint16 issuerBps; // the issuers' part of the price, in basis points
        bytes32 issuers; // root of the tree over the issuers' shares; 0 without an issuers' part
        uint96 bond; // token units the steward stakes on every contribution being signed
        uint40 closesAt; // last second an order may be opened
        bytes8 salt; // so the same content may be listed again
    }

    /// @notice A purchase.
    struct Order {
        bytes32 listing;
        address buyer;
        address token;
        uint96 price;
        uint64 purpose; // request word
        address lock; // address of the point whose secret settles
        uint40 deadline; // last second to settle
    }

    /// @notice A leaf of a listing's tree: who earns what part for which record.
    struct Contribution {
        address patient;
        address payee; // earnings go here and nowhere else
        bytes32 recordId;
        uint96 weight; // part of the listing's total weight
        bytes32 consentDigest; // keccak256(EIP-712 digest of the signed terms || signature)
    }

    /// @notice A leaf of a listing's tree of issuers.
    struct IssuerShare {
        address issuer; // of the records whose weights it sums
        uint96 weight; // part of the listing's total weight
    }

    /// @notice What a patient signs, or a delegate for a patient, to join a steward's listings; EIP-712 primary type
    /// `Contribution`.
    struct ContributionTerms {
        address patient;
        address signer; // the patient, or a delegate for `Scopes.SELL`
        address steward;
        address token;
        uint64 terms; // the widest a listing may offer
        uint96 minPrice;
        uint16 maxFeeBps; // of steward and issuers together
        address payee;
        bytes32 record;
        bytes32 keyCommitment;
        uint96 weight;
        uint96 maxTotalWeight; // so the share is weight / maxTotalWeight at least: nobody dilutes it
        uint40 expiresAt; // the listing must close no later
    }

    /// @notice One claim of several.
    struct Claim {
        Listing listing;
        Contribution contribution;
        bytes32[] proof;
    }

    /// @notice An ERC-2612 signature over the listing's price.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    bytes32 internal constant CONTRIBUTION_TYPEHASH = keccak256(
        "Contribution(address patient,address signer,address steward,address token,uint64 terms,uint96 minPrice,"
        "uint16 maxFeeBps,address payee,bytes32 record,bytes32 keyCommitment,uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)"
    );
    bytes32 internal constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(bytes32 listing,bytes32 leaf,uint40 deadline)");
    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 listing,bytes32 leaf,address to,uint256 claimed,uint40 deadline)");

    // The two hashes every claim needs are taken over the words as they came, without a copy field by field: half
    // the gas. Solidity refuses dirty words where it reads a field, and `Market.list` reads every field: words that
    // are not a listing's clean encoding hash to an id that is not listed. A leaf of dirty words is one its steward put
    // into the tree: no client makes such a root, and what it earns it takes from that listing only.

    /// @notice Id of a listing on the market that calls: keccak256(abi.encode(chain id, market, listing)).
    function id(Listing calldata listing) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, chainid())
            mstore(add(start, 0x20), address())
            calldatacopy(add(start, 0x40), listing, 0x180)
            hash := keccak256(start, 0x1c0)
        }
    }

    /// @notice Id of an order on the market that calls: keccak256(abi.encode(chain id, market, order)).
    function id(Order memory order) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), order));
    }

    /// @notice Leaf of a contribution: keccak256(keccak256(abi.encode(contribution))). Hashed twice, it can never
    /// pass for an inner node.
    function leaf(Contribution calldata contribution) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            calldatacopy(start, contribution, 0xa0)
            mstore(0x00, keccak256(start, 0xa0))
            hash := keccak256(0x00, 0x20)
        }
    }

    /// @notice Leaf of an issuer's share, of another length than a contribution's before it is hashed.
    function leaf(IssuerShare calldata share) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(share))));
    }

    /// @notice EIP-712 `hashStruct` of the terms a patient signs.
    function structHash(ContributionTerms calldata terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONTRIBUTION_TYPEHASH, terms));
    }

    /// @notice EIP-712 `hashStruct` of a withdrawal.
    function withdrawalHash(bytes32 listing, bytes32 leaf_, uint40 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL_TYPEHASH, listing, leaf_, deadline));
    }

    /// @notice EIP-712 `hashStruct` of a payee's word that a claim goes to `to`; `claimed` so far is its nonce.
    function claimHash(bytes32 listing, bytes32 leaf_, address to, uint256 claimed, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(CLAIM_TYPEHASH, listing, leaf_, to, claimed, deadline));
    }

    /// @notice Tells whether the signed `terms` allow `contribution` in `listing`. Who signed them is not asked here.
    function allow(
        ContributionTerms calldata terms,
        Listing calldata listing,
        Contribution calldata contribution
    ) internal pure returns (bool) {
        bool sameShare = terms.patient == contribution.patient && terms.payee == contribution.payee
            && terms.record == contribution.recordId && terms.weight == contribution.weight;
        bool sameSale = terms.steward == listing.steward && terms.token == listing.token
            && Purpose.covers(terms.terms, listing.terms);
        return sameShare && sameSale && terms.minPrice <= listing.price
            && terms.maxFeeBps >= uint256(listing.feeBps) + listing.issuerBps
            && terms.maxTotalWeight >= listing.totalWeight && terms.expiresAt >= listing.closesAt;
    }
}
