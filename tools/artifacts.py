"""Compiles the contracts into the artifacts that ship with the library.

    python tools/artifacts.py            writes medibloc_py/chain/artifacts/<Name>.json
    python tools/artifacts.py --check    fails unless they equal a fresh compile

The settings are those of foundry.toml, read from there.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import solcx

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "medibloc_py" / "chain" / "artifacts"
SOURCES = {
    "Consents": "contracts/consent/Consents.sol",
    "Grants": "contracts/access/Grants.sol",
    "Market": "contracts/market/Market.sol",
    "Records": "contracts/records/Records.sol",
    "TestToken": "contracts/mocks/TestToken.sol",
}


def settings() -> dict[str, Any]:
    """Reads the compiler settings of foundry.toml, as solc's standard JSON names them."""
    profile = tomllib.loads((ROOT / "foundry.toml").read_text(encoding="utf-8"))["profile"]
    default = profile["default"]
    return {
        "remappings": default["remappings"],
        "optimizer": {"enabled": default["optimizer"], "runs": default["optimizer_runs"]},
        "evmVersion": default["evm_version"],
        "viaIR": default["via_ir"],
        "metadata": {
            "bytecodeHash": default["bytecode_hash"],
            "appendCBOR": default["cbor_metadata"],
        },
    }


def compiled() -> dict[str, str]:
    """Compiles every contract that ships.

    Returns:
        The text of each artifact by contract name.
    """
    compiler = ROOT / "tools" / "bin" / "solc"
    used = settings()
    outputs = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode"]
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {
                path: {"content": (ROOT / path).read_text(encoding="utf-8")}
                for path in SOURCES.values()
            },
            "settings": {**used, "outputSelection": {"*": {"*": outputs}}},
        },
        solc_binary=compiler,
        base_path=ROOT,
    )
    return {
        name: _artifact(name, output["contracts"][path][name], used)
        for name, path in SOURCES.items()
    }


def _artifact(name: str, contract: dict[str, Any], used: dict[str, Any]) -> str:
    code = contract["evm"]["deployedBytecode"]
    compiler = json.loads(contract["metadata"])["compiler"]
    content = {
        "contractName": name,
        "compiler": {**compiler, "settings": used},
        "abi": contract["abi"],
        # solc keys these by ids that change with every source file; only the places matter.
        "immutableReferences": sorted(
            code.get("immutableReferences", {}).values(), key=lambda places: places[0]["start"]
        ),
        "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + code["object"],
    }
    lines = (f"{json.dumps(key)}:{_compact(value)}" for key, value in content.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def stale() -> list[str]:
    """Names the artifacts that differ from a fresh compile, are missing or are too many."""
    fresh = compiled()
    shipped = {path.stem: path.read_text(encoding="utf-8") for path in TARGET.glob("*.json")}
    return sorted(
        name for name in fresh.keys() | shipped.keys() if fresh.get(name) != shipped.get(name)
    )


def main(arguments: list[str]) -> int:
    """Writes or checks the artifacts; gives the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    if arguments:
        names = stale()
        if names:
            print(f"stale: {', '.join(names)}; run `python tools/artifacts.py`")
        return 1 if names else 0
    TARGET.mkdir(exist_ok=True)
    for name, text in compiled().items():
        (TARGET / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
