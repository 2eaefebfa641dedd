"""The nouns on the chain: one thin class per contract, in model values.

Each takes a network and an address, has one method per function of its contract and
readers for its events, and knows none of the others. Every method can raise
`NodeUnreachable` and `NodeAnsweredWrong`; those that send raise what
`Network.send` does, above all the contract's own refusals.
"""

from medibloc_py.services.access import AccessService
from medibloc_py.services.accounts import AccountsService
from medibloc_py.services.consent import ConsentService
from medibloc_py.services.market import MarketService
from medibloc_py.services.records import RecordsService
from medibloc_py.services.token import TokenService

__all__ = [
    "AccessService",
    "AccountsService",
    "ConsentService",
    "MarketService",
    "RecordsService",
    "TokenService",
]
