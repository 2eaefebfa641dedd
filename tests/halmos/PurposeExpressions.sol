// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../contracts/libraries/Purpose.sol";

/// `Purpose._met` in one expression. `PurposeLemmas` proves that the two are equal.
library PurposeExpressions {
    function met(uint64 request, bool covered) internal pure returns (uint64 all) {
        all = request & (Purpose.PLACES | Purpose.NRI);
        all |= _moved(~request, Purpose.MDS, Purpose.NMDS) | _if(covered, Purpose.NMDS);
        all |= _moved(~request, Purpose.POA, Purpose.NPOA);
        all |= _moved(request, Purpose.NONCOMMERCIAL, Purpose.NCU);
        all |= _moved(request, Purpose.NONPROFIT, Purpose.NPU);
        all |= _moved(request, Purpose.NONCOMMERCIAL, Purpose.NPUNCU)
        & _moved(request, Purpose.NONPROFIT, Purpose.NPUNCU);
        all |= _moved(request, Purpose.GENETIC, Purpose.GSO);
        all |= _moved(request, Purpose.HAS_IRB, Purpose.IRB);
        all |= _moved(request, Purpose.HAS_PUB, Purpose.PUB);
        all |= _moved(request, Purpose.HAS_RTN, Purpose.RTN);
        all |= _moved(request, Purpose.HAS_MOR, Purpose.MOR);
    }

    /// The bit `from` of `word`, at the place of the bit `to`.
    function _moved(uint64 word, uint64 from, uint64 to) private pure returns (uint64 moved) {
        assembly ("memory-safe") {
            moved := mul(to, iszero(iszero(and(word, from))))
        }
    }

    function _if(bool condition, uint64 bit) private pure returns (uint64 chosen) {
        assembly ("memory-safe") {
            chosen := mul(bit, condition)
        }
    }
}
