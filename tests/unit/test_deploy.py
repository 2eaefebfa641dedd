"""The container files fit the house: versions, commands, files, and who listens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_lines import parse

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: Any = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]


def version_in(name: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"))
    assert found, f"{name} names no version"
    return found[1]


def test_versions_are_those_of_the_checkout() -> None:
    kubo = version_in("tools/kubo/go.mod", r"github\.com/ipfs/kubo (v\S+)")
    assert f"FROM ipfs/kubo:{kubo} AS kubo" in DOCKERFILE
    uv = version_in("Makefile", r"uv==(\S+)")
    assert f"uv=={uv}\n" in DOCKERFILE
    python = version_in("pyproject.toml", r'requires-python = ">=(\S+)"')
    assert f"FROM python:{python}-slim-bookworm" in DOCKERFILE


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert "medibloc_py" in names
    for name in names:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept


@pytest.mark.parametrize("name", [each for each in SERVICES if "command" in SERVICES[each]])
def test_a_service_runs_a_command_that_is_one(name: str) -> None:
    parse([str(word) for word in SERVICES[name]["command"]])


def test_the_store_is_kept_by_its_own_program() -> None:
    assert SERVICES["store"]["entrypoint"] == ["keep-store"]
    assert "deploy/keep-store.sh /usr/local/bin/keep-store" in DOCKERFILE
    parse(SERVICES["store"]["healthcheck"]["test"][2:])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "USER 10001\n" in DOCKERFILE


def test_only_dicom_is_published_and_the_rpc_stays_inside() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert published == {"store": ["${DICOM_PORT}:11112"]}
    beside = {name for name, each in SERVICES.items() if each.get("network_mode")}
    assert beside == set(SERVICES) - {"store"}


def test_every_setting_has_its_line() -> None:
    example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
    told = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)(?::-)?\}", COMPOSE_TEXT)) == told
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/.env", "/deploy/secrets/", "/deploy/tls/"} <= set(ignored)
