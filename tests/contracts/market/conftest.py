"""Where a listing can stand, and where an order can."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from medibloc_py.model import GENERAL, Order
from support.clock import YEAR, now, pass_to
from support.desk import SECRET, TERMS, Dataset, Desk


@pytest.fixture
def dataset(desk: Desk) -> Dataset:
    """A listed dataset of three contributions."""
    return desk.listed()


@pytest.fixture
def order(desk: Desk, dataset: Dataset) -> Order:
    """An open order on it."""
    return desk.ordered(dataset)


@pytest.fixture
def sold(desk: Desk, dataset: Dataset) -> Dataset:
    """The dataset, sold once."""
    desk.sold(dataset)
    return dataset


@pytest.fixture
def consenting(consents: Any, patient: Any) -> Any:
    """The patient, whose consent covers the terms of listings."""
    consents.set(GENERAL, TERMS, now() + 5 * YEAR, bytes(32), {"from": patient})
    return patient


@pytest.fixture
def settled(market: Any, order: Order, steward: Any) -> Order:
    market.settle(astuple(order), SECRET, {"from": steward})
    return order


@pytest.fixture
def refunded(market: Any, order: Order, stranger: Any) -> Order:
    pass_to(order.deadline + 1)
    market.refund(astuple(order), {"from": stranger})
    return order
