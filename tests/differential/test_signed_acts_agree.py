"""Signed acts: the contracts compute the digests that the library signs.

No contract shows a digest before it is signed. So every patient is a contract wallet
that agrees to one digest only, the one the library computed: the contract takes the
act if it asks for the same, and says `SignatureInvalid` if it asks for another.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from medibloc_py import purpose
from medibloc_py.chain import Signer
from medibloc_py.chain.reverts import refusal
from medibloc_py.chain.room import Call, Room
from medibloc_py.crypto import ids
from medibloc_py.model import (
    GENERAL,
    Address,
    Blind,
    Contribution,
    GrantRequest,
    Listing,
    Locator,
    Order,
    RecordId,
    Role,
    Root,
    Scope,
    Signed,
)
from tests.differential.bench import Bench
from tests.differential.test_words import PERMISSIONS, few, request

CASES = int(os.environ.get("DIFFERENTIAL_ACTS") or 10_000)
"""Of each act. A case costs a hundred times what a case of a pure function does."""
CHUNK = 100
SPOILED = 0.1
"""Part of the cases in which one bit of the digest is another."""
LATEST = 2**40 - 1
ANYTHING = purpose.NRES | purpose.COMMERCIAL | purpose.AI


@dataclass
class Word:
    """An act, what goes before it, and the digest that the library computes for it."""

    digest: bytes
    act: Callable[[Signed], Call]
    done: Callable[[], None] = lambda: None
    before: list[tuple[Room, Call]] = field(default_factory=list)
    refused: str = ""
    """Name of the error that follows a good signature, if one does."""


class Patients:
    """Patients with what they did so far: random acts, one after another, in one call."""

    def __init__(self, draw: random.Random, bench: Bench, patients: list[Address]) -> None:
        self.draw = draw
        self.bench = bench
        self.house = bench.house
        self.patients = patients
        self.now = bench.network.now()
        self.versions: Counter[object] = Counter()
        self.records: list[tuple[Address, Blind]] = []

    def time(self) -> int:
        return self.draw.choice([self.draw.randrange(self.now + 1, LATEST), self.now + 1, LATEST])

    def address(self) -> Address:
        return ids.checksum_address(self.draw.randbytes(20))

    def terms(self) -> int:
        return self.draw.choice(PERMISSIONS) | few(self.draw) & purpose.TERMS & ~purpose.PERMISSIONS

    def next(self, *key: object) -> tuple[int, Callable[[], None]]:
        """The version that a change makes, and what to do once it is made."""
        return self.versions[key] + 1, lambda: self.versions.update([key])

    def record_of(self, patient: Address) -> RecordId:
        """A record, often one that was chosen before."""
        known = [blind for owner, blind in self.records if owner == patient]
        if known and self.draw.random() < 0.5:
            blind = self.draw.choice(known)
        else:
            blind = Blind(self.draw.randbytes(32))
            self.records.append((patient, blind))
        return ids.record_id(patient, blind)

    # --- one method for each act ---

    def encryption_key(self, patient: Address, deadline: int) -> Word:
        accounts, bundle = self.house.accounts, b"\x01" + self.draw.randbytes(1248)
        version, done = self.next("key", patient)
        return Word(
            accounts.digest_encryption_key(patient, bundle, version, deadline),
            lambda by: accounts.publish_key_for.call(bundle, by),
            done,
        )

    def consent(self, patient: Address, deadline: int) -> Word:
        record = self.draw.choice([GENERAL, self.record_of(patient)])
        return self.set_consent(patient, deadline, record, self.terms())

    def set_consent(self, patient: Address, deadline: int, record: RecordId, terms: int) -> Word:
        consent, expires_at, form = self.house.consent, self.time(), self.draw.randbytes(32)
        version, done = self.next("consent", patient, record)
        return Word(
            consent.digest_consent(patient, record, terms, expires_at, form, version, deadline),
            lambda by: consent.set_for.call(patient, terms, expires_at, form, by, record),
            done,
        )

    def revocation(self, patient: Address, deadline: int) -> Word:
        given = self._given(patient)
        version, done = self.next("consent", patient, given.record)
        consent = self.house.consent
        return Word(
            consent.digest_revocation(patient, given.record, version, deadline),
            lambda by: consent.revoke_for.call(patient, by, given.record),
            done,
            given.before,
        )

    def lift(self, patient: Address, deadline: int) -> Word:
        given = self._given(patient)
        version, done = self.next("consent", patient, given.record)
        consent = self.house.consent
        return Word(
            consent.digest_lift(patient, given.record, version, deadline),
            lambda by: consent.lift_for.call(patient, given.record, by),
            done,
            given.before,
        )

    def _given(self, patient: Address) -> Given:
        """A record that has a consent of its own."""
        record = self.record_of(patient)
        word = self.set_consent(patient, LATEST, record, self.terms())
        word.done()
        call = word.act(Signed(patient, LATEST, word.digest))
        return Given(record, [(self.house.consent, call)])

    def mandate(self, patient: Address, deadline: int) -> Word:
        consent, until = self.house.consent, self.time()
        delegate = self.draw.choice([self.address(), *self.patients])
        if delegate == patient:
            delegate = self.address()
        scope = Scope(self.draw.randrange(8))
        version, done = self.next("mandate", patient, delegate)
        return Word(
            consent.digest_mandate(patient, delegate, scope, until, version, deadline),
            lambda by: consent.set_delegate_for.call(delegate, scope, until, by),
            done,
        )

    def grant(self, patient: Address, deadline: int) -> Word:
        access, before = self.house.access, []
        record = self.record_of(patient)
        blind = next(one for owner, one in self.records if ids.record_id(owner, one) == record)
        if not self.versions["registered", record]:
            call = self.house.records.register.call(Root(record), 1)
            before.append((self.house.records, call))
        wanted = next(
            word
            for word in iter(lambda: request(self.draw, ANYTHING), None)
            if purpose.matches(ANYTHING, word | purpose.TS).answer == purpose.Answer.PERMIT
        )
        asked = GrantRequest(
            self.bench.harness,
            blind,
            (),
            self.draw.choice([*self.patients[:3], self.address()]),
            self.draw.choice([wanted, purpose.TREATMENT]),
            self.time(),
            Locator.of(self.draw.randbytes(80)),
        )
        if asked.grantee == patient:
            asked = replace(asked, grantee=self.address())
        epoch, done = self.next("grant", record, asked.grantee)

        def granted() -> None:
            done()
            self.versions["registered", record] = 1

        self.granted = (blind, asked.grantee)
        return Word(
            access.digest_grant(patient, record, asked, epoch, deadline),
            lambda by: access.grant_for.call(patient, asked, by),
            granted,
            before,
        )

    def grant_revocation(self, patient: Address, deadline: int) -> Word:
        access, word = self.house.access, self.grant(patient, LATEST)
        blind, grantee = self.granted
        record = ids.record_id(patient, blind)
        given = (access, word.act(Signed(patient, LATEST, word.digest)))
        word.done()
        epoch = self.versions["grant", record, grantee]
        return Word(
            access.digest_revocation(patient, record, grantee, epoch, deadline),
            lambda by: access.revoke_for.call(patient, blind, grantee, by),
            lambda: self.versions.update([("grant", record, grantee)]),
            [*word.before, given],
        )

    def custodian(self, patient: Address, deadline: int) -> Word:
        access, until, custodian = self.house.access, self.time(), self.address()
        version, done = self.next("custodian", patient)
        return Word(
            access.digest_custodian(patient, custodian, until, version, deadline),
            lambda by: access.name_custodian_for.call(patient, custodian, until, by),
            done,
        )

    def withdrawal(self, patient: Address, deadline: int) -> Word:
        market, (listing, contribution) = self.house.market, self._listing(patient)
        id_, leaf = self.house.listing_id(listing), ids.contribution_leaf(contribution)
        return Word(
            market.digest_withdrawal(id_, leaf, deadline),
            lambda by: market.withdraw_for.call(listing, contribution, (), by),
            before=[(market, market.list.call(listing))],
        )

    def claim(self, patient: Address, deadline: int) -> Word:
        """A listing that sold once, whose contribution was paid once."""
        market, to = self.house.market, self.address()
        listing, contribution = self._listing(patient)
        id_, leaf = self.house.listing_id(listing), ids.contribution_leaf(contribution)
        secret = self.draw.randrange(1, 2**255)
        order = Order(
            id_,
            self.bench.harness,
            listing.token,
            listing.price,
            purpose.HMB | purpose.NONCOMMERCIAL,
            Signer.from_key(secret.to_bytes(32, "big")).address,
            self.now + 7 * 86_400,
        )
        taken = listing.price * (listing.fee_bps + listing.issuer_bps) // 10_000
        claimed = (listing.price - taken) * contribution.weight // listing.total_weight
        calls = [
            market.list.call(listing),
            market.purchase.call(listing, order.purpose, order.lock, order.deadline),
            market.settle.call(order, secret),
            market.claim.call(listing, contribution, ()),
        ]
        return Word(
            market.digest_claim(id_, leaf, to, claimed, deadline),
            lambda by: market.claim_to.call(listing, contribution, (), to, by),
            before=[(market, call) for call in calls],
            refused="NothingToClaim",
        )

    def _listing(self, patient: Address) -> tuple[Listing, Contribution]:
        draw = self.draw
        weight = draw.randrange(1, 2**96)
        contribution = Contribution(
            patient, patient, RecordId(draw.randbytes(32)), weight, draw.randbytes(32)
        )
        fee, issuers = draw.randrange(5_000), draw.choice([0, draw.randrange(1, 5_000)])
        listing = Listing(
            steward=self.bench.harness,
            root=Root(ids.contribution_leaf(contribution)),
            token=self.house.token.address,
            price=draw.randrange(1, 2**96),
            total_weight=draw.randrange(weight, 2**96),
            terms=purpose.NRES,
            fee_bps=fee,
            issuer_bps=issuers,
            issuers=Root(draw.randbytes(32) if issuers else bytes(32)),
            bond=0,
            closes_at=self.time(),
            salt=draw.randbytes(8),
        )
        return listing, contribution


@dataclass
class Given:
    """A record with a consent of its own, and the calls that give it."""

    record: RecordId
    before: list[tuple[Room, Call]]


@pytest.fixture(scope="module")
def patients(bench: Bench) -> list[Address]:
    """Contract wallets, and a harness that may issue, list and buy."""
    house, rng = bench.house, random.Random(0)
    until = house.in_days(3650)
    for role in (Role.ISSUER, Role.RESEARCHER):
        house.accounts.accredit(house.governance, bench.harness, role, until)
    house.token.mint(house.governance, bench.harness, 2**120)
    wallets = [ids.checksum_address(rng.randbytes(20)) for _ in range(8)]
    for wallet in wallets:
        bench.put_wallet(wallet)
    return wallets


ACTS = (
    Patients.encryption_key,
    Patients.consent,
    Patients.revocation,
    Patients.lift,
    Patients.mandate,
    Patients.grant,
    Patients.grant_revocation,
    Patients.custodian,
    Patients.withdrawal,
    Patients.claim,
)


@pytest.mark.parametrize("act", ACTS, ids=[act.__name__ for act in ACTS])
def test_digests_of_acts_are_the_same(
    bench: Bench,
    patients: list[Address],
    draw: random.Random,
    act: Callable[[Patients, Address, int], Word],
) -> None:
    for _ in range(0, CASES, CHUNK):
        told, expected = run(bench, Patients(draw, bench, patients), act)
        assert told == expected


def run(
    bench: Bench, people: Patients, act: Callable[[Patients, Address, int], Word]
) -> tuple[list[str], list[str]]:
    """Makes a chunk of acts; what came of each, and what should."""
    house = bench.house
    calls = [(house.token.address, house.token.encode(approval(bench)))]
    for patient in people.patients:
        word = people.set_consent(patient, LATEST, GENERAL, ANYTHING)
        word.done()
        call = word.act(Signed(patient, LATEST, word.digest))
        calls.append((call.contract, house.consent.encode(call)))
    room = {one.address: one for one in rooms(bench)}
    places, expected = [], []
    for _ in range(CHUNK):
        patient, deadline = people.draw.choice(people.patients), people.time()
        word = act(people, patient, deadline)
        digest, right = word.digest, word.refused
        if people.draw.random() < SPOILED:
            spoiled = int.from_bytes(digest, "big") ^ 1 << people.draw.randrange(256)
            digest, right = spoiled.to_bytes(32, "big"), "SignatureInvalid"
        else:
            word.done()
        for call in [
            *(call for _, call in word.before),
            word.act(Signed(patient, deadline, digest)),
        ]:
            calls.append((call.contract, room[call.contract].encode(call)))
        places.append(len(calls) - 1)
        expected.append(right)
    reasons = bench.outcomes(calls)
    told = [reasons[place] for place in places]
    return [type(refusal(one)).__name__ if one else "" for one in told], expected


def approval(bench: Bench) -> Call:
    return bench.house.token.approve.call(bench.house.market.address, 2**255)


def rooms(bench: Bench) -> list[Room]:
    house = bench.house
    return [house.records, house.consent, house.access, house.market, house.token]
