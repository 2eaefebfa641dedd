// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {RudeWallet} from "../../contracts/mocks/RudeWallet.sol";
import {TestWallet} from "../../contracts/mocks/TestWallet.sol";
import {Test} from "forge-std/Test.sol";

contract SignaturesTest is Test {
    using Signatures for Signatures.Signed;

    uint40 private constant NOW = 1_800_000_000;
    uint256 private constant KEY = 0xA11CE;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    bytes32 private constant DIGEST = keccak256("digest");
    bytes32 private constant MARK = 0x6492649264926492649264926492649264926492649264926492649264926492;
    address private immutable SIGNER = vm.addr(KEY);

    function setUp() public {
        vm.warp(NOW);
    }

    function requireFrom(Signatures.Signed calldata by, bytes32 digest) external view {
        by.requireFrom(digest);
    }

    function testFuzz_requireFrom_given_the_sender(uint40 deadline, bytes calldata garbage) public {
        vm.prank(SIGNER);
        this.requireFrom(Signatures.Signed(SIGNER, deadline, garbage), DIGEST);
    }

    function testFuzz_requireFrom_given_a_key(uint256 key, bytes32 digest, uint40 deadline) public {
        key = bound(key, 1, ORDER - 1);
        deadline = uint40(bound(deadline, NOW, type(uint40).max - 1));
        Signatures.Signed memory by = Signatures.Signed(vm.addr(key), deadline, _sign(key, digest));
        this.requireFrom(by, digest);
        vm.warp(deadline);
        this.requireFrom(by, digest);
        vm.warp(uint256(deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureExpired.selector, by.signer, by.deadline));
        this.requireFrom(by, digest);
    }

    function testFuzz_requireFrom_reverts_when_digest_is_another(bytes32 digest) public {
        vm.assume(digest != DIGEST);
        _expectInvalid(_by(SIGNER, _sign(KEY, DIGEST)), digest);
    }

    function testFuzz_requireFrom_reverts_when_signer_is_another(address signer) public {
        vm.assume(signer != SIGNER && signer != address(this) && signer.code.length == 0);
        _expectInvalid(_by(signer, _sign(KEY, DIGEST)), DIGEST);
    }

    function testFuzz_requireFrom_reverts_when_signature_is_garbage(address signer, bytes calldata garbage)
        public
    {
        vm.assume(signer != address(this) && signer.code.length == 0);
        // Garbage that ends with the mark is told to be of a wallet that does not stand yet.
        vm.assume(garbage.length < 32 || bytes32(garbage[garbage.length - 32:]) != MARK);
        _expectInvalid(_by(signer, garbage), DIGEST);
    }

    /// What the precompile finds nobody for is nobody's word.
    function test_requireFrom_reverts_when_signer_is_zero() public {
        _expectInvalid(_by(address(0), new bytes(65)), DIGEST);
        _expectInvalid(_by(address(0), ""), DIGEST);
        _expectInvalid(_by(address(0), _sign(KEY, DIGEST)), DIGEST);
    }

    function testFuzz_requireFrom_reverts_when_s_is_high(bytes32 digest) public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest);
        bytes32 high = bytes32(ORDER - uint256(s));
        assertEq(ecrecover(digest, 55 - v, r, high), SIGNER, "the same key's other signature");
        _expectInvalid(_by(SIGNER, abi.encodePacked(r, high, 55 - v)), digest);
    }

    function testFuzz_requireFrom_reverts_when_signature_is_compact(bytes32 digest) public {
        (bytes32 r, bytes32 vs) = vm.signCompact(KEY, digest);
        _expectInvalid(_by(SIGNER, abi.encodePacked(r, vs)), digest);
    }

    function test_requireFrom_reverts_when_v_or_size_is_unknown() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, DIGEST);
        _expectInvalid(_by(SIGNER, abi.encodePacked(r, s, v - 27)), DIGEST);
        _expectInvalid(_by(SIGNER, abi.encodePacked(r, s, v, uint8(0))), DIGEST);
        _expectInvalid(_by(SIGNER, abi.encodePacked(r, s)), DIGEST);
    }

    function test_requireFrom_given_a_wallet() public {
        TestWallet wallet = new TestWallet(SIGNER);
        this.requireFrom(_by(address(wallet), _sign(KEY, DIGEST)), DIGEST);
        _expectInvalid(_by(address(wallet), _sign(KEY + 1, DIGEST)), DIGEST);
        _expectInvalid(_by(address(wallet), _sign(KEY, keccak256("another"))), DIGEST);
        vm.warp(NOW + 2);
        vm.expectRevert(
            abi.encodeWithSelector(Signatures.SignatureExpired.selector, address(wallet), NOW + 1)
        );
        this.requireFrom(_by(address(wallet), _sign(KEY, DIGEST)), DIGEST);
    }

    function test_requireFrom_reverts_when_a_wallet_is_rude() public {
        for (uint8 i = 0; i <= uint8(type(RudeWallet.Manner).max); ++i) {
            RudeWallet wallet = new RudeWallet(RudeWallet.Manner(i));
            assertEq(uint8(wallet.manner()), i);
            uint256 before = gasleft();
            _expectInvalid(_by(address(wallet), _sign(KEY, DIGEST)), DIGEST);
            assertLt(before - gasleft(), 550_000, "a wallet burns no more than it is given");
        }
    }

    /// An account whose code is a wallet's (EIP-7702) still has its key; the code is asked only if the key did not sign.
    function test_requireFrom_given_an_account_with_key_and_code() public {
        vm.etch(SIGNER, address(new RudeWallet(RudeWallet.Manner.REVERTS)).code);
        this.requireFrom(_by(SIGNER, _sign(KEY, DIGEST)), DIGEST);
        _expectInvalid(_by(SIGNER, _sign(KEY + 1, DIGEST)), DIGEST);
        vm.etch(SIGNER, address(new TestWallet(vm.addr(KEY + 1))).code);
        this.requireFrom(_by(SIGNER, _sign(KEY + 1, DIGEST)), DIGEST);
    }

    function test_requireFrom_reverts_when_a_wallet_is_not_deployed() public {
        bytes memory inner = abi.encode(makeAddr("factory"), hex"1234", _sign(KEY, DIGEST));
        Signatures.Signed memory by = _by(makeAddr("wallet"), bytes.concat(inner, MARK));
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignerUndeployed.selector, by.signer));
        this.requireFrom(by, DIGEST);
        by.signature = bytes.concat(MARK);
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignerUndeployed.selector, by.signer));
        this.requireFrom(by, DIGEST);
        by.signature = bytes.concat(MARK, hex"00");
        _expectInvalid(by, DIGEST);
        by.signature = new bytes(31);
        _expectInvalid(by, DIGEST);
    }

    /// Once it stands it is asked like any other, and the mark is no more than a signature it does not know.
    function test_requireFrom_given_a_wallet_deployed_since() public {
        TestWallet wallet = new TestWallet(SIGNER);
        _expectInvalid(_by(address(wallet), bytes.concat(_sign(KEY, DIGEST), MARK)), DIGEST);
        this.requireFrom(_by(address(wallet), _sign(KEY, DIGEST)), DIGEST);
    }

    function _expectInvalid(Signatures.Signed memory by, bytes32 digest) private {
        vm.expectRevert(abi.encodeWithSelector(Signatures.SignatureInvalid.selector, by.signer));
        this.requireFrom(by, digest);
    }

    function _by(address signer, bytes memory signature) private pure returns (Signatures.Signed memory) {
        return Signatures.Signed({signer: signer, deadline: NOW + 1, signature: signature});
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
