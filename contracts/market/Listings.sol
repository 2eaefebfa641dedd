// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

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
        uint40 closesAt; // last second an order may be opened
        bytes32 salt; // so the same content may be listed again
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
        bytes32 keyCommitment;
        uint96 weight; // part of the listing's total weight
        bytes32 consentDigest; // keccak256(EIP-712 digest of the signed terms || signature)
    }

    /// @notice What a patient signs to join a steward's listings; EIP-712 primary type `Contribution`.
    struct ContributionTerms {
        address patient;
        address steward;
        address token;
        uint64 terms; // the widest a listing may offer
        uint96 minPrice;
        uint16 maxFeeBps;
        address payee;
        bytes32 record;
        bytes32 keyCommitment;
        uint96 weight;
        uint96 maxTotalWeight; // so the share is weight / maxTotalWeight at least: nobody dilutes it
        uint40 expiresAt; // the listing must close no later
    }

    bytes32 internal constant CONTRIBUTION_TYPEHASH = keccak256(
        "Contribution(address patient,address steward,address token,uint64 terms,uint96 minPrice,uint16 maxFeeBps,"
        "address payee,bytes32 record,bytes32 keyCommitment,uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)"
    );

    // The two hashes every claim needs are taken over the words as they came, without a copy field by field: half
    // the gas. Solidity refuses dirty words where it reads a field, and `Market.list` reads every field: words that
    // are not a listing's clean encoding hash to an id that is not listed, or to a leaf nobody can use.

    /// @notice Id of a listing on the market that calls: keccak256(abi.encode(chain id, market, listing)).
    function id(Listing calldata listing) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, chainid())
            mstore(add(start, 0x20), address())
            calldatacopy(add(start, 0x40), listing, 0x120)
            hash := keccak256(start, 0x160)
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
            calldatacopy(start, contribution, 0xc0)
            mstore(0x00, keccak256(start, 0xc0))
            hash := keccak256(0x00, 0x20)
        }
    }

    /// @notice EIP-712 `hashStruct` of the terms a patient signs.
    function structHash(ContributionTerms calldata terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONTRIBUTION_TYPEHASH, terms));
    }
}
