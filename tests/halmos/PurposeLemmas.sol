// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OpenPurpose} from "../../.cache/halmos/OpenPurpose.sol";
import {PurposeExpressions} from "./PurposeExpressions.sol";

/// What `PurposeProofs` builds on. `OpenPurpose` is the library's text with `internal` for `private`.
contract PurposeLemmas {
    function check_met_is_the_expression(uint64 request, bool covered) external pure {
        assert(OpenPurpose._met(request, covered) == PurposeExpressions.met(request, covered));
    }

    function check_a_deciding_bit_is_always_found(uint64 word) external pure {
        uint64 unmet = word & OpenPurpose.DENYING;
        if (unmet == 0) return;
        uint8 bit = OpenPurpose._firstDenying(unmet);
        assert(unmet >> bit & 1 == 1);
    }

    function check_the_lowest_bit_is_found(uint64 word) external pure {
        if (word == 0) return;
        uint8 bit = OpenPurpose._lowest(word);
        assert(word >> bit & 1 == 1 && word << (64 - bit) == 0);
    }
}
