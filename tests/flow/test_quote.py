"""The buyer checks: every part of a quote holds, or nothing is paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import dag_cbor
import pytest

from medibloc_py.crypto import hpke, ids, keys, sale
from medibloc_py.crypto.curve import ORDER
from medibloc_py.crypto.quote import Quote, QuoteBatch, issuers_root
from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    DeadlineOutOfRange,
    DocumentInvalid,
    EvidenceNotVouched,
    IssuerNotAccredited,
    KeyUnpublished,
    ListingClosed,
    ListingUnknown,
    MediBlocError,
    NodeUnreachable,
    NotAccredited,
    PurposeDenied,
    QuoteInvalid,
    WrongKey,
)
from medibloc_py.flows import listing, papers
from medibloc_py.flows.buyer import CheckedQuote
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import (
    Address,
    Cid,
    IssuerShare,
    ListingId,
    RecordId,
    Role,
    Root,
    SignedContribution,
)
from medibloc_py.purpose import COMMERCIAL, HMB, NONPROFIT, REQUEST_NAMES, render
from tests.flow.world import DAY, PRICE, PURPOSE, World


@dataclass
class Desk:
    """A listing, an honest quote of it, and the means to send the buyer any other."""

    world: World
    listed: DatasetListed
    honest: Quote

    def seal(self, body: bytes, listing: ListingId | None = None) -> bytes:
        exchange = self.world.exchange
        subject = listing or self.listed.listing_id
        steward, buyer = self.world.address("hospital"), self.world.address("researcher")
        contract = exchange.market.address
        info = hpke.quote_info(exchange.chain_id, contract, subject, steward, buyer)
        wrapped = hpke.wrap(body, exchange.published_key(buyer).bundle, info)
        paper = papers.Sealed(
            exchange.chain_id, contract, papers.Bytes32(subject), steward, buyer, wrapped
        )
        return papers.write("quote", paper)

    def check(self, **changed: object) -> CheckedQuote:
        """What the buyer says to the quote with some parts altered, meaning its purpose."""
        quote = replace(self.honest, **changed)  # type: ignore[arg-type]
        meant = render(quote.purpose, REQUEST_NAMES)
        return self.world["researcher"].check_quote(self.seal(quote.encode()), "quote", meant)

    def refuses(self, check: str, reason: str = ".", **changed: object) -> None:
        with pytest.raises(QuoteInvalid, match=reason) as caught:
            self.check(**changed)
        assert caught.value.values["check"] == check


def open_quote(world: World, listed: DatasetListed, data: bytes) -> Quote:
    buyer, exchange = world.me("researcher"), world.exchange
    paper = papers.read("quote", papers.Sealed, data, "quote")
    info = hpke.quote_info(
        exchange.chain_id,
        exchange.market.address,
        listed.listing_id,
        world.address("hospital"),
        buyer.address,
    )
    return Quote.decode(hpke.unwrap(paper.sealed, buyer.keys, info, "quote"))


@pytest.fixture
def desk(world: World) -> Desk:
    listed = world.list_dataset()
    return Desk(world, listed, open_quote(world, listed, world.quote(listed)))


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def test_an_honest_quote_holds(desk: Desk) -> None:
    checked = desk.check()
    assert checked.quote == desk.honest
    assert checked.listing_id == desk.listed.listing_id
    assert checked.lock == sale.lock_of_point(desk.honest.K)


def test_checking_changes_nothing(desk: Desk) -> None:
    token, buyer = desk.world.token, desk.world.address("researcher")
    before = desk.world.me("researcher").vault.names()
    desk.check()
    assert token.balance(buyer) == 3 * PRICE
    assert token.allowance(buyer, desk.world.exchange.market.address) == 0
    assert desk.world.me("researcher").vault.names() == before


# Every part of it.


@pytest.mark.parametrize(
    "changed",
    [{"price": PRICE - 1}, {"fee_bps": 0}, {"closes_at": 2**40 - 1}, {"total_weight": 5},
     {"issuer_bps": 1}, {"issuers": Root(b"i" * 32)}, {"bond": 1}, {"terms": 1 << 4},
     {"salt": b"s" * 8}, {"root": Root(b"r" * 32)}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_check_listing(desk: Desk, changed: dict[str, object]) -> None:
    listing = replace(desk.honest.listing, **changed)  # type: ignore[arg-type]
    desk.refuses("listing", listing=listing)
    # Nor does it hold under an id of its own: no such listing is on chain.
    exchange = desk.world.exchange
    other = ids.listing_id(exchange.chain_id, exchange.market.address, listing)
    body = replace(desk.honest, listing=listing).encode()
    with pytest.raises(ListingUnknown):
        desk.world["researcher"].check_quote(desk.seal(body, other), "quote", PURPOSE)


@pytest.mark.parametrize("field", ["steward", "token"])
def test_check_listing_accounts(desk: Desk, field: str) -> None:
    other = {field: desk.world.address("rival")}
    desk.refuses("listing", listing=replace(desk.honest.listing, **other))


def test_check_buyer(desk: Desk) -> None:
    desk.refuses("buyer", "it was made for", buyer=desk.world.address("rival"))


def resigned(desk: Desk, place: int, signer: str, **changed: object) -> dict[str, Any]:
    """The contributions, one of them altered and signed anew by somebody."""
    contributions = list(desk.honest.contributions)
    terms = replace(contributions[place].terms, **changed)  # type: ignore[arg-type]
    market = desk.world.exchange.market
    _, signature = market.sign_contribution(desk.world.me(signer).signer, terms)
    contributions[place] = SignedContribution(terms, signature)
    return {"contributions": tuple(contributions)}


def test_check_contributions_forged(desk: Desk) -> None:
    desk.refuses("contributions", "it is not signed by", **resigned(desk, 0, "rival"))
    first, second = desk.honest.contributions
    altered = replace(first, signature=flipped(first.signature))
    desk.refuses("contributions", contributions=(altered, second))
    swapped = (replace(first, signature=second.signature), second)
    desk.refuses("contributions", "it is not signed by", contributions=swapped)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"steward": "rival"}, "names the steward"),
        ({"token": "rival"}, "asks for payment in"),
        ({"terms": HMB}, "other terms of use"),
        ({"min_price": PRICE + 1}, "a price of"),
        ({"max_fee_bps": 499}, "a fee of 499"),
        ({"max_total_weight": 3}, "a total weight of 3"),
        ({"expires_at": 2_000_000_000 - 10**9}, "expires before"),
        ({"weight": 0}, "weight is zero"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_check_contributions_foreign(desk: Desk, changed: dict[str, Any], reason: str) -> None:
    changed = {
        name: desk.world.address(value) if value == "rival" else value
        for name, value in changed.items()
    }
    desk.refuses("contributions", reason, **resigned(desk, 0, "alice", **changed))


def test_check_contributions_duplicate(desk: Desk) -> None:
    first, _ = desk.honest.contributions
    row = desk.honest.rows[0]
    desk.refuses("contributions", "twice", contributions=(first, first), rows=(row, row))


def test_check_contributions_withdrawn_or_no_longer_consented(desk: Desk) -> None:
    world = desk.world
    world["bob"].set_consent("HMB+NPUNCU", world.in_days(9), "form")
    desk.refuses("contributions", "does not permit all")


def test_check_weights(desk: Desk) -> None:
    desk.refuses("weights", **resigned(desk, 0, "alice", weight=4))
    first, row = desk.honest.contributions[0], desk.honest.rows[0]
    desk.refuses("weights", contributions=(first,), rows=(row,))


def test_check_root(desk: Desk) -> None:
    payee = desk.world.address("stranger")
    desk.refuses("root", **resigned(desk, 0, "alice", payee=payee))


def test_check_issuers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each issuer is paid is what its records weigh: no more, no less, to nobody else."""
    offer = {"fee_bps": 400, "issuer_bps": 100}
    listed = world.list_dataset(**offer)
    quote = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE).quote
    assert quote.issuer_shares() == (IssuerShare(world.address("hospital"), 4),)
    hospital, friend = world.address("hospital"), world.address("stranger")
    for shares in (
        [IssuerShare(friend, 4)],
        [IssuerShare(hospital, 3)],
        [IssuerShare(hospital, 4), IssuerShare(friend, 1)],
    ):
        root = issuers_root(shares, 100)
        monkeypatch.setattr(listing, "issuers_root", lambda *_, root=root: root)
        false = world.list_dataset(**offer)
        with pytest.raises(QuoteInvalid, match="what their records weigh") as caught:
            world["researcher"].check_quote(world.quote(false), "quote", PURPOSE)
        assert caught.value.values["check"] == "issuers"


def test_check_records(desk: Desk) -> None:
    first, second = desk.honest.rows
    rival = desk.world.address("rival")
    for changed in (
        {"patient": rival},
        {"salt": flipped(first.salt)},
        {"cid": second.cid},
        {"cid": Cid("b" + "a" * 58)},
        {"kind": 2},
    ):
        desk.refuses("records", rows=(replace(first, **changed), second))  # type: ignore[arg-type]
    desk.refuses("records", rows=(second, first))


def test_check_records_of_another_key(desk: Desk) -> None:
    """A contribution of the patient for a record that commits to another key."""
    desk.refuses("root", **resigned(desk, 0, "alice", key_commitment=b"k" * 32))


def batch_of(desk: Desk, **changed: object) -> dict[str, Any]:
    (batch,) = desk.honest.batches
    return {"batches": (replace(batch, **changed),)}  # type: ignore[arg-type]


def test_check_roots(desk: Desk) -> None:
    desk.refuses("roots", **batch_of(desk, root=Root(b"r" * 32)))
    desk.refuses("roots", **batch_of(desk, proof=(b"p" * 32,)))
    desk.refuses("roots", **batch_of(desk, flags=()))
    desk.refuses(
        "roots", "has not registered", **batch_of(desk, issuer=desk.world.address("clinic"))
    )


def test_check_roots_of_batches_nobody_is_in(desk: Desk) -> None:
    (batch,) = desk.honest.batches
    desk.refuses("roots", batches=(batch, batch))


def test_check_roots_unregistered(desk: Desk) -> None:
    alone = [
        QuoteBatch(desk.world.address("hospital"), Root(each.terms.record), (), ())
        for each in desk.honest.contributions
    ]
    rows = tuple(replace(row, batch=place) for place, row in enumerate(desk.honest.rows))
    desk.refuses("roots", "has not registered", batches=tuple(alone), rows=rows)


def test_check_issuer_no_longer_accredited(desk: Desk) -> None:
    desk.world.accredit("hospital", Role.ISSUER, 0)
    with pytest.raises(IssuerNotAccredited):
        desk.check()


def test_check_issuer_whose_accreditation_expired(desk: Desk) -> None:
    world = desk.world
    world.accredit("hospital", Role.ISSUER, world.in_days(1))
    desk.check()
    late = world.in_days(2)
    world.chain.increase_time(DAY + 1)
    with pytest.raises(IssuerNotAccredited):
        desk.check(deadline=late)


@pytest.mark.parametrize(("field", "check"), [("C", "key commitment"), ("W", "key proof")])
def test_check_keys_of_rows(desk: Desk, field: str, check: str) -> None:
    first, second = desk.honest.rows
    point = keys.commitment_point(7)
    for rows in (
        (replace(first, **{field: point}), second),
        (replace(first, **{field: getattr(second, field)}), second),
        (replace(first, **{field: b"\x00" * 33}), second),
    ):
        desk.refuses(check, rows=rows)


@pytest.mark.parametrize("field", ["T1", "T2", "T3", "s1", "s2"])
def test_check_key_proof(desk: Desk, field: str) -> None:
    value = getattr(desk.honest.proof, field)
    other = keys.commitment_point(7) if isinstance(value, bytes) else (value + 1) % ORDER
    desk.refuses("key proof", proof=replace(desk.honest.proof, **{field: other}))


def test_check_offer(desk: Desk) -> None:
    desk.refuses("offer", K=keys.commitment_point(7))
    desk.refuses("offer", K=b"\x00" * 33)
    desk.refuses("offer", z=(desk.honest.z + 1) % ORDER)


def test_check_refuses_another_table_secret(desk: Desk) -> None:
    desk.refuses("key proof", D=keys.commitment_point(7))


def test_check_says_what_the_market_would_say(desk: Desk) -> None:
    world = desk.world
    with pytest.raises(PurposeDenied):
        desk.check(purpose=HMB | COMMERCIAL)
    with pytest.raises(EvidenceNotVouched) as caught:
        desk.check(purpose=desk.honest.purpose | NONPROFIT)
    assert caught.value.values["missing"] == NONPROFIT
    now = world.exchange.network.now()
    for deadline in (0, now - 1, now + 599, now + 30 * DAY + 1, 2**40 - 1):
        with pytest.raises(DeadlineOutOfRange) as late:
            desk.check(deadline=deadline)
        assert late.value.values == {
            "deadline": deadline, "earliest": now + 600, "latest": now + 30 * DAY,
        }  # fmt: skip
    world.accredit("researcher", Role.RESEARCHER, 0)
    with pytest.raises(NotAccredited):
        desk.check()


def test_check_refuses_a_closed_listing(desk: Desk) -> None:
    world = desk.world
    world["alice"].withdraw(world.claim_file(desk.listed, "alice"), "claim")
    with pytest.raises(ListingClosed):
        desk.check()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of everything in a document that is not a list or a map."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            yield from leaves(inner, (*path, name))
    else:
        yield path


def changed_at(document: Any, path: tuple[Any, ...]) -> Any:
    """The document with one bit changed."""
    name, *rest = path
    copy = dict(document) if isinstance(document, dict) else list(document)
    inner = document[name]
    if rest:
        copy[name] = changed_at(inner, tuple(rest))
    elif isinstance(inner, bool):
        copy[name] = not inner
    elif isinstance(inner, int):
        copy[name] = inner ^ 1
    elif isinstance(inner, bytes):
        copy[name] = flipped(inner)
    else:
        copy[name] = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    return copy


def test_no_bit_of_a_quote_changes_unseen(desk: Desk) -> None:
    document = dag_cbor.decode(desk.honest.encode())
    unseen = []
    for path in leaves(document):
        data = desk.seal(dag_cbor.encode(changed_at(document, path)))
        try:
            desk.world["researcher"].check_quote(data, "quote", PURPOSE)
        except MediBlocError:
            continue
        unseen.append(path)
    # The deadline is the steward's to choose, within what the market takes.
    assert unseen == [("deadline",)]


# The store.


def test_check_wants_every_sealed_record_there(desk: Desk) -> None:
    car = desk.world.car_of("bob")
    content = car.read_bytes()
    car.unlink()
    with pytest.raises(BlobMissing) as caught:
        desk.check()
    assert caught.value.values["cid"] == desk.honest.rows[1].cid
    car.write_bytes(content)
    desk.check()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_check_reads_every_byte_of_a_sealed_record(desk: Desk, place: float) -> None:
    car = desk.world.car_of("bob")
    content = bytearray(car.read_bytes())
    content[int(len(content) * place)] ^= 1
    car.write_bytes(content)
    with pytest.raises(Corrupted):
        desk.check()


def test_check_refuses_anothers_bytes_under_the_right_name(desk: Desk) -> None:
    desk.world.car_of("bob").write_bytes(desk.world.car_of("alice").read_bytes())
    with pytest.raises(Corrupted):
        desk.check()


def test_check_tells_how_far_it_is(desk: Desk) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    desk.world["researcher"].check_quote(
        desk.seal(desk.honest.encode()),
        "quote",
        PURPOSE,
        lambda step, done, total: told.setdefault(step, []).append((done, total)),
    )
    assert set(told) == {"check keys", "check blobs"}
    assert all(steps[-1][0] == steps[-1][1] for steps in told.values())


# The paper around it.


def test_a_quote_is_for_one_buyer(desk: Desk) -> None:
    data = desk.seal(desk.honest.encode())
    with pytest.raises(WrongKey):
        desk.world["rival"].check_quote(data, "quote", PURPOSE)


def test_check_refuses_the_paper_of_another_market(desk: Desk) -> None:
    paper = papers.read("quote", papers.Sealed, desk.seal(desk.honest.encode()), "quote")
    buyer = desk.world["researcher"]
    for other in (replace(paper, chain_id=1), replace(paper, contract=desk.world.token.address)):
        with pytest.raises(DocumentInvalid, match="another market"):
            buyer.check_quote(papers.write("quote", other), "quote", PURPOSE)
    rival = desk.world.address("rival")
    for other in (replace(paper, subject=papers.Bytes32(b"i" * 32)), replace(paper, sender=rival)):
        with pytest.raises(WrongKey):
            buyer.check_quote(papers.write("quote", other), "quote", PURPOSE)


def test_check_refuses_what_is_no_quote_and_names_the_file(desk: Desk) -> None:
    for body in (b"", b"\xa0", b"\xff" * 50, desk.honest.encode()[:-1]):
        with pytest.raises(DocumentInvalid) as caught:
            desk.world["researcher"].check_quote(desk.seal(body), "the file", PURPOSE)
        assert caught.value.values["path"] == "the file"


def test_check_does_not_blame_the_quote_for_the_node(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(_: object) -> int:
        raise NodeUnreachable(url="http://node", reason="the connection failed")

    monkeypatch.setattr(desk.world.exchange.market, "withdrawn_at", dead)
    with pytest.raises(NodeUnreachable):
        desk.check()


# The steward quotes to whom the market would sell.


def quote(world: World, listed: DatasetListed, to: Address, purpose: str, days: float) -> bytes:
    return world["hospital"].quote(listed.listing_id, to, purpose, world.in_days(days))


def test_quote_is_for_whom_the_market_would_sell_to(world: World) -> None:
    listed = world.list_dataset()
    buyer = world.address("researcher")
    with pytest.raises(NotAccredited):
        quote(world, listed, world.address("stranger"), PURPOSE, 1)
    with pytest.raises(PurposeDenied):
        quote(world, listed, buyer, "HMB+COMMERCIAL+HAS_IRB", 1)
    with pytest.raises(EvidenceNotVouched):
        quote(world, listed, buyer, PURPOSE + "+NONPROFIT", 1)
    for days in (-1, 0, 31):
        with pytest.raises(DeadlineOutOfRange):
            quote(world, listed, buyer, PURPOSE, days)
    world.accredit("stranger", Role.RESEARCHER, world.in_days(9))
    world.exchange.accounts.attest(
        world.me("governance").signer, world.address("stranger"), 1 << 51
    )
    with pytest.raises(KeyUnpublished):
        quote(world, listed, world.address("stranger"), PURPOSE, 1)
    assert Ledger(world.me("hospital")).book().quotes == {}


def test_quote_is_of_an_open_listing_of_ones_own(world: World) -> None:
    listed = world.list_dataset(closes_at=world.in_days(1))
    with pytest.raises(ListingUnknown):
        world["rival"].quote(
            listed.listing_id, world.address("researcher"), PURPOSE, world.in_days(1)
        )
    with pytest.raises(ListingUnknown):
        world["hospital"].quote(ListingId(b"i" * 32), world.address("researcher"), PURPOSE, 1)
    world.chain.increase_time(DAY + 1)
    with pytest.raises(ListingClosed):
        world.quote(listed)


def test_two_quotes_share_no_secret(world: World) -> None:
    listed = world.list_dataset()
    first, second = (open_quote(world, listed, world.quote(listed)) for _ in range(2))
    assert first.K != second.K
    assert first.z != second.z
    assert first.D == second.D
    book = Ledger(world.me("hospital")).book()
    assert book.quotes.keys() == book.handed_out == {
        sale.lock_of_point(first.K), sale.lock_of_point(second.K),
    }  # fmt: skip


def test_two_listings_of_the_same_records_share_no_secret(world: World) -> None:
    both = [world.contribute(name) for name in ("alice", "bob")]
    one, two = world.list_dataset(*both), world.list_dataset(*both)
    first = open_quote(world, one, world.quote(one))
    second = open_quote(world, two, world.quote(two))
    assert one.listing_id != two.listing_id
    assert first.D != second.D
    assert {row.W for row in first.rows}.isdisjoint(row.W for row in second.rows)


def test_records_of_several_batches_are_proved_each_in_its_own(world: World) -> None:
    study = StudyToPublish(sample("CT_small.dcm"), world.address("alice"))
    (record,) = world["hospital"].publish([study]).records
    later: RecordId = id_of(record)
    world["alice"].import_record(world["hospital"].hand_over(later), "file")
    signed = world["alice"].contribute(
        later,
        steward=world.address("hospital"),
        token=world.token.address,
        terms="HMB+NCU+IRB",
        min_price=1,
        max_fee_bps=500,
        max_total_weight=12,
        expires_at=world.in_days(90),
    )
    listed = world.list_dataset(world.contribute("alice"), signed, world.contribute("bob"))
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    assert len(checked.quote.batches) == 2
    assert {row.batch for row in checked.quote.rows} == {0, 1}
    assert held_record(world.me("hospital"), later).proof == ()


def test_a_quote_for_another_purpose_is_refused(desk: Desk) -> None:
    data = desk.seal(desk.honest.encode())
    for meant in ("HMB+NONCOMMERCIAL", PURPOSE + "+HAS_RTN"):
        with pytest.raises(QuoteInvalid, match="was made for the purpose") as caught:
            desk.world["researcher"].check_quote(data, "quote", meant)
        assert caught.value.values["check"] == "purpose"


def test_a_quote_with_a_superseded_root_is_refused(desk: Desk) -> None:
    hospital = desk.world["hospital"]
    study = StudyToPublish(sample("MR_small.dcm"), desk.world.address("alice"))
    newer = hospital.publish([study]).root
    old = desk.honest.batches[0].root
    hospital.exchange.records.supersede(hospital.me.signer, old, newer)
    desk.refuses("roots", "was superseded")


def test_purchase_pins_what_it_pays_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[str] = []
    monkeypatch.setattr(desk.world.exchange.store, "pin", pinned.append)
    desk.world["researcher"].purchase(desk.check())
    assert pinned == [row.cid for row in desk.honest.rows]
