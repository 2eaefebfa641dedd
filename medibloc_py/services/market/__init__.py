"""Market: listings, orders and earnings (`contracts/market/IMarket.sol`)."""

from medibloc_py.services.market.service import MarketService

__all__ = ["MarketService"]
