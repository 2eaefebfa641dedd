"""A signer elsewhere is a stranger: what it gives back is held against what was asked."""

from __future__ import annotations

import json
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from medibloc_py.chain import ExternalSigner, Network, Signer, load_signer_file, save_signer_file
from medibloc_py.chain.external import shown
from medibloc_py.errors import (
    AccountExists,
    AccountUnknown,
    InvalidValue,
    KeyElsewhere,
    KeyFileCorrupt,
    SignerAnsweredWrong,
    SignerRefused,
    SignerUnreachable,
)
from medibloc_py.flows import key_pairs, keyring
from tests.fakes.hostile_node import DEAD, Fault, HostileNode, Refuse

KEY, OTHER = (1).to_bytes(32, "big"), (2).to_bytes(32, "big")
HERE = Signer.from_key(KEY)
UNKNOWN = Refuse("the method does not exist", -32601)
DYNAMIC: dict[str, object] = {
    "chainId": 31337,
    "nonce": 0,
    "gas": 50_000,
    "value": 0,
    "data": "0x1234",
    "maxFeePerGas": 3 * 10**9,
    "maxPriorityFeePerGas": 10**9,
    "to": "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
}
LEGACY: dict[str, object] = {
    "chainId": 1337,
    "nonce": 200,
    "gas": 50_000,
    "value": 10**20,
    "data": "0x",
    "gasPrice": 2 * 10**9,
    "to": "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
}
CREATION = {name: value for name, value in DYNAMIC.items() if name != "to"}
DOMAIN = {"name": "MediBloc", "version": "1", "chainId": 31337, "verifyingContract": HERE.address}
TYPES = {
    "Inner": [("uint256", "most"), ("bool", "sure")],
    "Act": [("bytes32", "record"), ("Inner", "inner"), ("address[]", "readers")],
}
MESSAGE = {
    "record": b"\x07" * 32,
    "inner": {"most": 2**255 + 1, "sure": True},
    "readers": [HERE.address],
}


def _number(value: Any) -> Any:
    return int(value, 16) if isinstance(value, str) and len(value) < 40 else value


def signing(key: bytes = KEY, **changed: object) -> Callable[..., object]:
    """Signs as an honest signer does, but for the fields that it changes."""

    def answer(params: list[Any], _: object) -> str:
        asked = {n: v if n == "data" else _number(v) for n, v in params[0].items()}
        del asked["from"]
        return "0x" + bytes(Account.sign_transaction(asked | changed, key).raw_transaction).hex()

    return answer


def typed(key: bytes = KEY, v_less: int = 0, **changed: object) -> Callable[..., object]:
    def answer(params: list[Any], _: object) -> str:
        data = params[1] | {"message": params[1]["message"] | changed}
        for name in ("most",):
            data["message"]["inner"][name] = int(data["message"]["inner"][name])
        signed = Account.sign_message(encode_typed_data(full_message=data), key).signature
        return "0x" + (signed[:64] + bytes([signed[64] - v_less])).hex()

    return answer


@pytest.fixture
def elsewhere(node: HostileNode) -> ExternalSigner:
    node.on("account_signTransaction", UNKNOWN)
    node.on("account_signTypedData", UNKNOWN)
    node.on("account_list", UNKNOWN)
    node.on("eth_signTransaction", signing())
    node.on("eth_signTypedData_v4", typed())
    node.on("eth_accounts", [HERE.address.lower()])
    return ExternalSigner(HERE.address, node.url)


@pytest.mark.parametrize("transaction", [DYNAMIC, LEGACY, CREATION])
def test_a_transaction_comes_back_as_a_key_at_hand_signs_it(elsewhere, transaction):
    assert elsewhere.sign_transaction(transaction) == HERE.sign_transaction(transaction)


def test_clef_is_asked_by_its_own_names(node: HostileNode, elsewhere: ExternalSigner):
    node.on("account_signTransaction", lambda *asked: {"raw": signing()(*asked), "tx": {}})
    assert elsewhere.sign_transaction(DYNAMIC) == HERE.sign_transaction(DYNAMIC)
    assert node.count("eth_signTransaction") == 0


def test_clef_is_told_which_function_is_called(node: HostileNode, elsewhere: ExternalSigner):
    node.on("account_signTransaction", signing())
    elsewhere.sign_transaction(DYNAMIC | {"data": "0x510f6b87"})
    elsewhere.sign_transaction(DYNAMIC)
    elsewhere.sign_transaction(CREATION | {"data": "0x510f6b87"})
    told = [params[1:] for name, params in node.asked if name == "account_signTransaction"]
    assert told == [["publishKey(bytes)"], [], []]


@pytest.mark.parametrize(
    "changed",
    [
        {"to": "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"},
        {"value": 1},
        {"data": "0x1235"},
        {"gas": 50_001},
        {"nonce": 1},
        {"chainId": 1},
        {"maxFeePerGas": 10**12},
        {"maxPriorityFeePerGas": 2},
        {"accessList": [{"address": HERE.address, "storageKeys": []}]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_transaction_is_refused(node, elsewhere, changed):
    node.on("eth_signTransaction", signing(**changed))
    with pytest.raises(SignerAnsweredWrong, match=r"another transaction|longer"):
        elsewhere.sign_transaction(DYNAMIC)


@pytest.mark.parametrize("changed", [{"value": 1}, {"chainId": 1}, {"gasPrice": 1}])
def test_another_legacy_transaction_is_refused(node, elsewhere, changed):
    node.on("eth_signTransaction", signing(**changed))
    with pytest.raises(SignerAnsweredWrong):
        elsewhere.sign_transaction(LEGACY)


@pytest.mark.parametrize("transaction", [DYNAMIC, LEGACY])
def test_a_transaction_of_another_account_is_refused(node, elsewhere, transaction):
    node.on("eth_signTransaction", signing(OTHER))
    with pytest.raises(SignerAnsweredWrong, match="another account"):
        elsewhere.sign_transaction(transaction)


@pytest.mark.parametrize(
    "answer",
    [None, 7, "", "0x", "0x02", "0x02c0", "0x02c3010203", "0xzz", {}, {"raw": None}, [],
     "0x02" + "c1" * 90, "0x" + "ff" * 100, "0x02f90400" + "00" * 1024],
    ids=str,
)  # fmt: skip
def test_what_is_no_transaction_is_refused(node, elsewhere, answer):
    node.on("eth_signTransaction", answer)
    with pytest.raises(SignerAnsweredWrong):
        elsewhere.sign_transaction(DYNAMIC)


def test_every_flipped_bit_of_a_signed_transaction_is_noticed(node, elsewhere):
    raw, _ = HERE.sign_transaction(DYNAMIC)
    for bit in range(0, 8 * len(raw), 5):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        node.on("eth_signTransaction", "0x" + flipped.hex())
        with pytest.raises(SignerAnsweredWrong):
            elsewhere.sign_transaction(DYNAMIC)


@pytest.mark.parametrize("v_less", [0, 27])
def test_typed_data_comes_back_as_a_key_at_hand_signs_it(node, elsewhere, v_less):
    node.on("eth_signTypedData_v4", typed(v_less=v_less))
    ours = HERE.sign_typed(DOMAIN, TYPES, "Act", MESSAGE)
    assert elsewhere.sign_typed(DOMAIN, TYPES, "Act", MESSAGE) == ours


@pytest.mark.parametrize(
    "answer", [typed(OTHER), typed(record="0x" + "08" * 32), "0x" + "11" * 64, "0x", None, 7]
)
def test_a_signature_of_something_else_is_refused(node, elsewhere, answer):
    node.on("eth_signTypedData_v4", answer)
    with pytest.raises(SignerAnsweredWrong):
        elsewhere.sign_typed(DOMAIN, TYPES, "Act", MESSAGE)


def test_a_refusal_and_a_silence_are_told(node, elsewhere):
    node.on("eth_signTransaction", Refuse("Request denied"))
    with pytest.raises(SignerRefused, match="Request denied") as caught:
        elsewhere.sign_transaction(DYNAMIC)
    assert caught.value.exit_code == 6
    node.on("eth_signTransaction", UNKNOWN)
    with pytest.raises(SignerRefused, match="no method"):
        elsewhere.sign_transaction(DYNAMIC)
    node.on("eth_signTransaction", DEAD)
    with pytest.raises(SignerUnreachable):
        elsewhere.sign_transaction(DYNAMIC)
    node.on("eth_signTransaction", Fault(body=b"no JSON"))
    with pytest.raises(SignerAnsweredWrong):
        elsewhere.sign_transaction(DYNAMIC)


def test_nothing_is_sent_that_was_not_asked_for(node, elsewhere):
    node.on("eth_signTransaction", signing(value=1))
    network = Network.connect(node.url, receipt_timeout_s=0.2)
    with pytest.raises(SignerAnsweredWrong):
        network.transfer(elsewhere, HERE.address, 0)
    assert node.count("eth_sendRawTransaction") == 0
    assert network.outbox.journal.entries() == []
    node.on("eth_signTransaction", signing())
    assert network.transfer(elsewhere, HERE.address, 0).sender == HERE.address


def test_the_key_is_not_here(elsewhere):
    with pytest.raises(KeyElsewhere):
        elsewhere.export_key()


def test_an_account_is_added_that_the_signer_shows(node, elsewhere, tmp_path):
    node.on("eth_accounts", [])
    with pytest.raises(SignerRefused, match="no such account"):
        keyring.add_account(tmp_path, "eve", elsewhere, "password", work=2)
    node.on("eth_accounts", {"no": "list"})
    with pytest.raises(SignerAnsweredWrong):
        keyring.add_account(tmp_path, "eve", elsewhere, "password", work=2)
    node.on("eth_accounts", ["0x12", None])
    with pytest.raises(SignerRefused):
        keyring.add_account(tmp_path, "eve", elsewhere, "password", work=2)
    assert keyring.known_accounts(tmp_path) == []
    node.on("eth_accounts", [HERE.address.lower()])
    made = keyring.add_account(tmp_path, "eve", elsewhere, "password", work=2)
    again = keyring.open_account(tmp_path, "eve", "password")
    assert (again.signer, again.keys) == (elsewhere, made.keys)
    assert keyring.known_accounts(tmp_path) == [
        keyring.KnownAccount("eve", HERE.address, elsewhere.url)
    ]
    rotated = key_pairs.rotate_key(tmp_path, "eve", "password", work=2)
    assert rotated.keys.current != made.keys.current
    with pytest.raises(AccountExists):
        keyring.new_account(tmp_path, "eve", "password", work=2)


def test_where_a_key_is_stays_private(tmp_path: Path):
    place = "https://signer.example/v1/0123456789abcdef"
    signer = ExternalSigner(HERE.address, place)
    assert "0123" not in repr(signer) + signer.url + str(KeyElsewhere(account="a", url=signer.url))
    save_signer_file(tmp_path / "eve.signer.json", signer)
    assert stat.S_IMODE((tmp_path / "eve.signer.json").stat().st_mode) == 0o600
    assert load_signer_file(tmp_path / "eve.signer.json") == signer


@pytest.mark.parametrize(
    "content",
    [{}, {"version": 3, "address": HERE.address, "signer": "/s"},
     {"version": "medibloc-signer-1", "address": "0x12", "signer": "/s"},
     {"version": "medibloc-signer-1", "address": HERE.address, "signer": "s"},
     {"version": "medibloc-signer-1", "address": HERE.address, "signer": 7}],
    ids=str,
)  # fmt: skip
def test_a_damaged_signer_file_is_told(tmp_path: Path, content: dict[str, object]):
    (tmp_path / "file").write_text(json.dumps(content))
    with pytest.raises(KeyFileCorrupt):
        load_signer_file(tmp_path / "file")
    with pytest.raises(AccountUnknown):
        load_signer_file(tmp_path / "none")


@pytest.mark.parametrize("place", ["", "clef.ipc", "ftp://x", "localhost:8550"])
def test_a_place_is_a_url_or_a_full_path(place: str):
    with pytest.raises(InvalidValue):
        shown(place)


# A Unix socket


@pytest.fixture
def by_socket(tmp_path: Path) -> Iterator[Callable[[bytes], ExternalSigner]]:
    servers: list[socketserver.UnixStreamServer] = []

    def serve(answer: bytes) -> ExternalSigner:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                asked = json.loads(self.rfile.readline())
                said = signing()(asked["params"], None)
                self.wfile.write(answer.replace(b"RAW", str(said).encode()))

        path = tmp_path / f"{len(servers)}.ipc"
        server = socketserver.UnixStreamServer(str(path), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return ExternalSigner(HERE.address, str(path))

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_socket_is_asked_like_a_url(by_socket):
    signer = by_socket(b'{"jsonrpc":"2.0","id":1,"result":{"raw":"RAW"}}\n')
    assert signer.sign_transaction(DYNAMIC) == HERE.sign_transaction(DYNAMIC)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", SignerAnsweredWrong),
        (b"no JSON\n", SignerAnsweredWrong),
        (b"[" * 100_000 + b"\n", SignerAnsweredWrong),
        (b'{"error":{"code":-32000,"message":"Request denied"}}\n', SignerRefused),
    ],
)
def test_a_socket_that_answers_badly_is_told(by_socket, answer, error):
    with pytest.raises(error):
        by_socket(answer).sign_transaction(DYNAMIC)


def test_no_socket_is_told(tmp_path: Path):
    with pytest.raises(SignerUnreachable, match="No such file"):
        ExternalSigner(HERE.address, str(tmp_path / "none.ipc")).sign_transaction(DYNAMIC)
