"""A dataset of scans of several people, listed and bought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from medibloc_py.client import Client
from medibloc_py.flows import keyring
from medibloc_py.flows.held import id_of
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.model import OrderId
from tests.flow.world import PASSWORD, PURPOSE, World
from tests.unit.datasets.records import ct_slice

CROWD = 5
"""People with a CT: the fewest that are told of."""
SLICES = 3


@dataclass(frozen=True)
class Scans:
    """A dataset with a CT of several slices of each of five people, and an MR of one more."""

    world: World
    listed: DatasetListed
    order: OrderId


def bought(world: World, folder: Path) -> Scans:
    """Publishes, contributes, lists, quotes, purchases and settles."""
    hospital, buyer = world["hospital"], world["researcher"]
    world = _with_people(world, folder)
    names = [name for name in world.records if name != "alice"]
    listed = world.list_dataset(*(world.contribute(name) for name in names))
    checked = buyer.check_quote(world.quote(listed), "quote", PURPOSE)
    order = buyer.purchase(checked).order_id
    hospital.settle(order)
    return Scans(world, listed, order)


def _with_people(world: World, folder: Path) -> World:
    clients, records = dict(world.clients), dict(world.records)
    studies = []
    for number in range(CROWD):
        name = f"patient-{number}"
        identity = keyring.new_account(world.home, name, PASSWORD, work=2)
        world.exchange.network.transfer(world.node.accounts[0], identity.address, 10**18)
        clients[name] = Client(world.exchange, world["hospital"].settings, identity)
        clients[name].publish_key()
        clients[name].set_consent("GRU", world.in_days(365), "en: the consent form")
        study = folder / name
        study.mkdir(parents=True)
        for place in range(SLICES):
            data = ct_slice(place, series=f"1.2.{number + 1}", SliceThickness=2.5)
            (study / f"{SLICES - place}.dcm").write_bytes(data)
        studies.append(StudyToPublish(study, identity.address, name))
    published = world["hospital"].publish(studies)
    for study, held in zip(studies, published.records, strict=True):
        paper = world["hospital"].hand_over(id_of(held))
        records[study.label] = clients[study.label].import_record(paper, "record file")
    return replace(world, clients=clients, records=records)
