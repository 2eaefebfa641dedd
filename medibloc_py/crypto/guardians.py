"""A secret in the hands of several people, of whom some are enough: SLIP-0039.

The only door to shamir_mnemonic, the reference implementation. One group, no passphrase,
32 bytes: 33 words for each guardian, the last three a checksum.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORD_INDEX_MAP

from medibloc_py.errors import InvalidValue, SharesMixed, SheetsMissing, SheetUnreadable

SECRET_BYTES = 32
WORDS = 33
"""Words of one guardian."""
MOST_GUARDIANS = 16


def split(secret: bytes, threshold: int, count: int) -> list[str]:
    """Splits a secret of 32 bytes.

    Args:
        secret: what is split.
        threshold: how many guardians are enough, 2 or more.
        count: how many there are, at most 16.

    Returns:
        The words of each guardian.

    Raises:
        InvalidValue: these numbers do not go together.
    """
    if not 2 <= threshold <= count <= MOST_GUARDIANS:
        raise InvalidValue(
            name="guardians",
            given=f"{threshold} of {count}",
            allowed=f"2 or more of at most {MOST_GUARDIANS}",
        )
    # The exponent is the cost of a passphrase, and there is none.
    (shares,) = generate_mnemonics(1, [(threshold, count)], secret, iteration_exponent=0)
    return list(shares)


def combine(given: Sequence[tuple[object, Sequence[str]]]) -> bytes:
    """Puts a secret together again.

    Args:
        given: the words of guardians, each with where they come from; enough of them, or more.

    Raises:
        SheetUnreadable: words are wrong, or are no share of such a secret.
        SharesMixed: they were not split together.
        SheetsMissing: they are too few.
    """
    shares: dict[int, tuple[Share, str]] = {}
    first: tuple[Share, object] | None = None
    for path, words in given:
        share = _read(path, words)
        first = first or (share, path)
        known = shares.setdefault(share.index, (share, " ".join(words)))[0]
        if share.group_parameters() != first[0].group_parameters() or known != share:
            raise SharesMixed(path=path, other=first[1])
    threshold = first[0].member_threshold if first else 2
    if len(shares) < threshold:
        raise SheetsMissing(given=len(shares), needed=threshold)
    some = [mnemonic for _, mnemonic in list(shares.values())[:threshold]]
    try:
        return bytes(combine_mnemonics(some))
    except MnemonicError:  # each holds, but not the digest of what they give together
        assert first is not None
        raise SharesMixed(path=given[-1][0], other=first[1]) from None


def _read(path: object, words: Sequence[str]) -> Share:
    def refuse(reason: str) -> SheetUnreadable:
        return SheetUnreadable(path=path, reason=reason)

    for place, word in enumerate(words, start=1):
        if word not in WORD_INDEX_MAP:
            raise refuse(f"word {place}, {word[:20]!r}, is none of the list of SLIP-0039")
    if len(words) != WORDS:
        raise refuse(f"it has {len(words)} words of {WORDS}")
    share = None
    with suppress(MnemonicError):
        share = Share.from_mnemonic(" ".join(words))
    if share is None:
        raise refuse("its words do not hold: one is wrong or in another's place")
    shape = (share.group_threshold, share.group_count, share.group_index, share.iteration_exponent)
    if shape != (1, 1, 0, 0) or share.member_threshold < 2 or len(share.value) != SECRET_BYTES:
        raise refuse("its words are of another kind of secret")
    return share
