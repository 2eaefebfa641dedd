// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title RudeWallet
/// @notice A contract wallet that agrees to nothing, each in its manner.
contract RudeWallet {
    /// @notice How it answers: no, by a revert, by burning all gas, by an endless answer, by an endless reason,
    /// by the magic of another standard, by the magic with dirt behind it, by the magic in 4 bytes, or not at all.
    enum Manner {
        REFUSES,
        REVERTS,
        BURNS,
        BOMBS,
        REVERTS_BOMB,
        OTHER_MAGIC,
        DIRTY_MAGIC,
        SHORT_MAGIC,
        SILENT
    }

    uint256 private constant BOMB = 300_000;

    /// @notice The manner of this wallet.
    Manner public immutable manner;

    /// @notice It does not answer.
    error Rude();

    constructor(Manner manner_) {
        manner = manner_;
    }

    /// @notice ERC-1271, never the magic.
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        bytes4 magic = IERC1271.isValidSignature.selector;
        if (manner == Manner.REVERTS) revert Rude();
        if (manner == Manner.BURNS) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (manner == Manner.BOMBS) _answer(0, BOMB);
        if (manner == Manner.REVERTS_BOMB) {
            assembly ("memory-safe") {
                revert(0x00, BOMB)
            }
        }
        if (manner == Manner.OTHER_MAGIC) return 0x20c13b0b; // ERC-1271 as it was drafted first
        if (manner == Manner.DIRTY_MAGIC) _answer(bytes32(magic) | bytes32(uint256(1)), 0x20);
        if (manner == Manner.SHORT_MAGIC) _answer(magic, 0x04);
        if (manner == Manner.SILENT) _answer(magic, 0x00);
        return 0xffffffff;
    }

    function _answer(bytes32 word, uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0x00, word)
            return(0x00, size)
        }
    }
}
