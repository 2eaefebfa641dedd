// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {IConsents} from "../consent/IConsents.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {PointLock} from "../libraries/PointLock.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {IMarket} from "./IMarket.sol";
import {Listings} from "./Listings.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Market
/// @notice One slot per listing, one per order, one per contribution that was paid.
/// @dev For each token, over all listings and orders: sum(earned - paid) + open orders == balance, donations aside.
/// Every action runs in one rhythm: id, checks, state, event, and the token's transfer last, so no guard is needed.
contract Market is IMarket, EIP712 {
    using Listings for Listings.Listing;
    using Listings for Listings.Order;
    using Listings for Listings.Contribution;
    using Listings for Listings.ContributionTerms;
    using Math for uint256;
    using SafeERC20 for IERC20;

    // slot 0: | free 8 | closesAt 40 | shared 104 | earned 104 |
    struct ListingState {
        uint104 earned;
        // Paid to contributors. The fee is kept apart (`_feePaid`) so that neither part can eat the other.
        uint104 shared;
        uint40 closesAt;
    }

    /// @inheritdoc IMarket
    uint40 public constant MIN_WINDOW = 10 minutes;

    /// @inheritdoc IMarket
    uint40 public constant MAX_WINDOW = 30 days;

    uint256 private constant WHOLE_BPS = 10_000;

    /// @inheritdoc IMarket
    IAccounts public immutable accounts;

    /// @inheritdoc IMarket
    IConsents public immutable consents;

    /// @inheritdoc IMarket
    mapping(bytes32 order => OrderState) public orderState;

    /// @inheritdoc IMarket
    mapping(bytes32 listing => mapping(bytes32 leaf => uint256 amount)) public claimed;

    /// @inheritdoc IMarket
    mapping(bytes32 leaf => uint40 timestamp) public withdrawnAt;

    mapping(bytes32 listing => ListingState) private _listings;
    mapping(bytes32 listing => uint104 amount) private _feePaid;

    constructor(IAccounts accounts_, IConsents consents_) EIP712("MediBloc Market", "1") {
        accounts = accounts_;
        consents = consents_;
    }

    /// @inheritdoc IMarket
    function list(Listings.Listing calldata listing) external returns (bytes32 id) {
        id = listing.id();
        if (msg.sender != listing.steward) revert NotSteward(msg.sender, listing.steward);
        if (
            listing.root == 0 || listing.price == 0 || listing.totalWeight == 0 || listing.feeBps > WHOLE_BPS
                || listing.token.code.length == 0
        ) revert ListingInvalid(id);
        Purpose.requireTerms(listing.terms);
        Expiry.requireAhead(listing.closesAt);
        if (_listings[id].closesAt != 0) revert ListingExists(id);
        _listings[id].closesAt = listing.closesAt;
        emit Listed(id, listing.steward, listing);
    }

    /// @inheritdoc IMarket
    function purchase(Listings.Listing calldata listing, uint64 purpose, address lock, uint40 deadline)
        external
        returns (bytes32 id)
    {
        bytes32 listing_ = listing.id();
        uint40 closesAt = _known(listing_).closesAt;
        if (closesAt < block.timestamp) revert ListingClosed(listing_, closesAt);
        _requirePurpose(listing_, listing.terms, purpose);
        if (lock == address(0)) revert LockInvalid(lock);
        _requireWindow(deadline);
        Listings.Order memory order = Listings.Order({
            listing: listing_,
            buyer: msg.sender,
            token: listing.token,
            price: listing.price,
            purpose: purpose,
            lock: lock,
            deadline: deadline
        });
        id = order.id();
        if (orderState[id] != OrderState.NONE) revert OrderExists(id);
        orderState[id] = OrderState.OPEN;
        emit Purchased(id, listing_, msg.sender, order);
        _take(listing.token, listing.price);
    }

    /// @inheritdoc IMarket
    function settle(Listings.Order calldata order, uint256 secret) external {
        bytes32 id = _requireOpen(order);
        if (order.deadline < block.timestamp) revert DeadlinePassed(id, order.deadline);
        if (!PointLock.opens(order.lock, secret)) revert WrongSecret(id);
        orderState[id] = OrderState.SETTLED;
        _listings[order.listing].earned += order.price;
        emit Settled(id, order.listing, secret);
    }

    /// @inheritdoc IMarket
    function refund(Listings.Order calldata order) external {
        bytes32 id = _requireOpen(order);
        if (order.deadline >= block.timestamp) revert DeadlineNotReached(id, order.deadline);
        orderState[id] = OrderState.REFUNDED;
        emit Refunded(id, order.listing, order.buyer, order.price);
        IERC20(order.token).safeTransfer(order.buyer, order.price);
    }

    /// @inheritdoc IMarket
    function claim(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof
    ) external returns (uint256 amount) {
        bytes32 id = listing.id();
        bytes32 leaf = contribution.leaf();
        ListingState storage state = _known(id);
        _requireMember(id, listing.root, leaf, proof);
        uint256 part = _contributorsPart(state.earned, listing.feeBps);
        uint256 before = claimed[id][leaf];
        amount = _share(part, listing, contribution) - before;
        if (amount == 0) revert NothingToClaim(id, leaf);
        uint256 available = part - state.shared;
        if (amount > available) revert ClaimExceedsEarned(id, amount, available);
        claimed[id][leaf] = before + amount;
        // Nothing is cut off: amount <= available <= earned, which is a uint104.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.shared += uint104(amount);
        emit Claimed(id, leaf, contribution.payee, amount);
        IERC20(listing.token).safeTransfer(contribution.payee, amount);
    }

    /// @inheritdoc IMarket
    function claimFee(Listings.Listing calldata listing) external returns (uint256 amount) {
        bytes32 id = listing.id();
        amount = _feeDue(id, listing);
        if (amount == 0) revert NothingToClaim(id, 0);
        // Nothing is cut off: amount <= earned, which is a uint104.
        // forge-lint: disable-next-line(unsafe-typecast)
        _feePaid[id] += uint104(amount);
        emit FeeClaimed(id, listing.steward, amount);
        IERC20(listing.token).safeTransfer(listing.steward, amount);
    }

    /// @inheritdoc IMarket
    function withdraw(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof
    ) external {
        bytes32 id = listing.id();
        bytes32 leaf = contribution.leaf();
        ListingState storage state = _known(id);
        _requireMember(id, listing.root, leaf, proof);
        uint40 closesAt = state.closesAt;
        if (msg.sender == contribution.patient) {
            if (withdrawnAt[leaf] == 0) withdrawnAt[leaf] = uint40(block.timestamp);
        } else {
            if (closesAt < block.timestamp) revert ListingClosed(id, closesAt);
            if (consents.covers(contribution.patient, listing.terms)) {
                revert WithdrawalNotAllowed(id, contribution.patient, msg.sender);
            }
        }
        if (closesAt >= block.timestamp) state.closesAt = uint40(block.timestamp - 1);
        emit Withdrawn(id, leaf, contribution.patient, msg.sender);
    }

    /// @inheritdoc IMarket
    function listingId(Listings.Listing calldata listing) external view returns (bytes32) {
        return listing.id();
    }

    /// @inheritdoc IMarket
    function stateOf(bytes32 listing) external view returns (uint104 earned, uint104 paid, uint40 closesAt) {
        ListingState memory state = _listings[listing];
        return (state.earned, state.shared + _feePaid[listing], state.closesAt);
    }

    /// @inheritdoc IMarket
    function orderId(Listings.Order calldata order) external view returns (bytes32) {
        return order.id();
    }

    /// @inheritdoc IMarket
    function leafOf(Listings.Contribution calldata contribution) external pure returns (bytes32) {
        return contribution.leaf();
    }

    /// @inheritdoc IMarket
    function due(Listings.Listing calldata listing, Listings.Contribution calldata contribution)
        external
        view
        returns (uint256)
    {
        bytes32 id = listing.id();
        uint256 part = _contributorsPart(_known(id).earned, listing.feeBps);
        return _share(part, listing, contribution) - claimed[id][contribution.leaf()];
    }

    /// @inheritdoc IMarket
    function feeDue(Listings.Listing calldata listing) external view returns (uint256) {
        return _feeDue(listing.id(), listing);
    }

    /// @inheritdoc IMarket
    function contributionDigest(Listings.ContributionTerms calldata terms) external view returns (bytes32) {
        return _hashTypedDataV4(terms.structHash());
    }

    /// @dev Takes the price from the sender, exactly. A token that takes a fee or lies fails here. So does one that
    /// calls back (or whose holder does): whatever moves tokens of this market meanwhile (another purchase, a refund,
    /// a claim) makes the difference another, and the whole transaction reverts.
    function _take(address token, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)).saturatingSub(before);
        if (received != amount) revert TokenMisbehaved(token, amount, received);
    }

    function _known(bytes32 id) private view returns (ListingState storage state) {
        state = _listings[id];
        if (state.closesAt == 0) revert ListingUnknown(id);
    }

    function _requireOpen(Listings.Order calldata order) private view returns (bytes32 id) {
        id = order.id();
        OrderState state = orderState[id];
        if (state != OrderState.OPEN) revert OrderNotOpen(id, state);
    }

    function _requirePurpose(bytes32 id, uint64 terms, uint64 purpose) private view {
        (uint40 until, uint64 evidence) = accounts.accreditation(msg.sender, IAccounts.Role.RESEARCHER);
        if (until < block.timestamp) {
            revert IAccounts.NotAccredited(msg.sender, IAccounts.Role.RESEARCHER, until);
        }
        uint64 missing = purpose & Purpose.VOUCHED & ~evidence;
        if (missing != 0) revert EvidenceNotVouched(msg.sender, missing);
        // The time limit is the clock's to tell, and the listing is open.
        (Purpose.Answer answer, uint8 bit) = Purpose.matches(terms, purpose | Purpose.TS);
        if (answer != Purpose.Answer.PERMIT) revert PurposeDenied(id, purpose, answer, bit);
    }

    function _requireWindow(uint40 deadline) private view {
        uint40 earliest = uint40(block.timestamp) + MIN_WINDOW;
        uint40 latest = uint40(block.timestamp) + MAX_WINDOW;
        if (deadline < earliest || deadline > latest) revert DeadlineOutOfRange(deadline, earliest, latest);
    }

    function _requireMember(bytes32 id, bytes32 root, bytes32 leaf, bytes32[] calldata proof) private pure {
        if (MerklePath.rootOf(proof, leaf) != root) revert ContributionUnknown(id, leaf);
    }

    function _feeDue(bytes32 id, Listings.Listing calldata listing) private view returns (uint256) {
        return _fee(_known(id).earned, listing.feeBps) - _feePaid[id];
    }

    function _fee(uint256 earned, uint256 feeBps) private pure returns (uint256) {
        return earned * feeBps / WHOLE_BPS;
    }

    function _contributorsPart(uint256 earned, uint256 feeBps) private pure returns (uint256) {
        return earned - _fee(earned, feeBps);
    }

    /// @dev All that a contribution has ever earned, rounded down. Below 2^104 · 2^96: it cannot overflow.
    function _share(
        uint256 part,
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution
    ) private pure returns (uint256) {
        return part * contribution.weight / listing.totalWeight;
    }
}
