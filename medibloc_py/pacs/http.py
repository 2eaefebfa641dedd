"""HTTP to a DICOMweb server, which may be anybody: bounded in bytes and in time.

No redirect is followed, nothing is unpacked, no password is looked up in files of other
programs. A proxy of the environment is used for the internet, never for the loopback.
"""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from medibloc_py.errors import (
    ExtraMissing,
    PeerAnsweredWrong,
    PeerRefused,
    PeerUnreachable,
    StudyMissing,
)
from medibloc_py.errors.plain import plain
from medibloc_py.nesting import require_shallow_json
from medibloc_py.pacs.association import tls_context
from medibloc_py.pacs.model import WebPeer, is_loopback

if TYPE_CHECKING:
    import requests
    import urllib3

MOST_ANSWER_BYTES: Final = 64 << 20
"""Most that an answer may have that is not a stream of instances."""
_PIECE_BYTES: Final = 1 << 16
_LEAST_BYTES_PER_S: Final = 1 << 14
_REDIRECTS: Final = range(300, 400)
_LATER: Final = (408, 429, 502, 503, 504)
"""Statuses by which a server asks to come again."""
_UNREADABLE: Final = "what it sent cannot be read"
_NOT_THERE: Final = (404, 410)
_OF_THE_BODY: Final = (400, 409, 413, 415, 422, 500)
"""Statuses of a store that speak of what was sent, not of us (PS3.18, table 10.5.3-1)."""


class Paced:
    """The body of an answer, counted and timed, in the shape that `requests` reads it."""

    def __init__(self, peer: WebPeer, raw: urllib3.BaseHTTPResponse, most_bytes: int | None):
        """Wrap a body that has not been read.

        Args:
            peer: who sends it.
            raw: the body.
            most_bytes: how long it may be; None for a stream whose parts are counted elsewhere.
        """
        self._peer = peer
        self._raw = raw
        self._most_bytes = most_bytes
        self.close = raw.close
        self.release_conn = raw.release_conn

    def stream(self, amount: int = _PIECE_BYTES, **_: object) -> Iterator[bytes]:
        """The body as it comes; who sends it drop by drop is not waited for.

        Raises:
            PeerAnsweredWrong: it is too long.
            PeerUnreachable: it comes too slowly, or breaks off.
        """
        taken, waited = 0, 0.0
        while True:
            before = time.monotonic()
            with translated(self._peer):
                # `read1` returns what is there: a trickle cannot hold it until a buffer is full.
                piece = self._raw.read1(max(amount, _PIECE_BYTES), decode_content=False)
            if not piece:
                return
            waited += time.monotonic() - before
            taken += len(piece)
            if self._most_bytes is not None and taken > self._most_bytes:
                raise PeerAnsweredWrong(url=self._peer.url, reason="its answer has no end")
            if waited > self._peer.timeout_s + taken / _LEAST_BYTES_PER_S:
                raise PeerUnreachable(url=self._peer.url, reason="its answer comes too slowly")
            yield piece


@contextmanager
def session(peer: WebPeer) -> Iterator[requests.Session]:
    """Connections to a server, kept open between requests and closed at the end.

    What goes wrong in the requests sent by it raises:
        PeerAnsweredWrong, PeerRefused, PeerUnreachable, StudyMissing: as the answer is.

    Raises:
        ExtraMissing: what speaks DICOMweb is not installed.
        InvalidValue: a certificate cannot be used.
    """
    try:
        import requests
        from requests.adapters import HTTPAdapter
    except ImportError:
        raise ExtraMissing(extra="pacs") from None

    class Adapter(HTTPAdapter):
        """Opens connections under our own idea of whom to trust."""

        def init_poolmanager(self, *args: Any, **named: Any) -> None:
            super().init_poolmanager(*args, **named, ssl_context=tls_context(peer.certificates))

    class Session(requests.Session):
        """Sends one request, and takes no answer that we do not want."""

        def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
            named |= {"stream": True, "allow_redirects": False}
            named |= {"timeout": (peer.timeout_s, peer.timeout_s)}
            with translated(peer):
                answer = super().send(request, **named)
            accept = str(request.headers.get("Accept", ""))
            # A stream of instances has no end that could be known; each is counted where it is cut.
            most = None if accept.startswith("multipart/") else MOST_ANSWER_BYTES
            answer.raw = Paced(peer, answer.raw, most)
            try:
                _require_good(peer, answer)
                if "json" in accept:
                    with translated(peer):  # before a parser sees it
                        require_shallow_json(answer.content)
            except BaseException:
                answer.close()
                raise
            return answer

    with Session() as opened:
        opened.trust_env = False  # no .netrc, no certificates by variables
        opened.headers.update({"Accept-Encoding": "identity", "User-Agent": "medibloc"})
        opened.headers.update(peer.headers)
        opened.proxies.update(_proxies(peer))
        opened.mount("https://", Adapter())
        yield opened


@contextmanager
def translated(peer: WebPeer) -> Iterator[None]:
    """Translate whatever goes wrong on the way to a server and back.

    Raises:
        PeerAnsweredWrong: what came cannot be read.
        PeerUnreachable: anything else.
    """
    import requests
    import urllib3

    try:
        yield
    except (requests.exceptions.InvalidJSONError, RecursionError) as error:
        raise PeerAnsweredWrong(url=peer.url, reason=_UNREADABLE) from error
    except (
        requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError
    ) as error:  # fmt: skip
        raise PeerUnreachable(url=peer.url, reason=plain(_root_of(error))) from error
    except ValueError as error:
        raise PeerAnsweredWrong(url=peer.url, reason=_UNREADABLE) from error


def _require_good(peer: WebPeer, answer: requests.Response) -> None:
    """Raises for an answer that is no success, or would send us elsewhere."""
    status = answer.status_code
    if status in _REDIRECTS:
        raise PeerAnsweredWrong(url=peer.url, reason="its answer is redirected")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PeerAnsweredWrong(url=peer.url, reason="its answer is compressed")
    if status in _LATER:
        raise PeerUnreachable(url=peer.url, reason=f"it says {status}, come later")
    asks = answer.request.method == "GET"
    if asks and status in _NOT_THERE:
        raise StudyMissing(url=peer.url)
    if not answer.ok and (asks or status not in _OF_THE_BODY):
        raise PeerRefused(url=peer.url, reason=f"it says {status} {plain(answer.reason or '')}")


def _proxies(peer: WebPeer) -> dict[str, str]:
    host = urlsplit(peer.url).hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return {}
    return urllib.request.getproxies()


def _root_of(error: BaseException) -> BaseException:
    """The failure at the bottom: that of the socket, not of the libraries above it."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
