"""Records for research that no receipt proves to be without identity: 0.3.0 made such."""

from __future__ import annotations

import pytest

from medibloc_py.errors import DeidentificationMissing, DeidentificationReceiptInvalid
from medibloc_py.flows import listing
from medibloc_py.flows.deid_receipts import META
from medibloc_py.flows.held import held_record
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.opened import open_held
from medibloc_py.model import ContributionTerms, RecordId, SignedContribution
from tests.flow.sealed import sealed_with
from tests.flow.world import FEE_BPS, PRICE, World


@pytest.fixture
def unproved(world: World) -> RecordId:
    """A record of alice without a receipt; she holds its file."""
    record = sealed_with(world, "hospital", {}, b"what may say who alice is")
    return world["alice"].import_record(world["hospital"].hand_over(record), "file")


def word_on(world: World, record: RecordId) -> SignedContribution:
    """What 0.3.0 let alice sign."""
    held = held_record(world.me("alice"), record)
    usual = world.contribute("alice").terms
    terms = ContributionTerms(
        **{name: getattr(usual, name) for name in ContributionTerms.__dataclass_fields__}
        | {"record": record, "key_commitment": held.key_commitment}
    )
    _, signature = world.exchange.market.sign_contribution(world.me("alice").signer, terms)
    return SignedContribution(terms, signature)


def test_its_patient_cannot_sign_it_into_a_listing(world: World, unproved: RecordId) -> None:
    usual = world.contribute("alice").terms
    with pytest.raises(DeidentificationMissing, match="publish the study again") as caught:
        world["alice"].contribute(
            unproved,
            steward=usual.steward,
            token=usual.token,
            terms="GRU",
            min_price=0,
            max_fee_bps=FEE_BPS,
            max_total_weight=12,
            expires_at=world.in_days(90),
        )
    assert caught.value.values == {"record": unproved}


def test_no_steward_can_list_it(world: World, unproved: RecordId) -> None:
    with pytest.raises(DeidentificationMissing):
        world.list_dataset(world.contribute("bob"), word_on(world, unproved))


def test_a_stolen_receipt_does_not_help(world: World) -> None:
    honest = open_held(
        world.exchange, world.me("alice"), held_record(world.me("alice"), world.records["alice"])
    )
    assert honest.receipt is not None
    forged = honest.receipt.decode().replace('"files": 1', '"files": 2')
    record = sealed_with(world, "hospital", {META: forged}, honest.read(0))
    world["alice"].import_record(world["hospital"].hand_over(record), "file")
    with pytest.raises(DeidentificationReceiptInvalid):
        world.list_dataset(word_on(world, record))


def test_a_listing_of_an_older_release_is_made_again_without_it(
    world: World, unproved: RecordId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(listing, "require_deidentified", lambda *_: None)
        listed = world.list_dataset(world.contribute("bob"), word_on(world, unproved))
    done = world["hospital"].relist(listed.listing_id, price=PRICE)
    ((record, reason),) = done.left_out
    assert record == unproved
    assert "no de-identification receipt" in reason
    again = kept_listing(world.me("hospital"), done.listed.listing_id)
    assert [each.terms.record for each in again.contributions] == [world.records["bob"]]
