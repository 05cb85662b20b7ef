"""What may be fetched, out of the settings."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from core.conf import conf

#: Files that one job fetches at once, whatever their hosts.
AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The limits that every fetch of a job holds to."""

    ports: frozenset[int]
    #: Hosts that may be inside, with the port, or None for all of `ports`.
    inside: frozenset[tuple[str, int | None]]
    limit_bytes: int
    #: Seconds that one file may take, and that a server may be silent.
    seconds: float
    silence_seconds: float
    per_host: int
    at_once: int = AT_ONCE

    @classmethod
    def from_settings(cls) -> Policy:
        return cls(
            ports=frozenset(conf.FETCH_PORTS),
            inside=frozenset(_entry(text) for text in conf.FETCH_INSIDE if text.strip()),
            limit_bytes=conf.FETCH_LIMIT_BYTES,
            seconds=conf.FETCH_SECONDS,
            silence_seconds=conf.FETCH_SILENCE_SECONDS,
            per_host=max(1, conf.FETCH_PER_HOST),
        )

    def is_inside(self, host: str, port: int) -> bool:
        """Whether the site allows this host to have a private address."""
        return (host, None) in self.inside or (host, port) in self.inside

    def allows_port(self, host: str, port: int) -> bool:
        return port in self.ports or (host, port) in self.inside


def _entry(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port`, `[v6]` or `[v6]:port`."""
    host, port = text.strip().lower(), ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    host = host.removesuffix(".")
    with suppress(ValueError):
        # One spelling of an address, as `addresses.read_address` writes it.
        host = str(ipaddress.ip_address(host))
    if not host or (port and not port.isdigit()):
        raise ImproperlyConfigured(f"FETCH_INSIDE names {text!r}: write host, host:port or [address]:port")
    return host, int(port) if port else None
