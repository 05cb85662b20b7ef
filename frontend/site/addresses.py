"""The place that a request comes from, by which tries are counted."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from core.conf import conf

#: The place of requests without an address, as over a socket: they all share it.
NOWHERE = "0.0.0.0"  # noqa: S104  not to listen at


def address_of(request: HttpRequest) -> str:
    """Return the address that a request comes from; of an IPv6 address its network, all of which one person has.

    X-Forwarded-For is trusted as far as the site's own proxies wrote it: each adds its client's address at the end.
    What comes before is whatever the client sent.
    """
    sender = str(request.META.get("REMOTE_ADDR", ""))
    if conf.PROXY_COUNT:
        hops = [hop for hop in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
        # A request that passed fewer proxies than the setting says has fewer entries.
        sender = hops[-min(conf.PROXY_COUNT, len(hops))] if hops else sender
    return _as_place(sender.strip())


def _as_place(text: str) -> str:
    address = _read(text) or _read(text.removeprefix("[").partition("]")[0]) or _read(text.rpartition(":")[0])
    if address is None:
        return NOWHERE
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
    return str(address)


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
