// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PointLock} from "../../contracts/libraries/PointLock.sol";

/// The precompile is an uninterpreted function here: the same arguments give the same address, and nothing else is
/// known of it. So these proofs say with which arguments it is asked and what is done with its answer; that it answers
/// with the address of k·G is its definition, and is tested in `tests/forge/PointLock.t.sol`.
contract PointLockProofs {
    /// Order of the group and x of its base point, from SEC 2, section 2.4.1; not read from the library.
    uint256 private constant N =
        115792089237316195423570985008687907852837564279074904382605163141518161494337;
    uint256 private constant G_X =
        55066263022277343669578718895168534326250603453777594175500187360389116729240;

    function check_the_zero_lock_never_opens(uint256 k) external pure {
        assert(!PointLock.opens(address(0), k));
    }

    function check_a_scalar_out_of_range_opens_nothing(address lock, uint256 k) external pure {
        if (k == 0 || k >= N) assert(!PointLock.opens(lock, k));
    }

    function check_a_lock_opens_to_its_preimage_only(address lock, uint256 k) external pure {
        if (lock == address(0) || k == 0 || k >= N) return;
        address point = ecrecover(bytes32(0), 27, bytes32(G_X), bytes32(mulmod(k, G_X, N)));
        assert(PointLock.opens(lock, k) == (lock == point));
    }

    function check_the_address_is_the_precompiles(uint256 k) external pure {
        address point = ecrecover(bytes32(0), 27, bytes32(G_X), bytes32(mulmod(k, G_X, N)));
        assert(PointLock.addressOf(k) == (k == 0 || k >= N ? address(0) : point));
    }
}
