"""What a steward tells the public of a listing: a signed paper, and the search over many.

Nothing of it stands on a chain. Of whom a dataset is, it tells how many people at least are in
it, by modality; a group of fewer than five is not named at all, nor counted with others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from medibloc_py import purpose
from medibloc_py.acts import Act
from medibloc_py.chain import Signer, TypedData, is_signed_by, typed_act
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import DocumentInvalid, InvalidValue
from medibloc_py.flows import papers
from medibloc_py.flows.held import held_record
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.model import Address, ListingId

KIND: Final = "dataset-description"
LEAST_CELL: Final = 5
"""No group of fewer people is ever told of."""
_MOST_NAME_CHARS: Final = 200
_MOST_ABOUT_CHARS: Final = 4_000
LAST_DAY: Final = 253_402_300_799
"""Last second of the year 9999."""
_MODALITY: Final = re.compile(r"[A-Z0-9_]{1,16}")
_ACT: Final = Act(
    "MediBloc Catalogue",
    "Description(address steward,bytes32 listing,uint256 at,bytes32 contents)",
)


@dataclass(frozen=True, slots=True)
class Group:
    """The people of whom there are images of one modality.

    Attributes:
        modality: as DICOM names it.
        patients: how many at least: rounded down to a multiple of the description's cell.
        images: how many at least, to one digit: 3,000 for 3,712.
    """

    modality: str
    patients: int
    images: int


@dataclass(frozen=True, slots=True)
class Description:
    """What is told of a listing.

    Attributes:
        chain_id, contract: of Market, where the listing stands.
        listing: its id.
        steward: who lists it, and signs this.
        name, about: in the steward's words.
        terms: what it may be used for, a word of `medibloc_py.purpose`.
        token, price: what it costs, in units of the token.
        closes_at: last second an order may be opened; unix seconds.
        cell: fewest people of a group that is told of, 5 or more.
        groups: by modality; a person may stand in several, and who is in none is not counted.
        at: when it was signed, by the chain's clock; unix seconds.
    """

    chain_id: int
    contract: Address
    listing: Bytes32
    steward: Address
    name: str
    about: str
    terms: int
    token: Address
    price: int
    closes_at: int
    cell: int
    groups: tuple[Group, ...]
    at: int

    def patients_of(self, modality: str) -> int:
        """How many people at least there are images of, of one modality; 0 if nothing is told."""
        return next((each.patients for each in self.groups if each.modality == modality), 0)


@dataclass(frozen=True, slots=True)
class SignedDescription:
    """A description with its steward's signature: `r || s || v`, 65 bytes."""

    description: Description
    signature: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A dataset that was found.

    Attributes:
        description: of it.
        answer: what its terms say to the purpose; a referral is for people to decide. None if
            no purpose was asked for.
    """

    description: Description
    answer: purpose.Answer | None


def describe(
    exchange: Exchange,
    steward: Identity,
    listing_id: ListingId,
    *,
    name: str,
    about: str,
    cell: int = LEAST_CELL,
    progress: Progress = silent,
) -> SignedDescription:
    """Describes a listing for the public, and signs it.

    The manifests of its records are read for it. Two descriptions of almost the same people
    (a dataset before and after one left) can tell of that one: raise `cell` for such.

    Args:
        exchange: the deployment.
        steward: who listed it, from this machine.
        listing_id: the listing.
        name: what to call it; public, so no person may stand in it.
        about: what it is; public, too.
        cell: fewest people of a group that is told of.
        progress: told of records read.

    Raises:
        InvalidValue: `cell` is below 5, or a text is empty or too long.
        ListingUnknown: this steward listed no such dataset from here.
        RecordNotHeld, BlobMissing: a record of it is not there any more.
    """
    _require_texts(name, about, cell)
    kept = kept_listing(steward, listing_id)
    seen: dict[str, dict[Address, int]] = defaultdict(lambda: defaultdict(int))
    for done, signed in enumerate(kept.contributions, 1):
        opened = open_held(exchange, steward, held_record(steward, signed.terms.record))
        for entry in opened.manifest.files:
            modality = str(entry.meta.get("modality", ""))
            if entry.meta.get("has_pixels") and _MODALITY.fullmatch(modality):
                seen[modality][signed.terms.patient] += max(int(entry.meta.get("frames", 1)), 1)
        progress("read manifests", done, len(kept.contributions))
    listing = kept.listing
    said = Description(
        chain_id=exchange.chain_id,
        contract=exchange.market.address,
        listing=Bytes32(listing_id),
        steward=steward.address,
        name=name,
        about=about,
        terms=listing.terms,
        token=listing.token,
        price=listing.price,
        closes_at=exchange.market.listing_state(listing_id).closes_at,
        cell=cell,
        groups=groups_of(seen, cell),
        at=exchange.network.now(),
    )
    return sign_description(steward.signer, said)


def groups_of(images: Mapping[str, Mapping[Address, int]], cell: int) -> tuple[Group, ...]:
    """The groups that may be told of.

    Args:
        images: how many of each person, by modality.
        cell: fewest people of a group.
    """
    return tuple(
        Group(modality, len(people) // cell * cell, _first_digit(sum(people.values())))
        for modality, people in sorted(images.items())
        if len(people) >= cell
    )


def sign_description(signer: Signer, said: Description) -> SignedDescription:
    """Signs what is told (EIP-712)."""
    _, signature = signer.sign_typed(*_typed(said))
    return SignedDescription(said, signature)


def write_description(signed: SignedDescription) -> bytes:
    """Writes a description as the paper that `check_description` reads."""
    return papers.write(KIND, signed)


def check_description(data: bytes, path: object) -> Description:
    """Reads a description and proves that its steward signed it; needs no chain.

    That this steward has such a listing only the chain proves: `require_listed`.

    Raises:
        DocumentInvalid: it is none, was changed since, or tells of a group that is too small.
    """
    signed = papers.read(KIND, SignedDescription, data, path)
    said = signed.description
    reason = ""
    if not is_signed_by(said.steward, _typed(said), signed.signature):
        reason = "its steward did not sign it, or it was changed since"
    elif not _is_coarse(said):
        reason = "it tells of groups in a way that none may be told of"
    elif not purpose.valid_terms(said.terms):
        reason = "its terms are none"
    if reason:
        raise DocumentInvalid(path=path, kind=KIND, reason=reason)
    return said


def require_listed(exchange: Exchange, said: Description, path: object) -> None:
    """Proves a description against the chain.

    Raises:
        ListingUnknown: there is no such listing.
        DocumentInvalid: the chain says another thing of it.
    """
    if (said.chain_id, said.contract) != (exchange.chain_id, exchange.market.address):
        raise DocumentInvalid(path=path, kind=KIND, reason="it is of another market")
    listing = exchange.market.listing(ListingId(said.listing))
    for name in ("steward", "terms", "token", "price"):
        if getattr(listing, name) != getattr(said, name):
            raise DocumentInvalid(path=path, kind=KIND, reason=f"its {name} is not the listing's")


def search(
    described: Iterable[Description],
    *,
    now: int,
    modality: str | None = None,
    least_patients: int = 0,
    request: int | None = None,
) -> list[Hit]:
    """Finds datasets that are open, the largest first; of a listing the newest its steward signed.

    Args:
        described: checked descriptions.
        now: unix seconds; what closed before is left out.
        modality: images of which are wanted.
        least_patients: how many people at least there must be, of that modality or of any one.
        request: the purpose word; what its terms deny is left out.
    """
    newest: dict[tuple[object, ...], Description] = {}
    for each in sorted(described, key=lambda said: said.at):
        # By steward, too: nobody else takes the place of what a steward says.
        newest[each.chain_id, each.contract, each.listing, each.steward] = each
    hits = []
    for each in newest.values():
        answer = None if request is None else purpose.matches(each.terms, request).answer
        enough = _largest(each, modality) >= max(least_patients, 1 if modality else 0)
        if each.closes_at >= now and enough and answer is not purpose.Answer.DENY:
            hits.append(Hit(each, answer))
    return sorted(hits, key=lambda hit: -_largest(hit.description, modality))


def _largest(said: Description, modality: str | None) -> int:
    if modality:
        return said.patients_of(modality.upper())
    return max((each.patients for each in said.groups), default=0)


def _require_texts(name: str, about: str, cell: int) -> None:
    for what, text, most in (("name", name, _MOST_NAME_CHARS), ("about", about, _MOST_ABOUT_CHARS)):
        if not 0 < len(text) <= most:
            allowed = f"1 to {most} characters"
            raise InvalidValue(name=what, given=f"{len(text)} characters", allowed=allowed)
    if cell < LEAST_CELL:
        raise InvalidValue(name="cell", given=cell, allowed=f"{LEAST_CELL} people or more")


def _is_coarse(said: Description) -> bool:
    modalities = [each.modality for each in said.groups]
    return (
        said.cell >= LEAST_CELL
        and said.at <= LAST_DAY
        and 0 < len(said.name) <= _MOST_NAME_CHARS
        and 0 < len(said.about) <= _MOST_ABOUT_CHARS
        and len(set(modalities)) == len(modalities)
        and all(map(_MODALITY.fullmatch, modalities))
        and all(_is_told_coarsely(each, said.cell) for each in said.groups)
    )


def _is_told_coarsely(group: Group, cell: int) -> bool:
    whole_cells = group.patients >= cell and group.patients % cell == 0
    return whole_cells and group.images == _first_digit(group.images)


def _first_digit(count: int) -> int:
    """A count rounded down to its first digit."""
    power: int = 10 ** (len(str(count)) - 1)
    return count // power * power


def _typed(said: Description) -> TypedData:
    values = {
        "steward": said.steward,
        "listing": said.listing,
        "at": said.at,
        "contents": keccak256(papers.write(KIND, said)),
    }
    return typed_act(_ACT, said.chain_id, said.contract, values)
