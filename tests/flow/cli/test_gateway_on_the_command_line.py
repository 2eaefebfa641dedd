"""`medibloc gateway` beside the service: the book of patients, and the queue by its numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from medibloc_py.errors import (
    DocumentInvalid,
    InvalidAddress,
    InvalidValue,
    PatientBooked,
    PatientNotBooked,
    StudyNotSpooled,
    TokenExposed,
)
from medibloc_py.flows.gateway.service import open_stages, spool_folder
from medibloc_py.flows.gateway.stages import LAST_ERROR, Stages
from medibloc_py.flows.gateway.status import lock_of, telling
from medibloc_py.imaging.instance import read_instance
from medibloc_py.storage.locks import sole
from tests.flow.house import House
from tests.flow.instances import instance

AS = ("--as", "hospital")
FILES = [instance(1, 1), instance(1, 2), instance(2, 1, "PID-2", issuer="registry")]


@pytest.fixture
def queue(house: House) -> House:
    """Two studies wait."""
    me = house.world.me("hospital")
    with open_stages(spool_folder(house.world.home, me.address), me, reserve_bytes=0) as stages:
        for file in FILES:
            stages.spool.take(file)
        stages.group(0)
        first, _ = stages.group(0)
        stages.wait(first.number, "patient")
    return house


def patients(house: House, *words: str | Path, code: int = 0) -> object:
    return house.run("gateway", "patients", *words, *AS, "--json", code=code).json


def test_the_book_says_whose_an_id_is(queue: House) -> None:
    alice, bob = (queue.world.address(name) for name in ("alice", "bob"))
    patients(queue, "add", "--id", "PID-1", "--to", "alice")
    patients(queue, "add", "--id", "PID-1", "--to", alice)
    patients(queue, "add", "--study", "2", "--to", "bob")
    booked = [
        {"issuer": "", "patient_id": "PID-1", "account": alice},
        {"issuer": "registry", "patient_id": "PID-2", "account": bob},
    ]
    assert patients(queue, "list") == booked
    told = queue.run(
        "gateway", "patients", "add", "--id", "PID-1", "--to", "bob", *AS, "--json", code=4
    )
    assert told.json["error"] == PatientBooked.__name__
    assert "PID" not in told.err
    names = queue.world.me("hospital").kept("patient-")
    assert len(names) == 2
    patients(queue, "remove", "--study", "1")
    assert patients(queue, "list") == booked[1:]
    error = patients(queue, "remove", "--id", "PID-2", code=3)  # of another issuer
    assert isinstance(error, dict)
    assert error["error"] == PatientNotBooked.__name__


def test_the_book_is_read_from_a_file(queue: House) -> None:
    file = queue.here / "patients.csv"
    file.write_text(f"registry,77,bob\n\n , 78 ,{queue.world.address('alice')}\n")
    assert patients(queue, "add", "--from", file) == {"added": 2}
    file.write_text("registry,secret\n")
    error = patients(queue, "add", "--from", file, code=3)
    assert isinstance(error, dict)
    assert (error["error"], "secret" in str(error)) == (DocumentInvalid.__name__, False)
    file.write_text("registry,79,nobody\n")
    error = patients(queue, "add", "--from", file, code=3)
    assert isinstance(error, dict)
    assert error["error"] == InvalidAddress.__name__
    for words in (("--to", "alice"), ("--id", "1"), ("--id", "", "--to", "alice")):
        error = patients(queue, "add", *words, code=3)
        assert isinstance(error, dict)
        assert error["error"] == InvalidValue.__name__


def test_the_queue_is_shown_by_numbers(queue: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIBLOC_PASSWORD")
    status = json.loads(queue.run("gateway", "status", *AS, "--json", code=5).out)
    assert (status["studies"]["grouped"], status["instances"]) == (2, 3)
    assert status["waiting"] == {"patient": 1, "consent": 0}
    assert (status["runs"], status["run"]) == (False, None)
    told = queue.run("gateway", "status", *AS, code=5).out
    assert "runs      no" in told
    assert "1 for a patient" in told
    told = queue.run("gateway", "list", *AS, "--json")
    assert [(each["number"], each["instances"]) for each in told.json] == [(1, 2), (2, 1)]
    assert not any(
        word in told.out for word in ("PID", "Unmistakable", read_instance(FILES[0]).study)
    )
    assert "waits for a patient" in queue.run("gateway", "list", *AS).out


def test_a_monitor_is_told_by_the_exit_code(queue: House) -> None:
    me = queue.world.me("hospital")
    folder = spool_folder(queue.world.home, me.address)
    with (
        sole(lock_of(folder), "run the gateway"),
        open_stages(folder, me, reserve_bytes=0) as stages,
        telling(stages, {"DICOM": "127.0.0.1:11112"}),
    ):
        status = queue.run("gateway", "status", *AS, "--json").json
        assert status["runs"]
        assert (status["run"]["pid"], status["run"]["listening"]) == (
            os.getpid(), {"DICOM": "127.0.0.1:11112"},
        )  # fmt: skip
        told = queue.run("gateway", "status", *AS).out
        assert f"process {os.getpid()}: DICOM at 127.0.0.1:11112" in told
        stages.note(LAST_ERROR, "NodeUnreachable: it is away")
        assert "it is away" in queue.run("gateway", "status", *AS, code=5).out
        stages.note(LAST_ERROR, "")
        assert "error     none" in queue.run("gateway", "status", *AS).out


def test_whose_a_study_is_is_shown_to_the_account_alone(queue: House) -> None:
    told = queue.run("gateway", "list", "--reveal", *AS, "--json").json
    assert [(each["patient_issuer"], each["patient_id"]) for each in told] == [
        ("", "PID-1"), ("registry", "PID-2"),
    ]  # fmt: skip
    assert told[0]["study_uid"] == read_instance(FILES[0]).study
    assert "PID-2" in queue.run("gateway", "list", "--reveal", *AS).out


def test_a_study_is_taken_up_again_or_dropped(queue: House) -> None:
    me = queue.world.me("hospital")
    folder = spool_folder(queue.world.home, me.address)
    with open_stages(folder, me, reserve_bytes=0) as stages:
        stages.refuse(2, "It is not well.")
    assert "It is not well." in queue.run("gateway", "list", *AS).out
    assert queue.run("gateway", "retry", "2", *AS, "--json").json == {"studies": [2]}
    for words in (("retry", "2"), ("drop", "9", "--yes")):
        error = queue.run("gateway", *words, *AS, "--json", code=3).json
        assert error["error"] == StudyNotSpooled.__name__
    assert queue.run("gateway", "drop", "1", *AS, "--json", code=3).json["error"] == "InvalidValue"
    queue.run("gateway", "drop", "1", "--yes", *AS)
    status = queue.run("gateway", "status", *AS, "--json", code=5)
    assert json.loads(status.out)["instances"] == 1
    with open_stages(folder, me, reserve_bytes=0) as stages:
        assert not stages.spool.take(FILES[0]).again


def test_what_is_on_its_way_cannot_be_dropped(
    queue: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medibloc_py.flows.gateway.rows import list_studies
    from medibloc_py.flows.gateway.stages import Plan

    me = queue.world.me("hospital")
    with open_stages(spool_folder(queue.world.home, me.address), me, reserve_bytes=0) as stages:
        assert isinstance(stages, Stages)
        studies = list_studies(stages.spool.database)
        plan = Plan((queue.world.address("alice"),) * 2, False, ())
        stages.spool.take(instance(1, 3))
        assert stages.plan(studies, plan) is None  # one got another instance meanwhile
        assert stages.plan([studies[1]], plan) is not None
    error = queue.run("gateway", "drop", "2", "--yes", *AS, "--json", code=3).json
    assert "it is publishing" in error["message"]


def test_before_anything_came_the_queue_is_empty(house: House) -> None:
    found = json.loads(house.run("gateway", "status", *AS, "--json", code=5).out)  # none runs
    assert (found["runs"], found["instances"]) == (False, 0)
    assert house.run("gateway", "list", *AS, "--json").json == []
    error = house.run("gateway", "drop", "1", "--yes", *AS, "--json", code=3).json
    assert error["error"] == StudyNotSpooled.__name__


def test_a_token_that_others_can_read_is_refused(house: House) -> None:
    token = house.here / "token"
    token.write_text("t" * 40)
    run = ("gateway", "run", *AS, "--web", "127.0.0.1:0", "--token-file", token, "--json")
    token.chmod(0o644)
    assert house.run(*run, code=6).json["error"] == TokenExposed.__name__
    token.chmod(0o600)
    token.write_text("")
    assert house.run(*run, code=6).json["error"] == TokenExposed.__name__


def test_an_account_key_that_does_not_open_is_told_before_anything_is_served(house: House) -> None:
    path = house.world.home / "keys" / "hospital.json"
    whole = path.read_bytes()
    content = json.loads(whole)
    content["crypto"]["mac"] = "00" * 32
    try:
        path.write_text(json.dumps(content))
        told = house.run("gateway", "run", *AS, "--dicom", "127.0.0.1:0", "--json", code=6).json
    finally:
        path.write_bytes(whole)
    assert (told["error"], told["values"]["path"]) == ("WrongPassword", str(path))


@pytest.mark.parametrize(
    "words",
    [
        ("--dicom", "11112"),
        ("--web", "127.0.0.1:99999"),
        ("--aet", "A TITLE THAT IS TOO LONG"),
        ("--tls-key", "key.pem"),
        ("--dicom", "0.0.0.0:0"),
    ],
)
def test_what_no_gateway_can_be_is_refused(house: House, words: tuple[str, ...]) -> None:
    error = house.run("gateway", "run", *AS, *words, "--json", code=3).json
    assert error["error"] == InvalidValue.__name__
