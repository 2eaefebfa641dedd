// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccounts} from "../accounts/IAccounts.sol";
import {IConsents} from "../consent/IConsents.sol";
import {Purpose} from "../libraries/Purpose.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IRecords} from "../records/IRecords.sol";

/// @title IGrants
/// @notice A patient's permission for one reader on one record; and the emergency, when nobody can ask the patient.
/// @dev The event carries a locator: the id of the grant object in storage, sealed to the reader's key. Warning: a
/// revoked or expired grant stops the next reader who asks this contract; it cannot unsee. Events are for ever.
/// Evidence in a grant's purpose is the patient's own word about the reader: no accreditor vouches for it here.
/// Acts with `For` in their name take the word of the patient or of a delegate for `Scopes.GRANT`, sent by anyone: EIP-712,
/// domain "MediBloc Grants", "1". What a delegate gives never outlasts its mandate.
interface IGrants {
    /// @notice 80 bytes of HPKE (RFC 9180, X25519): the id of a grant object, sealed to a reader.
    struct Locator {
        bytes32 enc; // encapsulated key
        bytes32 body; // ciphertext of 32 bytes
        bytes16 tag; // of the AEAD
    }

    /// @notice What is granted to whom.
    struct Request {
        address issuer; // registrant of the root in which the record stands
        bytes32 blind; // with the patient it makes the record's id
        bytes32[] proof; // siblings from the record's leaf up to the root
        address grantee;
        uint64 purpose; // request word (`Purpose`)
        uint40 expiresAt; // last second the grant holds, in the future
        Locator locator;
    }

    /// @notice An emergency access: it stands in the open until someone reviews it.
    struct Emergency {
        address custodian; // who held the key then
        uint40 brokenAt;
        bool reviewed;
    }

    /// @notice `patient` lets `grantee` read the record for `purpose` up to and including `expiresAt`; `by` said so.
    event Granted(
        bytes32 indexed recordId,
        address indexed patient,
        address indexed grantee,
        uint64 purpose,
        uint40 expiresAt,
        uint32 epoch,
        Locator locator,
        address by
    );

    /// @notice The grant of `epoch` was taken back; `by` said so. The slot's epoch is the next one now.
    event GrantRevoked(
        bytes32 indexed recordId, address indexed patient, address indexed grantee, uint32 epoch, address by
    );

    /// @notice `custodian` keeps the keys of `patient` for emergencies up to and including `until`; zeros: nobody does.
    event CustodianNamed(address indexed patient, address indexed custodian, uint40 until, uint32 version);

    /// @notice `clinician` broke the glass over a record of `patient`. `custodian` must deliver the key; the patient must
    /// be told; a reviewer must look.
    /// @dev `reason` is the keccak256 of the reason as it stands in the clinician's record of the case.
    event GlassBroken(
        bytes32 indexed recordId,
        address indexed patient,
        address indexed clinician,
        address custodian,
        uint40 expiresAt,
        uint32 epoch,
        bytes32 reason
    );

    /// @notice The custodian sealed the key to the clinician.
    event GlassDelivered(
        bytes32 indexed recordId, address indexed clinician, uint32 epoch, address custodian, Locator locator
    );

    /// @notice `reviewer` judged an emergency access. `finding` is the keccak256 of the written finding.
    event GlassReviewed(
        bytes32 indexed recordId,
        address indexed clinician,
        address indexed reviewer,
        uint32 epoch,
        bool justified,
        bytes32 finding
    );

    /// @notice `grantee` is nobody, or the patient.
    error GranteeInvalid(address grantee);

    /// @notice The consent of `patient` does not permit `purpose`: `answer`, decided by `bit` (255: by none alone).
    error PurposeNotPermitted(address patient, uint64 purpose, Purpose.Answer answer, uint8 bit);

    /// @notice There is no grant on the record for `grantee`.
    error GrantMissing(bytes32 recordId, address grantee);

    /// @notice There must be one locator for each record.
    error LocatorsMismatched(uint256 records, uint256 locators);

    /// @notice `custodian` is the patient.
    error CustodianInvalid(address custodian);

    /// @notice `patient` named no custodian who holds the key of the record.
    error CustodianMissing(address patient, bytes32 recordId);

    /// @notice Nobody opens in an emergency without a reason.
    error ReasonMissing();

    /// @notice `clinician` may read the record already.
    error GlassNotNeeded(bytes32 recordId, address clinician);

    /// @notice `clinician` is the patient or the custodian.
    error ClinicianInvolved(address clinician);

    /// @notice There is no emergency access of this epoch that waits for this.
    error EmergencyMissing(bytes32 recordId, address clinician, uint32 epoch);

    /// @notice `caller` is not the custodian of this emergency access.
    error NotCustodian(address caller, address custodian);

    /// @notice `reviewer` took part in what is reviewed.
    error GlassReviewerInvolved(address reviewer);

    /// @notice Grants access to a record of the sender; a grant that stands is replaced.
    /// @dev `Purpose.TREATMENT` is the patient's own to give; any other purpose needs a consent that PERMITs it.
    function grant(Request calldata request) external;

    /// @notice Grants access to a record of `patient`.
    /// @dev `Grant(address patient,bytes32 record,address grantee,uint64 purpose,uint40 expiresAt,bytes locator,uint32 epoch,uint40 deadline)`;
    /// `locator` is the 80 bytes, `epoch` the one that the grant will have.
    function grantFor(address patient, Request calldata request, Signatures.Signed calldata by) external;

    /// @notice Grants one reader access to several records of the sender, all of one batch.
    /// @param issuer registrant of the root in which the records stand.
    /// @param blinds the records' blinds.
    /// @param proof inner nodes of OpenZeppelin's multiproof of the records' leaves.
    /// @param flags its flags.
    /// @param locators one for each record.
    function grantMany(
        address issuer,
        bytes32[] calldata blinds,
        bytes32[] calldata proof,
        bool[] calldata flags,
        address grantee,
        uint64 purpose,
        uint40 expiresAt,
        Locator[] calldata locators
    ) external;

    /// @notice Takes back the sender's grant to `grantee`, and with it any that was signed and not sent yet.
    function revoke(bytes32 blind, address grantee) external;

    /// @notice Takes back a grant of `patient`.
    /// @dev `GrantRevocation(address patient,bytes32 record,address grantee,uint32 epoch,uint40 deadline)`; `epoch` of the grant.
    function revokeFor(address patient, bytes32 blind, address grantee, Signatures.Signed calldata by)
        external;

    /// @notice Names who gives the key of the sender's records to a clinician in an emergency: an account that holds a
    /// grant of them. Zero address: nobody.
    /// @param until last second, in the future; ignored for the zero address.
    function nameCustodian(address custodian, uint40 until) external;

    /// @notice `nameCustodian` for `patient`.
    /// @dev `Custodian(address patient,address custodian,uint40 until,uint32 version,uint40 deadline)`
    function nameCustodianFor(address patient, address custodian, uint40 until, Signatures.Signed calldata by)
        external;

    /// @notice Break-glass: the sender, accredited as `CLINICIAN`, may read a record for treatment for `GLASS_TIME`.
    /// @dev Fails unless a custodian whom the patient named holds a grant of the record. The patient can revoke at once.
    /// @param proof siblings from the record's leaf up to the root.
    /// @param reason keccak256 of the reason, not zero.
    function breakGlass(
        address patient,
        address issuer,
        bytes32 blind,
        bytes32[] calldata proof,
        bytes32 reason
    ) external;

    /// @notice Gives the clinician the key, sealed: the locator of a grant object. Only the custodian, while the access holds.
    function deliver(address patient, bytes32 blind, address clinician, Locator calldata locator) external;

    /// @notice Records a judgement on an emergency access, once. Only who is accredited as `REVIEWER` and took no part.
    function review(
        address patient,
        bytes32 blind,
        address clinician,
        uint32 epoch,
        bool justified,
        bytes32 finding
    ) external;

    /// @notice How long an emergency access lasts, in seconds.
    function GLASS_TIME() external view returns (uint40);

    /// @notice The registry in which records are opened.
    function records() external view returns (IRecords);

    /// @notice The consents that purposes are checked against.
    function consents() external view returns (IConsents);

    /// @notice The accounts that tell who is a clinician or a reviewer.
    function accounts() external view returns (IAccounts);

    /// @notice The grant as stored; `purpose` is 0 when there is none or it was revoked.
    /// @return purpose request word.
    /// @return expiresAt last second the grant holds; may have passed.
    /// @return epoch number of changes so far to what this reader may do with this record: grants, emergencies,
    /// revocations.
    function grantOf(bytes32 recordId, address grantee)
        external
        view
        returns (uint64 purpose, uint40 expiresAt, uint32 epoch);

    /// @notice Whom the patient named, up to when.
    function custodianOf(address patient)
        external
        view
        returns (address custodian, uint40 until, uint32 version);

    /// @notice An emergency access as stored; `brokenAt` is 0 when there was none of this epoch.
    function emergencyOf(bytes32 recordId, address clinician, uint32 epoch)
        external
        view
        returns (address custodian, uint40 brokenAt, bool reviewed);

    /// @notice Tells whether `grantee` may read the record now: the grant stands, and for a purpose other than
    /// `Purpose.TREATMENT` the patient's consent still PERMITs it.
    function isActive(address patient, bytes32 blind, address grantee) external view returns (bool);
}
