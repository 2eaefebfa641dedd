// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Signatures
/// @notice An account's word for an act that someone else may send: a key's signature (EIP-712 digest, low s, 65
/// bytes) or a contract wallet's answer (ERC-1271).
library Signatures {
    /// @notice Who speaks, until when the word may be used, and what shows that it was said.
    struct Signed {
        address signer;
        uint40 deadline; // last second the signature is taken
        bytes signature; // empty if the signer sends the transaction
    }

    /// @notice The signature of `signer` was good up to the second `deadline`.
    error SignatureExpired(address signer, uint40 deadline);

    /// @notice `signer` did not sign this act in this state: another act, version, contract or chain.
    error SignatureInvalid(address signer);

    /// @notice The signature is one for the contract wallet `signer` before it stands (ERC-6492): deploy it first.
    error SignerUndeployed(address signer);

    /// @dev Ends every ERC-6492 signature.
    bytes32 private constant UNDEPLOYED_MARK =
        0x6492649264926492649264926492649264926492649264926492649264926492;
    /// @dev Most gas a wallet may use for its answer, so that one cannot burn what a batch of acts was given.
    uint256 private constant WALLET_GAS = 500_000;

    /// @notice Reverts unless the signer sends this transaction or signed `digest`.
    function requireFrom(Signed calldata by, bytes32 digest) internal view {
        address signer = by.signer;
        if (signer == msg.sender) return;
        if (by.deadline < block.timestamp) revert SignatureExpired(signer, by.deadline);
        bytes calldata signature = by.signature;
        if (signedBy(signer, digest, signature)) return;
        if (signer.code.length == 0) {
            if (_waits(signature)) revert SignerUndeployed(signer);
            revert SignatureInvalid(signer);
        }
        if (!_walletAgrees(signer, digest, signature)) revert SignatureInvalid(signer);
    }

    /// @notice Tells whether the key of `signer` signed `digest`: for ever the same answer, whatever the chain does.
    /// @dev The key is asked before any code: an account that delegates to code (EIP-7702) still has its key.
    function signedBy(address signer, bytes32 digest, bytes calldata signature) internal pure returns (bool) {
        if (signature.length != 65) return false;
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            r := calldataload(signature.offset)
            s := calldataload(add(signature.offset, 0x20))
            v := byte(0, calldataload(add(signature.offset, 0x40)))
        }
        // The third value only explains the failure.
        // slither-disable-next-line unused-return
        (address found, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, v, r, s);
        return failure == ECDSA.RecoverError.NoError && found == signer;
    }

    /// @dev Whether the signature is one of a wallet that is to be deployed first.
    function _waits(bytes calldata signature) private pure returns (bool) {
        return signature.length >= 32 && bytes32(signature[signature.length - 32:]) == UNDEPLOYED_MARK;
    }

    /// @dev Takes one word of the answer, however long it is.
    function _walletAgrees(address wallet, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool agrees)
    {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 answer;
        assembly ("memory-safe") {
            let done := staticcall(WALLET_GAS, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            if and(done, gt(returndatasize(), 0x1f)) { answer := mload(0x00) }
        }
        agrees = answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
