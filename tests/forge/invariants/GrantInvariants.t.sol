// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantHandler} from "./handlers/GrantHandler.sol";

/// @notice What must hold of grants and emergencies after any acts (tests/contracts/invariants/README.md).
contract GrantInvariants is GrantHandler {
    function setUp() public override {
        super.setUp();
        bytes4[] memory acts = new bytes4[](12);
        acts[0] = this.grant.selector;
        acts[1] = this.grantBoth.selector;
        acts[2] = this.revoke.selector;
        acts[3] = this.name.selector;
        acts[4] = this.breakGlass.selector;
        acts[5] = this.deliver.selector;
        acts[6] = this.review.selector;
        acts[7] = this.delegate.selector;
        acts[8] = this.research.selector;
        acts[9] = this.accreditPerson.selector;
        acts[10] = this.passToTheEnd.selector;
        acts[11] = this.pass.selector;
        _target(acts);
    }

    function invariant_grants() public {
        for (uint256 record = 0; record < RECORDS; ++record) {
            for (uint256 i = 0; i < PEOPLE; ++i) {
                _whoReadsHasAGrantAndTheConsent(record, _people[i]);
                _epochsCountGrants(record, _people[i]);
            }
        }
        for (uint256 i = 0; i < PATIENTS; ++i) {
            _aCustodianIsTheLastOneNamed(_people[i]);
        }
        for (uint256 i = 0; i < _cases.length; ++i) {
            _anEmergencyStandsAndIsReviewedOnce(_cases[i]);
            _nobodyElseDelivers(_cases[i]);
        }
    }

    function _whoReadsHasAGrantAndTheConsent(uint256 record, address reader) private view {
        bool active = grants.isActive(_patientOf(record), _blindOf(record), reader);
        _hold(7, active == _reads(record, reader));
    }

    function _epochsCountGrants(uint256 record, address reader) private view {
        Given memory given = _given[record][reader];
        (uint64 purpose, uint40 expiresAt, uint32 epoch) = grants.grantOf(_ids[record], reader);
        _hold(8, epoch == given.epoch && purpose == given.purpose && expiresAt == given.until);
        _hold(9, expiresAt <= given.lent);
    }

    function _aCustodianIsTheLastOneNamed(address patient) private view {
        Keeper memory keeper = _keepers[patient];
        (address custodian, uint40 until, uint32 version) = grants.custodianOf(patient);
        _hold(10, custodian == keeper.custodian && until == keeper.until && version == keeper.acts);
        _hold(9, until <= keeper.lent);
    }

    function _anEmergencyStandsAndIsReviewedOnce(Plot memory case_) private view {
        (address custodian, uint40 brokenAt, bool reviewed) =
            grants.emergencyOf(_ids[case_.record], case_.clinician, case_.epoch);
        _hold(11, custodian == case_.custodian && brokenAt == case_.brokenAt);
        _hold(12, case_.reviews <= 1 && reviewed == (case_.reviews == 1));
    }

    /// Everyone tries; what comes of it is forgotten with the check.
    function _nobodyElseDelivers(Plot memory case_) private {
        (bool waits, address custodian) = _waits(case_.record, case_.clinician);
        bytes memory data = _deliverData(case_);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            vm.prank(_people[i]);
            (bool done,) = address(grants).call(data);
            _hold(13, done == (waits && _people[i] == custodian));
        }
    }
}
