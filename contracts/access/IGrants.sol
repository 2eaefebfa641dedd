// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../consent/IConsents.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {IRecords} from "../records/IRecords.sol";

/// @title IGrants
/// @notice A patient's permission for one reader on one record.
/// @dev The event carries a locator: the id of the grant object in storage, sealed to the reader's key. Warning: a
/// revoked or expired grant stops the next reader who asks this contract; it cannot unsee. Events are for ever.
/// Evidence in a grant's purpose is the patient's own word about the reader: no accreditor vouches for it here.
interface IGrants {
    /// @notice `patient` lets `grantee` read the record for `purpose` up to and including the second `expiresAt`.
    event Granted(
        bytes32 indexed recordId,
        address indexed patient,
        address indexed grantee,
        uint64 purpose,
        uint40 expiresAt,
        uint32 epoch,
        bytes locator
    );

    /// @notice `patient` took the grant of `epoch` back.
    event GrantRevoked(
        bytes32 indexed recordId, address indexed patient, address indexed grantee, uint32 epoch
    );

    /// @notice `grantee` is nobody, or the patient.
    error GranteeInvalid(address grantee);

    /// @notice A locator has 80 bytes; this one has `size`.
    error LocatorInvalid(uint256 size);

    /// @notice The consent of `patient` does not permit `purpose`: `answer`, decided by `bit` (255: by none alone).
    error PurposeNotPermitted(address patient, uint64 purpose, Purpose.Answer answer, uint8 bit);

    /// @notice There is no grant on the record for `grantee`.
    error GrantMissing(bytes32 recordId, address grantee);

    /// @notice Grants `grantee` access to a record of the sender; a grant that stands is replaced.
    /// @dev `Purpose.TREATMENT` is the patient's own to give; any other purpose needs a consent that PERMITs it.
    /// @param issuer registrant of the root in which the record stands.
    /// @param blind the record's blind; with the sender it makes the record's id.
    /// @param proof siblings from the record's leaf up to the root.
    /// @param purpose request word (`Purpose`).
    /// @param expiresAt last second the grant holds, in the future.
    /// @param locator 80 bytes, sealed to the key of `grantee`.
    function grant(
        address issuer,
        bytes32 blind,
        bytes32[] calldata proof,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        bytes calldata locator
    ) external;

    /// @notice Takes back the sender's grant to `grantee`.
    function revoke(bytes32 blind, address grantee) external;

    /// @notice The registry in which records are opened.
    function records() external view returns (IRecords);

    /// @notice The consents that purposes are checked against.
    function consents() external view returns (IConsents);

    /// @notice The grant as stored; `purpose` is 0 when there is none or it was revoked.
    /// @return purpose request word.
    /// @return expiresAt last second the grant holds; may have passed.
    /// @return epoch number of grants so far to this reader on this record.
    function grantOf(bytes32 recordId, address grantee)
        external
        view
        returns (uint64 purpose, uint40 expiresAt, uint32 epoch);

    /// @notice Tells whether `grantee` may read the record now: the grant stands, and for a purpose other than
    /// `Purpose.TREATMENT` the patient's consent still PERMITs it.
    function isActive(address patient, bytes32 blind, address grantee) external view returns (bool);
}
