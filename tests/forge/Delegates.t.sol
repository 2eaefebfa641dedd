// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsents} from "../../contracts/consent/IConsents.sol";
import {Expiry} from "../../contracts/libraries/Expiry.sol";
import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../contracts/libraries/Signatures.sol";
import {TestWallet} from "../../contracts/mocks/TestWallet.sol";
import {Acts} from "./support/Acts.sol";

/// What delegates may do: within their scope, up to their last second, and nothing that lasts longer.
contract DelegatesTest is Acts {
    function test_setDelegate_emits_DelegateSet() public {
        vm.expectEmit(address(consents));
        emit IConsents.DelegateSet(PATIENT, DELEGATE, Scopes.ALL, LATER, 1);
        delegate(Scopes.ALL, LATER);
        _assertMandate(Scopes.ALL, Scopes.ALL, LATER, 1);
        vm.expectEmit(address(consents));
        emit IConsents.DelegateSet(PATIENT, DELEGATE, Scopes.SELL, NOW + 1, 2);
        delegate(Scopes.SELL, NOW + 1);
        _assertMandate(Scopes.SELL, Scopes.ALL, NOW + 1, 2);
    }

    function test_setDelegate_ends_a_mandate_with_scope_0() public {
        delegate(Scopes.GRANT, LATER);
        vm.expectEmit(address(consents));
        emit IConsents.DelegateSet(PATIENT, DELEGATE, 0, 0, 2);
        delegate(0, LATER);
        _assertMandate(0, Scopes.GRANT, 0, 2);
        for (uint8 scope = 0; scope <= Scopes.ALL; ++scope) {
            assertEq(consents.mayAct(PATIENT, DELEGATE, scope), 0);
        }
    }

    function test_setDelegate_reverts_when_delegate_is_nobody_or_the_patient() public {
        vm.startPrank(PATIENT);
        vm.expectRevert(abi.encodeWithSelector(IConsents.DelegateInvalid.selector, address(0)));
        consents.setDelegate(address(0), Scopes.ALL, LATER);
        vm.expectRevert(abi.encodeWithSelector(IConsents.DelegateInvalid.selector, PATIENT));
        consents.setDelegate(PATIENT, 0, 0);
    }

    function testFuzz_setDelegate_reverts_when_scope_is_unknown(uint8 scope) public {
        vm.assume(scope > Scopes.ALL);
        vm.expectRevert(abi.encodeWithSelector(IConsents.ScopeInvalid.selector, scope));
        delegate(scope, LATER);
    }

    function test_setDelegate_reverts_when_until_is_not_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(Expiry.ExpiryInPast.selector, NOW, NOW));
        delegate(Scopes.ALL, NOW);
    }

    function testFuzz_mayAct_tells_scope_and_time(uint8 given, uint8 asked, uint40 until, uint40 time)
        public
    {
        given = uint8(bound(given, 1, Scopes.ALL));
        until = uint40(bound(until, NOW + 1, type(uint40).max));
        time = uint40(bound(time, NOW, type(uint40).max));
        delegate(given, until);
        vm.warp(time);
        bool may = asked != 0 && asked & ~given == 0 && time <= until;
        assertEq(consents.mayAct(PATIENT, DELEGATE, asked), may ? until : 0);
        assertEq(consents.mayAct(PATIENT, PATIENT, asked), type(uint40).max);
        assertEq(consents.mayAct(DELEGATE, PATIENT, asked), 0, "one way only");
        assertEq(consents.mayAct(PATIENT, STRANGER, asked), 0);
    }

    function testFuzz_everScope_only_grows(uint8[8] calldata scopes) public {
        uint8 ever;
        for (uint256 i = 0; i < scopes.length; ++i) {
            uint8 scope = scopes[i] & Scopes.ALL;
            delegate(scope, LATER);
            ever |= scope;
            _assertMandate(scope, ever, scope == 0 ? 0 : LATER, uint32(i + 1));
        }
    }

    /// Sent by the delegate itself, or signed by it and sent by anyone.
    function testFuzz_act_given_a_delegate(uint8 number) public {
        Act act = _delegable(number);
        delegate(scopeOf(act), LATER);
        uint32 before = versionOf(act);
        uint256 state = vm.snapshotState();
        make(act, Signatures.Signed(DELEGATE, 0, ""), DELEGATE);
        assertEq(versionOf(act), before + 1);
        vm.revertToState(state);
        Signatures.Signed memory by = sign(act, "delegate", DEADLINE);
        make(act, by, STRANGER);
        assertEq(versionOf(act), before + 1);
        refused(act, by, STRANGER, abi.encodeWithSelector(Signatures.SignatureInvalid.selector, DELEGATE));
    }

    function test_events_tell_the_delegate() public {
        delegate(Scopes.ALL, LATER);
        vm.startPrank(DELEGATE);
        Signatures.Signed memory by = Signatures.Signed(DELEGATE, 0, "");
        vm.expectEmit(address(consents));
        emit IConsents.ConsentSet(PATIENT, record, Purpose.DS, LATER, 2, FORM, DELEGATE);
        consents.setFor(PATIENT, record, Purpose.DS, LATER, FORM, by);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentLifted(PATIENT, record, 3, DELEGATE);
        consents.liftFor(PATIENT, record, by);
        vm.expectEmit(address(consents));
        emit IConsents.ConsentRevoked(PATIENT, record, 4, DELEGATE);
        consents.revokeFor(PATIENT, record, by);
    }

    function testFuzz_act_given_a_wallet_as_delegate(uint8 number) public {
        Act act = _delegable(number);
        delegate(scopeOf(act), LATER);
        vm.etch(DELEGATE, address(new TestWallet(vm.addr(keyOf("owner")))).code);
        Signatures.Signed memory by = sign(act, "owner", DEADLINE);
        by.signer = DELEGATE;
        make(act, by, STRANGER);
    }

    function testFuzz_act_reverts_when_scope_lacks(uint8 number) public {
        Act act = _delegable(number);
        delegate(Scopes.ALL & ~scopeOf(act), LATER);
        _expectMandateMissing(act);
    }

    function testFuzz_act_reverts_when_the_mandate_ended(uint8 number) public {
        Act act = _delegable(number);
        delegate(scopeOf(act), DEADLINE - 1);
        vm.warp(DEADLINE);
        _expectMandateMissing(act);
    }

    function testFuzz_act_reverts_when_the_delegate_was_removed(uint8 number) public {
        Act act = _delegable(number);
        delegate(Scopes.ALL, LATER);
        Signatures.Signed memory by = sign(act, "delegate", DEADLINE);
        delegate(0, 0);
        bytes memory reason =
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, DELEGATE, scopeOf(act));
        refused(act, by, STRANGER, reason);
        _expectMandateMissing(act);
    }

    /// A guardian's acts end with the day of the hand-over: consent, grant, custodian, and the general consent that a
    /// lift brings back.
    function testFuzz_act_reverts_when_it_outlasts_the_mandate(uint8 number, uint40 until) public {
        Act act = _delegable(number);
        until = uint40(bound(until, NOW + 1, LATER - 1));
        delegate(Scopes.ALL, until);
        Signatures.Signed memory by = sign(act, "delegate", DEADLINE);
        if (!gives(act)) return make(act, by, STRANGER);
        bytes memory reason =
            abi.encodeWithSelector(IConsents.MandateTooShort.selector, PATIENT, DELEGATE, until);
        refused(act, by, STRANGER, reason);
        refused(act, Signatures.Signed(DELEGATE, 0, ""), DELEGATE, reason);
        delegate(Scopes.ALL, LATER);
        make(act, by, STRANGER);
    }

    /// A bar that the patient set does not fall to a delegate for longer than the delegate itself lasts.
    function test_liftFor_given_a_general_consent_that_ended_or_is_missing() public {
        delegate(Scopes.CONSENT, NOW + 10);
        vm.prank(PATIENT);
        consents.revoke(0);
        make(Act.LIFT, Signatures.Signed(DELEGATE, 0, ""), DELEGATE);
        (Purpose.Answer answer,) = consents.check(PATIENT, record, address(0), Purpose.HMB);
        assertEq(uint8(answer), uint8(Purpose.Answer.DENY));
    }

    function test_a_guardian_hands_over() public {
        uint40 birthday = NOW + 30 days;
        delegate(Scopes.ALL, birthday);
        Signatures.Signed memory by = Signatures.Signed(DELEGATE, 0, "");
        vm.startPrank(DELEGATE);
        consents.setFor(PATIENT, 0, Purpose.NRES, birthday, FORM, by);
        consents.liftFor(PATIENT, record, by);
        vm.stopPrank();
        vm.warp(birthday);
        _assertAnswer(Purpose.Answer.PERMIT);
        make(Act.REVOKE_GRANT, by, DELEGATE);
        vm.warp(birthday + 1);
        _assertAnswer(Purpose.Answer.DENY);
        _expectMandateMissing(Act.REVOKE);
        consent(PATIENT, Purpose.HMB, LATER);
        _assertAnswer(Purpose.Answer.PERMIT);
    }

    /// No delegate names another, or publishes keys: such an act is the signer's own, never the patient's.
    function test_a_delegate_cannot_name_delegates_or_publish_keys() public {
        delegate(Scopes.ALL, LATER);
        vm.startPrank(DELEGATE);
        Signatures.Signed memory by = Signatures.Signed(DELEGATE, 0, "");
        consents.setDelegateFor(STRANGER, Scopes.ALL, LATER, by);
        accounts.publishKeyFor(bundle(), by);
        vm.stopPrank();
        assertEq(consents.mayAct(PATIENT, STRANGER, Scopes.CONSENT), 0);
        assertEq(consents.mayAct(DELEGATE, STRANGER, Scopes.CONSENT), LATER);
        (bytes32 keyHash,) = accounts.keyOf(PATIENT);
        assertEq(keyHash, 0);
        // Whom a delegate delegates to speaks for the delegate, not for the patient.
        refused(
            Act.SET,
            Signatures.Signed(STRANGER, 0, ""),
            STRANGER,
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, STRANGER, Scopes.CONSENT)
        );
    }

    function test_requireMandate_tells_the_last_second() public {
        delegate(Scopes.SELL, LATER);
        consents.requireMandate(PATIENT, DELEGATE, Scopes.SELL, LATER);
        consents.requireMandate(PATIENT, PATIENT, Scopes.SELL, type(uint40).max);
        vm.expectRevert(abi.encodeWithSelector(IConsents.MandateTooShort.selector, PATIENT, DELEGATE, LATER));
        consents.requireMandate(PATIENT, DELEGATE, Scopes.SELL, LATER + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, DELEGATE, Scopes.ALL)
        );
        consents.requireMandate(PATIENT, DELEGATE, Scopes.ALL, 0);
    }

    function _expectMandateMissing(Act act) private {
        bytes memory reason =
            abi.encodeWithSelector(IConsents.MandateMissing.selector, PATIENT, DELEGATE, scopeOf(act));
        refused(act, Signatures.Signed(DELEGATE, 0, ""), DELEGATE, reason);
        refused(act, sign(act, "delegate", type(uint40).max), STRANGER, reason);
    }

    function _delegable(uint8 number) private pure returns (Act) {
        Act[6] memory acts = [Act.SET, Act.REVOKE, Act.LIFT, Act.GRANT, Act.REVOKE_GRANT, Act.NAME_CUSTODIAN];
        return acts[number % acts.length];
    }

    function _assertMandate(uint8 scope, uint8 everScope, uint40 until, uint32 version) private view {
        (uint8 scope_, uint8 everScope_, uint40 until_, uint32 version_) =
            consents.mandateOf(PATIENT, DELEGATE);
        assertEq(scope_, scope);
        assertEq(everScope_, everScope);
        assertEq(until_, until);
        assertEq(version_, version);
    }

    function _assertAnswer(Purpose.Answer expected) private view {
        (Purpose.Answer answer,) = consents.check(PATIENT, record, address(0), Purpose.HMB);
        assertEq(uint8(answer), uint8(expected));
    }
}
