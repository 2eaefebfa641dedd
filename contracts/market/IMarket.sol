// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {IConsents} from "../consent/IConsents.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {Listings} from "./Listings.sol";

/// @title IMarket
/// @notice Sales of sealed datasets for a point's secret, and the contributors' shares of what they earn.
/// A buyer's payment is locked on a point K = k·G. Who shows k before the deadline takes it for the listing, and the
/// buyer, who holds z = d + k, opens the data with d; without k in time the buyer has the payment back.
/// @dev What this market does not prove, and clients must check before they list, buy or settle:
/// - that a contribution in the tree was signed by its patient, once, with a signature in its low-s form, and that
///   its leaf was not withdrawn;
/// - that a listing keeps to its contributions' terms, least price, highest fee and expiry;
/// - that the data is what it is said to be, and that z belongs to the lock;
/// - that an order names the listing that was quoted, before its secret is shown.
/// Warning: a steward whose weights sum above the total weight drains its own listing only, but late claimants of
/// that listing find nothing left. A token that can freeze, rebase or take a fee later can hold back what is owed in
/// that token, never what is owed in another. Nobody can move what the market holds but by the functions below.
interface IMarket {
    /// @notice Where an order stands. It leaves NONE once and OPEN once: a lock never works twice.
    enum OrderState {
        NONE,
        OPEN,
        SETTLED,
        REFUNDED
    }

    /// @notice Where a listing's bond stands.
    enum Bond {
        NONE,
        HELD,
        FORFEITED
    }

    /// @notice `steward` listed a dataset.
    event Listed(bytes32 indexed id, address indexed steward, Listings.Listing listing);

    /// @notice `buyer` opened an order and paid its price.
    event Purchased(
        bytes32 indexed orderId, bytes32 indexed listing, address indexed buyer, Listings.Order order
    );

    /// @notice The order ended with its `secret`; the listing earned the price.
    event Settled(bytes32 indexed orderId, bytes32 indexed listing, uint256 secret);

    /// @notice The order ended without its secret; `buyer` has `amount` back.
    event Refunded(bytes32 indexed orderId, bytes32 indexed listing, address indexed buyer, uint256 amount);

    /// @notice `payee` was paid `amount` for the contribution `leaf`.
    event Claimed(bytes32 indexed listing, bytes32 indexed leaf, address indexed payee, uint256 amount);

    /// @notice `steward` was paid `amount` of its fee.
    event FeeClaimed(bytes32 indexed listing, address indexed steward, uint256 amount);

    /// @notice `issuer` was paid `amount` of the issuers' part.
    event IssuerClaimed(bytes32 indexed listing, address indexed issuer, uint256 amount);

    /// @notice `challenger` showed that the contribution `leaf` has no valid signature; the listing takes no order any more.
    event Challenged(bytes32 indexed listing, bytes32 indexed leaf, address indexed challenger);

    /// @notice The bond left the market: `amount` to `receiver`, `burned` to nobody.
    event ClosedOut(bytes32 indexed listing, address indexed receiver, uint256 amount, uint256 burned);

    /// @notice The contribution `leaf` of `patient` left; the listing takes no order any more.
    event Withdrawn(bytes32 indexed listing, bytes32 indexed leaf, address indexed patient, address caller);

    /// @notice `caller` is not the steward of the listing.
    error NotSteward(address caller, address steward);

    /// @notice The listing has no root, price, weight or token with code, parts of the price above the whole, or an issuers'
    /// part without issuers.
    error ListingInvalid(bytes32 listing);

    /// @notice The listing exists.
    error ListingExists(bytes32 listing);

    /// @notice The listing does not exist.
    error ListingUnknown(bytes32 listing);

    /// @notice The listing took its last order in the second `closedAt`.
    error ListingClosed(bytes32 listing, uint40 closedAt);

    /// @notice `purpose` claims evidence, the bits `missing`, that no accreditor vouched for.
    error EvidenceNotVouched(address buyer, uint64 missing);

    /// @notice The listing's terms do not permit `purpose`: `answer`, decided by `bit` (255: by none alone).
    error PurposeDenied(bytes32 listing, uint64 purpose, Purpose.Answer answer, uint8 bit);

    /// @notice `lock` is the zero address, which nothing opens.
    error LockInvalid(address lock);

    /// @notice The deadline is not within `earliest` and `latest`.
    error DeadlineOutOfRange(uint40 deadline, uint40 earliest, uint40 latest);

    /// @notice The same order was opened before.
    error OrderExists(bytes32 order);

    /// @notice The order is in `state`, not OPEN.
    error OrderNotOpen(bytes32 order, OrderState state);

    /// @notice The order could be settled up to the second `deadline`.
    error DeadlinePassed(bytes32 order, uint40 deadline);

    /// @notice The order can be refunded after the second `deadline`.
    error DeadlineNotReached(bytes32 order, uint40 deadline);

    /// @notice The secret does not open the order's lock.
    error WrongSecret(bytes32 order);

    /// @notice The market received another amount than the price.
    error TokenMisbehaved(address token, uint256 expected, uint256 received);

    /// @notice The proof does not lead from `leaf` to the listing's root.
    error ContributionUnknown(bytes32 listing, bytes32 leaf);

    /// @notice Nothing is due on `leaf`; for the steward's fee, `leaf` is zero.
    error NothingToClaim(bytes32 listing, bytes32 leaf);

    /// @notice Of the contributors' part only `available` is left: the listing's weights exceed its total weight.
    error ClaimExceedsEarned(bytes32 listing, uint256 amount, uint256 available);

    /// @notice `caller` is not the patient, whose consent still covers the listing's terms.
    error WithdrawalNotAllowed(bytes32 listing, address patient, address caller);

    /// @notice `caller` is not the payee, and shows no signature of it.
    error NotPayee(address caller, address payee);

    /// @notice Terms and signature are not those of the contribution.
    error EvidenceMismatched(bytes32 listing, bytes32 leaf);

    /// @notice The contribution is signed as it must be.
    error ContributionValid(bytes32 listing, bytes32 leaf);

    /// @notice The contribution was withdrawn before, and the listing closed.
    error AlreadyWithdrawn(bytes32 listing, bytes32 leaf);

    /// @notice The listing's bond is in this state: there is none to pay out.
    error BondNotHeld(bytes32 listing, Bond state);

    /// @notice The bond stays up to the second `until`: orders may be open, and a challenge may come.
    error CloseOutTooEarly(bytes32 listing, uint40 until);

    /// @notice Offers a dataset. Only its steward.
    /// @dev Takes the bond, which the sender approved before. Warning: a listing cannot be changed; it ends at `closesAt`,
    /// with the first withdrawal, or with a challenge.
    /// @return id the listing's id.
    function list(Listings.Listing calldata listing) external returns (bytes32 id);

    /// @notice Opens an order and pays its price, which the sender approved before.
    /// @dev The sender must be accredited as RESEARCHER, its evidence vouched for, and the listing's terms must PERMIT
    /// the purpose, or REFER it and a reviewer cleared it for this listing. The time limit `Purpose.TS` counts as met while the listing is open. Warning: a lock that someone
    /// else's order carries too opens with the same secret.
    /// @param purpose request word (`Purpose`).
    /// @param lock address of the point K of the steward's quote.
    /// @param deadline last second to settle, `MIN_WINDOW` to `MAX_WINDOW` from now.
    /// @return id the order's id.
    function purchase(Listings.Listing calldata listing, uint64 purpose, address lock, uint40 deadline)
        external
        returns (bytes32 id);

    /// @notice `purchase` with the price approved by an ERC-2612 signature: one signature, one transaction.
    /// @dev A permit that was used before by someone else does no harm: the allowance counts.
    function purchaseWithPermit(
        Listings.Listing calldata listing,
        uint64 purpose,
        address lock,
        uint40 deadline,
        Listings.Permit calldata permit
    ) external returns (bytes32 id);

    /// @notice Ends an order with its secret, up to its deadline; anyone may send it.
    /// @dev Warning: the secret is public once sent. Near the deadline a refund may win: then it was given away.
    function settle(Listings.Order calldata order, uint256 secret) external;

    /// @notice Ends an order after its deadline and pays the buyer back; anyone may send it.
    function refund(Listings.Order calldata order) external;

    /// @notice Pays a contribution's payee what it earned since the last claim; anyone may send it.
    /// @param proof siblings from the contribution's leaf up to the listing's root.
    /// @return amount token units paid.
    function claim(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof
    ) external returns (uint256 amount);

    /// @notice Claims for several contributions, of any listings; those with nothing due are passed by.
    /// @dev Warning: one claim that fails, for a token that refuses its payee or weights that lie, fails all. Leave it out,
    /// or send claims by a `multicall` that is not atomic.
    /// @return amount token units paid, over all tokens.
    function claimMany(Listings.Claim[] calldata claims) external returns (uint256 amount);

    /// @notice Claims to another address, by the payee's word: for a payee that lost its use for the token.
    /// @dev `Claim(bytes32 listing,bytes32 leaf,address to,uint256 claimed,uint40 deadline)`, domain "MediBloc Market", "1";
    /// `claimed` is what was paid on the leaf so far: another claim on it, by anyone, ends the signature.
    function claimTo(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof,
        address to,
        Signatures.Signed calldata by
    ) external returns (uint256 amount);

    /// @notice Pays an issuer its share of the issuers' part; anyone may send it.
    /// @param proof siblings from the share's leaf up to the listing's root of issuers.
    /// @return amount token units paid.
    function claimIssuer(
        Listings.Listing calldata listing,
        Listings.IssuerShare calldata share,
        bytes32[] calldata proof
    ) external returns (uint256 amount);

    /// @notice Pays the steward its fee on what was earned since the last time; anyone may send it.
    /// @return amount token units paid.
    function claimFee(Listings.Listing calldata listing) external returns (uint256 amount);

    /// @notice Takes a contribution out: the listing takes no new order, from this transaction on. Open orders may
    /// still settle, and what was earned stays earned.
    /// @dev The patient may always, and a delegate for `Scopes.SELL`; anyone may while the listing is open and the consent
    /// on chain for the record is missing, expired, or does not cover the listing's terms.
    /// @param proof siblings from the contribution's leaf up to the listing's root.
    function withdraw(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof
    ) external;

    /// @notice `withdraw` by the word of the patient or of a delegate.
    /// @dev `Withdrawal(bytes32 listing,bytes32 leaf,uint40 deadline)`
    function withdrawFor(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        bytes32[] calldata proof,
        Signatures.Signed calldata by
    ) external;

    /// @notice Shows that a contribution has no valid signature: closes the listing, and its bond is forfeited, half to
    /// the sender and half to nobody (`closeOut` pays). Half, so that a steward who challenges itself loses too.
    /// @dev A signature is valid if the key of `terms.signer` made it, the signer is the patient or was ever a delegate for
    /// `Scopes.SELL`, and the terms allow this contribution in this listing. All of that is for ever the same, so an honest
    /// steward cannot be made to lose; therefore contract wallets sign through a delegate. Warning: evidence that nobody was
    /// shown cannot be challenged, and a challenge can be copied before it stands; buy only what shows its evidence.
    /// @param terms with `signature`, the evidence whose hash is the contribution's `consentDigest`.
    /// @param proof siblings from the contribution's leaf up to the listing's root.
    function challenge(
        Listings.Listing calldata listing,
        Listings.Contribution calldata contribution,
        Listings.ContributionTerms calldata terms,
        bytes calldata signature,
        bytes32[] calldata proof
    ) external;

    /// @notice Pays the bond out; anyone may send it. To the challenger at once; to the steward `MAX_WINDOW` and a second
    /// after the listing closed: then no order can be open that the steward could still settle, and nothing is owed.
    function closeOut(Listings.Listing calldata listing) external;

    /// @notice The accounts that tell who is a researcher.
    function accounts() external view returns (IAccounts);

    /// @notice The consents that decide about withdrawals by others.
    function consents() external view returns (IConsents);

    /// @notice Shortest time from an order to its deadline, in seconds.
    function MIN_WINDOW() external view returns (uint40);

    /// @notice Longest time from an order to its deadline, in seconds.
    function MAX_WINDOW() external view returns (uint40);

    /// @notice keccak256 over chain, market and the listing's fields.
    function listingId(Listings.Listing calldata listing) external view returns (bytes32);

    /// @notice What is stored of a listing.
    /// @return earned token units of all settled orders.
    /// @return paid token units that left: shares and fee; the bond apart.
    /// @return closesAt last second an order may be opened; 0 when there is no such listing.
    /// @return bond where its bond stands.
    function stateOf(bytes32 listing)
        external
        view
        returns (uint104 earned, uint104 paid, uint40 closesAt, Bond bond);

    /// @notice Who showed a contribution without a valid signature; zero when nobody did.
    function challengerOf(bytes32 listing) external view returns (address);

    /// @notice keccak256 over chain, market and the order's fields.
    function orderId(Listings.Order calldata order) external view returns (bytes32);

    /// @notice Where an order stands.
    function orderState(bytes32 order) external view returns (OrderState);

    /// @notice Leaf of a contribution in its listing's tree.
    function leafOf(Listings.Contribution calldata contribution) external pure returns (bytes32);

    /// @notice Token units paid so far on `leaf`, a contribution's or an issuer's, in `listing`.
    function claimed(bytes32 listing, bytes32 leaf) external view returns (uint256);

    /// @notice When its patient withdrew the contribution `leaf`; 0 when never. No client lists such a leaf again.
    function withdrawnAt(bytes32 leaf) external view returns (uint40);

    /// @notice Token units due on a contribution, if it stands in the listing.
    function due(Listings.Listing calldata listing, Listings.Contribution calldata contribution)
        external
        view
        returns (uint256);

    /// @notice Token units due on an issuer's share, if it stands in the listing.
    function issuerDue(Listings.Listing calldata listing, Listings.IssuerShare calldata share)
        external
        view
        returns (uint256);

    /// @notice Leaf of an issuer's share in its listing's tree of issuers.
    function issuerLeafOf(Listings.IssuerShare calldata share) external pure returns (bytes32);

    /// @notice Token units of fee due to the steward.
    function feeDue(Listings.Listing calldata listing) external view returns (uint256);

    /// @notice EIP-712 digest that a patient signs to join a steward's listings.
    function contributionDigest(Listings.ContributionTerms calldata terms) external view returns (bytes32);
}
