"""One deployed set for all tests, and who takes part. Every test starts from the same chain.

`accounts` is the contract here, as in the rest of the house; the people are fixtures.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from brownie import accounts as people
from brownie import chain, project
from hypothesis import HealthCheck, Phase, settings

from medibloc_py.model import Role
from support.clock import YEAR, now
from support.desk import Desk

settings.register_profile(
    "contracts",
    # Ganache is slow, and there for its EVM: Anvil has the draws.
    max_examples=4 if "ganache" in sys.argv else 10,
    # Without Phase.target: its half of the steps would make no new example.
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    deadline=None,  # the chain's time is not the test's
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # `given` of brownie takes the chain back
        HealthCheck.too_slow,
        HealthCheck.data_too_large,  # brownie's Hypothesis counts its own short tries
    ],
)


def pytest_collection() -> None:
    """Runs once brownie has loaded its own profile and the project."""
    settings.load_profile("contracts")
    # Brownie collects garbage on each `chain.revert`; the compiled project is none.
    gc.freeze()


def _deploy(name: str, *arguments: Any) -> Any:
    return project.get_loaded_projects()[0][name].deploy(*arguments, {"from": people[0]})


@pytest.fixture(scope="session")
def governance() -> Any:
    return people[0]


@pytest.fixture(scope="session")
def accreditor() -> Any:
    return people[1]


@pytest.fixture(scope="session")
def hospital() -> Any:
    """An accredited issuer."""
    return people[2]


@pytest.fixture(scope="session")
def steward() -> Any:
    return people[3]


@pytest.fixture(scope="session")
def researcher() -> Any:
    """Accredited, holds tokens, and has approved the market to take them."""
    return people[4]


@pytest.fixture(scope="session")
def patient() -> Any:
    return people[5]


@pytest.fixture(scope="session")
def payee() -> Any:
    return people[6]


@pytest.fixture(scope="session")
def stranger() -> Any:
    return people[7]


@pytest.fixture(scope="session")
def clinician(accounts: Any, accreditor: Any) -> Any:
    """An accredited clinician."""
    accounts.accredit(people[8], Role.CLINICIAN, now() + 10 * YEAR, {"from": accreditor})
    return people[8]


@pytest.fixture(scope="session")
def reviewer(accounts: Any, accreditor: Any) -> Any:
    """An accredited reviewer."""
    accounts.accredit(people[9], Role.REVIEWER, now() + 10 * YEAR, {"from": accreditor})
    return people[9]


@pytest.fixture(scope="session")
def accounts(governance: Any, accreditor: Any, hospital: Any, researcher: Any) -> Any:
    contract = _deploy("Records", governance)
    contract.setAccreditor(accreditor, True, {"from": governance})
    until = now() + 10 * YEAR
    contract.accredit(hospital, Role.ISSUER, until, {"from": accreditor})
    contract.accredit(researcher, Role.RESEARCHER, until, {"from": accreditor})
    return contract


@pytest.fixture(scope="session")
def records(accounts: Any) -> Any:
    """The same contract: records stand beside the accounts that tell who is an issuer."""
    return accounts


@pytest.fixture(scope="session")
def consents(accounts: Any) -> Any:
    return _deploy("Consents", accounts)


@pytest.fixture(scope="session")
def grants(records: Any, consents: Any) -> Any:
    return _deploy("Grants", records, consents, records)


@pytest.fixture(scope="session")
def market(accounts: Any, consents: Any) -> Any:
    return _deploy("Market", accounts, consents)


@pytest.fixture(scope="session")
def token(market: Any, researcher: Any) -> Any:
    contract = _deploy("TestToken")
    contract.mint(researcher, 2**128, {"from": researcher})
    contract.approve(market, 2**256 - 1, {"from": researcher})
    return contract


@pytest.fixture(scope="session")
def desk(market: Any, token: Any, steward: Any, researcher: Any, patient: Any, payee: Any) -> Desk:
    return Desk(market, token, steward, researcher, patient, payee)


@pytest.fixture(autouse=True)
def isolated(grants: Any, clinician: Any, reviewer: Any, desk: Desk) -> Iterator[None]:
    """Takes the chain back after every test. Asking for all that is kept makes it before."""
    chain.snapshot()
    yield
    chain.revert()
