"""A researcher checks a quote in full and locks its price.

    MEDIBLOC_ACCOUNT=lab MEDIBLOC_QUOTE=lab.quote MEDIBLOC_PURPOSE=HMB+NONCOMMERCIAL \
        brownie run scripts/purchase_dataset.py --network anvil

Environment:
    MEDIBLOC_ACCOUNT    the buyer: a name of `medibloc account list`.
    MEDIBLOC_PASSWORD   opens the account; asked for if not set.
    MEDIBLOC_QUOTE      file with the steward's quote to this buyer.
    MEDIBLOC_PURPOSE    what for, such as HMB+NONCOMMERCIAL; the order puts it on record.
    MEDIBLOC_AMOUNT     what the buyer means to pay, in whole tokens; the price if not set.
    MEDIBLOC_HOME, MEDIBLOC_STORE   where keys and sealed records are.
"""

from __future__ import annotations

import os
from pathlib import Path

from medibloc_py.cli.options import read_bytes
from medibloc_py.cli.times import read_amount, show_amount
from medibloc_py.errors.words import time as as_time
from medibloc_py.services import TokenService
from scripts.session import client_of, session, setting
from scripts.toolchain import plainly


@plainly
def main() -> None:
    """Checks, purchases, and says what to wait for."""
    path = Path(setting("MEDIBLOC_QUOTE", "the file with a quote"))
    data = read_bytes(path)
    purpose = setting("MEDIBLOC_PURPOSE", "the purpose the quote was asked for")
    client = client_of(session())
    checked = client.check_quote(data, path, purpose)
    token = TokenService(client.exchange.network, checked.quote.listing.token)
    amount = os.environ.get("MEDIBLOC_AMOUNT")
    done = client.purchase(checked, read_amount(amount, token.decimals()) if amount else None)
    price = show_amount(done.order.price, token.decimals())
    print(f"Order 0x{done.order_id.hex()} of {len(checked.quote.rows)} records.")
    print(f"{price} {token.symbol()} are locked until {as_time(done.order.deadline)}:")
    print("once the steward settles, `medibloc dataset open` opens them; else take the refund.")
    print(f"Transaction {done.receipt.transaction}, gas {done.receipt.gas_used:,}.")
