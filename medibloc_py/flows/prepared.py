"""An act that is ready: sent by who decides, or signed into a file for anyone to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from medibloc_py.chain import Call, Room
from medibloc_py.errors import ContractRefusal, ExpiryInPast
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import ZERO_ADDRESS, Address, Receipt, Signed

KIND = "signed-act"


@dataclass(frozen=True, slots=True)
class SignedAct:
    """One act as its file holds it.

    Attributes:
        chain_id: the chain it was signed for.
        contract: name of the contract that takes it.
        address: where that contract is.
        function: its function, which takes another's word.
        calldata: the whole call, signature and all.
        signer: whose word it is.
        deadline: last second in which it may be sent.
    """

    chain_id: int
    contract: str
    address: Address
    function: str
    calldata: bytes
    signer: Address
    deadline: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """An act that is ready: to be sent by its actor, or signed for anyone to send.

    Attributes:
        room: the contract that takes it.
        actor: whose word it is: the one concerned, or a delegate.
        own: the call that the one concerned sends; None for a delegate.
        word: signs the act for a deadline.
        twin: the call of the function that takes the word.
        after: done once the act is sent or signed.
        moot: refusals that mean it was done before; `after` is still done.
    """

    exchange: Exchange
    room: Room
    actor: Identity
    own: Call | None
    word: Callable[[int], Signed]
    twin: Callable[[Signed], Call]
    after: Callable[[], None] = field(default=lambda: None)
    moot: tuple[type[ContractRefusal], ...] = ()

    @property
    def call(self) -> Call:
        """What the actor sends; a contract asks who sends for no signature."""
        return self.own or self.twin(Signed(self.actor.address, 0, b""))

    def check(self) -> None:
        """Raises what the contract would refuse the act with; nothing is sent or signed."""
        self.room.simulate(self.actor.address, self.call)

    def send(self) -> Receipt:
        """Sends the act; the actor pays.

        Raises:
            ContractRefusal: the contract refused.
            MediBlocError: as `Network.send`.
        """
        try:
            receipt = self.room.send(self.actor.signer, self.call)
        except self.moot:
            self.after()
            raise
        self.after()
        return receipt

    def sign(self, deadline: int) -> SignedAct:
        """Signs the act for anyone to send up to `deadline`; nothing is sent.

        Raises:
            ExpiryInPast: the deadline has passed.
            ContractRefusal: the contract would refuse the act as it stands now.
        """
        if deadline <= (now := self.exchange.network.now()):
            raise ExpiryInPast(until=deadline, timestamp=now)
        call = self.twin(self.word(deadline))
        self.room.simulate(ZERO_ADDRESS, call)
        self.after()
        return SignedAct(
            chain_id=self.exchange.chain_id,
            contract=self.room.CONTRACT,
            address=self.room.address,
            function=call.function,
            calldata=self.room.encode(call),
            signer=self.actor.address,
            deadline=deadline,
        )


def write_act(act: SignedAct) -> bytes:
    """Writes a signed act as the paper that `read_act` reads."""
    return papers.write(KIND, act)
