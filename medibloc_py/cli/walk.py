"""The walk: real DICOM, from a hospital to a researcher and to paid patients.

Four patients, two hospitals, one accredited researcher and one stranger, each with
keys of their own, on a local chain and an embedded store. Nothing is simulated but
the passing of time.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medibloc_py.cli.flipping import FlippingStore
from medibloc_py.cli.report import Report, WalkFailed
from medibloc_py.cli.stage import DAY, PRICE, STUDIES, Stage

if TYPE_CHECKING:
    from medibloc_py.model import Listing, ListingId, OrderId, RecordId

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
FORM = "en: My imaging data may be used for the purposes named here, until the date named."
SOON_S = 10
"""How far off is what ends while the walk goes on, where the clock cannot be moved."""


class Walk(Stage):
    """Runs the walk on a fresh chain.

    Where the clock cannot be moved, nobody waits until an unsettled order may be refunded: the
    market takes no deadline that is near.
    """

    _records: dict[str, RecordId]
    _to_treat: RecordId
    _last_quote: bytes

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
        self.report.records, self._records = len(done.records), {}
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
        self._pass(soon + 1)
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


def _sample(name: str) -> Path:
    """A DICOM file or folder that ships with pydicom."""
    from medibloc_py.imaging.samples import sample

    return sample(name)
