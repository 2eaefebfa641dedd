"""The market against a model in Python: any steps, in any order, at any time.

After every step: escrow + owed == balance; state on chain == the model's; an order ends once.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Any

from brownie import chain
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from medibloc_py import purpose
from medibloc_py.crypto import sale
from medibloc_py.model import WHOLE_BPS, Order, OrderState
from support.clock import YEAR, next_block_at, now, pass_to
from support.desk import TERMS, Dataset, Desk
from support.expect import reverts_with
from support.plain import plain

AMOUNTS = st.integers(1, 2**96 - 1) | st.integers(1, 1000)
SPANS = st.sampled_from([1, 599, 600, 86_400, 31 * 86_400])


@dataclass(eq=False)
class Sold:
    """What the model knows of a listing."""

    dataset: Dataset
    closes_at: int
    earned: int = 0
    shared: int = 0
    fee_paid: int = 0
    claimed: dict[int, int] = field(default_factory=dict)

    @property
    def fee(self) -> int:
        return self.earned * self.dataset.listing.fee_bps // WHOLE_BPS

    @property
    def owed(self) -> int:
        return self.earned - self.shared - self.fee_paid

    def due(self, number: int) -> int:
        weight = self.dataset.contributions[number].weight
        whole = (self.earned - self.fee) * weight // self.dataset.listing.total_weight
        return whole - self.claimed.get(number, 0)


@dataclass(eq=False)
class Placed:
    """What the model knows of an order."""

    sold: Sold
    order: Order
    secret: int
    state: OrderState = OrderState.OPEN


class MarketMachine(RuleBasedStateMachine):
    """Every function that changes the market, by whoever may try."""

    listings = Bundle("listings")
    orders = Bundle("orders")

    def __init__(self, desk: Desk, consents: Any, stranger: Any) -> None:
        super().__init__()
        chain.revert()
        self.desk, self.market, self.token = desk, desk.market, desk.token
        self.consents, self.stranger = consents, stranger
        self.terms = 0
        self.all: list[Sold] = []
        self.placed: list[Placed] = []

    def tick(self) -> int:
        """The time that the next block will have."""
        return next_block_at(now() + 1)

    @rule(
        target=listings,
        weights=st.lists(st.integers(1, 2**90) | st.integers(1, 5), min_size=1, max_size=3),
        price=AMOUNTS,
        fee_bps=st.integers(0, WHOLE_BPS),
        open_for=SPANS,
    )
    def list_dataset(self, weights: list[int], price: int, fee_bps: int, open_for: int) -> Sold:
        at = self.tick()
        closes_at = at + open_for
        dataset = self.desk.dataset(weights, price=price, fee_bps=fee_bps, closes_at=closes_at)
        self.market.list(dataset.struct, {"from": self.desk.steward})
        self.all.append(Sold(dataset, closes_at))
        return self.all[-1]

    @rule(target=orders, sold=listings, window=st.sampled_from([600, 86_400, 30 * 86_400]))
    def purchase(self, sold: Sold, window: int) -> Placed | None:
        secret = len(self.placed) + 1
        at = self.tick()
        order = self.desk.order(sold.dataset, lock=sale.lock_of(secret), deadline=at + window)
        placed = Placed(sold, order, secret)
        if sold.closes_at < at:
            with reverts_with("ListingClosed", order.listing, sold.closes_at):
                self.desk.purchase(sold.dataset, order)
            placed.state = OrderState.NONE
        else:
            self.desk.purchase(sold.dataset, order)
        self.placed.append(placed)
        return placed

    @rule(placed=orders, right=st.sampled_from([True, True, False]))
    def settle(self, placed: Placed, right: bool) -> None:
        at = self.tick()
        order, secret = astuple(placed.order), placed.secret + (not right)
        order_id = self.desk.order_id(placed.order)
        if placed.state is not OrderState.OPEN:
            with reverts_with("OrderNotOpen", order_id, placed.state):
                self.market.settle(order, secret, {"from": self.stranger})
        elif placed.order.deadline < at:
            with reverts_with("DeadlinePassed", order_id, placed.order.deadline):
                self.market.settle(order, secret, {"from": self.stranger})
        elif not right:
            with reverts_with("WrongSecret", order_id):
                self.market.settle(order, secret, {"from": self.stranger})
        else:
            self.market.settle(order, secret, {"from": self.stranger})
            placed.state = OrderState.SETTLED
            placed.sold.earned += placed.order.price

    @rule(placed=orders)
    def refund(self, placed: Placed) -> None:
        at = self.tick()
        order_id = self.desk.order_id(placed.order)
        if placed.state is not OrderState.OPEN:
            with reverts_with("OrderNotOpen", order_id, placed.state):
                self.market.refund(astuple(placed.order), {"from": self.stranger})
        elif placed.order.deadline >= at:
            with reverts_with("DeadlineNotReached", order_id, placed.order.deadline):
                self.market.refund(astuple(placed.order), {"from": self.stranger})
        else:
            before = self.token.balanceOf(self.desk.researcher)
            self.market.refund(astuple(placed.order), {"from": self.stranger})
            placed.state = OrderState.REFUNDED
            paid = self.token.balanceOf(self.desk.researcher) - before
            assert paid == placed.order.price

    @rule(sold=listings, place=st.integers(0, 2))
    def claim(self, sold: Sold, place: int) -> None:
        number = place % len(sold.dataset.contributions)
        member, due = sold.dataset.member(number), sold.due(number)
        if due == 0:
            leaf = sold.dataset.leaf(number)
            with reverts_with("NothingToClaim", self.desk.listing_id(sold.dataset), leaf):
                self.market.claim(*member, {"from": self.stranger})
            return
        before = self.token.balanceOf(self.desk.payee)
        self.market.claim(*member, {"from": self.stranger})
        assert self.token.balanceOf(self.desk.payee) - before == due
        sold.claimed[number] = sold.claimed.get(number, 0) + due
        sold.shared += due

    @rule(sold=listings)
    def claim_fee(self, sold: Sold) -> None:
        due = sold.fee - sold.fee_paid
        if due == 0:
            with reverts_with("NothingToClaim", self.desk.listing_id(sold.dataset), bytes(32)):
                self.market.claimFee(sold.dataset.struct, {"from": self.stranger})
            return
        before = self.token.balanceOf(self.desk.steward)
        self.market.claimFee(sold.dataset.struct, {"from": self.stranger})
        assert self.token.balanceOf(self.desk.steward) - before == due
        sold.fee_paid += due

    @rule(sold=listings)
    def withdraw_as_patient(self, sold: Sold) -> None:
        at = self.tick()
        self.market.withdraw(*sold.dataset.member(), {"from": self.desk.patient})
        if sold.closes_at >= at:
            sold.closes_at = at - 1

    @rule(sold=listings)
    def withdraw_as_stranger(self, sold: Sold) -> None:
        at = self.tick()
        listing, member = self.desk.listing_id(sold.dataset), sold.dataset.member()
        if sold.closes_at < at:
            with reverts_with("ListingClosed", listing, sold.closes_at):
                self.market.withdraw(*member, {"from": self.stranger})
        elif purpose.covers(self.terms, TERMS):
            people = self.desk.patient, self.stranger
            with reverts_with("WithdrawalNotAllowed", listing, *people):
                self.market.withdraw(*member, {"from": self.stranger})
        else:
            self.market.withdraw(*member, {"from": self.stranger})
            sold.closes_at = at - 1

    @rule(terms=st.sampled_from([TERMS, TERMS, purpose.GRU, TERMS | purpose.IRB]))
    def consent(self, terms: int) -> None:
        self.consents.set(terms, now() + 100 * YEAR, bytes(32), {"from": self.desk.patient})
        self.terms = terms

    @rule(span=SPANS)
    def wait(self, span: int) -> None:
        pass_to(now() + span)

    @invariant()
    def balance_is_escrow_and_owed(self) -> None:
        escrow = sum(each.order.price for each in self.placed if each.state is OrderState.OPEN)
        owed = sum(sold.owed for sold in self.all)
        assert self.token.balanceOf(self.market) == escrow + owed

    def teardown(self) -> None:
        for sold in self.all:
            expected = sold.earned, sold.earned - sold.owed, sold.closes_at
            assert plain(self.market.stateOf(self.desk.listing_id(sold.dataset))) == expected
            for number in range(len(sold.dataset.contributions)):
                contribution = sold.dataset.member(number)[1]
                assert self.market.due(sold.dataset.struct, contribution) == sold.due(number)
        for placed in self.placed:
            assert self.market.orderState(self.desk.order_id(placed.order)) == placed.state


def test_market_keeps_to_the_model(desk: Desk, consents: Any, stranger: Any) -> None:
    chain.snapshot()
    run_state_machine_as_test(
        lambda: MarketMachine(desk, consents, stranger),
        settings=settings(max_examples=15, stateful_step_count=25),
    )
