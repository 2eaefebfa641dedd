"""The market against a model in Python: any steps, in any order, at any time.

After every step: escrow + owed + bonds == balance; state on chain == the model's; an order ends
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from typing import Any

from brownie import chain
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from medibloc_py import purpose
from medibloc_py.crypto import sale
from medibloc_py.model import GENERAL, WHOLE_BPS, Bond, Order, OrderState
from support.clock import YEAR, next_block_at, now, pass_to
from support.desk import TERMS, Dataset, Desk
from support.expect import reverts_with
from support.plain import plain

AMOUNTS = st.integers(1, 2**96 - 1) | st.integers(1, 1000)
PICKS = st.integers(0, 11)
MAX_WINDOW_S = 30 * 86_400
SPANS = st.sampled_from([1, 599, 600, 86_400, 31 * 86_400])
DATASETS = st.fixed_dictionaries(
    {
        "weights": st.lists(st.integers(1, 2**90) | st.integers(1, 5), min_size=1, max_size=3),
        "price": AMOUNTS,
        "fee_bps": st.integers(0, WHOLE_BPS),
        "bond": st.sampled_from([0, 1, 5_000_001]),
        "open_for": st.sampled_from([600, 86_400, 31 * 86_400]),
    }
)


@dataclass(eq=False)
class Sold:
    """What the model knows of a listing."""

    dataset: Dataset
    closes_at: int
    bond: int
    earned: int = 0
    fee_paid: int = 0
    claimed: dict[int, int] = field(default_factory=dict)

    @property
    def fee(self) -> int:
        return self.earned * self.dataset.listing.fee_bps // WHOLE_BPS

    @property
    def owed(self) -> int:
        return self.earned - sum(self.claimed.values()) - self.fee_paid

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

    def __init__(self, desk: Desk, consents: Any, stranger: Any) -> None:
        super().__init__()
        chain.revert()
        self.desk, self.market, self.token = desk, desk.market, desk.token
        self.consents, self.stranger = consents, {"from": stranger}
        self.terms = 0
        self.listings: list[Sold] = []
        self.orders: list[Placed] = []

    def tick(self) -> int:
        """The time that the next block will have."""
        return next_block_at(now() + 1)

    def open_orders(self) -> list[Placed]:
        return [each for each in self.orders if each.state is OrderState.OPEN]

    @initialize(data=DATASETS)
    def begin(self, data: dict[str, Any]) -> None:
        """Two orders, one settled: every rule has something to work on."""
        self.list_dataset(data)
        self.purchase(0, 600)
        self.purchase(0, 30 * 86_400)
        self.settle_open(0)

    @precondition(lambda self: len(self.listings) < 4)
    @rule(data=DATASETS)
    def list_dataset(self, data: dict[str, Any]) -> None:
        closes_at = self.tick() + data["open_for"]
        terms = {name: data[name] for name in ("weights", "price", "fee_bps", "bond")}
        dataset = self.desk.dataset(**terms, closes_at=closes_at)
        self.market.list(dataset.struct, {"from": self.desk.steward})
        self.listings.append(Sold(dataset, closes_at, data["bond"]))

    @rule(pick=PICKS, window=st.sampled_from([600, 86_400, 30 * 86_400]))
    def purchase(self, pick: int, window: int) -> None:
        sold = self.listings[pick % len(self.listings)]
        secret, at = len(self.orders) + 1, self.tick()
        order = self.desk.order(sold.dataset, lock=sale.lock_of(secret), deadline=at + window)
        if sold.closes_at < at:
            with reverts_with("ListingClosed", order.listing, sold.closes_at):
                self.desk.purchase(sold.dataset, order)
            return
        self.desk.purchase(sold.dataset, order)
        self.orders.append(Placed(sold, order, secret))

    @precondition(lambda self: self.open_orders())
    @rule(pick=PICKS)
    def settle_open(self, pick: int) -> None:
        placed = self.open_orders()[pick % len(self.open_orders())]
        self.settle(placed, placed.secret)

    @rule(pick=PICKS, off=st.integers(0, 1))
    def settle_any(self, pick: int, off: int) -> None:
        placed = self.orders[pick % len(self.orders)]
        self.settle(placed, placed.secret + off)

    def settle(self, placed: Placed, secret: int) -> None:
        at, order, order_id = self.tick(), placed.order, self.desk.order_id(placed.order)
        if placed.state is not OrderState.OPEN:
            with reverts_with("OrderNotOpen", order_id, placed.state):
                self.market.settle(astuple(order), secret, self.stranger)
        elif order.deadline < at:
            with reverts_with("DeadlinePassed", order_id, order.deadline):
                self.market.settle(astuple(order), secret, self.stranger)
        elif secret != placed.secret:
            with reverts_with("WrongSecret", order_id):
                self.market.settle(astuple(order), secret, self.stranger)
        else:
            self.market.settle(astuple(order), secret, self.stranger)
            placed.state = OrderState.SETTLED
            placed.sold.earned += order.price

    @precondition(lambda self: self.open_orders())
    @rule(pick=PICKS)
    def refund_late(self, pick: int) -> None:
        placed = self.open_orders()[pick % len(self.open_orders())]
        pass_to(max(now(), placed.order.deadline) + 1)
        self.refund(placed)

    @rule(pick=PICKS)
    def refund_any(self, pick: int) -> None:
        self.refund(self.orders[pick % len(self.orders)])

    def refund(self, placed: Placed) -> None:
        at, order, order_id = self.tick(), placed.order, self.desk.order_id(placed.order)
        if placed.state is not OrderState.OPEN:
            with reverts_with("OrderNotOpen", order_id, placed.state):
                self.market.refund(astuple(order), self.stranger)
        elif order.deadline >= at:
            with reverts_with("DeadlineNotReached", order_id, order.deadline):
                self.market.refund(astuple(order), self.stranger)
        else:
            with self.pays(self.desk.researcher, order.price):
                self.market.refund(astuple(order), self.stranger)
            placed.state = OrderState.REFUNDED

    @rule(pick=PICKS, place=PICKS)
    def claim(self, pick: int, place: int) -> None:
        sold = self.listings[pick % len(self.listings)]
        number = place % len(sold.dataset.contributions)
        member, due = sold.dataset.member(number), sold.due(number)
        if due == 0:
            leaf = sold.dataset.leaf(number)
            with reverts_with("NothingToClaim", self.desk.listing_id(sold.dataset), leaf):
                self.market.claim(*member, self.stranger)
            return
        with self.pays(self.desk.payee, due):
            self.market.claim(*member, self.stranger)
        sold.claimed[number] = sold.claimed.get(number, 0) + due

    @rule(pick=PICKS)
    def claim_fee(self, pick: int) -> None:
        sold = self.listings[pick % len(self.listings)]
        due = sold.fee - sold.fee_paid
        if due == 0:
            with reverts_with("NothingToClaim", self.desk.listing_id(sold.dataset), bytes(32)):
                self.market.claimFee(sold.dataset.struct, self.stranger)
            return
        with self.pays(self.desk.steward, due):
            self.market.claimFee(sold.dataset.struct, self.stranger)
        sold.fee_paid += due

    @contextmanager
    def pays(self, account: Any, amount: int) -> Iterator[None]:
        before = self.token.balanceOf(account)
        yield
        assert self.token.balanceOf(account) - before == amount

    @rule(pick=PICKS, by_patient=st.booleans())
    def withdraw(self, pick: int, by_patient: bool) -> None:
        sold = self.listings[pick % len(self.listings)]
        at, listing, member = (
            self.tick(),
            self.desk.listing_id(sold.dataset),
            sold.dataset.member(),
        )
        if by_patient:
            self.market.withdraw(*member, {"from": self.desk.patient})
        elif sold.closes_at < at:
            with reverts_with("ListingClosed", listing, sold.closes_at):
                self.market.withdraw(*member, self.stranger)
        elif purpose.covers(self.terms, TERMS):
            people = self.desk.patient, self.stranger["from"]
            with reverts_with("WithdrawalNotAllowed", listing, *people):
                self.market.withdraw(*member, self.stranger)
            return
        else:
            self.market.withdraw(*member, self.stranger)
        sold.closes_at = min(sold.closes_at, at - 1)

    @rule(pick=PICKS)
    def close_out(self, pick: int) -> None:
        sold = self.listings[pick % len(self.listings)]
        at, listing = self.tick(), self.desk.listing_id(sold.dataset)
        until = sold.closes_at + 1 + MAX_WINDOW_S
        if not sold.bond:
            with reverts_with("BondNotHeld", listing, Bond.NONE):
                self.market.closeOut(sold.dataset.struct, self.stranger)
        elif at <= until:
            with reverts_with("CloseOutTooEarly", listing, until):
                self.market.closeOut(sold.dataset.struct, self.stranger)
        else:
            with self.pays(self.desk.steward, sold.bond):
                self.market.closeOut(sold.dataset.struct, self.stranger)
            sold.bond = 0

    @rule(terms=st.sampled_from([TERMS, TERMS, purpose.GRU, TERMS | purpose.IRB]))
    def consent(self, terms: int) -> None:
        until = now() + 100 * YEAR
        self.consents.set(GENERAL, terms, until, bytes(32), {"from": self.desk.patient})
        self.terms = terms

    @rule(span=SPANS)
    def wait(self, span: int) -> None:
        pass_to(now() + span)

    @invariant()
    def balance_is_escrow_and_owed_and_bonds(self) -> None:
        escrow = sum(each.order.price for each in self.orders if each.state is OrderState.OPEN)
        owed = sum(sold.owed + sold.bond for sold in self.listings)
        assert self.token.balanceOf(self.market) == escrow + owed

    def teardown(self) -> None:
        for sold in self.listings:
            bond = Bond.HELD if sold.bond else Bond.NONE
            expected = sold.earned, sold.earned - sold.owed, sold.closes_at, bond
            assert plain(self.market.stateOf(self.desk.listing_id(sold.dataset))) == expected
            for number in range(len(sold.dataset.contributions)):
                contribution = sold.dataset.member(number)[1]
                assert self.market.due(sold.dataset.struct, contribution) == sold.due(number)
        for placed in self.orders:
            assert self.market.orderState(self.desk.order_id(placed.order)) == placed.state


def test_market_keeps_to_the_model(desk: Desk, consents: Any, stranger: Any) -> None:
    desk.token.mint(desk.steward, 2**96, {"from": stranger})
    desk.token.approve(desk.market, 2**256 - 1, {"from": desk.steward})
    chain.snapshot()
    run_state_machine_as_test(
        lambda: MarketMachine(desk, consents, stranger),
        settings=settings(max_examples=30, stateful_step_count=20),
    )
