"""The acts that are signed by one account and sent by another: one table, no second copy.

Each is an EIP-712 struct of one room. The text of its type stands here once, in the
contracts once, and a test holds the two equal. A version, an epoch or an amount in
the struct is the one that the act will make, so a signature works once, in one state.

What is signed of a paper is an `Act`, too, but goes to no contract: its type stands beside
the paper's fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION = "1"
"""Version of every room's EIP-712 domain."""
_STRUCT = re.compile(r"(\w+)\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Act:
    """One kind of signed act.

    Attributes:
        domain: name of the EIP-712 domain of the room that takes it.
        text: the struct's type as EIP-712 encodes it, with those of its fields behind it.
    """

    domain: str
    text: str

    @property
    def name(self) -> str:
        """The struct's name: the primary type."""
        return self.text.partition("(")[0]

    @property
    def types(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """`(type, name)` of each field, in order, of each struct in the text."""
        return {
            struct: tuple((kind, name) for kind, name in map(str.split, fields.split(",")))
            for struct, fields in _STRUCT.findall(self.text)
        }

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """`(type, name)` of each field of the struct itself, in order."""
        return self.types[self.name]


ACCOUNTS = "MediBloc Accounts"
CONSENTS = "MediBloc Consents"
GRANTS = "MediBloc Grants"
MARKET = "MediBloc Market"

ENCRYPTION_KEY = Act(
    ACCOUNTS, "EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)"
)
CONSENT = Act(
    CONSENTS,
    "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,"
    "uint32 version,uint40 deadline)",
)
REVOCATION = Act(
    CONSENTS, "Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)"
)
LIFT = Act(CONSENTS, "Lift(address patient,bytes32 record,uint32 version,uint40 deadline)")
MANDATE = Act(
    CONSENTS,
    "Mandate(address patient,address delegate,uint8 scope,uint40 until,uint32 version,"
    "uint40 deadline)",
)
GRANT = Act(
    GRANTS,
    "Grant(address patient,bytes32 record,address grantee,uint64 purpose,uint40 expiresAt,"
    "bytes locator,uint32 epoch,uint40 deadline)",
)
GRANT_REVOCATION = Act(
    GRANTS,
    "GrantRevocation(address patient,bytes32 record,address grantee,uint32 epoch,uint40 deadline)",
)
CUSTODIAN = Act(
    GRANTS,
    "Custodian(address patient,address custodian,uint40 until,uint32 version,uint40 deadline)",
)
CONTRIBUTION = Act(
    MARKET,
    "Contribution(address patient,address signer,address steward,address token,uint64 terms,"
    "uint96 minPrice,uint16 maxFeeBps,address payee,bytes32 record,bytes32 keyCommitment,"
    "uint96 weight,uint96 maxTotalWeight,uint40 expiresAt)",
)
WITHDRAWAL = Act(MARKET, "Withdrawal(bytes32 listing,bytes32 leaf,uint40 deadline)")
CLAIM = Act(
    MARKET, "Claim(bytes32 listing,bytes32 leaf,address to,uint256 claimed,uint40 deadline)"
)

ALL = (
    ENCRYPTION_KEY,
    CONSENT,
    REVOCATION,
    LIFT,
    MANDATE,
    GRANT,
    GRANT_REVOCATION,
    CUSTODIAN,
    CONTRIBUTION,
    WITHDRAWAL,
    CLAIM,
)
"""Every act that can be signed."""
