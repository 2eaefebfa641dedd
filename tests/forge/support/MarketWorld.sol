// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../../contracts/libraries/Purpose.sol";
import {Signatures} from "../../../contracts/libraries/Signatures.sol";
import {IMarket} from "../../../contracts/market/IMarket.sol";
import {Listings} from "../../../contracts/market/Listings.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @notice What every token in `contracts/mocks` can do; asked for no answer, as some give none.
interface Coin {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external;
    function balanceOf(address account) external view returns (uint256);
}

/// @notice A world with a bonded dataset of three signed contributions (weights 1, 2 and 3 of 6) and two issuers
/// (weights 4 and 2 of 6), its steward, and a buyer with money.
abstract contract MarketWorld is World {
    uint96 internal constant PRICE = 1_000_003;
    uint96 internal constant BOND = 70_000_001;
    uint16 internal constant FEE_BPS = 500;
    uint16 internal constant ISSUER_BPS = 300;
    uint256 internal constant SECRET = uint256(keccak256("secret"));
    uint64 internal constant TERMS = Purpose.HMB;
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    string internal constant CONTRIBUTION_TYPE =
        "Contribution(address patient,address signer,address steward,address token,uint64 terms,uint96 minPrice,uint16 maxFeeBps,address payee,bytes32 record,bytes32 keyCommitment,uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)";
    string internal constant WITHDRAWAL_TYPE = "Withdrawal(bytes32 listing,bytes32 leaf,uint40 deadline)";
    string internal constant CLAIM_TYPE =
        "Claim(bytes32 listing,bytes32 leaf,address to,uint256 claimed,uint40 deadline)";

    address internal immutable STEWARD = makeAddr("steward");

    Listings.Contribution[] internal contributions;
    /// What the patients signed, and their signatures.
    Listings.ContributionTerms[] internal agreed;
    bytes[] internal signatures;
    Listings.IssuerShare[] internal issuers;

    function setUp() public virtual override {
        super.setUp();
        issuers.push(Listings.IssuerShare({issuer: HOSPITAL, weight: 4}));
        issuers.push(Listings.IssuerShare({issuer: makeAddr("clinic"), weight: 2}));
        for (uint96 i = 0; i < 3; ++i) {
            agreed.push(termsOf(i));
            signatures.push(sign(keyOf(nameOf(i)), digestOf(agreed[i])));
            contributions.push(contributionOf(agreed[i], signatures[i]));
        }
        fund(address(token), RESEARCHER);
        fund(address(token), STEWARD);
    }

    // --- patients and their word --------------------------------------------------------------

    function nameOf(uint256 index) internal pure returns (string memory) {
        return index == 0 ? "patient" : string.concat("patient ", vm.toString(index));
    }

    /// @dev The key behind `makeAddr(name)`.
    function keyOf(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name)));
    }

    /// @dev What patient number `index` agrees to: just what `offer` offers, but for any use of research.
    function termsOf(uint96 index) internal returns (Listings.ContributionTerms memory terms) {
        terms.patient = makeAddr(nameOf(index));
        terms.signer = terms.patient;
        terms.steward = STEWARD;
        terms.token = address(token);
        terms.terms = Purpose.GRU;
        terms.minPrice = PRICE;
        terms.maxFeeBps = FEE_BPS + ISSUER_BPS;
        terms.payee = makeAddr(string.concat("payee ", vm.toString(index)));
        terms.record = keccak256(abi.encode("record", index));
        terms.keyCommitment = keccak256(abi.encode("commitment", index));
        terms.weight = index + 1;
        terms.maxTotalWeight = 6;
        terms.expiresAt = NOW + 30 days;
    }

    function contributionOf(Listings.ContributionTerms memory terms, bytes memory signature)
        internal
        view
        returns (Listings.Contribution memory)
    {
        return Listings.Contribution({
            patient: terms.patient,
            payee: terms.payee,
            recordId: terms.record,
            weight: terms.weight,
            consentDigest: keccak256(bytes.concat(digestOf(terms), signature))
        });
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The word of `key` on `content`, good for the next hour. `content` ends with that deadline.
    function wordOf(uint256 key, bytes32 content) internal view returns (Signatures.Signed memory) {
        return Signatures.Signed({
            signer: vm.addr(key), deadline: inAnHour(), signature: sign(key, typedDigest(content))
        });
    }

    function withdrawalContent(bytes32 listing, bytes32 leaf) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(WITHDRAWAL_TYPE)), listing, leaf, inAnHour()));
    }

    function claimContent(bytes32 listing, bytes32 leaf, address to, uint256 claimed)
        internal
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(keccak256(bytes(CLAIM_TYPE)), listing, leaf, to, claimed, inAnHour()));
    }

    function inAnHour() internal view returns (uint40) {
        return uint40(vm.getBlockTimestamp() + 1 hours);
    }

    // --- ids, leaves, digests -----------------------------------------------------------------
    // Computed here, not asked of the market: it is held to them, and a call would use up a prank.

    function idOf(Listings.Listing memory listing) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, listing));
    }

    function idOf(Listings.Order memory order) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, market, order));
    }

    function leafOf(Listings.Contribution memory contribution) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(contribution))));
    }

    function leafOf(Listings.IssuerShare memory share) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(share))));
    }

    function digestOf(Listings.ContributionTerms memory terms) internal view returns (bytes32) {
        return typedDigest(keccak256(abi.encode(keccak256(bytes(CONTRIBUTION_TYPE)), terms)));
    }

    /// @dev EIP-712 digest of a struct hash on the market.
    function typedDigest(bytes32 structHash) internal view returns (bytes32) {
        return typedDigest("MediBloc Market", address(market), structHash);
    }

    function typedDigest(string memory name, address verifier, bytes32 structHash)
        internal
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        );
        bytes32 separator =
            keccak256(abi.encode(domain, keccak256(bytes(name)), keccak256("1"), block.chainid, verifier));
        return MessageHashUtils.toTypedDataHash(separator, structHash);
    }

    function leaves() internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](contributions.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leafOf(contributions[i]);
        }
    }

    function issuerLeaves() internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](issuers.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leafOf(issuers[i]);
        }
    }

    function proofOf(uint256 index) internal view returns (bytes32[] memory) {
        return Tree.proofOf(leaves(), index);
    }

    function issuerProofOf(uint256 index) internal view returns (bytes32[] memory) {
        return Tree.proofOf(issuerLeaves(), index);
    }

    // --- trade --------------------------------------------------------------------------------

    /// @dev Gives `account` a thousand prices and a few bonds of `coin`, and lets the market take them.
    function fund(address coin, address account) internal {
        Coin(coin).mint(account, 1_000 * uint256(PRICE) + 8 * uint256(BOND));
        vm.prank(account);
        Coin(coin).approve(address(market), type(uint256).max);
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
            issuerBps: ISSUER_BPS,
            issuers: Tree.rootOf(issuerLeaves()),
            bond: BOND,
            closesAt: NOW + 30 days,
            salt: bytes8(keccak256("salt"))
        });
    }

    /// @dev The same without a bond, so that the market holds nothing but sales.
    function plainOffer() internal view returns (Listings.Listing memory listing) {
        listing = offer();
        listing.bond = 0;
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
            deadline: inAnHour()
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

    function claim(Listings.Listing memory listing, uint256 index) internal returns (uint256) {
        return market.claim(listing, contributions[index], proofOf(index));
    }

    /// @dev As patient 0.
    function withdraw(Listings.Listing memory listing) internal {
        vm.prank(PATIENT);
        market.withdraw(listing, contributions[0], proofOf(0));
    }

    // --- what is expected ---------------------------------------------------------------------

    function feeOf(uint256 earned) internal pure returns (uint256) {
        return earned * FEE_BPS / 10_000;
    }

    function issuersPartOf(uint256 earned) internal pure returns (uint256) {
        return earned * ISSUER_BPS / 10_000;
    }

    function contributorsPartOf(uint256 earned) internal pure returns (uint256) {
        return earned - earned * (FEE_BPS + ISSUER_BPS) / 10_000;
    }

    function assertListing(bytes32 id, uint256 earned, uint256 paid, uint40 closesAt) internal view {
        (uint104 earned_, uint104 paid_, uint40 closesAt_,) = market.stateOf(id);
        assertEq(earned_, earned, "earned");
        assertEq(paid_, paid, "paid");
        assertEq(closesAt_, closesAt, "closesAt");
    }

    function assertBond(bytes32 id, IMarket.Bond expected) internal view {
        (,,, IMarket.Bond bond) = market.stateOf(id);
        assertEq(uint8(bond), uint8(expected), "bond");
    }
}
