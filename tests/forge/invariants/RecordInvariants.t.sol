// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../../../contracts/accounts/IAccounts.sol";
import {RecordHandler} from "./handlers/RecordHandler.sol";

/// @notice What must hold of roots, accreditations and keys after any acts (tests/contracts/invariants/README.md).
contract RecordInvariants is RecordHandler {
    function setUp() public override {
        super.setUp();
        bytes4[] memory acts = new bytes4[](9);
        acts[0] = this.register.selector;
        acts[1] = this.supersede.selector;
        acts[2] = this.nameAccreditor.selector;
        acts[3] = this.accreditPerson.selector;
        acts[4] = this.attestPerson.selector;
        acts[5] = this.publish.selector;
        acts[6] = this.handOver.selector;
        acts[7] = this.passToTheEnd.selector;
        acts[8] = this.pass.selector;
        _target(acts);
    }

    function invariant_records() public view {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            for (uint256 number = 0; number < ROOTS; ++number) {
                _aRootKeepsItsIssuer(_people[i], number);
                _aRecordOpensUnderItsIssuerOnly(_people[i], number);
            }
            _anAccreditationIsTheLastWordOfAnAccreditor(_people[i]);
            _keyVersionsCountPublishedBundles(_people[i]);
        }
    }

    function _aRootKeepsItsIssuer(address issuer, uint256 number) private view {
        Root memory root = _roots[issuer][_root(number)];
        (uint40 registeredAt, uint32 count, bool superseded) = records.batch(issuer, _root(number));
        _hold(14, registeredAt == root.since && count == root.count);
        _hold(15, superseded == root.superseded);
    }

    function _aRecordOpensUnderItsIssuerOnly(address issuer, uint256 number) private view {
        try records.open(issuer, _patientOf(number), BLIND, new bytes32[](0)) returns (bytes32 id) {
            _hold(16, _roots[issuer][id].since != 0);
        } catch {
            _hold(16, _roots[issuer][_root(number)].since == 0);
        }
    }

    function _anAccreditationIsTheLastWordOfAnAccreditor(address account) private view {
        Standing memory standing = _standings[account];
        _hold(17, records.isAccreditor(account) == standing.accreditor);
        for (uint256 role = 0; role < ROLES; ++role) {
            (uint40 until, uint64 evidence) = records.accreditation(account, IAccounts.Role(role));
            _hold(17, until == standing.untils[role] && evidence == standing.evidence);
        }
    }

    function _keyVersionsCountPublishedBundles(address account) private view {
        (bytes32 keyHash, uint32 version) = records.keyOf(account);
        _hold(18, version == _standings[account].keys && keyHash == _standings[account].key);
    }
}
