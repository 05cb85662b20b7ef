"""Which addresses of the internet protocol are outside. What is not surely public is inside."""

from __future__ import annotations

import ipaddress

_DENIED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' own
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and the clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
#: All that is allocated for use between sites. What maps, embeds or translates IPv4 lies outside of it (::/96,
#: ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48), and so do fc00::/7, fe80::/10, fec0::/10 and ff00::/8.
_ALLOCATED_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, with Teredo (2001::/32), which embeds IPv4
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which embeds IPv4
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
#: The upper half of the interface's part of an ISATAP address; the lower half is an IPv4 address.
_ISATAP = frozenset((0x0000_5EFE, 0x0200_5EFE))


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether anybody on the internet could be meant by this address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _DENIED_V4)
    if address.scope_id is not None or address not in _ALLOCATED_V6:
        return False
    if any(address in network for network in _DENIED_V6):
        return False
    return (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
