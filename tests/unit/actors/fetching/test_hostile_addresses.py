"""No address leads inside: neither by its spelling, nor by its name, nor by a redirect, nor by a second look-up."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from actors.fetching.addresses import read_address
from actors.fetching.errors import Unfetchable
from actors.fetching.networks import is_public
from actors.fetching.policy import Policy
from tests.configuration import OwnConf

from .conftest import Client, Resolver
from .serving import Canaries, Handler, Server

#: `{port}` is a canary's, which may be connected to as far as ports go.
HOSTILE = (
    # Loopback, in every spelling that a resolver somewhere understands.
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://127.000.000.001:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://127.255.255.254:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0x0:{port}/",
    "http://00000000:{port}/",
    "http://4294967295:{port}/",
    "http://256.256.256.256:{port}/",
    "http://127.0.0.1%2e:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://127%2e0%2e0%2e1:{port}/",
    "http://１２７.０.０.１:{port}/",
    "http://127。0。0。1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "http://a.localhost:{port}/",
    "http://loc%61lhost:{port}/",
    # IPv6: loopback, unspecified, and forms that hold an IPv4 address.
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{port}/",
    "http://[::]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::7f00:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[::ffff:10.0.0.1]:{port}/",
    "http://[::ffff:8.8.8.8]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::a00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2002:a00:1::1]:{port}/",
    "http://[2001::7f00:1]:{port}/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    "http://[2001:db8::1]:{port}/",
    "http://[3fff::1]:{port}/",
    "http://[2a00:1450:4001::5efe:7f00:1]:{port}/",
    "http://[2a00:1450:4001:0:200:5efe:a00:1]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://[100::1]:{port}/",
    "http://[5f00::1]:{port}/",
    "http://[v1.::1]:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://::1:{port}/",
    # Private, shared, link-local, reserved and other networks that are nobody's outside.
    "http://10.0.0.1:{port}/",
    "http://10.255.255.255:{port}/",
    "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/",
    "http://192.168.0.1:{port}/",
    "http://169.254.169.254:{port}/latest/meta-data/",
    "http://0xa9fea9fe:{port}/latest/meta-data/",
    "http://100.64.0.1:{port}/",
    "http://100.100.100.200:{port}/",
    "http://192.0.0.192:{port}/",
    "http://192.0.2.1:{port}/",
    "http://198.18.0.1:{port}/",
    "http://198.51.100.1:{port}/",
    "http://203.0.113.1:{port}/",
    "http://192.88.99.1:{port}/",
    "http://224.0.0.1:{port}/",
    "http://239.255.255.250:{port}/",
    "http://240.0.0.1:{port}/",
    "http://255.255.255.255:{port}/",
    # What is read in two ways: user names, backslashes, blanks, other schemes, no host.
    "http://93.184.216.34@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@93.184.216.34:{port}/",
    "http://user:secret@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@93.184.216.34:{port}/",
    "http://93.184.216.34\\.127.0.0.1:{port}/",
    "http://127.0.0.1 .example:{port}/",
    "http://exa\tmple@127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "data:text/csv,a,b",
    "http://..:{port}/",
    "http://a..b:{port}/",
    # Names that a resolver answers with what is inside, or with both.
    "http://loopback.example:{port}/",
    "http://loopback6.example:{port}/",
    "http://mapped.example:{port}/",
    "http://metadata.example:{port}/",
    "http://both.example:{port}/",
    "http://six-and-four.example:{port}/",
    "http://xn--bcher-kva.example:{port}/",
    "http://bücher.example:{port}/",
    "http://under_score.example:{port}/",
)
NAMES = {
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "six-and-four.example": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"],
    "xn--bcher-kva.example": ["10.1.2.3"],
    "under_score.example": ["127.0.0.1"],
}
REBOUND = (
    *("127.0.0.1", "127.0.0.2", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "fc00::1", "fe80::1", "fec0::1"),
)


@pytest.fixture
def open_ports(conf: OwnConf, canaries: Canaries) -> list[int]:
    """The canaries' ports may be connected to: what is refused is refused for its host."""
    conf.FETCH_PORTS = canaries.ports
    # They never answer: who reaches one does not wait for long.
    conf.FETCH_SILENCE_SECONDS = 0.3
    return canaries.ports


@pytest.mark.parametrize("template", HOSTILE)
def test_a_hostile_address_is_refused_before_a_packet_leaves(
    template: str,
    client: Client,
    canaries: Canaries,
    resolver: Resolver,
    connects: list[str],
    open_ports: list[int],
) -> None:
    resolver.names = {name: [address] for name, address in NAMES.items()}
    for port in open_ports:
        with pytest.raises(Unfetchable):
            client.fetch(template.replace("{port}", str(port)))
    assert (connects, canaries.count()) == ([], 0)


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 90
    assert len(set(REBOUND)) == len(REBOUND) == 20


@pytest.mark.parametrize("second", REBOUND)
def test_a_name_that_rebinds_to_the_inside_leads_nowhere(
    second: str,
    client: Client,
    canaries: Canaries,
    resolver: Resolver,
    connects: list[str],
    open_ports: list[int],
) -> None:
    resolver.names = {"rebinding.example": [["93.184.216.34"], [second]]}
    with pytest.raises(Unfetchable, match="not on the public internet"):
        client.fetch(f"http://rebinding.example:{open_ports[0]}/table.csv")
    # Once to the very address that was judged; the second answer is judged as well.
    assert (connects, resolver.asked) == (["93.184.216.34"], ["rebinding.example"] * 2)
    assert canaries.count() == 0


@pytest.mark.parametrize("inside", ["http://127.0.0.1:{port}/", "http://[::1]:{port}/", "//localhost:{port}/x"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_inside_is_not_followed(
    inside: str,
    status: int,
    client: Client,
    serve: Callable[..., Server],
    canaries: Canaries,
    open_ports: list[int],
) -> None:
    location = inside.replace("{port}", str(open_ports[0]))
    server = serve(lambda request: request.send(b"", status, location=location))
    with pytest.raises(Unfetchable, match="redirects to an address that is refused"):
        client.fetch(server.url())
    assert (len(server.seen.requests), canaries.count()) == (1, 0)


def test_a_request_names_the_host_though_it_goes_to_an_address(
    client: Client, serve: Callable[..., Server], resolver: Resolver, connects: list[str]
) -> None:
    server = serve(lambda request: request.send(b"a,b\n1,2\n"), names=("data.example",))
    resolver.names = {"data.example": [["127.0.0.1"]]}
    assert client.content(server.url(host="data.example")) == b"a,b\n1,2\n"
    assert server.seen.requests[0][1]["host"] == f"data.example:{server.port}"
    assert (connects, resolver.asked) == (["127.0.0.1"], ["data.example"])


def test_what_is_allowed_inside_is_that_host_and_that_port_alone(
    client: Client, serve: Callable[..., Server], canaries: Canaries
) -> None:
    server = serve(lambda request: request.send(b"a\n1\n"))
    assert client.content(server.url()) == b"a\n1\n"
    with pytest.raises(Unfetchable, match="only these are connected to"):
        client.fetch(f"http://127.0.0.1:{canaries.ports[0]}/")
    with pytest.raises(Unfetchable, match="not on the public internet"):
        client.fetch("http://127.0.0.1/")
    assert canaries.count() == 0


@pytest.mark.parametrize("entry", ["127.0.0.1:{port}", "[::1]:{port}", "0:0:0:0:0:0:0:1", "[::1]", "Intra.Example."])
def test_allowed_inside_hosts_match_in_any_common_spelling(conf: OwnConf, entry: str) -> None:
    conf.FETCH_INSIDE = [entry.replace("{port}", "8080")]
    policy = Policy.from_settings()
    host = "127.0.0.1" if entry[0] == "1" else "intra.example" if entry[0] == "I" else "::1"
    assert policy.is_inside(host, 8080)
    assert not policy.is_inside("10.0.0.1", 8080)


@pytest.mark.parametrize("entry", ["data.example:http", ":80", "[]:80", "[::1]:x"])
def test_an_entry_of_hosts_inside_that_names_none_is_told(conf: OwnConf, entry: str) -> None:
    conf.FETCH_INSIDE = [entry]
    with pytest.raises(ImproperlyConfigured, match="write host, host:port"):
        Policy.from_settings()


def test_a_proxy_of_the_environment_is_not_used(
    client: Client,
    serve: Callable[..., Server],
    canaries: Canaries,
    monkeypatch: pytest.MonkeyPatch,
    open_ports: list[int],
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canaries.ports[0]}")
    server = serve(lambda request: request.send(b"a\n1\n"))
    assert client.content(server.url()) == b"a\n1\n"
    assert canaries.count() == 0


def test_no_cookie_is_kept_and_no_password_sent(client: Client, serve: Callable[..., Server]) -> None:
    def answer(request: Handler) -> None:
        if request.path == "/table.csv":
            request.send(b"", 302, location="/next.csv", set_cookie="session=1; Path=/")
        else:
            request.send(b"a\n1\n")

    server = serve(answer)
    client.fetch(server.url())
    assert [path for path, _ in server.seen.requests] == ["/table.csv", "/next.csv"]
    assert not {"cookie", "authorization"} & set(server.seen.requests[1][1])


@pytest.mark.parametrize(
    "url",
    [
        "https://data.example/a b.csv",
        "https://data.example:99999/",
        "https://data.example:22/",
        "https://data.example:0/",
        "https://",
        "table.csv",
        "https://" + "a" * 2_000 + ".example/",
        "https://" + "a" * 64 + ".example/",
        "https://-a.example/",
        "https://xn--a.example\u3002\u3002/",
        "https://data.example/\ud800",
    ],
)
def test_what_is_no_address_is_told_in_a_sentence(url: str, settings: Settings) -> None:
    with pytest.raises(Unfetchable, match=r"\.$"):
        read_address(url, Policy.from_settings())


def test_a_sentence_holds_neither_a_password_nor_a_query(settings: Settings) -> None:
    policy = Policy.from_settings()
    for url in (
        "https://me:hunter2@data.example/",
        "https://me:hunter2@data.example:22/x?token=hunter2",
        "me:hunter2@x",
    ):
        with pytest.raises(Unfetchable) as refused:
            read_address(url, policy)
        assert "hunter2" not in str(refused.value)
    assert "hunter2" not in read_address("https://data.example/t.csv?token=hunter2", policy).label


@pytest.mark.parametrize(
    ("text", "host", "target"),
    [
        ("https://Data.Example/a.csv?x=1#top", "data.example", "/a.csv?x=1"),
        ("https://bücher.example", "xn--bcher-kva.example", "/"),
        ("https://data.example./ü.csv", "data.example", "/%C3%BC.csv"),
        ("https://[2606:4700:0:0::1111]/", "2606:4700::1111", "/"),
        ("  https://1.1.1.1/?q=a%20b  ", "1.1.1.1", "/?q=a%20b"),
    ],
)
def test_an_address_has_one_spelling(text: str, host: str, target: str, settings: Settings) -> None:
    address = read_address(text, Policy.from_settings())
    assert (address.host, address.target) == (host, target)
    assert read_address(str(address), Policy.from_settings()) == address


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::2004"])
def test_what_is_outside_is_allowed(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
