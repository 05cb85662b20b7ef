"""Resolves a name, once for a connection, and checks every address that it has."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from typing import Any

from .addresses import Address, inside
from .errors import Unfetchable, Unreachable
from .networks import is_public
from .policy import Policy

LOOKUP_SECONDS = 15.0
#: Addresses of one name that are tried.
MOST_TRIED = 4
_NO_SUCH_HOST = frozenset((socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)))


async def resolve(address: Address, policy: Policy) -> list[str]:
    """Return the IP addresses to connect to; raise Unfetchable when one of them is inside.

    The caller connects to these and to no others: a name that answers differently the next time gains nothing.
    """
    try:
        addresses = [ipaddress.ip_address(address.host)]
    except ValueError:
        addresses = await _resolve_name(address)
    if not addresses:
        raise Unfetchable(f"There is no host named {address.host}.")
    if not policy.is_inside(address.host, address.port) and not all(map(is_public, addresses)):
        raise inside(address.host)
    return [str(each) for each in addresses[:MOST_TRIED]]


async def _resolve_name(address: Address) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(outcome: Any) -> None:
        if not answer.done():
            answer.set_result(outcome)

    def query() -> None:
        outcome: Any
        try:
            outcome = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            outcome = error
        except UnicodeError as error:
            outcome = socket.gaierror(socket.EAI_NONAME, str(error))
        try:
            loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:
            # The loop is gone: nobody waits any more.
            return

    # In a thread of its own: the system's resolver can't be interrupted, and a cancel must not wait for it.
    threading.Thread(target=query, name="look-up", daemon=True).start()
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            result = await answer
    except TimeoutError as error:
        raise Unreachable(f"The name {address.host} could not be looked up in {LOOKUP_SECONDS:g} seconds.") from error
    if isinstance(result, socket.gaierror) and result.errno in _NO_SUCH_HOST:
        raise Unfetchable(f"There is no host named {address.host}.") from result
    if isinstance(result, OSError):
        raise Unreachable(f"The name {address.host} could not be looked up: {result.strerror or result}.") from result
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in result))
