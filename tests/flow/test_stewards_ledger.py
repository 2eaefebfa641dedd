"""The steward's secrets on a real chain: killed at any step, rolled back, hurried, lied to."""

from __future__ import annotations

import ast
import hashlib
import re
import time
import typing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main

from medibloc_py import config
from medibloc_py.cli import app
from medibloc_py.crypto import curve, hpke, sale
from medibloc_py.errors import (
    Corrupted,
    InvalidValue,
    LedgerBehind,
    OrderNotOpen,
    OrderNotQuoted,
    PurchaseUnconfirmed,
    SecretReused,
    SettleTooLate,
)
from medibloc_py.flows import buyer, papers
from medibloc_py.flows.buyer import Purchased
from medibloc_py.flows.entries import QuoteHandedOut, SettleDecided
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.model import ListingId, OrderId
from tests.flow.command import Done, run
from tests.flow.dying import STEPS, kill_at
from tests.flow.world import DAY, FEE_BPS, PASSWORD, PATIENTS, PRICE, PURPOSE, World

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[str | Path, ...]]


def ledger(world: World, name: str = "hospital") -> Ledger:
    return Ledger(world.me(name))


def buy(world: World, listed: DatasetListed, days: float = 1) -> Purchased:
    checked = world["researcher"].check_quote(world.quote(listed, days=days), "quote", PURPOSE)
    return world["researcher"].purchase(checked)


def pass_until(world: World, moment: int) -> None:
    world.chain.increase_time(moment - world.exchange.network.now())


# Killed at a step, and the same command again.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    return place


def medibloc(world: World, *argv: str | Path, code: int = 0) -> Done:
    done = run("--home", world.home, "--rpc", world.node.url, *argv)
    assert done.code == code, done
    return done


def killed_at(world: World, step: str, *argv: str | Path) -> None:
    kill_at(STEPS[step], "--home", world.home, "--rpc", world.node.url, *argv)


def list_command(world: World, folder: Path) -> tuple[str | Path, ...]:
    files = []
    for name in PATIENTS:
        files.append(folder / f"{name}.json")
        files[-1].write_bytes(papers.write("contribution", world.contribute(name)))
    return (
        "dataset", "list", *files, "--as", "hospital", "--price", str(PRICE // 10**6),
        "--fee-bps", str(FEE_BPS), "--until", "60d", "--out", folder / "claims", "--json",
    )  # fmt: skip


def quote_command(listing: ListingId, out: Path) -> tuple[str | Path, ...]:
    return (
        "dataset", "quote", listing.hex(), "--as", "hospital", "--to", "researcher",
        "--for", PURPOSE, "--out", out,
    )  # fmt: skip


LISTING_STEPS = [
    "half a head", "head unmarked", "half a first entry", "first entry unmarked", "half a mark",
    "before d", "d drawn", "table made", "table half kept", "table kept",
    "listing about to be sent", "listing sent",
]  # fmt: skip


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", LISTING_STEPS)
def test_a_listing_is_made_once_wherever_it_was_killed(
    world: World, folder: Path, step: str
) -> None:
    command = list_command(world, folder)
    killed_at(world, step, *command)
    on_chain = world.exchange.market.listings(world.address("hospital"))
    drawn = list(ledger(world).book().listings)
    world.chain.increase_time(2)  # so that `60d` ends later than it did
    listed = medibloc(world, *command).json
    assert [listing_id for listing_id, *_ in on_chain] in (
        [], [bytes.fromhex(listed["listing_id"][2:])],
    )  # fmt: skip
    assert (listed["receipt"] is None) == bool(on_chain)
    ((listing_id, listing, _),) = world.exchange.market.listings(world.address("hospital"))
    book = ledger(world).check().book
    assert list(book.listings) == [listing_id]
    assert book.sent == {listing_id}
    assert drawn in ([], [listing_id])
    assert len(list((folder / "claims").iterdir())) == 2
    # What was made with the secret holds, is paid, and opens.
    done = DatasetListed(listing_id, listing, (), (), None)
    bought = buy(world, done)
    world["hospital"].settle(bought.order_id)
    assert all(opened.read(0) for opened in world["researcher"].open_dataset(bought.order_id))


def test_claim_files_that_were_not_written_are_written_later(world: World, folder: Path) -> None:
    killed_at(world, "listing noted", *list_command(world, folder))
    ((listing_id, *_),) = world.exchange.market.listings(world.address("hospital"))
    assert ledger(world).book().sent == {listing_id}
    assert list((folder / "claims").iterdir()) == []
    medibloc(
        world, "dataset", "claims", listing_id.hex(), "--as", "hospital",
        "--out", folder / "claims",
    )  # fmt: skip
    assert len(list((folder / "claims").iterdir())) == 2


@pytest.mark.fault("client killed")
@pytest.mark.parametrize(
    "step",
    [
        "half an entry", "entry unmarked", "half a mark", "half a second entry", "before k",
        "k drawn", "quote noted",
    ],
)  # fmt: skip
def test_a_quote_that_was_killed_lends_its_secret_to_no_other(
    world: World, folder: Path, step: str
) -> None:
    listed = world.list_dataset()
    command = quote_command(listed.listing_id, folder / "quote.json")
    killed_at(world, step, *command)
    assert not (folder / "quote.json").exists()
    drawn = set(ledger(world).book().quotes)
    medibloc(world, *command)
    book = ledger(world).check().book
    assert drawn < set(book.quotes)
    (new,) = set(book.quotes) - drawn
    assert new in book.handed_out
    checked = world["researcher"].check_quote(
        (folder / "quote.json").read_bytes(), "quote", PURPOSE
    )
    assert checked.lock == new
    order = world["researcher"].purchase(checked).order_id
    medibloc(world, "dataset", "settle", order.hex(), "--as", "hospital")
    assert len(list(world["researcher"].open_dataset(order))) == 2


def test_a_quote_that_got_out_before_the_end_can_be_settled(world: World, folder: Path) -> None:
    listed = world.list_dataset()
    file = folder / "quote.json"
    killed_at(world, "quote written", *quote_command(listed.listing_id, file))
    checked = world["researcher"].check_quote(file.read_bytes(), "quote", PURPOSE)
    bought = world["researcher"].purchase(checked)
    assert world["hospital"].settle(bought.order_id)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize(
    "step",
    [
        "half an entry", "entry unmarked", "half a mark", "half a second entry",
        "before the decision", "decided", "settlement about to be sent", "settlement sent",
        "settlement noted",
    ],
)  # fmt: skip
def test_an_order_is_settled_once_wherever_it_was_killed(
    world: World, folder: Path, step: str
) -> None:
    bought = buy(world, world.list_dataset())
    order = bought.order_id
    command = ("dataset", "settle", order.hex(), "--as", "hospital", "--json")
    killed_at(world, step, *command)
    again = medibloc(world, *command)  # with the receipt of the one that was killed, if it sent
    assert again.json["events"][0]["name"] == "Settled"
    assert len(world.exchange.market.settlements(bought.order.listing)) == 1
    book = ledger(world).check().book
    assert book.decided == {order: bought.order.lock}
    assert book.settled == {order}
    assert len(list(world["researcher"].open_dataset(order))) == 2


def test_a_listing_begun_is_not_taken_for_another(world: World, folder: Path) -> None:
    command = list_command(world, folder)
    killed_at(world, "d drawn", *command)
    (begun,) = ledger(world).book().listings
    for name, value in (("--until", "30d"), ("--until", "80d"), ("--price", "900")):
        changed = [*command]
        changed[changed.index(name) + 1] = value
        assert medibloc(world, *changed).json["listing_id"] != "0x" + begun.hex()
    assert medibloc(world, *command).json["listing_id"] == "0x" + begun.hex()


# In the ledger before anything is made with it.


def test_a_secret_is_in_the_ledger_before_anything_is_made_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watch(place: Any, name: str, holds: Callable[..., bool]) -> None:
        real = getattr(place, name)

        def watched(*given: Any, **named: Any) -> Any:
            assert holds(ledger(world).book(), *given), name
            seen.append(name)
            return real(*given, **named)

        monkeypatch.setattr(place, name, watched)

    watch(sale, "build_table", lambda book, listing, d, *_: book.listings[listing].d == d)
    watch(hpke, "wrap", lambda book, *_: bool(book.quotes or not book.sent))
    watch(
        world.exchange.market,
        "settle",
        lambda book, _, order, k: (
            order.lock in book.decided.values() and book.quotes[order.lock].k == k
        ),
    )
    bought = buy(world, world.list_dataset())
    world["hospital"].settle(bought.order_id)
    assert {"build_table", "wrap", "settle"} <= set(seen)
    book = ledger(world).check().book
    assert [type(entry).__name__ for _, entry in book.entries] == [
        "ListingDrawn", "ListingSent", "QuoteDrawn", "QuoteHandedOut", "SettleDecided", "Settled",
    ]  # fmt: skip


def test_the_vault_holds_no_secret_of_a_sale(world: World) -> None:
    listed = world.list_dataset()
    world.quote(listed)
    hospital = world.me("hospital")
    book = ledger(world).book()
    secrets = [each.d for each in book.listings.values()] + [
        each.k for each in book.quotes.values()
    ]
    assert len(secrets) == 2
    for name in hospital.kept("listing-"):
        kept = hospital.recall(name)
        for secret in secrets:
            assert str(secret).encode() not in kept
            assert curve.scalar_bytes(secret).hex().encode() not in kept
    assert kept_listing(hospital, listed.listing_id).listing == listed.listing


# A ledger that went back in time.


def test_an_older_ledger_neither_lists_nor_quotes(world: World, folder: Path) -> None:
    first = world.list_dataset()
    path = ledger(world).path
    older = path.read_bytes()
    second = world.list_dataset()
    newest = path.read_bytes()
    path.write_bytes(older)
    for act in (lambda: world.list_dataset(), lambda: world.quote(first)):
        with pytest.raises(LedgerBehind) as caught:
            act()
        assert caught.value.values == {"path": path, "listing": second.listing_id}
    assert path.read_bytes() == older
    told = medibloc(world, "dataset", "ledger", "--check", "--as", "hospital", "--json", code=4)
    assert told.json["error"] == "LedgerBehind"
    path.write_bytes(newest)
    assert world.quote(first)
    path.unlink()
    with pytest.raises(LedgerBehind):
        world.quote(first)


@pytest.mark.fault("two operators")
def test_another_home_of_the_same_account_is_refused(world: World, tmp_path: Path) -> None:
    other = world.moved_to(tmp_path / "other")
    world.list_dataset()
    with pytest.raises(LedgerBehind):
        other.list_dataset()
    assert ledger(other).book().entries == []


def test_a_rolled_back_machine_does_not_draw_a_lock_of_the_chain_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = world.list_dataset()
    older = ledger(world).path.read_bytes()
    monkeypatch.setattr(curve, "random_scalar", lambda: 1234567)
    bought = buy(world, listed)
    ledger(world).path.write_bytes(older)
    with pytest.raises(SecretReused):
        world.quote(listed)
    with pytest.raises(OrderNotQuoted, match="no quote with its lock"):
        world["hospital"].settle(bought.order_id)


def test_a_machine_whose_randomness_repeats_lists_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = world.list_dataset()
    monkeypatch.setattr(curve, "random_scalar", lambda: 7654321)
    monkeypatch.setattr(sale, "build_table", lambda *_, **__: pytest.fail("a table was made"))
    market = world.exchange.market
    drawn = replace(listed.listing, salt=bytes(8))
    ledger(world).draw_listing(1, market.address, ListingId(b"x" * 32), drawn)
    with pytest.raises(SecretReused):
        world.list_dataset()
    assert len(market.listings()) == 1


# Settling with care.


@pytest.mark.parametrize("margin", [59, 1, 0, -1])
def test_the_margin_has_a_floor(world: World, margin: int) -> None:
    bought = buy(world, world.list_dataset())
    with pytest.raises(InvalidValue, match="at least 60 s"):
        world["hospital"].settle(bought.order_id, margin)
    assert not ledger(world).book().decided


def test_a_wider_margin_refuses_earlier(world: World, folder: Path) -> None:
    bought = buy(world, world.list_dataset())
    settle = ("dataset", "settle", bought.order_id.hex(), "--as", "hospital", "--json")
    late = medibloc(world, *settle, "--margin", "25h", code=4).json
    assert late["error"] == "SettleTooLate"
    assert late["values"]["margin_s"] == 25 * 3600
    assert medibloc(world, *settle, "--margin", "59s", code=3).json["error"] == "InvalidValue"
    pass_until(world, bought.order.deadline - 65)
    assert medibloc(world, *settle, code=4).json["values"]["margin_s"] == 120
    medibloc(world, *settle, "--margin", "60s")


@pytest.mark.fault("clock", faults=2)
def test_a_node_whose_clock_is_late_does_not_make_a_steward_hurry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain's clock says a day, this machine's says two minutes."""
    bought = buy(world, world.list_dataset())
    deadline = bought.order.deadline
    for now, left in ((deadline - 119, 119), (deadline + 5, -5)):
        monkeypatch.setattr(time, "time", lambda now=now: float(now))
        with pytest.raises(SettleTooLate) as caught:
            world["hospital"].settle(bought.order_id)
        assert caught.value.values["remaining_s"] == left
    monkeypatch.setattr(time, "time", lambda: float(deadline - 121))
    world["hospital"].settle(bought.order_id)


def test_a_purchase_must_be_deep_before_its_secret_is_shown(world: World, folder: Path) -> None:
    bought = buy(world, world.list_dataset())
    for depth in range(3):
        with pytest.raises(PurchaseUnconfirmed) as caught:
            world["hospital"].settle(bought.order_id, confirmations=3)
        assert caught.value.values == {
            "order": bought.order_id, "depth": depth, "needed": 3, "wait_s": (3 - depth) * 12,
        }  # fmt: skip
        world.chain.mine()
    assert not ledger(world).book().decided
    settle = ("dataset", "settle", bought.order_id.hex(), "--as", "hospital", "--json")
    assert medibloc(world, *settle, "--confirmations", "4", code=4).json["values"]["depth"] == 3
    medibloc(world, *settle, "--confirmations", "3")


def test_blocks_are_waited_for_where_blocks_can_be_undone() -> None:
    assert [config.settle_confirmations(chain) for chain in (31337, 1337)] == [0, 0]
    assert [config.settle_confirmations(chain) for chain in (1, 11155111)] == [6, 6]


@pytest.mark.fault("reorganisation")
def test_a_purchase_that_was_undone_shows_nothing(world: World) -> None:
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    before = world.chain.snapshot()
    bought = world["researcher"].purchase(checked)
    with pytest.raises(PurchaseUnconfirmed):
        world["hospital"].settle(bought.order_id, confirmations=1)
    world.chain.revert(before)
    with pytest.raises(OrderNotOpen):
        world["hospital"].settle(bought.order_id, confirmations=1)
    assert not ledger(world).book().decided


def test_an_order_past_the_deadline_that_was_quoted_is_not_settled(world: World) -> None:
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    for more in (1, DAY):
        quote = replace(checked.quote, deadline=checked.quote.deadline + more)
        bought = world["researcher"].purchase(replace(checked, quote=quote))
        with pytest.raises(OrderNotQuoted, match="its deadline is not what was quoted"):
            world["hospital"].settle(bought.order_id)
    sooner = replace(checked.quote, deadline=checked.quote.deadline - 60)
    world["hospital"].settle(world["researcher"].purchase(replace(checked, quote=sooner)).order_id)


@pytest.mark.parametrize("name", ["token", "price", "steward"])
def test_a_listing_that_is_not_as_quoted_shows_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bought = buy(world, world.list_dataset())
    market = world.exchange.market
    listing = market.listing(bought.order.listing)
    other = PRICE + 1 if name == "price" else world.address("rival")
    with monkeypatch.context() as patch:
        patch.setattr(market, "listing", lambda _: replace(listing, **{name: other}))
        with pytest.raises(OrderNotQuoted, match=f"its {name} is not what was quoted"):
            world["hospital"].settle(bought.order_id)
    assert not ledger(world).book().decided
    world["hospital"].settle(bought.order_id)


def test_a_failed_settlement_is_decided_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bought = buy(world, world.list_dataset())

    def dead(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.exchange.market, "settle", dead)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                world["hospital"].settle(bought.order_id)
    world["hospital"].settle(bought.order_id)
    entries = [entry for _, entry in ledger(world).book().entries]
    assert sum(isinstance(entry, SettleDecided) for entry in entries) == 1


# On the command line.


def test_orders_tells_which_can_be_settled(world: World, folder: Path) -> None:
    listed = world.list_dataset()
    orders = ("dataset", "orders", "--as", "hospital")
    assert medibloc(world, *orders, "--json").json == []
    older = ledger(world).path.read_bytes()
    lost = buy(world, listed)
    ledger(world).path.write_bytes(older)
    bought = buy(world, listed, days=2)
    told = medibloc(world, *orders, "--json").json
    assert [(each["order_id"], each["can_settle"]) for each in told] == [
        ("0x" + lost.order_id.hex(), False), ("0x" + bought.order_id.hex(), True),
    ]  # fmt: skip
    assert told[0]["obstacle"]["error"] == "OrderNotQuoted"
    assert told[1]["order"]["deadline"] == bought.order.deadline
    deep = medibloc(world, *orders, "--json", "--confirmations", "9").json
    assert deep[1]["obstacle"]["error"] == "PurchaseUnconfirmed"
    late = medibloc(world, *orders, "--json", "--margin", "3d").json
    assert late[1]["obstacle"]["error"] == "SettleTooLate"
    printed = medibloc(world, *orders).out
    assert "yes" in printed
    assert "no: The order" in printed
    world["hospital"].settle(bought.order_id)
    assert len(medibloc(world, *orders, "--json").json) == 1
    assert medibloc(world, "dataset", "orders", "--as", "rival", "--json").json == []


def test_ledger_shows_every_entry_and_no_secret(world: World, folder: Path) -> None:
    show = ("dataset", "ledger", "--as", "hospital")
    assert medibloc(world, *show, "--json").json["entries"] == []
    bought = buy(world, world.list_dataset())
    world["hospital"].settle(bought.order_id)
    told = medibloc(world, *show, "--json")
    entries = told.json["entries"]
    assert [entry["entry"] for entry in entries] == [
        "ListingDrawn", "ListingSent", "QuoteDrawn", "QuoteHandedOut", "SettleDecided", "Settled",
    ]  # fmt: skip
    assert entries[2]["lock"] == bought.order.lock
    assert entries[5]["order"] == "0x" + bought.order_id.hex()
    printed = medibloc(world, *show)
    assert "QuoteHandedOut" in printed.out
    book = ledger(world).book()
    (d,), (k,) = ({*(e.d for e in book.listings.values())}, {*(q.k for q in book.quotes.values())})
    for secret in (d, k):
        for text in (str(secret), curve.scalar_bytes(secret).hex()):
            assert text not in told.out + printed.out
    held = medibloc(world, *show, "--check", "--json").json
    assert (held["entries"], held["holds"]) == (6, True)
    assert "holds: 6 entries" in medibloc(world, *show, "--check").out


def test_ledger_tells_damage_and_a_torn_end(world: World, folder: Path) -> None:
    world.quote(world.list_dataset())
    path = ledger(world).path
    data = path.read_bytes()
    show = ("dataset", "ledger", "--as", "hospital", "--json")
    path.write_bytes(data[:-1])
    assert medibloc(world, *show).json["torn_bytes"] == 255
    path.write_bytes(data[:300] + b"?" + data[301:])
    for more in ((), ("--check",)):
        told = medibloc(world, *show, *more, code=7).json
        assert told["error"] == "LedgerDamaged"
        assert told["values"]["reason"].startswith("entry 1 ")


# The buyer checks, always.


def test_no_option_lets_a_buyer_pay_unchecked() -> None:
    root: Any = typer.main.get_command(app)
    shunned = ("skip", "force", "verif", "check", "trust", "unsafe", "yes", "no-")
    for verb in ("purchase", "settle", "quote", "list"):
        options = {
            name
            for parameter in root.commands["dataset"].commands[verb].params
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("-")
        }
        assert options
        assert not [name for name in options for word in shunned if word in name]
        assert not {name for name in options if len(name) == 2}


def test_only_what_check_quote_gave_is_paid() -> None:
    """One place pays, it takes a `CheckedQuote`, and one place makes these."""
    code = [*(ROOT / "medibloc_py").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    made, paid, asked = set(), set(), set()
    for file in code:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in (each.func for each in ast.walk(node) if isinstance(each, ast.Call)):
                if ast.unparse(call).endswith("CheckedQuote"):
                    made.add((file.name, node.name))
                if re.search(r"market\.purchase(_with_permit)?(\.|$)", ast.unparse(call)):
                    paid.add((file.name, node.name))
                if ast.unparse(call) == "_pay":
                    asked.add((file.name, node.name))
    assert made == {("quote_check.py", "check_quote")}
    assert paid == {("buyer.py", "_pay")}
    assert asked == {("buyer.py", "purchase")}
    for function in (buyer.purchase, buyer._pay):
        assert typing.get_type_hints(function)["checked"] is buyer.CheckedQuote


def test_purchase_checks_the_bytes_it_is_given(world: World, folder: Path) -> None:
    """A check of a moment ago counts for nothing: the file and the store are read again."""
    listed = world.list_dataset()
    file = folder / "quote.json"
    file.write_bytes(world.quote(listed))
    common = (file, "--as", "researcher", "--for", PURPOSE, "--json")
    assert medibloc(world, "dataset", "check", *common).json["holds"] is True
    car = world.car_of("bob")
    content = car.read_bytes()
    car.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    told = medibloc(world, "dataset", "purchase", *common, code=Corrupted.exit_code).json
    assert told["error"] == "Corrupted"
    car.write_bytes(content)
    good = file.read_bytes()
    for place in (len(good) // 2, len(good) - 100):
        other = b"B" if good[place : place + 1] != b"B" else b"C"
        file.write_bytes(good[:place] + other + good[place + 1 :])
        done = run("--home", world.home, "--rpc", world.node.url, "dataset", "purchase", *common)
        assert done.code in (3, 6, 7), done
    assert world.token.balance(world.exchange.market.address) == 0
    file.write_bytes(good)
    medibloc(world, "dataset", "purchase", *common)
    assert world.token.balance(world.exchange.market.address) == PRICE


def test_a_digest_of_the_quote_stands_in_the_ledger(world: World) -> None:
    quote = world.quote(world.list_dataset())
    handed = [e for _, e in ledger(world).book().entries if isinstance(e, QuoteHandedOut)]
    assert [each.digest for each in handed] == [hashlib.sha256(quote).digest()]


def test_settle_of_an_unknown_order_writes_nothing(world: World) -> None:
    world.list_dataset()
    before = ledger(world).path.read_bytes()
    with pytest.raises(OrderNotOpen):
        world["hospital"].settle(OrderId(b"o" * 32))
    assert ledger(world).path.read_bytes() == before
