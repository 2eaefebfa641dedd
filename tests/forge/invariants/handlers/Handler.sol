// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../../../../contracts/libraries/Signatures.sol";
import {World} from "../../support/World.sol";

/// @notice Acts at random as many accounts, and foretells by its own books how each act must end.
/// @dev Books are kept in plain sums and tables, apart from the contracts' arithmetic. An act that ends otherwise than
/// foretold reverts with `Unforetold`: the run fails and forge shrinks the calls that led there.
/// Suite and handler are one contract: the checks read the books as they are, which makes them ten times faster.
abstract contract Handler is World {
    /// @notice The invariant of this number does not hold (tests/contracts/invariants/README.md).
    error Broken(uint256 invariant);

    /// @notice An act ended with `found`, where the books say `foretold` (0: it is done, all ones: any error).
    error Unforetold(address target, bytes data, bytes4 found, bytes4 foretold);

    /// @dev Foretold of an act that is done.
    bytes4 internal constant DONE = 0;
    /// @dev Foretold of an act that is refused, for one of several reasons.
    bytes4 internal constant REFUSED = 0xffffffff;
    /// @dev Order of secp256k1.
    uint256 internal constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    mapping(address account => uint256) private _keys;
    bool private _rolls;

    /// @dev Lets forge call these functions and no others.
    function _target(bytes4[] memory acts) internal {
        _rolls = true;
        targetContract(address(this));
        targetSelector(FuzzSelector({addr: address(this), selectors: acts}));
    }

    function _hold(uint256 invariant, bool holds) internal pure {
        if (!holds) revert Broken(invariant);
    }

    /// Time passes: a second up to nine hours, short spans as often as long ones.
    function pass(uint256 seed) external {
        skip(1 << (seed % 16));
    }

    function _account(string memory name) internal returns (address account) {
        uint256 key;
        (account, key) = makeAddrAndKey(name);
        _keys[account] = key;
    }

    /// @dev Sends `data` as `caller`; it must end with the error `foretold`.
    /// @return done whether it was done, as foretold.
    function _act(address caller, address target, bytes memory data, bytes4 foretold)
        internal
        returns (bool done)
    {
        bytes memory answer;
        vm.prank(caller);
        (done, answer) = target.call(data);
        bytes4 found = done ? DONE : bytes4(answer);
        bool asForetold = foretold == REFUSED ? !done : found == foretold;
        if (!asForetold) revert Unforetold(target, data, found, foretold);
    }

    /// @dev Forge draws small numbers more often than large ones, and their high digits are all zero. In the set-up a number
    /// is what it is.
    function _dice(uint256 seed) internal view returns (uint256) {
        return _rolls ? uint256(keccak256(abi.encode(seed))) : seed;
    }

    /// @dev Goes to the second `moment` or, by luck, to the one after it, unless they have passed.
    function _passTo(uint40 moment, uint256 luck) internal {
        uint256 to = uint256(moment) + luck % 2;
        if (moment != type(uint40).max && to > vm.getBlockTimestamp()) vm.warp(to);
    }

    function _now() internal view returns (uint40) {
        return uint40(block.timestamp);
    }

    /// @dev A time ahead: months away half of the time, else a second up to three weeks; one time in eight the
    /// present second, which is not ahead.
    function _ahead(uint256 seed) internal view returns (uint40) {
        if (seed % 8 == 0) return _now();
        return seed % 8 < 5 ? _now() + 100 days + uint40(seed / 8 % 100 days) : _now() + _span(seed / 8);
    }

    /// @dev A time ahead, or zero one time in eight: never.
    function _lease(uint256 seed) internal view returns (uint40) {
        return seed % 8 == 0 ? 0 : _ahead(seed);
    }

    /// @dev One second to three weeks.
    function _span(uint256 seed) internal pure returns (uint40) {
        return uint40(1 << (seed % 22));
    }

    function _sign(address signer, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[signer], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The same signature with the other s: it recovers to the same key, and must not be taken.
    function _mirrored(bytes memory signature) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        return abi.encodePacked(r, bytes32(N - uint256(s)), bytes1(uint8(55 - uint8(signature[64]))));
    }

    function _signed(address signer, uint40 deadline, bytes32 digest)
        internal
        view
        returns (Signatures.Signed memory)
    {
        return Signatures.Signed({signer: signer, deadline: deadline, signature: _sign(signer, digest)});
    }

    /// @dev EIP-712 digest for this chain and the contract `target`, whose domain has this name.
    function _digest(string memory name, address target, bytes32 content) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(name)), keccak256("1"), block.chainid, target)
        );
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }
}
