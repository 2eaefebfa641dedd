"""The developer's tutorial runs as pasted: its chain, its accounts and its program."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "developer.md"
_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_developers_tutorial_runs_as_pasted(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    (chain,) = (block for kind, block in _BLOCK.findall(text) if "medibloc up" in block)
    (program,) = (block for kind, block in _BLOCK.findall(text) if kind == "python")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    # Who pastes gives the chain a moment to start; a script has to wait for it.
    waits = "trap 'kill $!' EXIT\nuntil grep -q Chain chain.log; do sleep 0.1; done\n"
    started = f"medibloc up --port {port} > chain.log &\n{waits}"
    assert "medibloc up --port 8545 &\n" in chain
    script = chain.replace("medibloc up --port 8545 &\n", started)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    local = f"http://127.0.0.1:{port}"
    ran = subprocess.Popen(
        ["bash", "-eu", "-c", f"{script}\npython - <<'PYTHON'\n{program}PYTHON\n"],
        env={"PATH": path, "HOME": str(tmp_path), "MEDIBLOC_RPC_LOCAL": local, "LANG": "C.UTF-8"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group to stop, with the chain in it
    )
    try:
        output, _ = ran.communicate(timeout=200)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(ran.pid, signal.SIGKILL)
    assert ran.returncode == 0, output
    assert "GrantNotFound {" in output, output
