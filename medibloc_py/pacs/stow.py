"""Receives by STOW-RS (PS3.18 10.5): instances in multipart bodies over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import ExtraMissing, ListenerFailed
from medibloc_py.pacs.intake import (
    CONNECTIONS,
    MOST_INSTANCE_BYTES,
    OUT_OF_RESOURCES,
    SILENCE_S,
    SUCCESS,
    Address,
    Announced,
    Note,
    Receive,
    Received,
    server_context,
)
from medibloc_py.pacs.model import Certificates, is_uid
from medibloc_py.pacs.multipart import Malformed, MultipartReader, boundary_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_DICOM_JSON: Final = "application/dicom+json"
_TAKEN_TYPES: Final = (_DICOM_JSON, "application/json", "application/*", "*/*")
_MOST_PARTS: Final = 20_000
_START_S: Final = 10.0
_STOP_S: Final = 10
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
# Of the answer (PS3.18 table 10.5.3-1), by tag.
_RETRIEVE_URL: Final = "00081190"
_FAILED: Final = "00081198"
_STORED: Final = "00081199"
_SOP_CLASS: Final = "00081150"
_SOP_INSTANCE: Final = "00081155"
_REASON: Final = "00081197"


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Where and for whom a gateway listens by DICOMweb.

    Attributes:
        token: whoever sends must show it (`Authorization: Bearer`); empty for anybody.
        certificates: for TLS; whoever calls shows one, too, if `authorities` are named.
        most_requests: at a time.
    """

    address: Address
    token: str = field(default="", repr=False)
    certificates: Certificates | None = None
    most_requests: int = 16
    most_instance_bytes: int = MOST_INSTANCE_BYTES


class WebListener:
    """A STOW-RS origin server in a thread of its own."""

    def __init__(self, place: WebPlace, receive: Receive, note: Note) -> None:
        """Prepares; nothing is bound before `start`.

        Raises:
            ExtraMissing: starlette or uvicorn is not installed.
            InvalidValue: a certificate cannot be used.
        """
        self._place = place
        self._tls = None if place.certificates is None else server_context(place.certificates)
        self._server = _server(application(place, receive, note), place.most_requests, self._tls)
        self._thread: threading.Thread | None = None

    def start(self) -> Address:
        """Listens, and tells where.

        Raises:
            ListenerFailed: the address cannot be had.
        """
        address = self._place.address
        url = f"{'http' if self._tls is None else 'https'}://{address}"
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            door = socket.create_server((address.host, address.port), family=family)
        except OSError as error:
            raise ListenerFailed(url=url, reason=error.strerror or str(error)) from error
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [door]}, daemon=True
        )
        self._thread.start()
        give_up = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > give_up or not self._thread.is_alive():
                raise ListenerFailed(url=url, reason="the server did not start")
            time.sleep(0.01)
        return Address(address.host, door.getsockname()[1])

    def stop(self) -> None:
        """Listens no more; requests on their way may end, for some seconds."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S + 1)
            self._thread = None


def application(place: WebPlace, receive: Receive, note: Note) -> Starlette:
    """The service as an ASGI application.

    Raises:
        ExtraMissing: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.routing import Route
    except ImportError:
        raise ExtraMissing(extra="pacs") from None
    service = _Service(place, receive, note)
    # A page in a browser of this machine must not reach it by a name of its own.
    names = list(_LOOPBACK_NAMES) if place.address.is_loopback else ["*"]
    return Starlette(
        routes=[
            Route("/studies", service.store, methods=["POST"]),
            Route("/studies/{study}", service.store, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)],
    )


class _Service:
    def __init__(self, place: WebPlace, receive: Receive, note: Note) -> None:
        self._place = place
        self._receive = receive
        self._note = note
        self._underway = 0

    async def store(self, request: Request) -> Response:
        """The transaction Store Instances."""
        from starlette.responses import PlainTextResponse

        results: list[Received] = []
        try:
            self._require_token(request.headers.get("authorization", ""))
            _require_json(request.headers.get("accept", "*/*"))
            study = request.path_params.get("study", "")
            if study and not is_uid(study):
                raise Malformed(400, "the study's UID is none")
            with self._counted():
                async for content in self._contents(request):
                    results.append(
                        await asyncio.to_thread(self._receive, content, Announced("", "", study))
                    )
        except Malformed as error:
            # What was stored before stays stored, and the sender may send it again.
            self._note("request refused", status=error.status, reason=error.reason)
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return PlainTextResponse(error.reason, error.status, headers | {"Connection": "close"})
        return _answer(results)

    def _require_token(self, given: str) -> None:
        token = f"Bearer {self._place.token}"
        if self._place.token and not hmac.compare_digest(given.encode(), token.encode()):
            raise Malformed(401, "the access token is missing or wrong")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Refuses one request too many, as a full disk does: it may come again."""
        if self._underway >= self._place.most_requests:
            raise Malformed(503, f"more than {self._place.most_requests} requests at a time")
        self._underway += 1
        try:
            yield
        finally:
            self._underway -= 1

    async def _contents(self, request: Request) -> AsyncIterator[bytes]:
        boundary = boundary_of(request.headers.get("content-type", ""))
        reader = MultipartReader(boundary, self._place.most_instance_bytes)
        count = 0
        async for data in _in_time(request.stream()):
            for part in reader.feed(data):
                count += 1
                if part.media_type != "application/dicom":
                    raise Malformed(415, "a part is not application/dicom")
                if count > _MOST_PARTS:
                    raise Malformed(413, f"more than {_MOST_PARTS} parts")
                yield part.content
        reader.close()
        if not count:
            raise Malformed(400, "the body has no part")


async def _in_time(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body whose sender is never silent for long."""
    from starlette.requests import ClientDisconnect

    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                data = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Malformed(408, "the body stopped coming") from None
        except ClientDisconnect:
            raise Malformed(400, "the body is cut off") from None
        yield data


def _require_json(accept: str) -> None:
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    if not any(kind in _TAKEN_TYPES for kind in kinds):
        raise Malformed(406, f"the answer is {_DICOM_JSON}")


def _answer(results: list[Received]) -> Response:
    from starlette.responses import Response

    stored = [each for each in results if each.status == SUCCESS]
    failed = [each for each in results if each.status != SUCCESS]
    status = 200 if not failed else 202 if stored else 409
    if not stored and all(each.status == OUT_OF_RESOURCES for each in failed):
        status = 503
    body: dict[str, Any] = {_RETRIEVE_URL: {"vr": "UR"}}
    if stored:
        body[_STORED] = {"vr": "SQ", "Value": [_item(each) for each in stored]}
    if failed:
        items = [{**_item(each), _REASON: {"vr": "US", "Value": [each.status]}} for each in failed]
        body[_FAILED] = {"vr": "SQ", "Value": items}
    return Response(json.dumps(body), status, media_type=_DICOM_JSON)


def _item(each: Received) -> dict[str, Any]:
    uids = {_SOP_CLASS: each.sop_class, _SOP_INSTANCE: each.sop_instance}
    return {tag: {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"} for tag, uid in uids.items()}


def _server(app: Starlette, most_requests: int, tls: ssl.SSLContext | None) -> Any:
    try:
        import uvicorn

        from medibloc_py.pacs.web_connection import connections
    except ImportError:
        raise ExtraMissing(extra="pacs") from None
    # Its log could quote a request.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http=connections(CONNECTIONS * most_requests),
        timeout_keep_alive=int(SILENCE_S),
        timeout_graceful_shutdown=_STOP_S,
    )
    config.load()
    config.ssl = tls
    return uvicorn.Server(config)
