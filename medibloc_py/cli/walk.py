"""The walk: real DICOM, from a hospital to a researcher and to paid patients.

Four patients, two hospitals, one accredited researcher and one stranger, each with
keys of their own, on a local chain and an embedded store. Nothing is simulated but
the passing of time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from medibloc_py.cli.report import Refusal, Report, Step, WalkFailed
from medibloc_py.errors import MediBlocError

if TYPE_CHECKING:
    from medibloc_py.chain import LocalChain, Network, Signer
    from medibloc_py.client import Client
    from medibloc_py.flows.opened import OpenedRecord
    from medibloc_py.model import Address, Cid, Listing, ListingId, OrderId, Receipt, RecordId
    from medibloc_py.storage import Store

PRICE = 1_200_000_000
"""1,200 test dollars, which the fee and the weights divide without a rest."""
FEE_BPS = 500
WEIGHTS = {"alice": 3, "bob": 2, "carol": 2, "dave": 1}
CONSENTS = {
    "alice": ("GRU+COMMERCIAL", 365),
    "bob": ("HMB+NCU", 730),
    "carol": ("GRU+IRB+AI", 1095),
    "dave": ("NRES", 1825),
}
TERMS = "HMB+NCU+IRB"
PURPOSE = "HMB+NONCOMMERCIAL+HAS_IRB"
STUDIES = {
    "alice": "CT_small.dcm",
    "bob": "MR_small.dcm",
    "carol": "examples_ybr_color.dcm",
    "dave": "dicomdirtests/98892001/CT5N",
}
PEOPLE = (*STUDIES, "hospital-a", "hospital-b", "researcher", "stranger", "governance")
FORM = "en: My imaging data may be used for the purposes named here, until the date named."
DAY = 86_400
SOON_S = 10
"""How far off is what ends while the walk goes on, where the clock cannot be moved."""


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


class Walk:
    """Runs the walk on a fresh chain.

    Where the clock cannot be moved, nobody waits until an unsettled order may be refunded: the
    market takes no deadline that is near.
    """

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
        self._records: dict[str, RecordId] = {}
        self._to_treat: RecordId
        self._sources: dict[str, Path] = {}
        self._last_quote = b""

    def run(self) -> Report:
        """Runs every step; the report is complete when it returns.

        Raises:
            WalkFailed: the exchange did not behave.
        """
        self._set_up()
        self._publish()
        self._consent()
        self._treat()
        self._sell()
        if not self.report.arrays_equal:
            raise WalkFailed(reason=f"{self.report.arrays_different} pixel arrays differ")
        return self.report

    # The stage.

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

    # Hospital A publishes, and hands each patient their record file.

    def _publish(self) -> None:
        from medibloc_py.flows.held import id_of
        from medibloc_py.flows.publish import StudyToPublish

        hospital = self._clients["hospital-a"]
        self._sources = {name: _sample(file) for name, file in STUDIES.items()}
        studies = [
            StudyToPublish(path, self._address(name), f"study of {name}")
            for name, path in self._sources.items()
        ]
        what = f"de-identify, seal, register {len(studies)} studies"
        with self._step("hospital-a", what) as step:
            done = hospital.publish(studies)
            if done.receipt is not None:  # as it is in an empty home
                self._took(step, done.receipt, "register")
        self.report.records = len(done.records)
        for name, held in zip(STUDIES, done.records, strict=True):
            self._records[name] = self._hand_over(id_of(held), name)
        as_it_is = StudyToPublish(self._sources["alice"], self._address("alice"), treatment=True)
        with self._step("hospital-a", "seal alice's study as it is, for treatment only") as step:
            done = hospital.publish([as_it_is])
            if done.receipt is not None:
                self._took(step, done.receipt)
        self._to_treat = self._hand_over(id_of(done.records[0]), "alice")

    def _hand_over(self, record: RecordId, name: str) -> RecordId:
        with self._step(name, "take over the record file"):
            paper = self._clients["hospital-a"].hand_over(record)
            return self._clients[name].import_record(paper, f"{name}'s file")

    def _consent(self) -> None:
        for name, (terms, days) in CONSENTS.items():
            with self._step(name, f"consent to {terms} for {days} days") as step:
                receipt = self._clients[name].set_consent(terms, self._in_days(days), FORM)
                self._took(step, receipt, "consent")

    # A patient grants hospital B access; it ends by revocation and by time.

    def _treat(self) -> None:
        alice, other = self._clients["alice"], self._clients["hospital-b"]
        record, reader = self._to_treat, self._address("hospital-b")
        self._grant(7 * DAY)
        with self._step("hospital-b", "find the grant on chain, open, compare"):
            self._compare(other.open_granted(record), "alice")
        self._refuse(
            "a patient sells a study for treatment only",
            lambda: self._sign(record, "alice"),
        )
        self._refuse(
            "a stranger opens a record granted to another",
            lambda: self._clients["stranger"].open_granted(record),
        )
        self._act("alice", "revoke the grant", lambda: alice.revoke_grant(record, reader))
        self._refuse("hospital B opens after revocation", lambda: other.open_granted(record))
        soon = DAY if self._node.chain else SOON_S
        self._grant(soon)
        self._pass(2 * soon)
        self._refuse("hospital B opens after expiry", lambda: other.open_granted(record))
        self._refuse(
            "a patient grants what the own consent forbids",
            lambda: self._clients["bob"].grant(
                self._records["bob"], reader, "HMB+COMMERCIAL", self._in_days(1)
            ),
        )

    def _grant(self, seconds: int) -> None:
        record, reader = self._to_treat, self._address("hospital-b")
        span = f"{seconds // DAY} days" if seconds >= DAY else f"{seconds} s"
        until = self._node.network.now() + seconds
        with self._step("alice", f"grant hospital-b treatment access for {span}") as step:
            made = self._clients["alice"].grant(record, reader, "TREATMENT", until)
            self._took(step, made.receipt, "grant")

    # Hospital A sells a dataset for the patients.

    def _sell(self) -> None:
        from medibloc_py.flows import papers

        steward, buyer = self._clients["hospital-a"], self._clients["researcher"]
        market = steward.exchange.market
        signed = [self._contribute(name) for name in STUDIES]
        with self._step("hospital-a", f"list {len(signed)} records for sale") as step:
            listed = steward.list_dataset(
                signed, price=PRICE, fee_bps=FEE_BPS, closes_at=self._in_days(60)
            )
            if listed.receipt is not None:  # as it is in an empty home
                self._took(step, listed.receipt, "list")
        claims = {
            name: papers.write("claim", claim)
            for name, claim in zip(STUDIES, listed.claims, strict=True)
        }
        self._refuse_bad_buyers(listed.listing)

        quote = self._quote(listed.listing_id)
        with self._step("researcher", "check the quote: records, signatures, keys, blobs"):
            checked = buyer.check_quote(quote, "quote", PURPOSE)
        with self._step("researcher", "lock the price") as step:
            bought = buyer.purchase(checked)
            self._took(step, bought.receipt, "purchase")
        self._refuse(
            "the steward settles with a wrong secret",
            lambda: market.settle(steward.me.signer, bought.order, 12345),
        )
        self._refuse("the buyer takes a refund early", lambda: buyer.refund(bought.order_id))
        self._refuse(
            "the buyer opens before the sale is settled",
            lambda: buyer.open_dataset(bought.order_id),
        )
        with self._step("hospital-a", "settle: show the secret, take the price") as step:
            self._took(step, steward.settle(bought.order_id), "settle")
        with self._step("researcher", "open every record, check its receipt, compare"):
            for name, opened in zip(STUDIES, buyer.open_dataset(bought.order_id), strict=True):
                self._compare(opened, name, self._without_identity)
        self._refuse_bad_openings(bought.order_id)

        if self._node.chain:
            self._leave_unsettled(listed.listing_id)
        late = buyer.check_quote(self._quote(listed.listing_id), "quote", PURPOSE)
        self._act(
            "dave", "withdraw", lambda: self._clients["dave"].withdraw(claims["dave"], "claim")
        )
        self._refuse("an order after a withdrawal", lambda: buyer.purchase(late))
        self._pay_out(claims, listed.listing)

    def _contribute(self, name: str) -> Any:
        with self._step(name, "sign the contribution"):
            return self._sign(self._records[name], name)

    def _sign(self, record: RecordId, name: str) -> Any:
        return self._clients[name].contribute(
            record,
            steward=self._address("hospital-a"),
            token=self._token().address,
            terms=TERMS,
            min_price=PRICE // 2,
            max_fee_bps=FEE_BPS,
            max_total_weight=sum(WEIGHTS.values()),
            expires_at=self._in_days(90),
            weight=WEIGHTS[name],
        )

    def _refuse_bad_buyers(self, listing: Listing) -> None:
        from medibloc_py.client import read_request

        lock = self._address("stranger")  # any address locks as well as another
        deadline = self._in_days(1)
        for act, name, purpose in (
            ("a stranger buys", "stranger", PURPOSE),
            ("a purchase for a purpose consent forbids", "researcher", "HMB+COMMERCIAL+HAS_IRB"),
            (
                "a purchase claiming evidence nobody vouched for",
                "researcher",
                f"{PURPOSE}+NONPROFIT",
            ),
        ):
            client = self._clients[name]
            buy = partial(client.exchange.market.purchase, client.me.signer, listing)
            self._refuse(act, partial(buy, read_request(purpose), lock, deadline))

    def _quote(self, listing_id: ListingId) -> bytes:
        steward = self._clients["hospital-a"]
        with self._step("hospital-a", "quote to the researcher"):
            self._last_quote = steward.quote(
                listing_id, self._address("researcher"), PURPOSE, self._in_days(1)
            )
        return self._last_quote

    def _refuse_bad_openings(self, order_id: OrderId) -> None:
        """A key of another record, and a store that flips one bit."""
        from medibloc_py.client import Client
        from medibloc_py.flows.held import held_record
        from medibloc_py.flows.opened import OpenedRecord
        from medibloc_py.flows.parties import Exchange

        buyer, record = self._clients["researcher"], self._records["alice"]
        held = held_record(self._clients["alice"].me, record)
        wrong = OpenedRecord(
            buyer.exchange.store, record, held.cid, held.size_bytes, bytes(31) + b"1", held.salt
        )
        self._refuse("opening with the wrong key", lambda: wrong.read(0))
        self._refuse(
            "another opens a quote that was sealed to the researcher",
            lambda: self._clients["stranger"].check_quote(self._last_quote, "quote", PURPOSE),
        )
        network, deployment = buyer.exchange.network, buyer.exchange.deployment
        hostile = Exchange(network, deployment, FlippingStore(buyer.exchange.store))
        opened = Client(hostile, buyer.settings, buyer.me).open_dataset(order_id).record(0)
        self._refuse("opening a ciphertext with one flipped bit", lambda: opened.read(0))

    def _leave_unsettled(self, listing_id: ListingId) -> None:
        """A second order that the steward leaves alone: all of it comes back."""
        buyer = self._clients["researcher"]
        before = self._balances()["researcher"]
        bought = buyer.purchase(buyer.check_quote(self._quote(listing_id), "quote", PURPOSE))
        self._pass(DAY + 1)
        self._refuse(
            "the steward settles after the deadline",
            lambda: self._clients["hospital-a"].settle(bought.order_id),
        )
        receipt = self._act("researcher", "refund in full", lambda: buyer.refund(bought.order_id))
        self.report.gas["refund"] = receipt.gas_used
        if self._balances()["researcher"] != before:
            raise WalkFailed(reason="the refund was not in full")

    def _pay_out(self, claims: dict[str, bytes], listing: Listing) -> None:
        for name, paper in claims.items():
            with self._step(name, "claim a share") as step:
                self._took(step, self._clients[name].claim(paper, "claim"), "claim")
        steward = self._clients["hospital-a"]
        self._act("hospital-a", "claim the steward's fee", lambda: steward.claim_fee(listing))
        self._refuse(
            "a patient claims twice", lambda: self._clients["alice"].claim(claims["alice"], "claim")
        )
        self.report.after = self._balances()
        self.report.escrow = self._token().balance(steward.exchange.market.address)
        self._check_sums()

    def _check_sums(self) -> None:
        fee = PRICE * FEE_BPS // 10_000
        shared, whole = PRICE - fee, sum(WEIGHTS.values())
        due = {name: shared * weight // whole for name, weight in WEIGHTS.items()}
        due |= {"hospital-a": fee, "researcher": -PRICE}
        if self.report.payouts != due or self.report.escrow != 0:
            raise WalkFailed(
                reason=f"paid {self.report.payouts}, due {due}, escrow {self.report.escrow}"
            )

    # Tools of the walk.

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


class FlippingStore:
    """A store as a hostile one would answer: one bit of every blob is flipped."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes asked for, with the lowest bit of byte 2,000 of the blob flipped."""
        for buffer in self._store.get(cid, offset, length):
            changed = bytearray(buffer)
            if offset <= 2000 < offset + len(buffer):
                changed[2000 - offset] ^= 1
            offset += len(buffer)
            yield bytes(changed)


def _evidence() -> int:
    from medibloc_py import purpose

    return purpose.HAS_IRB


def _sample(name: str) -> Path:
    """A DICOM file or folder that ships with pydicom."""
    from medibloc_py.imaging.samples import sample

    return sample(name)
