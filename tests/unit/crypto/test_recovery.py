"""An account's secrets in the clear, under a passphrase, and in the hands of guardians."""

from __future__ import annotations

import itertools
import secrets

import pytest
import stranger_on_paper
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import combine_mnemonics, generate_mnemonics

from medibloc_py.crypto import cbor, guardians, recovery, sheet
from medibloc_py.crypto.keys import EncryptionKeys, KeyPair
from medibloc_py.crypto.recovery import AccountSecrets
from medibloc_py.errors import (
    InvalidValue,
    SharesMixed,
    SheetsMissing,
    SheetUnreadable,
    WrongPassword,
)

PAIR = KeyPair.generate()
SECRETS = AccountSecrets(secrets.token_bytes(32), EncryptionKeys(secrets.token_bytes(32), (PAIR,)))
CHEAP = 2


def lines_of(written):
    return dict(sheet.read_text("\n".join(written), "paper").lines)


def read(lines, words=(), passphrase=None):
    given = [(f"sheet {n}", each.split()) for n, each in enumerate(words)]
    return recovery.read(lines, given, passphrase, "paper")


def resealed(kind, body):
    return lines_of(sheet.write_lines(kind, body))


# In the clear.


@pytest.mark.parametrize("pairs", [1, 2, recovery.MOST_PAIRS])
def test_all_pairs_come_back_in_their_order(pairs):
    seeds = [KeyPair(*(secrets.token_bytes(n) for n in (32, 64, 32))) for _ in range(min(pairs, 3))]
    keys = EncryptionKeys(SECRETS.keys.root_secret, tuple(seeds) * (pairs // len(seeds)))
    held = AccountSecrets(SECRETS.account_key, keys)
    for written in (
        recovery.write_clear(held),
        recovery.write_under_passphrase(held, "p", n=CHEAP),
    ):
        assert read(lines_of(written), passphrase="p") == held


def test_more_pairs_than_a_sheet_has_room_for_are_refused():
    keys = EncryptionKeys(bytes(32), (PAIR,) * (recovery.MOST_PAIRS + 1))
    with pytest.raises(InvalidValue, match="at most 150"):
        recovery.write_clear(AccountSecrets(bytes(32), keys))


def test_the_first_sheet_of_an_account_is_twelve_lines():
    assert len(recovery.write_clear(SECRETS)) == 12


def test_secrets_do_not_show_in_a_repr():
    assert SECRETS.account_key.hex() not in repr(SECRETS)
    assert repr(SECRETS.account_key) not in repr(SECRETS)


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2}, {"account": bytes(31)}, {"root": bytes(33)}, {"pairs": []},
        {"pairs": [bytes(127)]}, {"pairs": bytes(128)}, {"more": 1}, {"pairs": 7},
    ],
)  # fmt: skip
def test_a_body_that_is_not_as_it_must_be_is_refused(changed):
    body = {"v": 1, "account": bytes(32), "root": bytes(32), "pairs": [bytes(128)]}
    with pytest.raises(SheetUnreadable):
        read(resealed(recovery.CLEAR, cbor.encode(body | changed)))


@given(kind=st.integers(0, 255), body=st.binary(max_size=120))
@settings(max_examples=100)
def test_no_body_does_worse_than_be_refused(kind, body):
    if kind == recovery.UNDER_PASSPHRASE:
        body = bytes([len(body) % 3]) + body
    with pytest.raises((SheetUnreadable, WrongPassword, SheetsMissing)):
        read(resealed(kind, body), passphrase="x")


# Under a passphrase.


def test_a_passphrase_opens_however_a_keyboard_composes_it():
    lines = lines_of(recovery.write_under_passphrase(SECRETS, "gr\u00fcn", n=CHEAP))
    assert recovery.needs_passphrase(lines)
    assert not recovery.needs_passphrase(lines_of(recovery.write_clear(SECRETS)))
    assert read(lines, passphrase="gru\u0308n") == SECRETS
    for wrong in ("grun", "", None):
        with pytest.raises(WrongPassword):
            read(lines, passphrase=wrong)


def test_no_passphrase_is_empty():
    with pytest.raises(InvalidValue):
        recovery.write_under_passphrase(SECRETS, "", n=CHEAP)


def test_a_sealed_sheet_that_was_changed_on_purpose_is_refused():
    """Checksums can be made again by anyone; the seal cannot."""
    _, body = sheet.join_lines(
        lines_of(recovery.write_under_passphrase(SECRETS, "p", n=CHEAP)), "paper"
    )
    for place in (40, len(body) - 1):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(SheetUnreadable, match="changed after it was sealed"):
            read(resealed(recovery.UNDER_PASSPHRASE, changed), passphrase="p")
    with pytest.raises(SheetUnreadable, match="parameters"):
        read(resealed(recovery.UNDER_PASSPHRASE, b"\xff" + body[1:]), passphrase="p")


def test_two_sheets_of_one_account_share_nothing():
    first, second = (recovery.write_under_passphrase(SECRETS, "p", n=CHEAP) for _ in range(2))
    assert not set(first[1:]) & set(second[1:])


# Guardians.


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (2, 3), (3, 5), (4, 4), (5, 6)])
def test_every_subset_that_is_large_enough_restores_and_no_smaller_one(threshold, count):
    made = recovery.write_for_guardians(SECRETS, threshold, count)
    lines = lines_of(made.lines)
    assert len(made.words) == count
    for size in range(count + 1):
        for some in itertools.combinations(made.words, size):
            if size >= threshold:
                assert read(lines, some) == SECRETS
                continue
            with pytest.raises(SheetsMissing) as caught:
                read(lines, some)
            assert caught.value.values == {"given": size, "needed": threshold if size else 2}


@given(st.data())
@settings(max_examples=25)
def test_any_scheme_restores_from_any_order_with_doubles(data):
    count = data.draw(st.integers(2, guardians.MOST_GUARDIANS))
    threshold = data.draw(st.integers(2, count))
    secret = data.draw(st.binary(min_size=32, max_size=32))
    shares = guardians.split(secret, threshold, count)
    some = data.draw(st.permutations(shares))[:threshold]
    given = [(str(n), words.split()) for n, words in enumerate([*some, some[0]])]
    assert guardians.combine(given) == secret


def test_too_few_shares_leave_every_secret_possible():
    """With t - 1 shares in hand, any other secret has a last share that completes it."""
    from shamir_mnemonic.shamir import RawShare, _interpolate

    secret, other = bytes(32), bytes(range(32))
    shares = [guardians._read("sheet", words.split()) for words in guardians.split(secret, 3, 5)]
    two = [RawShare(share.index, share.value) for share in shares[:2]]
    for guess in (secret, other):
        third = _interpolate([*two, RawShare(255, guess)], 4)
        assert _interpolate([*two, RawShare(4, third)], 255) == guess


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (0, 2), (3, 2), (2, 17), (-1, 5)])
def test_guardians_that_make_no_sense_are_refused(threshold, count):
    with pytest.raises(InvalidValue):
        recovery.write_for_guardians(SECRETS, threshold, count)


def test_sheets_of_two_sets_are_refused():
    first, second = (recovery.write_for_guardians(SECRETS, 2, 3) for _ in range(2))
    with pytest.raises(SharesMixed) as caught:
        read(lines_of(first.lines), [first.words[0], second.words[1]])
    assert caught.value.values == {"path": "sheet 1", "other": "sheet 0"}
    with pytest.raises(SharesMixed):  # words of one set, lines of the other
        read(lines_of(first.lines), second.words)
    forged = generate_mnemonics(1, [(2, 3)], bytes(32), iteration_exponent=0)[0]
    with pytest.raises(SharesMixed):
        read(lines_of(first.lines), [first.words[0], forged[1]])


def test_shares_of_one_set_that_do_not_fit_are_refused():
    """The digest of SLIP-0039: a share that somebody made up does not go unnoticed."""
    from shamir_mnemonic import Share

    words = guardians.split(bytes(32), 2, 3)
    share = Share.from_mnemonic(words[1])
    forged = Share(
        share.identifier, share.extendable, share.iteration_exponent, share.group_index,
        share.group_threshold, share.group_count, share.index, share.member_threshold,
        bytes(32),
    ).mnemonic()  # fmt: skip
    for some in ([words[0], forged], [words[1], forged]):
        with pytest.raises(SharesMixed):
            guardians.combine([(n, each.split()) for n, each in enumerate(some)])


def test_what_is_wrong_with_words_is_named():
    made = recovery.write_for_guardians(SECRETS, 2, 3)
    lines, (first, second, _) = lines_of(made.lines), made.words
    words = first.split()
    with pytest.raises(SheetUnreadable, match=r"sheet 1 .* word 3, 'mediblock', is none"):
        read(lines, [second, " ".join([*words[:2], "mediblock", *words[3:]])])
    with pytest.raises(SheetUnreadable, match="it has 32 words of 33"):
        read(lines, [second, " ".join(words[:-1])])
    exchanged = [*words[:8], words[9], words[8], *words[10:]]
    with pytest.raises(SheetUnreadable, match="one is wrong or in another's place"):
        read(lines, [second, " ".join(exchanged)])


@pytest.mark.parametrize(
    ("groups", "size", "exponent"),
    [([(2, 3), (2, 3)], 32, 0), ([(1, 1)], 32, 0), ([(2, 3)], 32, 1)],
)
def test_words_of_another_kind_of_secret_are_refused(groups, size, exponent):
    words = generate_mnemonics(1, groups, bytes(size), iteration_exponent=exponent)[0][0]
    with pytest.raises(SheetUnreadable, match="another kind of secret"):
        guardians.combine([("sheet", words.split())])


def test_words_are_those_of_the_standard():
    """Whoever has any SLIP-0039 program can put our shares together, and we theirs."""
    secret = secrets.token_bytes(32)
    ours = guardians.split(secret, 2, 3)
    assert combine_mnemonics(ours[1:]) == secret
    theirs = generate_mnemonics(1, [(2, 3)], secret, extendable=False, iteration_exponent=0)[0]
    assert guardians.combine([(n, each.split()) for n, each in enumerate(theirs[:2])]) == secret
    with pytest.raises(SharesMixed):
        guardians.combine([("a", ours[0].split()), ("b", theirs[0].split())])


# Frozen.


def test_frozen_sheets_still_read(vectors):
    held = vectors("recovery")
    pairs = tuple(KeyPair(p[:32], p[32:96], p[96:]) for p in held["pairs"])
    expected = AccountSecrets(held["account_key"], EncryptionKeys(held["root_secret"], pairs))
    assert read(lines_of(held["clear"])) == expected
    sealed = held["passphrase"]
    assert read(lines_of(sealed["lines"]), passphrase=sealed["passphrase"]) == expected
    guarded = held["guardians"]
    for some in itertools.combinations(held["frozen"], guarded["threshold"]):
        assert read(lines_of(guarded["lines"]), some) == expected
        shares = [(n, each.split()) for n, each in enumerate(some)]
        assert guardians.combine(shares) == guarded["secret"]
    for case in held["lines"]:
        assert sheet.join_lines(lines_of(case["lines"]), "paper") == (case["kind"], case["body"])


def test_a_stranger_reads_the_frozen_sheets(vectors):
    held = vectors("recovery")
    expected = {
        "v": 1,
        "account": held["account_key"],
        "root": held["root_secret"],
        "pairs": held["pairs"],
    }
    assert stranger_on_paper.secrets_of(held["clear"]) == expected
    sealed = held["passphrase"]
    assert stranger_on_paper.secrets_of(sealed["lines"], sealed["passphrase"]) == expected
    lines, words = held["guardians"]["lines"], held["frozen"][2:]
    assert stranger_on_paper.secrets_of(lines, words=words) == expected
