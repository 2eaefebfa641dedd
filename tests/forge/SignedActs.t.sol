// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../contracts/access/IGrants.sol";
import {IAccounts} from "../../contracts/accounts/IAccounts.sol";
import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {TestWallet} from "../../contracts/mocks/TestWallet.sol";
import {Acts} from "./support/Acts.sol";
import {Vm} from "forge-std/Vm.sol";

/// What holds for every act that can be signed: once, in one state, of one contract, on one chain, up to its deadline.
contract SignedActsTest is Acts {
    // One test for each act, so that a report names it.

    function test_publishKeyFor() public {
        vm.expectEmit(address(accounts));
        emit IAccounts.KeyPublished(PATIENT, 1, bundle());
        _once(Act.PUBLISH_KEY);
        (bytes32 keyHash, uint32 version) = accounts.keyOf(PATIENT);
        assertEq(keyHash, keccak256(bundle()));
        assertEq(version, 1);
    }

    function test_setFor() public {
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, record, TERMS, LATER, 2, FORM, PATIENT);
        _once(Act.SET);
        _assertConsent(TERMS, LATER, 2, false);
    }

    function test_revokeFor() public {
        vm.expectEmit(address(consents));
        emit IConsents.ConsentRevoked(PATIENT, record, 2, PATIENT);
        _once(Act.REVOKE);
        _assertConsent(0, 0, 2, true);
    }

    function test_liftFor() public {
        vm.expectEmit(address(consents));
        emit IConsents.ConsentLifted(PATIENT, record, 2, PATIENT);
        _once(Act.LIFT);
        _assertConsent(0, 0, 2, false);
    }

    function test_setDelegateFor() public {
        vm.expectEmit(address(consents));
        emit IConsents.DelegateSet(PATIENT, DELEGATE, Scopes.ALL, LATER, 1);
        _once(Act.SET_DELEGATE);
        assertEq(consents.mayAct(PATIENT, DELEGATE, Scopes.ALL), LATER);
    }

    function test_grantFor() public {
        vm.expectEmit(address(grants));
        emit IGrants.Granted(
            record, PATIENT, READER, Purpose.TREATMENT, LATER, 2, locatorOf("first"), PATIENT
        );
        _once(Act.GRANT);
        _assertGrant(Purpose.TREATMENT, LATER, 2);
    }

    function test_revokeFor_a_grant() public {
        vm.expectEmit(address(grants));
        emit IGrants.GrantRevoked(record, PATIENT, READER, 1, PATIENT);
        _once(Act.REVOKE_GRANT);
        _assertGrant(0, 0, 2);
    }

    function test_nameCustodianFor() public {
        vm.expectEmit(address(grants));
        emit IGrants.CustodianNamed(PATIENT, CUSTODIAN, LATER, 1);
        _once(Act.NAME_CUSTODIAN);
        (address custodian, uint40 until, uint32 version) = grants.custodianOf(PATIENT);
        assertEq(custodian, CUSTODIAN);
        assertEq(until, LATER);
        assertEq(version, 1);
    }

    /// The slot's version, and so every signature of it, moves with each act, whoever makes it.
    function testFuzz_act_moves_the_version(uint8 number) public {
        Act act = _act(number);
        uint32 before = versionOf(act);
        make(act, sign(act, "patient", DEADLINE), STRANGER);
        assertEq(versionOf(act), before + 1);
    }

    function testFuzz_act_reverts_when_the_patient_acted_meanwhile(uint8 number) public {
        Act act = _act(number);
        Signatures.Signed memory by = sign(act, "patient", DEADLINE);
        _meanwhile(act);
        refused(act, by, STRANGER, _invalid());
    }

    function testFuzz_act_up_to_the_last_second(uint8 number) public {
        Act act = _act(number);
        Signatures.Signed memory by = sign(act, "patient", DEADLINE);
        vm.warp(DEADLINE + 1);
        refused(
            act, by, STRANGER, abi.encodeWithSelector(Signatures.SignatureExpired.selector, PATIENT, DEADLINE)
        );
        vm.warp(DEADLINE);
        make(act, by, STRANGER);
    }

    function testFuzz_act_reverts_on_another_chain(uint8 number, uint64 chain) public {
        vm.assume(chain != 0 && chain != block.chainid);
        Act act = _act(number);
        Signatures.Signed memory by = sign(act, "patient", DEADLINE);
        uint256 home = block.chainid;
        vm.chainId(chain);
        refused(act, by, STRANGER, _invalid());
        vm.chainId(home);
        make(act, by, STRANGER);
    }

    /// The twin has the same code and the same state at another address.
    function testFuzz_act_reverts_at_another_contract(uint8 number) public {
        Act act = _act(number);
        address twin = makeAddr("twin");
        vm.cloneAccount(roomOf(act), twin);
        bytes memory data = callOf(act, sign(act, "patient", DEADLINE));
        vm.prank(STRANGER);
        (bool done, bytes memory reason) = twin.call(data);
        assertFalse(done);
        assertEq(reason, _invalid());
    }

    /// Versions are counted for each act's own slot, so equal numbers must not make equal signatures.
    function testFuzz_act_reverts_with_the_signature_of_another(uint8 number, uint8 other) public {
        Act act = _act(number);
        Act signed = _act(other);
        vm.assume(act != signed);
        refused(act, sign(signed, "patient", DEADLINE), STRANGER, _invalid());
    }

    /// Whatever bit of the call is turned: it is refused, or it is the very same act.
    /// forge-config: default.fuzz.runs = 4096
    function testFuzz_act_reverts_with_a_bit_turned(uint8 number, uint256 place) public {
        Act act = _act(number);
        bytes memory data = callOf(act, sign(act, "patient", DEADLINE));
        bytes32 honest = _logsOf(act, data);
        place = bound(place, 0, data.length * 8 - 1);
        data[place / 8] ^= bytes1(uint8(1 << (place % 8)));
        bytes32 turned = _logsOf(act, data);
        assertTrue(turned == 0 || turned == honest, "another act was made");
    }

    function testFuzz_act_reverts_when_another_signed(uint8 number, string calldata name) public {
        vm.assume(keccak256(bytes(name)) != keccak256("patient"));
        Act act = _act(number);
        uint256 key = bound(keyOf(name), 1, 2 ** 255);
        Signatures.Signed memory by =
            Signatures.Signed(PATIENT, DEADLINE, signature(key, digestOf(act, DEADLINE)));
        refused(act, by, STRANGER, _invalid());
        by.signature = "";
        refused(act, by, STRANGER, _invalid());
    }

    /// Not even for itself: without a mandate, only the patient's own word counts.
    function testFuzz_act_reverts_when_a_stranger_speaks(uint8 number) public {
        Act act = _act(number);
        uint8 scope = scopeOf(act);
        if (scope == 0) return; // these acts name nobody but who speaks
        bytes memory reason =
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, STRANGER, scope);
        refused(act, sign(act, "stranger", DEADLINE), STRANGER, reason);
        refused(act, sign(act, "stranger", DEADLINE), RESEARCHER, reason);
    }

    /// Who sends an act itself needs no signature, and has no deadline.
    function testFuzz_act_given_the_patient_sends_it(uint8 number) public {
        Act act = _act(number);
        uint32 before = versionOf(act);
        make(act, Signatures.Signed(PATIENT, 0, ""), PATIENT);
        assertEq(versionOf(act), before + 1);
    }

    /// The patient is a contract wallet whose owner signs.
    function testFuzz_act_given_a_wallet(uint8 number) public {
        Act act = _act(number);
        vm.etch(PATIENT, address(new TestWallet(vm.addr(keyOf("owner")))).code);
        bytes32 digest = digestOf(act, DEADLINE);
        Signatures.Signed memory by =
            Signatures.Signed(PATIENT, DEADLINE, signature(keyOf("stranger"), digest));
        refused(act, by, STRANGER, _invalid());
        by.signature = signature(keyOf("owner"), digest);
        make(act, by, STRANGER);
        refused(act, by, STRANGER, _invalid());
    }

    /// @dev Anyone sends it, once.
    function _once(Act act) private {
        Signatures.Signed memory by = sign(act, "patient", DEADLINE);
        make(act, by, STRANGER);
        refused(act, by, STRANGER, _invalid());
        refused(act, by, RESEARCHER, _invalid());
    }

    /// @dev The patient changes the slot of `act` by an act of its own.
    function _meanwhile(Act act) private {
        vm.startPrank(PATIENT);
        if (act == Act.PUBLISH_KEY) accounts.publishKey(bundle());
        else if (act < Act.SET_DELEGATE) consents.revoke(record);
        else if (act == Act.SET_DELEGATE) consents.setDelegate(DELEGATE, 0, 0);
        else if (act == Act.NAME_CUSTODIAN) grants.nameCustodian(address(0), 0);
        else grants.revoke(BLIND, READER);
        vm.stopPrank();
    }

    /// @dev Hash of what the call emits; 0 if it is refused. Changes nothing.
    function _logsOf(Act act, bytes memory data) private returns (bytes32 hash) {
        uint256 state = vm.snapshotState();
        vm.recordLogs();
        vm.prank(STRANGER);
        (bool done,) = roomOf(act).call(data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done) hash = keccak256(abi.encode(logs));
        vm.revertToState(state);
    }

    function _act(uint8 number) private pure returns (Act) {
        return Act(number % (uint8(type(Act).max) + 1));
    }

    function _invalid() private view returns (bytes memory) {
        return abi.encodeWithSelector(Signatures.SignatureInvalid.selector, PATIENT);
    }

    function _assertConsent(uint64 terms, uint40 expiresAt, uint32 version, bool barred) private view {
        (uint64 terms_, uint40 expiresAt_, uint32 version_, bool barred_) =
            consents.consentOf(PATIENT, record);
        assertEq(terms_, terms);
        assertEq(expiresAt_, expiresAt);
        assertEq(version_, version);
        assertEq(barred_, barred);
    }

    function _assertGrant(uint64 purpose, uint40 expiresAt, uint32 epoch) private view {
        (uint64 purpose_, uint40 expiresAt_, uint32 epoch_) = grants.grantOf(record, READER);
        assertEq(purpose_, purpose);
        assertEq(expiresAt_, expiresAt);
        assertEq(epoch_, epoch);
    }
}
