"""The stage of the walk: its people on a fresh chain, and how each act is told and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from medibloc_py.cli.report import Refusal, Report, Step, WalkFailed
from medibloc_py.errors import MediBlocError

if TYPE_CHECKING:
    from medibloc_py.chain import LocalChain, Network, Signer
    from medibloc_py.client import Client
    from medibloc_py.flows.opened import OpenedRecord
    from medibloc_py.model import Address, Receipt
    from medibloc_py.storage import Store

PRICE = 1_200_000_000
"""1,200 test dollars, which the fee and the weights divide without a rest."""
STUDIES = {
    "alice": "CT_small.dcm",
    "bob": "MR_small.dcm",
    "carol": "examples_ybr_color.dcm",
    "dave": "dicomdirtests/98892001/CT5N",
}
PEOPLE = (*STUDIES, "hospital-a", "hospital-b", "researcher", "stranger", "governance")
DAY = 86_400


class Ground(Protocol):
    """A fresh chain to walk on."""

    @property
    def network(self) -> Network:
        """A connection to it."""

    @property
    def accounts(self) -> Sequence[Signer]:
        """Those that hold coins; the first pays for all."""

    @property
    def chain(self) -> LocalChain | None:
        """Its clock; None where time cannot be moved, but only waited for."""


class Stage:
    """People with accounts, keys, roles and coins; what the walk needs to act and to tell of it."""

    def __init__(
        self,
        node: Ground,
        home: Path,
        tell: Callable[[str], None],
        store: Store | None = None,
    ) -> None:
        """Sets the stage.

        Args:
            node: the chain.
            home: folder for what people keep.
            tell: told of every step.
            store: for all of them; an embedded one in `home` if not given.
        """
        self._node = node
        self._store = store
        self._home = home
        self._tell = tell
        self.report = Report()
        self._clients: dict[str, Client] = {}
        self._sources: dict[str, Path] = {}

    def _set_up(self) -> None:
        from medibloc_py import config
        from medibloc_py.chain import Signer
        from medibloc_py.client import Client
        from medibloc_py.flows.deploy import deploy
        from medibloc_py.flows.keyring import ephemeral
        from medibloc_py.flows.parties import Exchange
        from medibloc_py.storage import LocalStore

        network = self._node.network
        people = {name: Signer.generate() for name in PEOPLE}
        for name, signer in people.items():
            self._tell(f"fund {name}")
            network.transfer(self._node.accounts[0], signer.address, 10**19)
        with self._step("governance", "deploy the contracts") as step:
            deployed = deploy(network, people["governance"], test_token=True)
            step.gas = sum(receipt.gas_used for receipt in deployed.receipts.values())
        store = self._store or LocalStore(self._home / "store")
        exchange = Exchange(network, deployed.deployment, store)
        settings = config.load(home=str(self._home))
        base = Client(exchange, settings)
        self._clients = {
            name: base.acting_for(ephemeral(self._home, signer)) for name, signer in people.items()
        }
        for name in (*STUDIES, "hospital-b", "researcher", "stranger"):
            self._act(name, "publish encryption key", self._clients[name].publish_key)
        self._accredit("hospital-a", "ISSUER")
        self._accredit("researcher", "RESEARCHER")
        governance = self._clients["governance"]
        self._act(
            "governance",
            "attest the researcher's ethics approval",
            lambda: exchange.accounts.attest(
                governance.me.signer, self._address("researcher"), _evidence()
            ),
        )
        self._token().mint(governance.me.signer, self._address("researcher"), 3 * PRICE)
        self._token().mint(governance.me.signer, self._address("stranger"), 3 * PRICE)
        self.report.before = self._balances()

    def _accredit(self, name: str, role: str) -> None:
        from medibloc_py.model import Role

        governance = self._clients["governance"]
        self._act(
            "governance",
            f"accredit {name} as {role.lower()}",
            lambda: governance.exchange.accounts.accredit(
                governance.me.signer, self._address(name), Role[role], self._in_days(3650)
            ),
        )

    # Tools.

    def _address(self, name: str) -> Address:
        return self._clients[name].me.address

    def _in_days(self, days: int) -> int:
        return self._node.network.now() + days * DAY

    def _pass(self, seconds: int) -> None:
        network, clock = self._node.network, self._node.chain
        if clock is not None:
            clock.increase_time(seconds)
            return
        until = network.now() + seconds
        while network.now() < until:
            time.sleep(0.2)

    def _token(self) -> Any:
        from medibloc_py.flows.deploy import TEST_TOKEN
        from medibloc_py.services import TokenService

        exchange = self._clients["governance"].exchange
        return TokenService(exchange.network, exchange.deployment.contracts[TEST_TOKEN])

    def _balances(self) -> dict[str, int]:
        token = self._token()
        return {name: token.balance(self._address(name)) for name in PEOPLE}

    @contextmanager
    def _step(self, who: str, what: str) -> Iterator[Step]:
        self._tell(f"{who}: {what}")
        step = Step(who, what)
        start = time.perf_counter()
        yield step
        step.seconds = time.perf_counter() - start
        self.report.steps.append(step)

    def _act(self, who: str, what: str, act: Callable[[], Receipt]) -> Receipt:
        with self._step(who, what) as step:
            receipt = act()
            self._took(step, receipt)
        return receipt

    def _took(self, step: Step, receipt: Receipt, name: str | None = None) -> None:
        step.transaction, step.gas = receipt.transaction, receipt.gas_used
        if name:
            self.report.gas.setdefault(name, receipt.gas_used)  # the first of its kind

    def _refuse(self, act: str, attempt: Callable[[], object]) -> None:
        self._tell(f"refused: {act}")
        try:
            attempt()
        except MediBlocError as error:
            self.report.refused.append(Refusal(act, type(error).__name__, error.message))
        else:
            raise WalkFailed(reason=f"this was not refused: {act}")

    def _without_identity(self, original: bytes) -> bytes:
        """What the hospital makes of a file."""
        from medibloc_py.flows.deidentified import pseudonym_key
        from medibloc_py.imaging.deidentify import Pseudonyms
        from medibloc_py.imaging.release import release

        key = pseudonym_key(self._clients["hospital-a"].me)
        return release(original, Pseudonyms(key)).data

    def _compare(
        self, opened: OpenedRecord, name: str, made: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Pixel arrays must be those of the source, bit for bit, and files what was published.

        Args:
            opened: the record.
            name: whose it is.
            made: what the publisher made of a file; None where it was published as it was.
        """
        from medibloc_py import imaging

        source = imaging.read_study(self._sources[name])
        arrays = opened.arrays()
        if not arrays:
            raise WalkFailed(reason=f"the study of {name} has no pixels")
        if made and not opened.deidentification:
            raise WalkFailed(reason=f"no receipt says how the study of {name} lost its identity")
        for index, file in enumerate(source.files):
            original = file.path.read_bytes()
            if opened.read(index) != (made(original) if made else original):
                raise WalkFailed(reason=f"file {file.name} of {name} came back different")
            if file.name in arrays:
                expected, array = imaging.arrays(original, file.name), arrays[file.name]
                same = array.dtype == expected.dtype and array.shape == expected.shape
                self.report.arrays_compared += 1
                if not same or array.tobytes() != expected.tobytes():
                    self.report.arrays_different += 1


def _evidence() -> int:
    from medibloc_py import purpose

    return purpose.HAS_IRB
