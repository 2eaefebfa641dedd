"""Signed acts: what one account says, as a file that any other may send.

A signed act is a paper with one call of a contract's function that takes another's word.
Whoever relays it pays, and decides nothing: what is sent is what was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from medibloc_py import acts
from medibloc_py.chain import Call, Room
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ActNotRelayed,
    ActOfSender,
    ContractRefusal,
    DocumentInvalid,
    InvalidValue,
    MediBlocError,
    SignatureExpired,
    words,
)
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.prepared import KIND, SignedAct
from medibloc_py.model import GENERAL, ZERO_ADDRESS, Address, Receipt, Signed

MOST_BYTES = 1 << 16
"""Of a signed act: a key bundle and a contract wallet's signature fit many times."""
CHUNK = 100
"""Acts in one transaction, unless their gas asks for fewer."""
GAS_OF_CHUNK = 11_200_000
"""Most gas of one transaction's acts, by their own estimates; EIP-7825 allows a limit of 2^24."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A function that takes another's word: which act it is, and what it does in words."""

    act: acts.Act
    says: str


RELAYED: Mapping[str, Mapping[str, Relayed]] = {
    "Records": {
        "publishKeyFor": Relayed(acts.ENCRYPTION_KEY, "publish an encryption key"),
    },
    "Consents": {
        "setFor": Relayed(acts.CONSENT, "set a consent"),
        "revokeFor": Relayed(acts.REVOCATION, "revoke a consent"),
        "liftFor": Relayed(acts.LIFT, "lift a record's own consent"),
        "setDelegateFor": Relayed(acts.MANDATE, "name a delegate"),
    },
    "Grants": {
        "grantFor": Relayed(acts.GRANT, "grant access to a record"),
        "revokeFor": Relayed(acts.GRANT_REVOCATION, "revoke access to a record"),
        "nameCustodianFor": Relayed(acts.CUSTODIAN, "name a custodian"),
    },
    "Market": {
        "withdrawFor": Relayed(acts.WITHDRAWAL, "withdraw a contribution"),
        "claimTo": Relayed(acts.CLAIM, "pay a share out to another address"),
    },
}
"""All that is ever relayed, by contract and function."""


@dataclass(frozen=True, slots=True)
class ActRead:
    """A signed act that is of this deployment and calls what may be relayed.

    Attributes:
        path: where it was read from, for the report.
    """

    path: str
    act: SignedAct
    room: Room
    call: Call

    @property
    def relayed(self) -> Relayed:
        """What kind of act it is."""
        return RELAYED[self.act.contract][self.act.function]

    @property
    def terms(self) -> dict[str, str]:
        """All that it says, name by name, in words."""
        inputs = self.room.inputs_of(self.call.function)
        return dict(_told(inputs[:-1], self.call.arguments[:-1]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one act.

    Attributes:
        path: where it was read from.
        act: what was read; None if it is no act that may be relayed.
        receipt: of the transaction that did it; None if it was refused.
        error: why it was refused.
    """

    path: str
    act: ActRead | None = None
    receipt: Receipt | None = None
    error: MediBlocError | None = None


def read_act(exchange: Exchange, data: bytes, path: object) -> ActRead:
    """Reads a signed act and sees that it is of this deployment and may be relayed.

    Whether the contract takes it is for `send_acts` to ask.

    Raises:
        DocumentInvalid: no signed act, one of another deployment, or one that tells another
            thing than its call.
        ActNotRelayed: it calls a function that takes nobody's word.
    """

    def refuse(reason: str) -> DocumentInvalid:
        return DocumentInvalid(path=path, kind=KIND, reason=reason)

    if len(data) > MOST_BYTES:
        raise refuse("it is too large")
    act = papers.read(KIND, SignedAct, data, path)
    room = _rooms(exchange).get(act.contract)
    if room is None or (act.chain_id, act.address) != (exchange.chain_id, room.address):
        raise refuse("it is of another deployment")
    try:
        call = room.decode(act.calldata)
    except InvalidValue:
        raise refuse(f"its calldata calls no function of {act.contract}") from None
    if call.function not in RELAYED[act.contract]:
        raise ActNotRelayed(path=path, function=call.function, contract=act.contract)
    by = Signed(*cast(tuple[Address, int, bytes], call.arguments[-1]))
    if (act.function, act.signer, act.deadline) != (call.function, by.signer, by.deadline):
        raise refuse("it tells another thing than its calldata")
    if by.signer == ZERO_ADDRESS:
        raise refuse("nobody signed it")
    return ActRead(str(path), act, room, call)


def send_acts(
    exchange: Exchange,
    sender: Identity,
    files: Sequence[tuple[str, bytes]],
    progress: Progress = silent,
    chunk: int = CHUNK,
) -> list[Outcome]:
    """Sends signed acts of any signers; the sender pays.

    Each is read, then asked of its contract alone, as if anybody sent it. What is refused is
    left out; the others go together, contract by contract, and one that is refused
    meanwhile does not stop the others.

    Args:
        exchange: the deployment they must be of.
        sender: who pays.
        files: path and content of each.
        progress: told of the acts that are done with.
        chunk: most acts in one transaction.

    Returns:
        What became of each, in the order given. Of a transaction that failed as a whole, for
        want of funds or of a node, each act has the error; the others are tried.

    Raises:
        InvalidValue: there is none, or the chunk is empty.
        TransportError: the node failed before anything was sent.
    """
    if not files or chunk < 1:
        raise InvalidValue(
            name="acts", given=f"{len(files)} in chunks of {chunk}", allowed="1 or more"
        )
    outcomes = [_read(exchange, path, data) for path, data in files]
    costs = [_gas(exchange, sender, each) for each in outcomes]
    refused = [cost for cost in costs if isinstance(cost, MediBlocError)]
    done = len(refused)
    progress("relay", done, len(files))
    for place, cost in enumerate(costs):
        if isinstance(cost, MediBlocError):
            known = _sent_before(outcomes[place])
            outcomes[place] = known or replace(outcomes[place], error=cost)
    for room, places in _chunks(outcomes, costs, chunk):
        for place, outcome in zip(
            places, _sent(sender, room, [outcomes[place] for place in places]), strict=True
        ):
            outcomes[place] = outcome
        done += len(places)
        progress("relay", done, len(files))
    return outcomes


def _rooms(exchange: Exchange) -> dict[str, Room]:
    rooms: list[Room] = [exchange.accounts, exchange.consent, exchange.access, exchange.market]
    return {room.CONTRACT: room for room in rooms}


def _read(exchange: Exchange, path: str, data: bytes) -> Outcome:
    try:
        return Outcome(path, read_act(exchange, data, path))
    except (DocumentInvalid, ActNotRelayed) as error:
        return Outcome(path, error=error)


def _act(outcome: Outcome) -> ActRead:
    assert outcome.act is not None  # what is sent was read
    return outcome.act


def _gas(exchange: Exchange, sender: Identity, outcome: Outcome) -> int | MediBlocError:
    """Asks what an act will cost, or why it is not sent."""
    if outcome.error is not None:
        return outcome.error
    read = _act(outcome)
    if read.act.signer == sender.address:
        return ActOfSender(path=outcome.path, signer=sender.address)
    if (refused := refusal_of(exchange, read)) is not None:
        return refused
    try:
        return read.room.gas_of(ZERO_ADDRESS, read.call)
    except ContractRefusal as error:
        return error


def refusal_of(exchange: Exchange, read: ActRead) -> ContractRefusal | None:
    """Asks the contract of a signed act whether it would take it now.

    Returns:
        Why it would not; None if it would.
    """
    if read.act.deadline < exchange.network.now():
        return SignatureExpired(signer=read.act.signer, deadline=read.act.deadline)
    try:
        # As nobody: a contract asks who sends for no signature.
        read.room.simulate(ZERO_ADDRESS, read.call)
    except ContractRefusal as error:
        return error
    return None


def _sent(sender: Identity, room: Room, given: Sequence[Outcome]) -> list[Outcome]:
    """Sends acts of one contract in one transaction."""
    try:
        made = room.multicall(sender.signer, [_act(each).call for each in given], atomic=False)
    except MediBlocError as error:
        return [Outcome(each.path, each.act, error=error) for each in given]
    return [
        Outcome(each.path, each.act, error=made.refused[number])
        if number in made.refused
        else Outcome(each.path, each.act, made.receipt)
        for number, each in enumerate(given)
    ]


def _sent_before(outcome: Outcome) -> Outcome | None:
    """What became of an act that a run of this command sent before it was killed."""
    if outcome.act is None:
        return None
    room, act = outcome.act.room, outcome.act.act
    if (sent := room.sent_by_killed_run(act.calldata)) is None:
        return None
    (calls, _) = room.decode(sent.calldata).arguments
    made = room.told(sent.receipt)
    number = cast(Sequence[bytes], calls).index(act.calldata)
    if number in made.refused:
        return replace(outcome, error=made.refused[number])
    return replace(outcome, receipt=sent.receipt)


def _chunks(
    outcomes: Sequence[Outcome], costs: Sequence[int | MediBlocError], most: int
) -> list[tuple[Room, list[int]]]:
    """Places of the acts that go together: one contract, not too many, not too dear."""
    found: list[tuple[Room, list[int]]] = []
    for name in RELAYED:
        spent = GAS_OF_CHUNK  # the first act of a contract begins a chunk
        for place, (outcome, cost) in enumerate(zip(outcomes, costs, strict=True)):
            if isinstance(cost, MediBlocError) or _act(outcome).act.contract != name:
                continue
            if spent + cost > GAS_OF_CHUNK or len(found[-1][1]) == most:
                found.append((_act(outcome).room, []))
                spent = 0
            found[-1][1].append(place)
            spent += cost
    return found


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "terms": words.terms,
    "purpose": words.request,
    "scope": words.scope,
    "expiresAt": words.time,
    "until": words.time,
    "closesAt": words.time,
    "record": lambda record: "all records" if record == GENERAL else "0x" + record.hex(),
    "bundle": lambda bundle: f"fingerprint 0x{ids.keccak256(bundle).hex()}",
}


def _told(
    inputs: Sequence[Mapping[str, Any]], values: Sequence[Any], prefix: str = ""
) -> list[tuple[str, str]]:
    """Names and words of a call's arguments; a struct's fields one by one."""
    found: list[tuple[str, str]] = []
    for item, value in zip(inputs, values, strict=True):
        name = prefix + item["name"]
        if item["type"] == "tuple":
            found += _told(item["components"], value, name + ".")
        elif item["name"] in _WORDS:
            found.append((name, _WORDS[item["name"]](value)))
        elif isinstance(value, tuple):
            found.append((name, f"{len(value)} of them"))
        else:
            found.append((name, "0x" + value.hex() if isinstance(value, bytes) else str(value)))
    return found
