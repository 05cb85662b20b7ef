"""One question to a server, over the redirects that lead to its answer; and one message to a server."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache

import certifi
import httpx2

from .addresses import Address, follow
from .errors import Unfetchable, Unreachable
from .hosts import Hosts
from .policy import Policy
from .resolving import resolve

MAX_REDIRECTS = 3
CONNECT_SECONDS = 10.0
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NO_REUSE = httpx2.Limits(max_connections=1, max_keepalive_connections=0)
_ALWAYS = {
    "User-Agent": "Headway",
    "Accept": "text/csv, text/tab-separated-values, text/plain, */*;q=0.8",
    # What is packed is a file in its own right, and unpacked with its own limits.
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True)
class Answer:
    """The head of an answer; its body is read as it comes over the line, and may break off."""

    #: Where the answer came from, after redirects.
    address: Address
    status: int
    reason: str
    headers: httpx2.Headers
    _response: httpx2.Response

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes as they were sent; raise Unreachable when the line breaks."""
        try:
            async for block in self._response.aiter_raw():
                yield block
        except httpx2.TransportError as error:
            raise _broken(self.address, error) from error


@asynccontextmanager
async def ask(
    address: Address, headers: Mapping[str, str], *, policy: Policy, hosts: Hosts, on_turn: Callable[[], None]
) -> AsyncIterator[Answer]:
    """Ask for an address and yield the answer that is no redirect; the line is closed afterwards.

    `on_turn` is called whenever it is its turn at a host.
    """
    for _ in range(MAX_REDIRECTS + 1):
        # The place at one host is released before the next is taken, so there is no deadlock.
        async with hosts.slot(address.host):
            on_turn()
            async with _sent(address, headers, policy) as response:
                location = response.headers.get("location", "")
                if response.status_code not in _REDIRECTS or not location:
                    yield Answer(address, response.status_code, response.reason_phrase, response.headers, response)
                    return
        address = follow(address, location, policy)
    raise Unfetchable(f"{address.label} was reached after more than {MAX_REDIRECTS} redirects, and not asked.")


@asynccontextmanager
async def send(
    address: Address, content: bytes, headers: Mapping[str, str], *, policy: Policy
) -> AsyncIterator[Answer]:
    """POST to an address and yield whatever it answers; no redirect is followed, and nothing is sent twice."""
    async with _sent(address, headers, policy, content=content) as response:
        yield Answer(address, response.status_code, response.reason_phrase, response.headers, response)


@asynccontextmanager
async def _sent(
    address: Address, headers: Mapping[str, str], policy: Policy, *, content: bytes | None = None
) -> AsyncIterator[httpx2.Response]:
    """Connect to one of the addresses that were judged, and to nothing else. With a content it is a POST."""
    error: httpx2.TransportError | None = None
    for ip in await resolve(address, policy):
        request = httpx2.Request(
            "GET" if content is None else "POST",
            httpx2.URL(scheme=address.scheme, host=ip, port=address.port, raw_path=address.target.encode("ascii")),
            headers={"Host": address.authority, **_ALWAYS, **headers},
            content=content,
            extensions={
                # The certificate is checked against the name, though the connection goes to its address.
                "sni_hostname": address.host,
                "timeout": {
                    "connect": min(CONNECT_SECONDS, policy.silence_seconds),
                    "read": policy.silence_seconds,
                    "write": policy.silence_seconds,
                    "pool": policy.silence_seconds,
                },
            },
        )
        async with AsyncExitStack() as stack:
            # A transport of its own, without a client: no cookies, no proxies, no passwords out of the environment,
            # and no connection that was checked for another name.
            transport = await stack.enter_async_context(
                httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=_NO_REUSE)
            )
            try:
                response = await transport.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as failed:
                _refuse_certificate(address, failed)
                error = failed
                continue
            except httpx2.TransportError as failed:
                raise _broken(address, failed) from failed
            stack.push_async_callback(response.aclose)
            yield response
            return
    raise Unreachable(f"{address.host} could not be connected to, at port {address.port}.") from error


@cache
def _tls() -> ssl.SSLContext:
    """The system's own authorities, for a company's; and a kept list, for a system that has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _refuse_certificate(address: Address, error: BaseException) -> None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Unfetchable(
                f"The certificate of {address.host} is not to be trusted: {cause.verify_message.rstrip('.')}."
            ) from error
        cause = cause.__cause__ or cause.__context__


def _broken(address: Address, error: httpx2.TransportError) -> Unreachable:
    match error:
        case httpx2.TimeoutException():
            return Unreachable(f"{address.host} was silent for too long.")
        case httpx2.RemoteProtocolError():
            return Unreachable(f"{address.host} broke off, or did not answer by the rules of HTTP.")
        case _:
            return Unreachable(f"The line to {address.host} broke.")
