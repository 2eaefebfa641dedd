// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grants} from "../../../contracts/access/Grants.sol";
import {Accounts} from "../../../contracts/accounts/Accounts.sol";
import {IAccounts} from "../../../contracts/accounts/IAccounts.sol";
import {Consents} from "../../../contracts/consent/Consents.sol";
import {Market} from "../../../contracts/market/Market.sol";
import {TestToken} from "../../../contracts/mocks/TestToken.sol";
import {Records} from "../../../contracts/records/Records.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The house and its actors: deployed, governed, accredited.
abstract contract World is Test {
    uint40 internal constant NOW = 1_800_000_000;
    uint40 internal constant LATER = NOW + 365 days;

    address internal immutable GOVERNANCE = makeAddr("governance");
    address internal immutable ACCREDITOR = makeAddr("accreditor");
    address internal immutable HOSPITAL = makeAddr("hospital");
    address internal immutable PATIENT = makeAddr("patient");
    address internal immutable RESEARCHER = makeAddr("researcher");
    address internal immutable STRANGER = makeAddr("stranger");

    Accounts internal accounts;
    Records internal records;
    Consents internal consents;
    Grants internal grants;
    Market internal market;
    TestToken internal token;

    function setUp() public virtual {
        vm.warp(NOW);
        records = new Records(GOVERNANCE);
        accounts = records;
        consents = new Consents(accounts);
        grants = new Grants(records, consents, accounts);
        market = new Market(accounts, consents);
        token = new TestToken();
        vm.prank(GOVERNANCE);
        accounts.setAccreditor(ACCREDITOR, true);
        accredit(HOSPITAL, IAccounts.Role.ISSUER, LATER);
        accredit(RESEARCHER, IAccounts.Role.RESEARCHER, LATER);
    }

    function accredit(address account, IAccounts.Role role, uint40 until) internal {
        vm.prank(ACCREDITOR);
        accounts.accredit(account, role, until);
    }

    function attest(address account, uint64 evidence) internal {
        vm.prank(ACCREDITOR);
        accounts.attest(account, evidence);
    }

    function consent(address patient, uint64 terms, uint40 expiresAt) internal {
        vm.prank(patient);
        consents.set(0, terms, expiresAt, keccak256("form"));
    }
}
