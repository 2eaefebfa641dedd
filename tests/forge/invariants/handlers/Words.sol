// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Listings} from "../../../../contracts/market/Listings.sol";

/// @notice What accounts sign, as the interfaces document it: EIP-712 struct hashes, made without the contracts' code.
library Words {
    string internal constant ACCOUNTS = "MediBloc Accounts";
    string internal constant CONSENTS = "MediBloc Consents";
    string internal constant GRANTS = "MediBloc Grants";
    string internal constant MARKET = "MediBloc Market";

    function key(address account, bytes memory bundle, uint32 version, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form = keccak256("EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)");
        return keccak256(abi.encode(form, account, keccak256(bundle), version, deadline));
    }

    function consent(
        address patient,
        bytes32 record,
        uint64 terms,
        uint40 expiresAt,
        bytes32 text,
        uint32 version,
        uint40 deadline
    ) internal pure returns (bytes32) {
        bytes32 form = keccak256(
            "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,uint32 version,uint40 deadline)"
        );
        return keccak256(abi.encode(form, patient, record, terms, expiresAt, text, version, deadline));
    }

    function revocation(address patient, bytes32 record, uint32 version, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form = keccak256("Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)");
        return keccak256(abi.encode(form, patient, record, version, deadline));
    }

    function lift(address patient, bytes32 record, uint32 version, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form = keccak256("Lift(address patient,bytes32 record,uint32 version,uint40 deadline)");
        return keccak256(abi.encode(form, patient, record, version, deadline));
    }

    function mandate(
        address patient,
        address delegate,
        uint8 scope,
        uint40 until,
        uint32 version,
        uint40 deadline
    ) internal pure returns (bytes32) {
        bytes32 form = keccak256(
            "Mandate(address patient,address delegate,uint8 scope,uint40 until,uint32 version,uint40 deadline)"
        );
        return keccak256(abi.encode(form, patient, delegate, scope, until, version, deadline));
    }

    function grant(
        address patient,
        bytes32 record,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        bytes memory locator,
        uint32 epoch,
        uint40 deadline
    ) internal pure returns (bytes32) {
        bytes32 form = keccak256(
            "Grant(address patient,bytes32 record,address grantee,uint64 purpose,uint40 expiresAt,bytes locator,uint32 epoch,uint40 deadline)"
        );
        bytes32 sealed_ = keccak256(locator);
        return
            keccak256(
                abi.encode(form, patient, record, grantee, purpose, expiresAt, sealed_, epoch, deadline)
            );
    }

    function grantRevocation(address patient, bytes32 record, address grantee, uint32 epoch, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form = keccak256(
            "GrantRevocation(address patient,bytes32 record,address grantee,uint32 epoch,uint40 deadline)"
        );
        return keccak256(abi.encode(form, patient, record, grantee, epoch, deadline));
    }

    function custodian(address patient, address name, uint40 until, uint32 version, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form = keccak256(
            "Custodian(address patient,address custodian,uint40 until,uint32 version,uint40 deadline)"
        );
        return keccak256(abi.encode(form, patient, name, until, version, deadline));
    }

    function contribution(Listings.ContributionTerms memory terms) internal pure returns (bytes32) {
        bytes32 form = keccak256(
            "Contribution(address patient,address signer,address steward,address token,uint64 terms,uint96 minPrice,uint16 maxFeeBps,address payee,bytes32 record,bytes32 keyCommitment,uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)"
        );
        return keccak256(abi.encode(form, terms));
    }

    function withdrawal(bytes32 listing, bytes32 leaf, uint40 deadline) internal pure returns (bytes32) {
        bytes32 form = keccak256("Withdrawal(bytes32 listing,bytes32 leaf,uint40 deadline)");
        return keccak256(abi.encode(form, listing, leaf, deadline));
    }

    function claim(bytes32 listing, bytes32 leaf, address to, uint256 claimed, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 form =
            keccak256("Claim(bytes32 listing,bytes32 leaf,address to,uint256 claimed,uint40 deadline)");
        return keccak256(abi.encode(form, listing, leaf, to, claimed, deadline));
    }
}
