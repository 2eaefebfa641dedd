"""A patient grants one reader access to one record.

    MEDIBLOC_ACCOUNT=alice MEDIBLOC_RECORD=0x.. MEDIBLOC_READER=0x.. \
        brownie run scripts/grant_access.py --network anvil

Environment:
    MEDIBLOC_ACCOUNT    the patient: a name of `medibloc account list`.
    MEDIBLOC_PASSWORD   opens the account; asked for if not set.
    MEDIBLOC_RECORD     id of the record, 32 bytes in hex.
    MEDIBLOC_READER     name or address of the reader.
    MEDIBLOC_PURPOSE    TREATMENT if not set, or what the consent permits, such as HMB+NCU.
    MEDIBLOC_UNTIL      last moment: a span such as 30d, which it is if not set, or a date.
    MEDIBLOC_HOME, MEDIBLOC_STORE   where keys and sealed records are.
"""

from __future__ import annotations

from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors.words import time as as_time
from medibloc_py.model import RecordId
from scripts.session import client_of, session, setting
from scripts.toolchain import plainly


@plainly
def main() -> None:
    """Grants, and says what was granted."""
    used = session()
    record = RecordId(read_bytes32(setting("MEDIBLOC_RECORD", "a record id"), "MEDIBLOC_RECORD"))
    reader = used.address(setting("MEDIBLOC_READER", "the name or address of the reader"))
    purpose = setting("MEDIBLOC_PURPOSE", "a purpose", "TREATMENT")
    client = client_of(used)
    until = read_time(setting("MEDIBLOC_UNTIL", "a time", "30d"), client.exchange.network.now())
    made = client.grant(record, reader, purpose, until)
    print(f"{reader} may read 0x{record.hex()} for {purpose} until {as_time(until)}.")
    print(f"Transaction {made.receipt.transaction}, gas {made.receipt.gas_used:,}.")
