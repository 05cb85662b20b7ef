"""The address the web answers at, and whether it may be taken."""

import errno
import http.client
import socket

from core.addresses import path_of
from core.errors import HeadwayError
from core.operation.supervision.advice import setting_of


class AddressUnusable(HeadwayError):
    """Raised when the web cannot listen at its host and port. The message says what to do."""


def check_address(host: str, port: int) -> None:
    """Return when a server can listen there; raise AddressUnusable else."""
    if not 0 < port < 65536:
        raise AddressUnusable(f"PORT is {port}; it must be from 1 to 65535: make up PORT=8001")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # A port whose last connections still linger is free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen(1)
    except OSError as error:
        raise AddressUnusable(_sentence(error, host, port)) from error


def url_of(host: str, port: int) -> str:
    """What a person types; a server on every address is reached at the loopback one."""
    host = reachable(host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound


def is_ready(host: str, port: int, *, named: str) -> bool:
    """Whether the page of readiness answers 200 there; `named` is a host name that the site allows."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=5)
    try:
        connection.request("GET", path_of("readiness"), headers={"Host": named})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):  # not listening yet
        return False
    finally:
        connection.close()


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8001
        return f"Port {port} is already taken by another program. Choose another one: {setting_of('PORT', other)}"
    if error.errno == errno.EACCES:
        return f"Port {port} is open to root only. Choose one above 1023: {setting_of('PORT', 8000)}"
    return f"Headway cannot listen at {host} port {port}: {error.strerror}. Set HOST and PORT."
