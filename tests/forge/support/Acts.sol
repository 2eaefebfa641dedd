// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrants} from "../../../contracts/access/IGrants.sol";
import {Accounts} from "../../../contracts/accounts/Accounts.sol";
import {IAccounts} from "../../../contracts/accounts/IAccounts.sol";
import {Consents} from "../../../contracts/consent/Consents.sol";
import {Purpose} from "../../../contracts/libraries/Purpose.sol";
import {Scopes} from "../../../contracts/libraries/Scopes.sol";
import {Signatures} from "../../../contracts/libraries/Signatures.sol";
import {World} from "./World.sol";

/// @notice A world in which every act that can be signed is ready to be signed. What is signed is written out here anew,
/// as a wallet does it from the EIP-712 types that the interfaces name.
abstract contract Acts is World {
    enum Act {
        PUBLISH_KEY,
        SET,
        REVOKE,
        LIFT,
        SET_DELEGATE,
        GRANT,
        REVOKE_GRANT,
        NAME_CUSTODIAN
    }

    bytes32 internal constant FORM = keccak256("form");
    bytes32 internal constant BLIND = keccak256("blind");
    uint64 internal constant TERMS = Purpose.GRU | Purpose.NCU;
    uint40 internal constant DEADLINE = NOW + 1 days;

    address internal immutable DELEGATE = makeAddr("delegate");
    address internal immutable READER = makeAddr("reader");
    address internal immutable CUSTODIAN = makeAddr("custodian");
    address internal immutable CLINICIAN = makeAddr("clinician");
    address internal immutable REVIEWER = makeAddr("reviewer");

    /// @dev The patient's record: a batch of one.
    bytes32 internal record;

    function setUp() public virtual override {
        super.setUp();
        accredit(CLINICIAN, IAccounts.Role.CLINICIAN, LATER);
        accredit(REVIEWER, IAccounts.Role.REVIEWER, LATER);
        record = records.recordId(PATIENT, BLIND);
        vm.prank(HOSPITAL);
        records.register(record, 1);
        consent(PATIENT, TERMS, LATER);
        vm.startPrank(PATIENT);
        consents.set(record, Purpose.HMB, LATER, FORM);
        grants.grant(grantRequest());
        vm.stopPrank();
    }

    function grantRequest() internal view returns (IGrants.Request memory) {
        return IGrants.Request({
            issuer: HOSPITAL,
            blind: BLIND,
            proof: new bytes32[](0),
            grantee: READER,
            purpose: Purpose.TREATMENT,
            expiresAt: LATER,
            locator: locatorOf("first")
        });
    }

    function locatorOf(string memory name) internal pure returns (IGrants.Locator memory) {
        return IGrants.Locator({
            enc: keccak256(bytes.concat("enc", bytes(name))),
            body: keccak256(bytes.concat("body", bytes(name))),
            tag: bytes16(keccak256(bytes.concat("tag", bytes(name))))
        });
    }

    function bundle() internal pure returns (bytes memory made) {
        made = new bytes(1249);
        made[0] = 0x01;
        made[1248] = 0xff;
    }

    function delegate(uint8 scope, uint40 until) internal {
        vm.prank(PATIENT);
        consents.setDelegate(DELEGATE, scope, until);
    }

    // --- signing ---------------------------------------------------------------------------

    /// @dev The key behind `makeAddr(name)`.
    function keyOf(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name)));
    }

    /// @dev Signs `act` of the patient, as it would be made now, by the key of `name`.
    function sign(Act act, string memory name, uint40 deadline)
        internal
        view
        returns (Signatures.Signed memory)
    {
        return Signatures.Signed({
            signer: vm.addr(keyOf(name)),
            deadline: deadline,
            signature: signature(keyOf(name), digestOf(act, deadline))
        });
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function digestOf(Act act, uint40 deadline) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256(bytes(nameOf(act))),
                keccak256("1"),
                block.chainid,
                roomOf(act)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, contentOf(act, deadline)));
    }

    // --- what each act is --------------------------------------------------------------------

    function roomOf(Act act) internal view returns (address) {
        if (act == Act.PUBLISH_KEY) return address(accounts);
        return act < Act.GRANT ? address(consents) : address(grants);
    }

    function nameOf(Act act) internal pure returns (string memory) {
        if (act == Act.PUBLISH_KEY) return "MediBloc Accounts";
        return act < Act.GRANT ? "MediBloc Consents" : "MediBloc Grants";
    }

    /// @dev What a delegate may do if allowed. It cannot publish keys, nor name delegates.
    function scopeOf(Act act) internal pure returns (uint8) {
        if (act == Act.PUBLISH_KEY || act == Act.SET_DELEGATE) return 0;
        return act < Act.GRANT ? Scopes.CONSENT : Scopes.GRANT;
    }

    /// @dev Acts that give something up to `LATER`.
    function gives(Act act) internal pure returns (bool) {
        return act != Act.REVOKE && act != Act.REVOKE_GRANT;
    }

    /// @dev EIP-712 hash of the act, at the version that is next now.
    function contentOf(Act act, uint40 deadline) internal view returns (bytes32) {
        uint32 version = versionOf(act) + 1;
        bytes memory kind = bytes(typeOf(act));
        if (act == Act.PUBLISH_KEY) {
            return _hash(kind, abi.encode(PATIENT, keccak256(bundle()), version, deadline));
        }
        if (act == Act.SET) {
            return _hash(kind, abi.encode(PATIENT, record, TERMS, LATER, FORM, version, deadline));
        }
        if (act == Act.REVOKE || act == Act.LIFT) {
            return _hash(kind, abi.encode(PATIENT, record, version, deadline));
        }
        if (act == Act.SET_DELEGATE) {
            return _hash(kind, abi.encode(PATIENT, DELEGATE, Scopes.ALL, LATER, version, deadline));
        }
        if (act == Act.GRANT) {
            return _hash(
                kind,
                abi.encode(
                    PATIENT,
                    record,
                    READER,
                    Purpose.TREATMENT,
                    LATER,
                    keccak256(_locatorBytes()),
                    version,
                    deadline
                )
            );
        }
        if (act == Act.REVOKE_GRANT) {
            return _hash(kind, abi.encode(PATIENT, record, READER, version - 1, deadline));
        }
        return _hash(kind, abi.encode(PATIENT, CUSTODIAN, LATER, version, deadline));
    }

    function typeOf(Act act) internal pure returns (string memory) {
        if (act == Act.PUBLISH_KEY) {
            return "EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)";
        }
        if (act == Act.SET) {
            return "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,uint32 version,"
                "uint40 deadline)";
        }
        if (act == Act.REVOKE) {
            return "Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)";
        }
        if (act == Act.LIFT) return "Lift(address patient,bytes32 record,uint32 version,uint40 deadline)";
        if (act == Act.SET_DELEGATE) {
            return "Mandate(address patient,address delegate,uint8 scope,uint40 until,uint32 version,uint40 deadline)";
        }
        if (act == Act.GRANT) {
            return "Grant(address patient,bytes32 record,address grantee,uint64 purpose,uint40 expiresAt,bytes locator,"
                "uint32 epoch,uint40 deadline)";
        }
        if (act == Act.REVOKE_GRANT) {
            return
                "GrantRevocation(address patient,bytes32 record,address grantee,uint32 epoch,uint40 deadline)";
        }
        return "Custodian(address patient,address custodian,uint40 until,uint32 version,uint40 deadline)";
    }

    /// @dev The call that makes the act by the word `by`.
    function callOf(Act act, Signatures.Signed memory by) internal view returns (bytes memory) {
        if (act == Act.PUBLISH_KEY) return abi.encodeCall(Accounts.publishKeyFor, (bundle(), by));
        if (act == Act.SET) {
            return abi.encodeCall(Consents.setFor, (PATIENT, record, TERMS, LATER, FORM, by));
        }
        if (act == Act.REVOKE) return abi.encodeCall(Consents.revokeFor, (PATIENT, record, by));
        if (act == Act.LIFT) return abi.encodeCall(Consents.liftFor, (PATIENT, record, by));
        if (act == Act.SET_DELEGATE) {
            return abi.encodeCall(Consents.setDelegateFor, (DELEGATE, Scopes.ALL, LATER, by));
        }
        if (act == Act.GRANT) return abi.encodeCall(IGrants.grantFor, (PATIENT, grantRequest(), by));
        if (act == Act.REVOKE_GRANT) {
            return abi.encodeCall(IGrants.revokeFor, (PATIENT, BLIND, READER, by));
        }
        return abi.encodeCall(IGrants.nameCustodianFor, (PATIENT, CUSTODIAN, LATER, by));
    }

    /// @dev Makes the act by the word `by`, sent by `sender`.
    function make(Act act, Signatures.Signed memory by, address sender) internal {
        bytes memory data = callOf(act, by);
        address room = roomOf(act);
        vm.prank(sender);
        (bool done, bytes memory reason) = room.call(data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// @dev `make`, to be seen reverting.
    function makeOrRevert(Act act, Signatures.Signed memory by, address sender) external {
        make(act, by, sender);
    }

    /// @dev Expects that the act is refused with exactly this reason.
    function refused(Act act, Signatures.Signed memory by, address sender, bytes memory reason) internal {
        vm.expectRevert(reason);
        this.makeOrRevert(act, by, sender);
    }

    /// @dev Number of changes of the slot that the act changes.
    function versionOf(Act act) internal view returns (uint32 version) {
        if (act == Act.PUBLISH_KEY) (, version) = accounts.keyOf(PATIENT);
        else if (act < Act.SET_DELEGATE) (,, version,) = consents.consentOf(PATIENT, record);
        else if (act == Act.SET_DELEGATE) (,,, version) = consents.mandateOf(PATIENT, DELEGATE);
        else if (act == Act.NAME_CUSTODIAN) (,, version) = grants.custodianOf(PATIENT);
        else (,, version) = grants.grantOf(record, READER);
    }

    function _hash(bytes memory kind, bytes memory fields) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(kind), fields));
    }

    function _locatorBytes() private pure returns (bytes memory) {
        IGrants.Locator memory locator = locatorOf("first");
        return bytes.concat(locator.enc, locator.body, locator.tag);
    }
}
