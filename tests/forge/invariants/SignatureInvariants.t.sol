// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureHandler} from "./handlers/SignatureHandler.sol";

/// @notice What must hold of signed acts, whoever sends them and when (tests/contracts/invariants/README.md).
contract SignatureInvariants is SignatureHandler {
    function setUp() public override {
        super.setUp();
        bytes4[] memory acts = new bytes4[](8);
        acts[0] = this.sign.selector;
        acts[1] = this.sign.selector;
        acts[2] = this.send.selector;
        acts[3] = this.sendTwice.selector;
        acts[4] = this.actAlone.selector;
        acts[5] = this.earn.selector;
        acts[6] = this.passToTheEnd.selector;
        acts[7] = this.pass.selector;
        _target(acts);
    }

    /// What comes of the checks' own calls is forgotten with the check.
    function invariant_signatures() public {
        for (uint256 number = 0; number < PATIENTS; ++number) {
            _everyChangeHasItsWord(number);
        }
        for (uint256 i = 0; i < _words.length; ++i) {
            _aWordWorksOnce(_words[i]);
            _aWordWorksOnOneChain(_words[i]);
            _aWordWorksUpToItsDeadline(_words[i]);
        }
    }

    function _aWordWorksOnce(Word memory word) private {
        _hold(31, word.uses <= 1);
        if (word.uses == 1 || word.flaw != Flaw.NONE) _hold(31, !_works(word));
    }

    function _aWordWorksOnOneChain(Word memory word) private {
        vm.chainId(FOREIGN_CHAIN);
        _hold(32, !_works(word));
        vm.chainId(31_337);
    }

    function _aWordWorksUpToItsDeadline(Word memory word) private {
        uint256 now_ = vm.getBlockTimestamp();
        vm.warp(uint256(word.deadline) + 1);
        _hold(33, !_works(word));
        vm.warp(now_);
    }

    function _everyChangeHasItsWord(uint256 number) private view {
        for (uint256 kind = 0; kind <= uint256(Kind.CLAIM); ++kind) {
            if (kind == uint256(Kind.REVOCATION) || kind == uint256(Kind.LIFT)) continue;
            if (kind == uint256(Kind.GRANT_REVOCATION)) continue;
            uint256 changes = _changes[_matterOf(Kind(kind), number)];
            _hold(34, _countOf(Kind(kind), number) == changes);
        }
    }

    function _works(Word memory word) private returns (bool done) {
        vm.prank(STRANGER);
        (done,) = word.target.call(word.data);
    }
}
