"""Signed acts: written without a coin, looked at, relayed; and what a hostile file cannot do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.chain import Call, Room, Signer
from medibloc_py.client import Client
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ActNotRelayed,
    ActOfSender,
    ConsentMissing,
    DocumentInvalid,
    ExpiryInPast,
    GrantNotFound,
    InsufficientFunds,
    InvalidValue,
    MandateMissing,
    MediBlocError,
    SignatureExpired,
    SignatureInvalid,
)
from medibloc_py.flows import keyring, papers, relay
from medibloc_py.flows.grant import prepare_grants, revoke_access
from medibloc_py.flows.prepared import Prepared, SignedAct, write_act
from medibloc_py.flows.relay import Outcome, read_act
from medibloc_py.model import GENERAL, ZERO_ADDRESS, Scope, Signed
from medibloc_py.purpose import HMB, TREATMENT
from tests.flow.world import DAY, World

FORM = b"\xf0" * 32
RELAY = "stranger"


@pytest.fixture
def poor(world: World, tmp_path: Path) -> Client:
    """Somebody without a single coin."""
    identity = keyring.ephemeral(tmp_path / "poor", Signer.generate())
    return world["alice"].acting_for(identity)


def signed(prepared: Prepared, days: float = 7) -> SignedAct:
    return prepared.sign(prepared.exchange.network.now() + int(days * DAY))


def relayed(world: World, *given: SignedAct | bytes, chunk: int = relay.CHUNK) -> list[Outcome]:
    files = [
        (f"act-{n}", each if isinstance(each, bytes) else write_act(each))
        for n, each in enumerate(given)
    ]
    return relay.send_acts(world.exchange, world.me(RELAY), files, chunk=chunk)


def errors(outcomes: list[Outcome]) -> list[type[MediBlocError] | None]:
    return [type(each.error) if each.error else None for each in outcomes]


def consent(client: Client, days: float = 30) -> Prepared:
    until = client.exchange.network.now() + int(days * DAY)
    return client.deciding().set_consent(HMB, until, FORM)


def test_a_patient_without_a_coin_decides(world: World, poor: Client) -> None:
    """Key, consent, delegate, custodian: all signed, all sent by another, in one go."""
    exchange, me, until = world.exchange, poor.me.address, world.in_days(30)
    by = poor.deciding()
    acts = [
        signed(by.publish_key()),
        signed(by.set_consent(HMB, until, FORM)),
        signed(by.name_delegate(world.address("bob"), Scope.CONSENT, until)),
        signed(by.name_custodian(world.address("rival"), until)),
    ]
    assert exchange.network.balance(me) == 0
    outcomes = relayed(world, *acts)
    assert errors(outcomes) == [None] * 4
    assert {each.receipt.sender for each in outcomes if each.receipt} == {world.address(RELAY)}
    assert exchange.published_key(me).bundle == poor.me.keys.current.bundle
    assert exchange.consent.consent_of(me).terms == HMB
    assert exchange.consent.may_act(me, world.address("bob"), Scope.CONSENT) == until
    assert exchange.access.custodian_of(me).custodian == world.address("rival")
    # Three contracts, three transactions; the two consents' acts went together.
    assert len({each.receipt.transaction for each in outcomes if each.receipt}) == 3
    assert exchange.network.balance(me) == 0

    (revoked,) = relayed(world, signed(by.revoke_consent()))
    assert revoked.error is None
    assert exchange.consent.consent_of(me).terms == 0


def test_a_record_is_granted_and_revoked_by_signatures(world: World) -> None:
    by, clinic, record = world["alice"].deciding(), world.address("clinic"), world.records["alice"]
    (ready,) = prepare_grants(by, [record], clinic, TREATMENT, world.in_days(7))
    act = signed(ready.prepared)
    with pytest.raises(GrantNotFound):
        world["clinic"].open_granted(record)
    assert errors(relayed(world, act)) == [None]
    source = world.released("CT_small.dcm")
    assert world["clinic"].open_granted(record).read(0) == source
    assert errors(relayed(world, signed(revoke_access(by, record, clinic)))) == [None]
    assert not world.exchange.store.has(ready.grant_object)
    with pytest.raises(GrantNotFound):
        world["clinic"].open_granted(record)
    assert errors(relayed(world, act)) == [SignatureInvalid], "once, in one state"


def test_records_own_consents_are_signed(world: World) -> None:
    by, record = world["alice"].deciding(), world.records["alice"]
    consents = world.exchange.consent
    relayed(world, signed(by.revoke_consent(record)))
    assert consents.consent_of(by.patient, record).barred
    relayed(world, signed(by.lift_consent(record)))
    assert not consents.consent_of(by.patient, record).barred
    relayed(world, signed(by.set_consent(HMB, world.in_days(1), FORM, record)))
    assert consents.consent_of(by.patient, record).terms == HMB


def test_a_delegate_signs_and_another_sends(world: World, poor: Client) -> None:
    until = world.in_days(30)
    world["alice"].name_delegate(poor.me.address, Scope.CONSENT, until)
    by = poor.deciding(world.address("alice"))
    act = signed(by.set_consent(HMB, until, FORM))
    assert errors(relayed(world, act)) == [None]
    (change, *_) = world.exchange.consent.history(world.address("alice"))[::-1]
    assert change[0].terms == HMB
    other = signed(by.revoke_consent())
    world["alice"].name_delegate(poor.me.address, Scope(0), 0)
    assert errors(relayed(world, other)) == [MandateMissing]


def test_what_the_contract_would_refuse_is_not_signed(world: World, poor: Client) -> None:
    with pytest.raises(ConsentMissing):
        signed(poor.deciding().revoke_consent())
    with pytest.raises(MandateMissing):
        signed(poor.deciding(world.address("alice")).set_consent(HMB, world.in_days(1), FORM))
    with pytest.raises(ExpiryInPast):
        signed(consent(poor), days=-1)


def test_one_refused_act_does_not_stop_the_others(world: World) -> None:
    alice, bob = signed(consent(world["alice"])), signed(consent(world["bob"]))
    late = signed(consent(world["clinic"]), days=1)
    forged = replace(alice, calldata=alice.calldata.replace(b"\xf0" * 32, b"\xf1" * 32))
    world["rival"].set_consent("HMB", world.in_days(1), "form")
    moved = signed(consent(world["rival"]))
    world["rival"].set_consent("HMB", world.in_days(2), "form")
    world.chain.increase_time(2 * DAY)
    outcomes = relayed(world, alice, late, b"{}", forged, moved, bob)
    assert errors(outcomes) == [
        None, SignatureExpired, DocumentInvalid, SignatureInvalid, SignatureInvalid, None,
    ]  # fmt: skip
    for name in ("alice", "bob"):
        assert world.exchange.consent.consent_of(world.address(name)).terms == HMB
    assert world.exchange.consent.consent_of(world.address("clinic")).terms == 0


def test_an_act_refused_meanwhile_is_told(world: World) -> None:
    """Two acts for one version pass alone; the second one's state is gone when it is made."""
    first = signed(consent(world["alice"], days=30))
    second = signed(consent(world["alice"], days=60))
    outcomes = relayed(world, first, second, signed(consent(world["bob"])))
    assert errors(outcomes) == [None, SignatureInvalid, None]
    assert outcomes[1].receipt is None
    held = world.exchange.consent.consent_of(world.address("alice"))
    assert held.expires_at < world.in_days(31)
    assert errors(relayed(world, first)) == [SignatureInvalid]


def test_many_acts_go_in_few_transactions(world: World, tmp_path: Path) -> None:
    people = [
        world["alice"].acting_for(keyring.ephemeral(tmp_path / str(n), Signer.generate()))
        for n in range(7)
    ]
    acts = [signed(consent(each)) for each in people]
    seen: list[tuple[int, int]] = []
    files = [(str(n), write_act(act)) for n, act in enumerate(acts)]
    outcomes = relay.send_acts(
        world.exchange,
        world.me(RELAY),
        files,
        lambda _, done, total: seen.append((done, total)),
        chunk=3,
    )
    assert errors(outcomes) == [None] * 7
    assert len({each.receipt.transaction for each in outcomes if each.receipt}) == 3
    assert seen == [(0, 7), (3, 7), (6, 7), (7, 7)]
    for each in people:
        assert world.exchange.consent.consent_of(each.me.address).terms == HMB


def test_acts_that_are_too_dear_together_go_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "GAS_OF_CHUNK", 64_000)
    outcomes = relayed(world, *(signed(consent(world[name])) for name in ("alice", "bob")))
    assert errors(outcomes) == [None, None]
    assert len({each.receipt.transaction for each in outcomes if each.receipt}) == 2


def test_a_relay_that_cannot_pay_is_told_for_each_act(world: World, poor: Client) -> None:
    files = [(name, write_act(signed(consent(world[name])))) for name in ("alice", "bob")]
    outcomes = poor.relay([("none", b"{}"), *files])
    assert errors(outcomes) == [DocumentInvalid, InsufficientFunds, InsufficientFunds]
    assert world.exchange.consent.consent_of(world.address("alice")).terms != HMB
    assert errors(world[RELAY].relay(files)) == [None, None]


def test_nothing_to_relay(world: World) -> None:
    with pytest.raises(InvalidValue):
        relayed(world)
    with pytest.raises(InvalidValue):
        relayed(world, signed(consent(world["alice"])), chunk=0)


# What a hostile file cannot do.


def hostile(world: World, room: Room, function: str, *arguments: object) -> bytes:
    """An act that is signed by its word, but calls what it likes."""
    deadline = world.in_days(1)
    return write_act(
        SignedAct(
            chain_id=world.exchange.chain_id,
            contract=room.CONTRACT,
            address=room.address,
            function=function,
            calldata=room.encode(Call(room.address, function, arguments)),
            signer=world.address("bob"),
            deadline=deadline,
        )
    )


HOSTILE: dict[str, Callable[[World], tuple[Room, str, tuple[object, ...]]]] = {
    "setAccreditor": lambda w: (w.exchange.accounts, "setAccreditor", (w.address("bob"), True)),
    "transferOwnership": lambda w: (w.exchange.accounts, "transferOwnership", (w.address("bob"),)),
    "publishKey": lambda w: (w.exchange.accounts, "publishKey", (b"\x01" * 1249,)),
    "multicall": lambda w: (w.exchange.consent, "multicall", ([], False)),
    "set": lambda w: (w.exchange.consent, "set", (GENERAL, HMB, w.in_days(1), FORM)),
    "setDelegate": lambda w: (
        w.exchange.consent, "setDelegate", (w.address("bob"), 7, w.in_days(9)),
    ),
    "nameCustodian": lambda w: (
        w.exchange.access, "nameCustodian", (w.address("bob"), w.in_days(9)),
    ),
    "revoke": lambda w: (w.exchange.access, "revoke", (b"\x01" * 32, w.address("bob"))),
    "view": lambda w: (w.exchange.consent, "accounts", ()),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_only_what_takes_a_signature_is_relayed(world: World, name: str) -> None:
    """Governance relays: what it would send in its own name is never sent."""
    room, function, arguments = HOSTILE[name](world)
    data = hostile(world, room, function, *arguments)
    governance = world.me("governance")
    before = world.exchange.network.balance(governance.address)
    (outcome,) = relay.send_acts(world.exchange, governance, [("act", data)])
    assert isinstance(outcome.error, ActNotRelayed)
    assert outcome.error.values["function"] == function
    assert world.exchange.network.balance(governance.address) == before
    assert not world.exchange.accounts.is_accreditor(world.address("bob"))


def test_a_label_does_not_smuggle_a_function(world: World) -> None:
    room = world.exchange.accounts
    data = hostile(world, room, "setAccreditor", world.address("bob"), True)
    act = papers.read("signed-act", SignedAct, data, "act")
    act = replace(act, function="publishKeyFor")
    with pytest.raises(ActNotRelayed, match="setAccreditor"):
        read_act(world.exchange, write_act(act), "act")


def test_nobody_is_made_to_act_in_the_own_name(world: World) -> None:
    """A contract asks who sends for no signature: an unsigned act of the relay is not sent."""
    me, bob, until = world.me(RELAY), world.address("bob"), world.in_days(9)
    room = world.exchange.consent
    word = Signed(me.address, world.in_days(1), b"")
    call = room.set_delegate_for.call(bob, Scope(7), until, word)
    act = SignedAct(
        world.exchange.chain_id,
        room.CONTRACT,
        room.address,
        call.function,
        room.encode(call),
        word.signer,
        word.deadline,
    )
    assert errors(relayed(world, act)) == [ActOfSender]
    # Nor by a signer that is nobody, which is who simulations ask as.
    nobody = Signed(ZERO_ADDRESS, word.deadline, b"")
    call = room.set_delegate_for.call(bob, Scope(7), until, nobody)
    unsigned = replace(act, signer=ZERO_ADDRESS, calldata=room.encode(call))
    assert errors(relayed(world, unsigned)) == [DocumentInvalid]
    # Nor of anybody else without a signature.
    alice = Signed(world.address("alice"), word.deadline, b"")
    call = room.set_delegate_for.call(bob, Scope(7), until, alice)
    forged = replace(act, signer=alice.signer, calldata=room.encode(call))
    assert errors(relayed(world, forged)) == [SignatureInvalid]
    assert world.exchange.consent.mandates(delegate=bob) == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"chain_id": 1}, "another deployment"),
        ({"contract": "Grants"}, "another deployment"),
        ({"contract": "Vault"}, "another deployment"),
        ({"address": ZERO_ADDRESS}, "another deployment"),
        ({"calldata": b""}, "calls no function"),
        ({"calldata": b"\xde\xad\xbe\xef" + bytes(64)}, "calls no function"),
        ({"function": "revokeFor"}, "another thing"),
        ({"deadline": 4_000_000_000}, "another thing"),
        ({"signer": ZERO_ADDRESS}, "another thing"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_file_that_tells_another_thing(
    world: World, changed: dict[str, object], reason: str
) -> None:
    act = replace(signed(consent(world["alice"])), **changed)  # type: ignore[arg-type]
    with pytest.raises(DocumentInvalid, match=reason):
        read_act(world.exchange, write_act(act), "act")


def test_calldata_that_is_cut_or_padded(world: World) -> None:
    act = signed(consent(world["alice"]))
    for calldata in (act.calldata[:-1], act.calldata + b"\x00", act.calldata[:4]):
        with pytest.raises(DocumentInvalid, match="calls no function"):
            read_act(world.exchange, write_act(replace(act, calldata=calldata)), "act")


def test_a_file_that_is_huge(world: World) -> None:
    act = signed(consent(world["alice"]))
    data = write_act(replace(act, calldata=bytes(relay.MOST_BYTES)))
    with pytest.raises(DocumentInvalid, match="too large"):
        read_act(world.exchange, data, "act")


def test_what_is_shown_is_what_the_signature_covers(world: World) -> None:
    until = world.in_days(30)
    act = signed(world["alice"].deciding().set_consent(HMB, until, FORM))
    read = read_act(world.exchange, write_act(act), "act")
    assert read.relayed.says == "set a consent"
    assert read.terms["patient"] == world.address("alice")
    assert read.terms["record"] == "all records"
    assert read.terms["terms"] == "HMB"
    assert read.terms["form"] == "0x" + FORM.hex()
    ready = prepare_grants(
        world["alice"].deciding(),
        [world.records["alice"]],
        world.address("clinic"),
        TREATMENT,
        until,
    )
    read = read_act(world.exchange, write_act(signed(ready[0].prepared)), "act")
    assert read.terms["request.grantee"] == world.address("clinic")
    assert read.terms["request.purpose"] == "TREATMENT"
    assert read.terms["request.proof"] == "1 of them"


def test_a_withdrawal_is_relayed(world: World) -> None:
    """The market's acts take the same way: `Prepared` with the market's functions."""
    listed = world.list_dataset()
    (mine,) = (c for c in listed.claims if c.contribution.patient == world.address("alice"))
    market, signer = world.exchange.market, world.me("alice").signer
    standing = (mine.listing, mine.contribution, mine.proof)
    leaf = ids.contribution_leaf(mine.contribution)
    prepared = Prepared(
        world.exchange,
        market,
        world.me("alice"),
        market.withdraw.call(*standing),
        lambda until: market.sign_withdrawal(signer, listed.listing_id, leaf, until),
        lambda by: market.withdraw_for.call(*standing, by),
    )
    act = signed(prepared)
    read = read_act(world.exchange, write_act(act), "act")
    assert read.terms["contribution.patient"] == world.address("alice")
    assert errors(relayed(world, act)) == [None]
    assert market.withdrawn_at(leaf)
