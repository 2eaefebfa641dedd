// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../libraries/Signatures.sol";

/// @title IAccounts
/// @notice Who an account is to the exchange: what accreditors say it may do, and the encryption key it published.
/// @dev Warning: an accreditor is trusted. Any accreditor can accredit any account, and replace or remove what
/// another accreditor said; the events tell who said it. Governance only names accreditors. Neither can move money,
/// read a record or change a consent.
interface IAccounts {
    /// @notice What an account is accredited for.
    enum Role {
        ISSUER,
        CLINICIAN,
        RESEARCHER,
        REVIEWER
    }

    /// @notice Governance named (`allowed`) or dismissed an accreditor.
    event AccreditorSet(address indexed account, bool allowed);

    /// @notice `account` is accredited for `role` up to and including the second `until`; 0 took it away.
    event Accredited(address indexed account, Role indexed role, address indexed accreditor, uint40 until);

    /// @notice `accreditor` vouches for exactly these purpose bits of `account`.
    event Attested(address indexed account, address indexed accreditor, uint64 evidence);

    /// @notice `account` published its key bundle number `version`; earlier bundles are superseded.
    event KeyPublished(address indexed account, uint32 indexed version, bytes bundle);

    /// @notice `caller` may not accredit.
    error NotAccreditor(address caller);

    /// @notice A bundle has 1249 bytes, the first of which is 0x01; this one of `size` bytes does not.
    error KeyBundleInvalid(uint256 size);

    /// @notice `account` is not accredited for `role`; its accreditation, if any, ended with the second `until`.
    error NotAccredited(address account, Role role, uint40 until);

    /// @notice `evidence` has bits outside `Purpose.VOUCHED`.
    error EvidenceInvalid(uint64 evidence);

    /// @notice Names or dismisses an accreditor. Only governance.
    /// @dev What a dismissed accreditor said before stays until it expires or another accreditor takes it back.
    function setAccreditor(address account, bool allowed) external;

    /// @notice Accredits `account` for `role`, or takes the accreditation away. Only an accreditor.
    /// @param until last second the accreditation holds, in the future; 0 takes it away.
    function accredit(address account, Role role, uint40 until) external;

    /// @notice Vouches for evidence that `account` shows with a purchase. Only an accreditor.
    /// @param evidence all bits vouched for, a subset of `Purpose.VOUCHED`; replaces what was vouched for before.
    function attest(address account, uint64 evidence) external;

    /// @notice Publishes the sender's public encryption keys; the bundle itself rides in the event.
    /// @param bundle suite byte 0x01 and 1248 bytes of public keys.
    function publishKey(bytes calldata bundle) external;

    /// @notice Publishes the encryption keys of `by.signer`, who signed it.
    /// @dev EIP-712 `EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)`, domain "MediBloc Accounts",
    /// "1"; `version` is the one the bundle will have.
    function publishKeyFor(bytes calldata bundle, Signatures.Signed calldata by) external;

    /// @notice Tells whether `account` may accredit.
    function isAccreditor(address account) external view returns (bool);

    /// @notice keccak256 of the bundle that `account` published last and its version, from 1; zeros when none.
    function keyOf(address account) external view returns (bytes32 keyHash, uint32 version);

    /// @notice Last second of the accreditation of `account` for `role`, and the purpose bits vouched for.
    function accreditation(address account, Role role) external view returns (uint40 until, uint64 evidence);

    /// @notice Tells whether `account` is accredited for `role` now.
    function isAccredited(address account, Role role) external view returns (bool);
}
