"""Looks a name up, once for a connection, and judges every address that it has."""

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

LOOK_UP_SECONDS = 15.0
#: Addresses of one name that are tried.
MOST_TRIED = 4
_NO_SUCH_HOST = frozenset((socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)))


async def resolve(address: Address, policy: Policy) -> list[str]:
    """Return the IP addresses to connect to; raise Unfetchable when one of them is inside.

    The caller connects to these and to no others: a name that answers differently the next time gains nothing.
    """
    try:
        found = [ipaddress.ip_address(address.host)]
    except ValueError:
        found = await _look_up(address)
    if not found:
        raise Unfetchable(f"There is no host named {address.host}.")
    if not policy.is_inside(address.host, address.port) and not all(map(is_public, found)):
        raise inside(address.host)
    return [str(each) for each in found[:MOST_TRIED]]


async def _look_up(address: Address) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def tell(outcome: Any) -> None:
        if not answer.done():
            answer.set_result(outcome)

    def look_up() -> None:
        outcome: Any
        try:
            outcome = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            outcome = error
        except UnicodeError as error:
            outcome = socket.gaierror(socket.EAI_NONAME, str(error))
        try:
            loop.call_soon_threadsafe(tell, outcome)
        except RuntimeError:
            # The loop is gone: nobody waits any more.
            return

    # A thread of its own that nothing waits for: the system's resolver can't be interrupted, and a cancel must not
    # wait for it.
    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            found = await answer
    except TimeoutError as error:
        raise Unreachable(f"The name {address.host} could not be looked up in {LOOK_UP_SECONDS:g} seconds.") from error
    if isinstance(found, socket.gaierror) and found.errno in _NO_SUCH_HOST:
        raise Unfetchable(f"There is no host named {address.host}.") from found
    if isinstance(found, OSError):
        raise Unreachable(f"The name {address.host} could not be looked up: {found.strerror or found}.") from found
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
