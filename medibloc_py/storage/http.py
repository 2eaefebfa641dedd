"""HTTP to strangers: every answer bounded in bytes and time, and taken as it is.

No redirect is followed, nothing is unpacked, no password is looked up in files of
other programs. A proxy of the environment is used for the internet, never for the
loopback.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import InvalidValue, StoreFailed, StoreUnreachable
from medibloc_py.errors.plain import MOST_CHARS, plain

if TYPE_CHECKING:
    import urllib3

_PIECE_BYTES: Final = 1 << 16
_REDIRECTS: Final = range(300, 400)
_LATER: Final = (429, 502, 503)
"""Statuses by which a server asks to come again."""


class Http:
    """Requests to one server, over connections that are kept open.

    Attributes:
        url: of the server, without a slash at its end.
        timeout_s: how long it may be silent.
        is_secret: whether nobody on the way reads what is sent.
    """

    def __init__(self, url: str, timeout_s: float, headers: Mapping[str, str] | None = None):
        """Name the server; nothing is sent yet.

        Args:
            url: `http://` or `https://`, a host, perhaps a port and a path below it.
            timeout_s: how long the server may be silent, or take for one part of an answer.
            headers: sent with every request.

        Raises:
            InvalidValue: `url` is no such URL.
        """
        parts = _parse(url)
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        self._is_loopback = _is_loopback(parts.host or "")
        self.is_secret = parts.scheme == "https" or self._is_loopback
        self._scheme, self._host = str(parts.scheme), str(parts.host)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "medibloc", **(headers or {})}
        self._pool: urllib3.PoolManager | None = None

    @contextmanager
    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Iterator[Answer]:
        """Send one request; at the end its connection is free for the next, or closed.

        Raises:
            StoreFailed: the answer is redirected or compressed.
            StoreUnreachable: no answer, or one that asks to come again later.
        """
        import urllib3

        timeout = urllib3.Timeout(connect=self.timeout_s, read=self.timeout_s)
        with translated(self.url):
            raw = self._pools().request(
                method,
                self.url + path,
                body=body,
                headers=self._headers | dict(headers or {}),
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        answer = Answer(raw, self.url, self.timeout_s)
        try:
            answer.require_plain()
            yield answer
        except BaseException:
            raw.close()
            raise
        answer.release()

    def _pools(self) -> urllib3.PoolManager:
        if self._pool is None:
            import urllib3

            from medibloc_py.storage.patience import patient

            proxy = self._proxy()
            if proxy is None:
                self._pool = patient(urllib3.PoolManager())
            else:
                told = urllib3.util.parse_url(proxy).auth
                auth = urllib3.make_headers(proxy_basic_auth=told) if told else None
                self._pool = patient(urllib3.ProxyManager(proxy, proxy_headers=auth))
        return self._pool

    def _proxy(self) -> str | None:
        import urllib.request

        if self._is_loopback or urllib.request.proxy_bypass(self._host):
            return None
        return urllib.request.getproxies().get(self._scheme)


class Answer:
    """The answer to one request, read as far as its reader wants.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str, timeout_s: float) -> None:
        self.status = raw.status
        self._raw = raw
        self._url = url
        self._timeout_s = timeout_s
        self._ahead = bytearray()

    def header(self, name: str) -> str:
        """A header, empty if it is not there."""
        return str(self._raw.headers.get(name, ""))

    def require_plain(self) -> None:
        """Refuse what would send us elsewhere, must be unpacked, or is an excuse.

        Raises:
            StoreFailed, StoreUnreachable: it is such an answer.
        """
        if self.status in _REDIRECTS:
            raise StoreFailed(url=self._url, reason="its answer is redirected")
        if self.header("Content-Encoding").lower() not in ("", "identity"):
            raise StoreFailed(url=self._url, reason="its answer is compressed")
        if self.status in _LATER:
            raise StoreUnreachable(url=self._url, reason=f"it says {self.status}, come later")

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or fewer where the answer ends.

        Raises:
            StoreUnreachable: the connection broke, or they took too long.
        """
        deadline = time.monotonic() + self._timeout_s
        while len(self._ahead) < count:
            with translated(self._url):
                # `read1` returns what is there: a trickle cannot hold it until a buffer is full.
                piece = self._raw.read1(_PIECE_BYTES, decode_content=False)
            if not piece:
                break
            self._ahead += piece
            if time.monotonic() > deadline:
                raise StoreUnreachable(url=self._url, reason="its answer takes too long")
        taken = bytes(memoryview(self._ahead)[:count])
        del self._ahead[:count]
        return taken

    def whole(self, most_bytes: int) -> bytes:
        """All that is left.

        Raises:
            StoreFailed: it is longer than `most_bytes`.
            StoreUnreachable: the connection broke, or it took too long.
        """
        body = self.take(most_bytes + 1)
        if len(body) > most_bytes:
            raise StoreFailed(url=self._url, reason="its answer has no end")
        return body

    def reason(self) -> str:
        """Status and first words of an answer that is a refusal, safe to show."""
        words = b""
        with suppress(StoreUnreachable):
            words = self.take(MOST_CHARS)
        return f"it says {self.status} {plain(words.decode(errors='replace'))}".strip()

    def release(self) -> None:
        """Give the connection back if the answer is at its end, else drop it."""
        with suppress(StoreUnreachable):
            if not self.take(1):
                self._raw.release_conn()
                return
        self._raw.close()


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Translate whatever goes wrong on the way to a server and back.

    Raises:
        StoreFailed: a host's name or a header that cannot be sent.
        StoreUnreachable: anything else.
    """
    import http.client

    import urllib3

    try:
        yield
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise StoreUnreachable(url=url, reason=plain(_root_of(error))) from error
    except ValueError as error:
        raise StoreFailed(url=url, reason=plain(error)) from error


def _parse(url: str) -> urllib3.util.Url:
    import urllib3

    with suppress(urllib3.exceptions.LocationParseError, UnicodeError):
        parts = urllib3.util.parse_url(url)
        if (
            parts.scheme in ("http", "https")
            and parts.host
            and not (parts.auth or parts.query or parts.fragment)
        ):
            return parts
    raise InvalidValue(name="url", given=url, allowed="http:// or https://, a host, and a path")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


def _root_of(error: BaseException) -> BaseException:
    """The failure at the bottom: that of the socket, not of the libraries above it."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
