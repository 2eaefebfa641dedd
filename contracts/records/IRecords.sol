// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IRecords
/// @notice Batches of records, each one Merkle root: 1 or 100,000 records cost the same.
/// @dev A batch is keyed by its issuer and its root, so nobody can take over, overwrite or front-run another's root.
/// A root says nothing about patients or content. Warning: whether a record is what its issuer says is the issuer's
/// word; an accreditation that ended later does not undo what was registered.
interface IRecords {
    /// @notice `issuer` registered `root` over `count` records.
    event Registered(address indexed issuer, bytes32 indexed root, uint32 count);

    /// @notice `issuer` points readers of `oldRoot` to `newRoot`.
    event Superseded(address indexed issuer, bytes32 indexed oldRoot, bytes32 indexed newRoot);

    /// @notice A batch must count at least one record.
    error RecordCountInvalid(uint32 count);

    /// @notice `issuer` registered `root` before.
    error RootAlreadyRegistered(address issuer, bytes32 root);

    /// @notice `issuer` never registered `root`.
    error RootUnknown(address issuer, bytes32 root);

    /// @notice `issuer` superseded `root` before.
    error RootAlreadySuperseded(address issuer, bytes32 root);

    /// @notice The proof does not lead from `recordId` to a root of `issuer`.
    error RecordUnknown(address issuer, bytes32 recordId);

    /// @notice The multiproof does not lead from `count` records to a root of `issuer`.
    error RecordsUnknown(address issuer, uint256 count);

    /// @notice Registers a batch. The sender is its issuer and must be accredited as `ISSUER`.
    /// @dev Warning: cannot be undone, only superseded.
    /// @param root root of OpenZeppelin's StandardMerkleTree over the record ids; for one record, its id.
    /// @param count number of records, at least 1; told, not proved.
    function register(bytes32 root, uint32 count) external;

    /// @notice Marks the sender's batch `oldRoot` as replaced by its batch `newRoot`. Its records still open.
    /// @dev Warning: once and for ever.
    function supersede(bytes32 oldRoot, bytes32 newRoot) external;

    /// @notice What is stored of a batch; `registeredAt` is 0 when `issuer` never registered `root`.
    function batch(address issuer, bytes32 root)
        external
        view
        returns (uint40 registeredAt, uint32 count, bool superseded);

    /// @notice Id of the record of `patient` under `blind`.
    function recordId(address patient, bytes32 blind) external pure returns (bytes32);

    /// @notice Opens a record: reverts with `RecordUnknown` unless it stands in a root registered by `issuer`.
    /// @param proof siblings from the record's leaf up to the root.
    /// @return id the record's id.
    function open(address issuer, address patient, bytes32 blind, bytes32[] calldata proof)
        external
        view
        returns (bytes32 id);

    /// @notice Opens records of one patient and one batch: reverts with `RecordsUnknown` unless all stand in one root
    /// registered by `issuer`.
    /// @param blinds at least one.
    /// @param proof inner nodes of OpenZeppelin's multiproof.
    /// @param flags its flags.
    /// @return ids the records' ids, in the order of `blinds`.
    function openMany(
        address issuer,
        address patient,
        bytes32[] calldata blinds,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) external view returns (bytes32[] memory ids);
}
