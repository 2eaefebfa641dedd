"""Purposes and locks: pure functions of the libraries."""

from __future__ import annotations

import random

from medibloc_py import purpose
from medibloc_py.chain import Signer
from medibloc_py.crypto import ids
from medibloc_py.model import Blind
from tests.differential.bench import CASES, Bench, value

MODIFIERS = purpose.TERMS & ~purpose.PERMISSIONS
PERMISSIONS = [1 << bit for bit in range(64) if purpose.PERMISSIONS >> bit & 1]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOBODY = "0x" + "00" * 20


def few(draw: random.Random) -> int:
    """A word with an eighth of its bits."""
    return draw.getrandbits(64) & draw.getrandbits(64) & draw.getrandbits(64)


def terms(draw: random.Random) -> int:
    """A terms word, mostly a valid one of few modifiers."""
    if draw.random() < 0.1:
        return draw.getrandbits(64) if draw.random() < 0.5 else few(draw)
    return draw.choice(PERMISSIONS) | few(draw) & MODIFIERS


def request(draw: random.Random, under: int) -> int:
    """A request word, mostly one that shows much of what `under` asks for."""
    if draw.random() < 0.1:
        return draw.getrandbits(64) if draw.random() < 0.5 else few(draw)
    wanted = draw.choice(
        [purpose.GRU, purpose.HMB, purpose.DS, purpose.POA, purpose.CC, purpose.MDS]
    )
    evidence = (draw.getrandbits(64) | draw.getrandbits(64) | under) & purpose.REQUEST
    kinds = purpose.GRU | purpose.HMB | purpose.DS | purpose.POA | purpose.CC | purpose.MDS
    rare = kinds | purpose.SENSITIVE | purpose.OTHER | purpose.COMMERCIAL | purpose.AI
    return wanted | evidence & ~rare | few(draw) & rare


def narrowed(draw: random.Random, consent: int) -> int:
    """An offer that the consent may well cover."""
    if draw.random() < 0.2:
        return terms(draw)
    permission = consent & purpose.PERMISSIONS
    if draw.random() < 0.5:
        permission = draw.choice(PERMISSIONS)
    return permission | consent & MODIFIERS | few(draw) & MODIFIERS


def test_matches_gives_the_same_answer_and_bit(bench: Bench, draw: random.Random) -> None:
    words = [terms(draw) for _ in range(CASES)]
    requests = [request(draw, word) for word in words]
    answers = bench.ask("matches", words, requests)
    expected = [purpose.matches(*pair) for pair in zip(words, requests, strict=True)]
    wrong = [
        (word, asked, found)
        for word, asked, found, right in zip(words, requests, answers, expected, strict=True)
        if found != (int(right.answer), right.bit)
    ]
    assert wrong == []
    # Neither answer may be rare, or the cases say little.
    for answer in purpose.Answer:
        assert sum(one.answer == answer for one in expected) > CASES / 50


def test_covers_gives_the_same_answer(bench: Bench, draw: random.Random) -> None:
    consents = [terms(draw) for _ in range(CASES)]
    offers = [narrowed(draw, consent) for consent in consents]
    expected = [purpose.covers(*pair) for pair in zip(consents, offers, strict=True)]
    assert bench.ask("covers", consents, offers) == expected
    assert CASES / 10 < sum(expected) < CASES * 9 / 10


def test_locks_are_the_same_addresses(bench: Bench, draw: random.Random) -> None:
    edges = [0, 1, 2, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]
    secrets = edges + [draw.getrandbits(256) for _ in range(CASES - len(edges))]
    expected = [
        Signer.from_key(secret.to_bytes(32, "big")).address.lower()
        if 0 < secret < ORDER
        else NOBODY
        for secret in secrets
    ]
    assert bench.ask("locks", secrets) == expected


def test_record_ids_are_the_same(bench: Bench, draw: random.Random) -> None:
    names, blinds = (
        [value(draw, bench.element("recordIds", place)) for _ in range(CASES)] for place in (0, 1)
    )
    expected = [ids.record_id(*pair) for pair in zip(names, map(Blind, blinds), strict=True)]
    assert bench.ask("recordIds", names, blinds) == expected
