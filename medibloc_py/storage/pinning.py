"""A pinning service: machines of others that keep a blob, asked by one HTTP API.

The IPFS Pinning Service API, version 1. What a service says it keeps is its word; a read
through `GatewayStore` proves it. It is told CIDs of sealed bytes, and no name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from medibloc_py.errors import (
    CidMismatch,
    InvalidValue,
    PinFailed,
    PinMissing,
    PinPending,
    StoreFailed,
    TokenRefused,
)
from medibloc_py.errors.plain import plain
from medibloc_py.model import Cid
from medibloc_py.nesting import require_shallow_json
from medibloc_py.storage.again import again
from medibloc_py.storage.cid import cid_bytes
from medibloc_py.storage.http import Answer, Http

_DONE: Final = (200, 202)
_NO_TOKEN: Final = (401, 403)
_NOT_FOUND: Final = 404
_MOST_BYTES: Final = 1 << 24
_MOST_NAME: Final = 255
_MOST_ORIGINS: Final = 20
_MOST_ID: Final = 1024
_PAGE: Final = 1000
_MOST_PAGES: Final = 10_000
_POLL_S: Final = 0.5
_FAILED_LOOKS: Final = 10
"""Failures in a row that are believed: a cluster also tells one of a pin that a machine of
its own has not heard of yet, or that it is just moving off a machine it lost."""


class PinState(StrEnum):
    """Where a request stands, in the words of the API."""

    QUEUED = "queued"
    PINNING = "pinning"
    PINNED = "pinned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PinRequest:
    """A request to keep a blob, as the service tells it.

    Attributes:
        request: the service's own id of the request.
        created: when it came, as an RFC 3339 text.
        details: why it failed or waits, if the service says so.
    """

    request: str
    cid: Cid
    state: PinState
    created: str
    details: str


Watch = Callable[[PinRequest], None]
"""Told how a request stands, each time it was asked."""


class PinningService:
    """One account with a pinning service."""

    def __init__(self, url: str, token: str, timeout_s: float = 60.0) -> None:
        """Name the service; nothing is sent yet.

        Args:
            url: `https://` and what stands before `/pins`; `http://` for the loopback alone,
                for the token goes with every request.
            token: the access token, as the service gave it.
            timeout_s: how long the service may be silent.

        Raises:
            InvalidValue: it is no such URL, or no token that can be sent.
        """
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise InvalidValue(
                name="token", given="not shown", allowed="one line of ASCII without blanks"
            )
        self._http = Http(url, timeout_s, {"Authorization": f"Bearer {token}"})
        if not self._http.is_secret:
            raise InvalidValue(name="url", given=url, allowed="https://, or on the loopback")
        self.url = self._http.url

    def pin(self, cid: Cid, origins: Sequence[str] = (), name: str = "") -> PinRequest:
        """Ask the service to keep a blob; if it does or is about to, that request is told.

        Args:
            cid: of the blob.
            origins: multiaddrs of nodes that have it, at most 20.
            name: shown in the service's own lists. Never one of a person: services keep
                it in the clear.

        Raises:
            InvalidValue: an argument cannot be sent.
            CidMismatch: the service speaks of another blob.
            StoreFailed, StoreUnreachable, TokenRefused: the service refused or failed.
        """
        cid_bytes(cid)
        if len(name) > _MOST_NAME:
            raise InvalidValue(
                name="name", given=f"{len(name)} characters", allowed=f"at most {_MOST_NAME}"
            )
        if len(origins) > _MOST_ORIGINS:
            raise InvalidValue(
                name="origins", given=len(origins), allowed=f"at most {_MOST_ORIGINS}"
            )
        for request in self.requests(cid):
            if request.state is not PinState.FAILED:
                return request
        asked: dict[str, object] = {"cid": cid}
        if name:
            asked["name"] = name
        if origins:
            asked["origins"] = list(origins)
        made = self._read(self._ask("POST", "/pins", json.dumps(asked).encode()))
        return _of(cid, made)

    def status(self, request: str) -> PinRequest:
        """How a request stands.

        Raises:
            PinMissing: the service knows none of that id.
            StoreFailed, StoreUnreachable, TokenRefused: the service refused or failed.
        """
        return self._read(self._safely(f"/pins/{_quoted(request)}", request))

    def wait(
        self, request: PinRequest, watch: Watch | None = None, patience_s: float = 600.0
    ) -> PinRequest:
        """Ask until the blob is pinned.

        Args:
            request: what `pin` gave.
            watch: told of each answer.
            patience_s: how long at most.

        Raises:
            PinFailed: the service could not.
            PinPending: it is not pinned in time.
            StoreFailed, StoreUnreachable, TokenRefused, PinMissing: as for `status`.
        """
        deadline = time.monotonic() + patience_s
        failures = 0
        while True:
            if watch is not None:
                watch(request)
            if request.state is PinState.PINNED:
                return request
            failures = failures + 1 if request.state is PinState.FAILED else 0
            if failures == _FAILED_LOOKS:
                reason = request.details or "the service does not say why"
                raise PinFailed(url=self.url, cid=request.cid, reason=reason)
            if time.monotonic() + _POLL_S > deadline:
                raise PinPending(
                    url=self.url, cid=request.cid, status=request.state, timeout_s=patience_s
                )
            time.sleep(_POLL_S)
            request = _of(request.cid, self.status(request.request))

    def requests(self, cid: Cid | None = None) -> Iterator[PinRequest]:
        """All requests of the account, or those for one blob; the newest first.

        Raises:
            InvalidValue: `cid` is no CID.
            StoreFailed, StoreUnreachable, TokenRefused: the service refused or failed.
        """
        asked = {"status": ",".join(PinState), "limit": str(_PAGE)}
        if cid is not None:
            cid_bytes(cid)
            asked["cid"] = cid
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            page, ends = self._page(asked)
            # The next begins where this one ended: what stands on the edge comes twice.
            found = [each for each in page if each.request not in seen]
            yield from (each if cid is None else _of(cid, each) for each in found)
            if ends or not found:
                return
            seen = {each.request for each in page}
            asked["before"] = min(each.created for each in page)
        raise StoreFailed(url=self.url, reason="its list has no end")

    def unpin(self, request: str) -> None:
        """Tell the service to let go; no error if it knows no such request.

        Raises:
            StoreFailed, StoreUnreachable, TokenRefused: the service refused or failed.
        """
        path = f"/pins/{_quoted(request)}"
        try:
            again(partial(self._ask, "DELETE", path, None, request), self._http.timeout_s)
        except PinMissing:
            return

    def _page(self, asked: Mapping[str, str]) -> tuple[list[PinRequest], bool]:
        """One page, and whether it is the last: some services count what is left, some do not."""
        said = self._safely("/pins?" + urlencode(asked))
        results = said.get("results") if isinstance(said, dict) else None
        if not isinstance(results, list):
            raise self._nonsense()
        page = [self._read(each) for each in results]
        return page, len(page) < _PAGE and said.get("count") in (None, len(page))

    def _safely(self, path: str, request: str = "") -> Any:
        return again(partial(self._ask, "GET", path, None, request), self._http.timeout_s)

    def _ask(self, method: str, path: str, body: bytes | None = None, request: str = "") -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._http.ask(method, path, headers, body) as answer:
            if answer.status in _NO_TOKEN:
                raise TokenRefused(url=self.url, reason=_reason(answer))
            if answer.status == _NOT_FOUND and request:
                raise PinMissing(url=self.url, request=plain(request))
            if answer.status not in _DONE:
                raise StoreFailed(url=self.url, reason=_reason(answer))
            said = answer.whole(_MOST_BYTES)
        return None if method == "DELETE" else self._parsed(said)

    def _parsed(self, said: bytes) -> Any:
        try:
            require_shallow_json(said)
            return json.loads(said)
        except ValueError:
            raise self._nonsense() from None

    def _read(self, said: Any) -> PinRequest:
        """Read one `PinStatus`, field by field: nothing of it is believed."""
        try:
            request, cid = said["requestid"], said["pin"]["cid"]
            info = said.get("info") or {}
            state, created = PinState(said["status"]), said["created"]
            details = info.get("status_details") or ""
        except (AttributeError, LookupError, TypeError, ValueError):
            raise self._nonsense() from None
        texts = (request, cid, created, details)
        if not all(isinstance(each, str) for each in texts) or not 0 < len(request) <= _MOST_ID:
            raise self._nonsense()
        return PinRequest(request, Cid(plain(cid)), state, plain(created), plain(details))

    def _nonsense(self) -> StoreFailed:
        return StoreFailed(url=self.url, reason="no pinning service answers like this")


def _of(cid: Cid, request: PinRequest) -> PinRequest:
    if request.cid != cid:
        raise CidMismatch(actual=request.cid, expected=cid)
    return request


def _quoted(request: str) -> str:
    if not 0 < len(request) <= _MOST_ID or request in (".", ".."):
        raise InvalidValue(name="request", given=request[:80], allowed="an id the service gave")
    return quote(request, safe="")


def _reason(answer: Answer) -> str:
    """What a refusal says: the API's own fields, else its first words."""
    said = answer.reason()
    head, _, body = said.partition("{")
    try:
        error = json.loads("{" + body)["error"]
        return f"{head}{error['reason']} {error.get('details', '')}".strip()
    except (AttributeError, LookupError, TypeError, ValueError):
        return said
