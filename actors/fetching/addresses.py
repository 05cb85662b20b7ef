"""Reads the address (URL) that a person wrote or a server redirected to. What is odd is refused, not understood."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

import httpx2
import idna

from .errors import Inside, Unfetchable
from .networks import is_public
from .policy import Policy

LONGEST = 2_000
#: Characters of an address in a sentence.
_LABEL_CHARACTERS = 120
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
#: The last label of a host that is meant as an IPv4 address, in whatever spelling.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_NOT_IN_ADDRESSES = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Address:
    """A checked address. Whether its host is inside is checked when its name is resolved."""

    scheme: str
    #: The name in ASCII and lower case, without a dot at its end, or an IP address without brackets.
    host: str
    port: int
    #: Path and query as they are sent.
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """The host with its port, as the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def label(self) -> str:
        """The address for a sentence or a log: without its query, which may hold a secret."""
        path, query, _ = self.target.partition("?")
        text = f"{self.scheme}://{self.authority}{path}"
        return (text if len(text) <= _LABEL_CHARACTERS else f"{text[:_LABEL_CHARACTERS]}…") + ("?…" if query else "")

    @property
    def file_name(self) -> str:
        """The last part of the path, which may be empty."""
        return unquote(self.target.partition("?")[0].rpartition("/")[2])


def read_address(text: str, policy: Policy) -> Address:
    """Return the checked address; raise Unfetchable with a sentence. The name is not resolved here."""
    text = text.strip()
    if len(text) > LONGEST:
        raise Unfetchable(f"An address of {len(text):,} characters is longer than the {LONGEST:,} that are taken.")
    label = _shortly(text)
    if _NOT_IN_ADDRESSES.search(text):
        raise Unfetchable(f"“{label}” has a blank, a backslash or a control character: no address has one.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Unfetchable(f"“{label}” is not an address: {str(error).rstrip('.')}.") from error
    if parts.scheme not in _PORTS:
        raise Unfetchable(f"“{label}” does not begin with http:// or https://.")
    if "@" in parts.netloc:
        raise Unfetchable("An address with a user name or a password in it is refused: it would be shown and kept.")
    host = _host_of(parts.netloc, parts.hostname or "", label)
    port = _PORTS[parts.scheme] if port is None else port
    if not policy.allows_port(host, port):
        allowed = ", ".join(map(str, sorted(policy.ports)))
        raise Unfetchable(f"“{label}” names port {port}; only these are connected to: {allowed}.")
    address = Address(parts.scheme, host, port, _target_of(parts.path, parts.query, label))
    _refuse_inside(address, policy)
    return address


def follow(address: Address, location: str, policy: Policy) -> Address:
    """Return the address that a redirect leads to, held to the same rules."""
    try:
        text = urljoin(str(address), location.strip())
    except ValueError as error:
        raise Unfetchable(f"{address.label} redirects to what is not an address.") from error
    try:
        target = read_address(text, policy)
    except Unfetchable as error:
        raise Unfetchable(f"{address.label} redirects to an address that is refused: {error}") from error
    if address.scheme == "https" and target.scheme == "http":
        raise Unfetchable(f"{address.label} redirects from https to http, where anybody could change the data.")
    return target


def inside(host: str) -> Inside:
    """Return the refusal of a host that is not on the internet."""
    return Inside(f"{host} is not on the public internet. An operator can allow it by the setting FETCH_INSIDE.")


def _host_of(netloc: str, host: str, label: str) -> str:
    if not host or "%" in netloc:
        raise Unfetchable(f"“{label}” names no host that can be read.")
    if netloc.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise Unfetchable(f"“{label}” has brackets, but no IPv6 address in them.") from error
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise Unfetchable(f"“{label}” names no host that can be read.") from error
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.match, labels)):
        raise Unfetchable(f"“{label}” names no host that can be read.")
    if _NUMBER.match(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise Unfetchable(f"“{label}” has an odd spelling of an IP address; write it as 192.0.2.1.") from error
    return name


def _target_of(path: str, query: str, label: str) -> str:
    try:
        # The one that is sent: percent-encoded where it has to be.
        url = httpx2.URL(f"http://host{path or '/'}" + (f"?{query}" if query else ""))
    except httpx2.InvalidURL as error:
        raise Unfetchable(f"“{label}” is not an address: {error}.") from error
    return url.raw_path.decode("ascii")


def _refuse_inside(address: Address, policy: Policy) -> None:
    if policy.is_inside(address.host, address.port):
        return
    if address.host == "localhost" or address.host.endswith(".localhost"):
        raise inside(address.host)
    try:
        literal = ipaddress.ip_address(address.host)
    except ValueError:
        return
    if not is_public(literal):
        raise inside(address.host)


def _shortly(text: str) -> str:
    """Shorten an unchecked address for a message: without its query, and without what may be a password."""
    text = text.partition("?")[0].partition("#")[0]
    _, at, after = text.rpartition("@")
    text = f"…@{after}" if at else text
    text = "".join(mark if mark.isprintable() else "\ufffd" for mark in text)
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[:_LABEL_CHARACTERS]}…"
