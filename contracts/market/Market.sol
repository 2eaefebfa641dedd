// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {IConsents} from "../consent/IConsents.sol";
import {Batches} from "../libraries/Batches.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {PointLock} from "../libraries/PointLock.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Scopes} from "../libraries/Scopes.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IMarket} from "./IMarket.sol";
import {Listings} from "./Listings.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Market
/// @notice One slot per listing, one per order, one per contribution that was paid.
/// @dev For each token, over all listings and orders: sum(earned - paid) + open orders + bonds == balance, donations
/// aside.
/// Every action runs in one rhythm: id, checks, state, event, and the token's transfer last, so no guard is needed.
contract Market is IMarket, EIP712, Batches {
    using Listings for Listings.Listing;
    using Listings for Listings.Order;
    using Listings for Listings.Contribution;
    using Listings for Listings.ContributionTerms;
    using Listings for Listings.IssuerShare;
    using Signatures for Signatures.Signed;
    using Math for uint256;
    using SafeERC20 for IERC20;

    // slot 0: | bond 8 | closesAt 40 | shared 104 | earned 104 |
    struct ListingState {
        uint104 earned;
        // Paid to contributors. Fee and issuers' part are kept apart (`Paid`) so that no part can eat another.
        uint104 shared;
        uint40 closesAt;
        Bond bond;
    }

    // slot 0: | free 48 | issuers 104 | fee 104 |
    struct Paid {
        uint104 fee;
        uint104 issuers;
    }

    /// @inheritdoc IMarket
    uint40 public constant MIN_WINDOW = 10 minutes;

    /// @inheritdoc IMarket
    uint40 public constant MAX_WINDOW = 30 days;

    uint256 private constant WHOLE_BPS = 10_000;
    address private constant NOBODY = 0x000000000000000000000000000000000000dEaD;

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

    /// @inheritdoc IMarket
    mapping(bytes32 listing => address challenger) public challengerOf;

    mapping(bytes32 listing => ListingState) private _listings;
    mapping(bytes32 listing => Paid) private _paid;

    constructor(IAccounts accounts_, IConsents consents_) EIP712("MediBloc Market", "1") {
        accounts = accounts_;
        consents = consents_;
    }

    /// @inheritdoc IMarket
    function list(Listings.Listing calldata listing) external returns (bytes32 id) {
        id = listing.id();
        if (msg.sender != listing.steward) revert NotSteward(msg.sender, listing.steward);
        if (
            listing.root == 0 || listing.price == 0 || listing.totalWeight == 0
                || uint256(listing.feeBps) + listing.issuerBps > WHOLE_BPS
                || (listing.issuerBps == 0) != (listing.issuers == 0) || listing.token.code.length == 0
        ) revert ListingInvalid(id);
        Purpose.requireTerms(listing.terms);
        Expiry.requireAhead(listing.closesAt);
        if (_listings[id].closesAt != 0) revert ListingExists(id);
        Bond bond = listing.bond == 0 ? Bond.NONE : Bond.HELD;
        (_listings[id].closesAt, _listings[id].bond) = (listing.closesAt, bond);
        emit Listed(id, listing.steward, listing);
        if (bond == Bond.HELD) _take(listing.token, listing.bond);
    }

    /// @inheritdoc IMarket
    function purchase(Listings.Listing calldata listing, uint64 purpose, address lock, uint40 deadline)
        external
        returns (bytes32 id)
    {
        return _purchase(listing, purpose, lock, deadline);
    }

    /// @inheritdoc IMarket
    function purchaseWithPermit(
        Listings.Listing calldata listing,
        uint64 purpose,
        address lock,
        uint40 deadline,
        Listings.Permit calldata permit
    ) external returns (bytes32 id) {
        // Before the token is asked anything: only a listed one is.
        _known(listing.id());
        IERC20Permit token = IERC20Permit(listing.token);
        // A token that calls back finds the market between two acts: the purchase has not begun.
        // slither-disable-next-line reentrancy-no-eth
        try token.permit(
            msg.sender, address(this), listing.price, permit.deadline, permit.v, permit.r, permit.s
        ) {}
            catch {}
        return _purchase(listing, purpose, lock, deadline);
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
        amount = _claim(id, leaf, listing, contribution, proof, contribution.payee);
        if (amount == 0) revert NothingToClaim(id, leaf);
    }

    /// @inheritdoc IMarket
    function claimMany(Listings.Claim[] calldata claims) external returns (uint256 amount) {
        for (uint256 i = 0; i < claims.length; ++i) {
            Listings.Claim calldata each = claims[i];
            amount += _claim(
                each.listing.id(),
                each.contribution.leaf(),
                each.listing,
                each.contribution,
                each.proof,
                each.contribution.payee
            );
        }
        if (amount == 0) revert NothingToClaim(0, 0);
    }

    /// @inheritdoc IMarket
    function claimTo(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof,
        address to,
        Signatures.Signed calldata by
    ) external returns (uint256 amount) {
        bytes32 id = listing.id();
        bytes32 leaf = contribution.leaf();
        if (by.signer != contribution.payee) revert NotPayee(by.signer, contribution.payee);
        bytes32 content = Listings.claimHash(id, leaf, to, claimed[id][leaf], by.deadline);
        by.requireFrom(_hashTypedDataV4(content));
        amount = _claim(id, leaf, listing, contribution, proof, to);
        if (amount == 0) revert NothingToClaim(id, leaf);
    }

    /// @inheritdoc IMarket
    function claimIssuer(
        Listings.Listing calldata listing,
        Listings.IssuerShare calldata share,
        bytes32[] calldata proof
    ) external returns (uint256 amount) {
        bytes32 id = listing.id();
        bytes32 leaf = share.leaf();
        uint256 part = _part(_known(id).earned, listing.issuerBps);
        _requireMember(id, listing.issuers, leaf, proof);
        uint256 before = claimed[id][leaf];
        amount = _share(part, share.weight, listing.totalWeight) - before;
        if (amount == 0) revert NothingToClaim(id, leaf);
        Paid storage paid = _paid[id];
        uint256 available = part - paid.issuers;
        if (amount > available) revert ClaimExceedsEarned(id, amount, available);
        claimed[id][leaf] = before + amount;
        // Nothing is cut off: amount <= available <= earned, which is a uint104.
        // forge-lint: disable-next-line(unsafe-typecast)
        paid.issuers += uint104(amount);
        emit IssuerClaimed(id, share.issuer, amount);
        IERC20(listing.token).safeTransfer(share.issuer, amount);
    }

    /// @inheritdoc IMarket
    function claimFee(Listings.Listing calldata listing) external returns (uint256 amount) {
        bytes32 id = listing.id();
        amount = _feeDue(id, listing);
        if (amount == 0) revert NothingToClaim(id, 0);
        // Nothing is cut off: amount <= earned, which is a uint104.
        // forge-lint: disable-next-line(unsafe-typecast)
        _paid[id].fee += uint104(amount);
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
        address patient = contribution.patient;
        if (consents.mayAct(patient, msg.sender, Scopes.SELL) != 0) {
            _mark(leaf);
        } else {
            uint40 closesAt = state.closesAt;
            if (closesAt < block.timestamp) revert ListingClosed(id, closesAt);
            if (consents.covers(patient, contribution.recordId, listing.terms)) {
                revert WithdrawalNotAllowed(id, patient, msg.sender);
            }
        }
        _close(state);
        emit Withdrawn(id, leaf, patient, msg.sender);
    }

    /// @inheritdoc IMarket
    function withdrawFor(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof,
        Signatures.Signed calldata by
    ) external {
        bytes32 id = listing.id();
        bytes32 leaf = contribution.leaf();
        ListingState storage state = _known(id);
        _requireMember(id, listing.root, leaf, proof);
        address patient = contribution.patient;
        if (by.signer != patient) consents.requireMandate(patient, by.signer, Scopes.SELL, 0);
        by.requireFrom(_hashTypedDataV4(Listings.withdrawalHash(id, leaf, by.deadline)));
        if (withdrawnAt[leaf] != 0 && state.closesAt < block.timestamp) revert AlreadyWithdrawn(id, leaf);
        _mark(leaf);
        _close(state);
        emit Withdrawn(id, leaf, patient, by.signer);
    }

    /// @inheritdoc IMarket
    function challenge(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        Listings.ContributionTerms calldata terms,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external {
        bytes32 id = listing.id();
        bytes32 leaf = contribution.leaf();
        ListingState storage state = _known(id);
        // Without a bond there is only something to close.
        if (state.bond != Bond.HELD && state.closesAt < block.timestamp) revert BondNotHeld(id, state.bond);
        _requireMember(id, listing.root, leaf, proof);
        bytes32 digest = _hashTypedDataV4(terms.structHash());
        if (keccak256(abi.encodePacked(digest, signature)) != contribution.consentDigest) {
            revert EvidenceMismatched(id, leaf);
        }
        bool signed = _maySign(terms) && Signatures.signedBy(terms.signer, digest, signature);
        if (signed && terms.allow(listing, contribution)) revert ContributionValid(id, leaf);
        if (state.bond == Bond.HELD) state.bond = Bond.FORFEITED;
        challengerOf[id] = msg.sender;
        _close(state);
        emit Challenged(id, leaf, msg.sender);
    }

    /// @inheritdoc IMarket
    function closeOut(Listings.Listing calldata listing) external {
        bytes32 id = listing.id();
        ListingState storage state = _known(id);
        Bond bond = state.bond;
        if (bond == Bond.NONE) revert BondNotHeld(id, bond);
        // One second more: an order can stand in the second of a withdrawal, which is one after `closesAt`.
        uint40 until = state.closesAt + 1 + MAX_WINDOW;
        if (bond == Bond.HELD && block.timestamp <= until) revert CloseOutTooEarly(id, until);
        state.bond = Bond.NONE;
        uint256 burned = bond == Bond.FORFEITED ? listing.bond - listing.bond / 2 : 0;
        uint256 amount = listing.bond - burned;
        address receiver = bond == Bond.FORFEITED ? challengerOf[id] : listing.steward;
        emit ClosedOut(id, receiver, amount, burned);
        if (amount != 0) IERC20(listing.token).safeTransfer(receiver, amount);
        if (burned != 0) IERC20(listing.token).safeTransfer(NOBODY, burned);
    }

    /// @inheritdoc IMarket
    function listingId(Listings.Listing calldata listing) external view returns (bytes32) {
        return listing.id();
    }

    /// @inheritdoc IMarket
    function stateOf(bytes32 listing)
        external
        view
        returns (uint104 earned, uint104 paid, uint40 closesAt, Bond bond)
    {
        ListingState memory state = _listings[listing];
        Paid memory parts = _paid[listing];
        return (state.earned, state.shared + parts.fee + parts.issuers, state.closesAt, state.bond);
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
        uint256 part = _contributorsPart(_known(id).earned, listing);
        return _share(part, contribution.weight, listing.totalWeight) - claimed[id][contribution.leaf()];
    }

    /// @inheritdoc IMarket
    function issuerDue(Listings.Listing calldata listing, Listings.IssuerShare calldata share)
        external
        view
        returns (uint256)
    {
        bytes32 id = listing.id();
        uint256 part = _part(_known(id).earned, listing.issuerBps);
        return _share(part, share.weight, listing.totalWeight) - claimed[id][share.leaf()];
    }

    /// @inheritdoc IMarket
    function issuerLeafOf(Listings.IssuerShare calldata share) external pure returns (bytes32) {
        return share.leaf();
    }

    /// @inheritdoc IMarket
    function feeDue(Listings.Listing calldata listing) external view returns (uint256) {
        return _feeDue(listing.id(), listing);
    }

    /// @inheritdoc IMarket
    function contributionDigest(Listings.ContributionTerms calldata terms) external view returns (bytes32) {
        return _hashTypedDataV4(terms.structHash());
    }

    function _purchase(Listings.Listing calldata listing, uint64 purpose, address lock, uint40 deadline)
        private
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

    /// @dev Pays what is due on a contribution to `receiver`; nothing when nothing is.
    function _claim(
        bytes32 id,
        bytes32 leaf,
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof,
        address receiver
    ) private returns (uint256 amount) {
        ListingState storage state = _known(id);
        _requireMember(id, listing.root, leaf, proof);
        uint256 part = _contributorsPart(state.earned, listing);
        uint256 before = claimed[id][leaf];
        amount = _share(part, contribution.weight, listing.totalWeight) - before;
        if (amount == 0) return 0;
        uint256 available = part - state.shared;
        if (amount > available) revert ClaimExceedsEarned(id, amount, available);
        claimed[id][leaf] = before + amount;
        // Nothing is cut off: amount <= available <= earned, which is a uint104.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.shared += uint104(amount);
        emit Claimed(id, leaf, receiver, amount);
        IERC20(listing.token).safeTransfer(receiver, amount);
    }

    function _mark(bytes32 leaf) private {
        // Zero says that there is no time yet; nobody can bring a time to be zero.
        // slither-disable-next-line incorrect-equality
        if (withdrawnAt[leaf] == 0) withdrawnAt[leaf] = uint40(block.timestamp);
    }

    /// @dev The listing takes no order any more, from this transaction on.
    function _close(ListingState storage state) private {
        if (state.closesAt >= block.timestamp) state.closesAt = uint40(block.timestamp - 1);
    }

    /// @dev Takes an amount from the sender, exactly. A token that takes a fee or lies fails here. So does one that
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

    /// @dev Whether the signer may speak for the patient, or ever might: a mandate that ended takes nothing from what was
    /// signed under it.
    function _maySign(Listings.ContributionTerms calldata terms) private view returns (bool) {
        if (terms.signer == terms.patient) return true;
        // Only what the delegate was ever allowed counts, for that never changes.
        // slither-disable-next-line unused-return
        (, uint8 everScope,,) = consents.mandateOf(terms.patient, terms.signer);
        return everScope & Scopes.SELL != 0;
    }

    function _requirePurpose(bytes32 id, uint64 terms, uint64 purpose) private view {
        (uint40 until, uint64 evidence) = accounts.accreditation(msg.sender, IAccounts.Role.RESEARCHER);
        if (until < block.timestamp) {
            revert IAccounts.NotAccredited(msg.sender, IAccounts.Role.RESEARCHER, until);
        }
        uint64 missing = purpose & Purpose.VOUCHED & ~evidence;
        if (missing != 0) revert EvidenceNotVouched(msg.sender, missing);
        // The time limit is the clock's to tell, and the listing is open.
        uint64 asked = purpose | Purpose.TS;
        (Purpose.Answer answer, uint8 bit) = Purpose.matches(terms, asked);
        if (answer == Purpose.Answer.PERMIT) return;
        bool referred = answer == Purpose.Answer.REFER && Purpose.clearable(terms, asked);
        if (!referred || !consents.isCleared(id, msg.sender, purpose)) {
            revert PurposeDenied(id, purpose, answer, bit);
        }
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
        return _part(_known(id).earned, listing.feeBps) - _paid[id].fee;
    }

    /// @dev What is left of `earned` for the contributors. Fee and issuers' part are taken off as one: rounded down each
    /// for itself, they could both grow by more than a sale brought, and what was paid before would be missing.
    function _contributorsPart(uint256 earned, Listings.Listing calldata listing)
        private
        pure
        returns (uint256)
    {
        return earned - _part(earned, uint256(listing.feeBps) + listing.issuerBps);
    }

    function _part(uint256 earned, uint256 bps) private pure returns (uint256) {
        return earned * bps / WHOLE_BPS;
    }

    /// @dev All that a share has ever earned, rounded down. Below 2^104 · 2^96: it cannot overflow.
    function _share(uint256 part, uint256 weight, uint256 totalWeight) private pure returns (uint256) {
        return part * weight / totalWeight;
    }
}
