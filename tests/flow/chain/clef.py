"""geth's clef with a person at its screen: a thread of the test, by clef's own UI protocol."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medibloc_py.chain import Signer, save_key_file

_PASSWORD = "of the key file in clef"


@dataclass
class Clef:
    """A running clef.

    Attributes:
        socket: where it is asked.
        decide: what the person says to a request: method and parameters in, the answer out.
        asked: methods by which the person was asked.
    """

    socket: Path
    decide: Callable[[str, dict[str, Any]], dict[str, Any]]
    asked: list[str] = field(default_factory=list)


def approve(method: str, request: dict[str, Any]) -> dict[str, Any]:
    """A person who approves of all."""
    if method == "ui_approveTx":
        return {"approved": True, "transaction": request["transaction"]}
    if method == "ui_approveListing":
        return {"accounts": request["accounts"]}
    return {"approved": True}


def refuse(method: str, request: dict[str, Any]) -> dict[str, Any]:
    """A person who refuses all."""
    return {"approved": False, "accounts": []}


@contextmanager
def running(program: str, folder: Path, signer: Signer, chain_id: int) -> Iterator[Clef]:
    """Runs clef with one account."""
    (folder / "keystore").mkdir(parents=True)
    save_key_file(folder / "keystore" / "key.json", signer, _PASSWORD, n=2)
    process = subprocess.Popen(
        [program, "--stdio-ui", "--suppress-bootwarn", "--lightkdf", "--auditlog", "",
         "--configdir", str(folder), "--keystore", str(folder / "keystore"),
         "--ipcpath", str(folder), "--chainid", str(chain_id), "--loglevel", "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    clef, ready = Clef(folder / "clef.ipc", approve), threading.Event()

    def sit() -> None:
        for line in process.stdout:
            said = json.loads(line)
            method, (request, *_) = said["method"], said["params"] or [{}]
            if method == "ui_onSignerStartup":
                ready.set()
            if "id" not in said:
                continue
            clef.asked.append(method)
            if method == "ui_onInputRequired":
                answer = {"text": _PASSWORD}
            else:
                answer = clef.decide(method, request)
            reply = {"jsonrpc": "2.0", "id": said["id"], "result": answer}
            process.stdin.write(json.dumps(reply).encode() + b"\n")
            process.stdin.flush()

    person = threading.Thread(target=sit, daemon=True)
    person.start()
    try:
        assert ready.wait(20)
        yield clef
    finally:
        process.terminate()
        process.wait(10)
        person.join(10)
        process.stdin.close()
        process.stdout.close()
