"""Every command that writes to the chain: how the world must be for it, and how it is typed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from medibloc_py.flows import listing as listings
from medibloc_py.flows import papers
from medibloc_py.flows.contribute import leaf_of
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.prepared import Prepared, write_act
from medibloc_py.model import OrderId, Role, Scope
from tests.flow.house import CT
from tests.flow.world import DAY, PURPOSE, World

BOND: Final = 40_000_000
FOR: Final = ("--for", PURPOSE)
Argv = tuple[str, ...]
Prepare = Callable[[World, Path], Argv]


@dataclass(frozen=True)
class Act:
    """A command that writes to the chain.

    Attributes:
        prepare: makes the world ready for it and puts its papers into a folder; gives the
            command as it is typed there.
        sends: how many transactions it sends.
    """

    prepare: Prepare
    sends: int = 1


def typed(*argv: str) -> Prepare:
    """A command that needs nothing but the stage."""
    return lambda world, here: argv


def after(act: Callable[[World], object], *argv: str) -> Prepare:
    """A command that needs something done before."""

    def prepare(world: World, here: Path) -> Argv:
        act(world)
        return argv

    return prepare


def on_record(*argv: str, act: Callable[[World], object] = lambda _: None) -> Prepare:
    """A command about the record of Alice: RECORD stands for its id."""

    def prepare(world: World, here: Path) -> Argv:
        act(world)
        return tuple(world.records["alice"].hex() if word == "RECORD" else word for word in argv)

    return prepare


# What must be before.


def _clinic_reads(world: World) -> None:
    world["alice"].grant(
        world.records["alice"], world.address("clinic"), "TREATMENT", world.in_days(30)
    )


def _bob_decides(world: World) -> None:
    world["alice"].name_delegate(world.address("bob"), Scope.CONSENT, world.in_days(30))


def _reviewed(world: World) -> None:
    world.accredit("rival", Role.REVIEWER, world.in_days(30))
    world["alice"].set_consent("GRU+RS", world.in_days(300), "en: the consent form")


def _emergency(steps: int, *argv: str) -> Prepare:
    """Alice has a custodian; besides, the glass was broken; besides, the key was delivered."""

    def prepare(world: World, here: Path) -> Argv:
        record, until = world.records["alice"], world.in_days(300)
        world["alice"].name_custodian(world.address("rival"), until)
        world["alice"].grant(record, world.address("rival"), "TREATMENT", until)
        world.accredit("clinic", Role.CLINICIAN, until)
        world.accredit("researcher", Role.REVIEWER, until)
        card = world["alice"].card_of(record)
        (here / "card.json").write_bytes(card)
        (here / "finding.txt").write_text("It was needed.")
        if steps > 0:
            world["clinic"].break_glass(card, "card", "It cannot wait.")
        if steps > 1:
            world["rival"].deliver(record, world.address("clinic"))
        return tuple(record.hex() if word == "RECORD" else word for word in argv)

    return prepare


def _study(world: World, here: Path) -> None:
    shutil.copy(CT, here / "ct.dcm")


def publishing(*argv: str) -> Prepare:
    def prepare(world: World, here: Path) -> Argv:
        _study(world, here)
        return argv

    return prepare


# Sales.


def _contributions(world: World, here: Path) -> Argv:
    for name in ("alice", "bob"):
        signed = papers.write("contribution", world.contribute(name))
        (here / f"{name}.contribution.json").write_bytes(signed)
    world.token.mint(world.me("governance").signer, world.address("hospital"), 3 * BOND)
    return ("alice.contribution.json", "bob.contribution.json")


def _to_list(*argv: str) -> Prepare:
    return lambda world, here: ("dataset", "list", *_contributions(world, here), *argv)


def _listed(world: World, here: Path) -> DatasetListed:
    _contributions(world, here)
    done = world.list_dataset(bond=BOND, fee_bps=300, issuer_bps=200)
    for claim in done.claims:
        name = "alice" if claim.contribution.patient == world.address("alice") else "bob"
        (here / f"{name}.claim.json").write_bytes(papers.write("claim", claim))
    (issuer,) = done.issuer_claims
    (here / "issuer.claim.json").write_bytes(papers.write("issuer-claim", issuer))
    (here / "quote.json").write_bytes(world.quote(done))
    return done


def _bought(world: World, here: Path) -> tuple[DatasetListed, OrderId]:
    done = _listed(world, here)
    quote = (here / "quote.json").read_bytes()
    checked = world["researcher"].check_quote(quote, "quote", PURPOSE)
    return done, world["researcher"].purchase(checked).order_id


def _settled(world: World, here: Path) -> DatasetListed:
    done, order = _bought(world, here)
    world["hospital"].settle(order)
    return done


def _forged(world: World, here: Path) -> DatasetListed:
    """Bob's contribution is signed by the steward."""
    bob = world.contribute("bob")
    _, signature = world.exchange.market.sign_contribution(world.me("hospital").signer, bob.terms)
    false: Any = type(bob)(bob.terms, signature)
    _contributions(world, here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            listings,
            "check_contributions",
            lambda exchange, signed, listing: [leaf_of(exchange, each) for each in signed],
        )
        done = world.list_dataset(world.contribute("alice"), false, bond=BOND)
    (here / "quote.json").write_bytes(world.quote(done))
    return done


def of_listing(
    make: Callable[[World, Path], DatasetListed], *argv: str, later_s: int = 0
) -> Prepare:
    """A command about a listing, perhaps some time later: LISTING stands for its id."""

    def prepare(world: World, here: Path) -> Argv:
        done = make(world, here)
        if later_s:
            world.chain.increase_time(later_s)
        return tuple(done.listing_id.hex() if word == "LISTING" else word for word in argv)

    return prepare


def of_order(*argv: str, later_s: int = 0) -> Prepare:
    """A command about an order, perhaps some time later: ORDER stands for its id."""

    def prepare(world: World, here: Path) -> Argv:
        _, order = _bought(world, here)
        if later_s:
            world.chain.increase_time(later_s)
        return tuple(order.hex() if word == "ORDER" else word for word in argv)

    return prepare


# Acts that others signed.


def relayed(*names: str) -> Prepare:
    def prepare(world: World, here: Path) -> Argv:
        files = []
        for name in names:
            file = here / f"{name}.act.json"
            act: Prepared = world[name].deciding().revoke_consent()
            file.write_bytes(write_act(act.sign(world.in_days(7))))
            files.append(file.name)
        return ("relay", "send", *files, "--as", "stranger")

    return prepare


ACTS: Final[dict[str, Act]] = {
    "account fund": Act(typed("account", "fund", "stranger", "--coins", "1", "--tokens", "5"), 2),
    "account publish-key": Act(typed("account", "publish-key", "--as", "stranger")),
    "account publish-key --rotate": Act(
        typed("account", "publish-key", "--rotate", "--as", "alice")
    ),
    "account accreditor": Act(typed("account", "accreditor", "rival", "--as", "governance")),
    "account accredit": Act(
        typed(
            *("account", "accredit", "clinic", "--role", "researcher", "--attest", "HAS_IRB"),
            *("--as", "governance"),
        ),
        2,
    ),
    "record publish": Act(
        publishing("record", "publish", "alice=ct.dcm", "--as", "hospital", "--out", "handed")
    ),
    "record rotate": Act(
        on_record("record", "rotate", "RECORD", "--as", "hospital", "--out", "handed")
    ),
    "record shred": Act(
        on_record("record", "shred", "RECORD", "--as", "alice", "--yes", act=_clinic_reads)
    ),
    "exchange send": Act(
        publishing("exchange", "send", "alice=ct.dcm", "--as", "hospital", "--to", "clinic")
    ),
    "consent set": Act(typed("consent", "set", "HMB+NCU", "--as", "alice")),
    "consent set --record": Act(
        on_record("consent", "set", "HMB", "--record", "RECORD", "--as", "alice")
    ),
    "consent set --on-behalf-of": Act(
        after(_bob_decides, "consent", "set", "HMB", "--on-behalf-of", "alice", "--as", "bob",
              "--until", "20d")
    ),
    "consent revoke": Act(typed("consent", "revoke", "--as", "alice")),
    "consent revoke --record": Act(
        on_record("consent", "revoke", "--record", "RECORD", "--as", "alice")
    ),
    "consent lift": Act(
        on_record(
            *("consent", "lift", "--record", "RECORD", "--as", "alice"),
            act=lambda world: world["alice"].revoke_consent(world.records["alice"]),
        )
    ),
    "consent delegate": Act(
        typed("consent", "delegate", "bob", "--scope", "grant,sell", "--until", "30d",
              "--as", "alice")
    ),
    "consent dismiss": Act(after(_bob_decides, "consent", "dismiss", "bob", "--as", "alice")),
    "consent clear": Act(
        after(_reviewed, "consent", "clear", "--as", "rival", "--requester", "researcher",
              "--purpose", "HMB+NONCOMMERCIAL", "--patient", "alice", "--until", "20d")
    ),
    "access grant": Act(on_record("access", "grant", "RECORD", "--as", "alice", "--to", "clinic")),
    "access revoke": Act(
        on_record("access", "revoke", "RECORD", "--as", "alice", "--to", "clinic",
                  act=_clinic_reads)
    ),
    "access custodian": Act(typed("access", "custodian", "rival", "--as", "alice")),
    "access break-glass": Act(
        _emergency(0, "access", "break-glass", "card.json", "--as", "clinic",
                   "--reason", "It cannot wait.")
    ),
    "access deliver": Act(
        _emergency(1, "access", "deliver", "RECORD", "--as", "rival", "--to", "clinic")
    ),
    "access review": Act(
        _emergency(2, "access", "review", "card.json", "--as", "researcher", "--clinician",
                   "clinic", "--justified", "--finding", "finding.txt")
    ),
    "dataset list": Act(
        _to_list("--as", "hospital", "--price", "1000", "--fee-bps", "500", "--until", "60d",
                 "--bond", "40", "--out", "claims"),
        2,
    ),
    "dataset relist": Act(
        of_listing(_listed, "dataset", "relist", "LISTING", "--as", "hospital", "--out", "claims"),
        2,
    ),
    "dataset purchase": Act(
        of_listing(_listed, "dataset", "purchase", "quote.json", "--as", "researcher", *FOR)
    ),
    "dataset settle": Act(of_order("dataset", "settle", "ORDER", "--as", "hospital")),
    "dataset refund": Act(
        of_order("dataset", "refund", "ORDER", "--as", "researcher", later_s=2 * DAY)
    ),
    "dataset claim": Act(
        of_listing(_settled, "dataset", "claim", "alice.claim.json", "--as", "alice")
    ),
    "dataset claim, several": Act(
        of_listing(_settled, "dataset", "claim", "alice.claim.json", "bob.claim.json",
                   "issuer.claim.json", "--as", "stranger"),
        2,
    ),
    "dataset claim --to": Act(
        of_listing(_settled, "dataset", "claim", "alice.claim.json", "--to", "stranger",
                   "--as", "alice")
    ),
    "dataset claim --fee-of": Act(
        of_listing(_settled, "dataset", "claim", "--fee-of", "LISTING", "--as", "hospital")
    ),
    "dataset withdraw": Act(
        of_listing(_listed, "dataset", "withdraw", "alice.claim.json", "--as", "alice")
    ),
    "dataset challenge": Act(
        of_listing(_forged, "dataset", "challenge", "quote.json", "--as", "researcher")
    ),
    "dataset close-out": Act(
        of_listing(_listed, "dataset", "close-out", "LISTING", "--as", "hospital",
                   later_s=100 * DAY)
    ),
    "relay send": Act(relayed("alice")),
    "relay send, several": Act(relayed("alice", "bob")),
    "deploy": Act(
        typed("deploy", "--as", "governance", "--salt", "another", "--test-token",
              "--out", "elsewhere"),
        5,
    ),
}  # fmt: skip
"""By name."""
