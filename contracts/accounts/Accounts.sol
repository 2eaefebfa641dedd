// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batches} from "../libraries/Batches.sol";
import {Expiry} from "../libraries/Expiry.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IAccounts} from "./IAccounts.sol";
import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Accounts
/// @notice Accreditations and encryption keys. The owner is governance: it names accreditors and no more.
/// @dev Lives in the same contract as `Records`, so that a registration reads its issuer's accreditation without
/// calling another contract (docs/adr).
abstract contract Accounts is IAccounts, Ownable2Step, EIP712, Batches {
    using Signatures for Signatures.Signed;

    // slot 0: | evidence 64 | keyVersion 32 | REVIEWER 40 | RESEARCHER 40 | CLINICIAN 40 | ISSUER 40 |
    // slot 1: | keyHash 256 |
    struct Account {
        // Last second of each accreditation, 40 bits per role, ISSUER lowest: an array would take a slot of its own.
        uint160 untils;
        uint32 keyVersion;
        uint64 evidence;
        bytes32 keyHash;
    }

    uint256 private constant BUNDLE_SIZE = 1249;
    bytes1 private constant BUNDLE_SUITE = 0x01;
    bytes32 private constant KEY_TYPEHASH =
        keccak256("EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)");

    /// @inheritdoc IAccounts
    mapping(address account => bool allowed) public isAccreditor;

    mapping(address account => Account) private _accounts;

    constructor(address governance) Ownable(governance) EIP712("MediBloc Accounts", "1") {}

    modifier onlyAccreditor() {
        _requireAccreditor();
        _;
    }

    /// @inheritdoc IAccounts
    function setAccreditor(address account, bool allowed) external onlyOwner {
        isAccreditor[account] = allowed;
        emit AccreditorSet(account, allowed);
    }

    /// @inheritdoc IAccounts
    function accredit(address account, Role role, uint40 until) external onlyAccreditor {
        if (until != 0) Expiry.requireAhead(until);
        uint8 shift = _shift(role);
        uint160 others = _accounts[account].untils & ~(uint160(type(uint40).max) << shift);
        _accounts[account].untils = others | (uint160(until) << shift);
        emit Accredited(account, role, msg.sender, until);
    }

    /// @inheritdoc IAccounts
    function attest(address account, uint64 evidence) external onlyAccreditor {
        if (evidence & ~Purpose.VOUCHED != 0) revert EvidenceInvalid(evidence);
        _accounts[account].evidence = evidence;
        emit Attested(account, msg.sender, evidence);
    }

    /// @inheritdoc IAccounts
    function publishKey(bytes calldata bundle) external {
        _publish(msg.sender, bundle, _accounts[msg.sender].keyVersion + 1);
    }

    /// @inheritdoc IAccounts
    function publishKeyFor(bytes calldata bundle, Signatures.Signed calldata by) external {
        uint32 version = _accounts[by.signer].keyVersion + 1;
        bytes32 content =
            keccak256(abi.encode(KEY_TYPEHASH, by.signer, keccak256(bundle), version, by.deadline));
        by.requireFrom(_hashTypedDataV4(content));
        _publish(by.signer, bundle, version);
    }

    /// @inheritdoc IAccounts
    function keyOf(address account) external view returns (bytes32 keyHash, uint32 version) {
        return (_accounts[account].keyHash, _accounts[account].keyVersion);
    }

    /// @inheritdoc IAccounts
    function accreditation(address account, Role role) external view returns (uint40 until, uint64 evidence) {
        Account storage entry = _accounts[account];
        return (_until(entry, role), entry.evidence);
    }

    /// @inheritdoc IAccounts
    function isAccredited(address account, Role role) external view returns (bool) {
        return _until(_accounts[account], role) >= block.timestamp;
    }

    function _publish(address account, bytes calldata bundle, uint32 version) private {
        if (bundle.length != BUNDLE_SIZE || bundle[0] != BUNDLE_SUITE) {
            revert KeyBundleInvalid(bundle.length);
        }
        (_accounts[account].keyVersion, _accounts[account].keyHash) = (version, keccak256(bundle));
        emit KeyPublished(account, version, bundle);
    }

    /// @dev Reverts unless `account` is accredited for `role` now.
    function _requireAccredited(address account, Role role) internal view {
        uint40 until = _until(_accounts[account], role);
        if (until < block.timestamp) revert NotAccredited(account, role, until);
    }

    function _requireAccreditor() private view {
        if (!isAccreditor[msg.sender]) revert NotAccreditor(msg.sender);
    }

    function _until(Account storage account, Role role) private view returns (uint40) {
        return uint40(account.untils >> _shift(role));
    }

    /// @dev Where the 40 bits of `role` begin.
    function _shift(Role role) private pure returns (uint8) {
        return uint8(role) * 40;
    }
}
