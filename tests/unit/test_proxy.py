"""The proxy of chaos breaks connections in the ways that its faults are named for."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            while piece := self.request.recv(100):
                self.request.sendall(piece)
        except OSError:
            pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        proxy = Proxy(server.server_address[1])
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.stop()
            server.shutdown()
            thread.join()


@pytest.fixture
def caller(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as caller:
        assert ask(caller) == b"hello"
        yield caller


def ask(caller: socket.socket) -> bytes:
    caller.sendall(b"hello")
    return caller.recv(100)


def test_a_reset_connection_tells_its_caller_at_once(proxy: Proxy, caller: socket.socket) -> None:
    assert proxy.reset() == 1
    with pytest.raises(ConnectionResetError):
        caller.recv(100)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as other:
        assert ask(other) == b"hello"


def test_a_half_open_connection_is_silent_until_it_times_out(proxy: Proxy, caller: socket.socket) -> None:
    began = time.monotonic()
    assert proxy.half_open(0.3) == 1
    assert proxy.connections == 0
    with pytest.raises(ConnectionResetError):
        ask(caller)
    assert time.monotonic() - began >= 0.3


def test_a_slow_network_delays_answers_and_keeps_their_order(proxy: Proxy, caller: socket.socket) -> None:
    proxy.slow_down(0.3)
    began = time.monotonic()
    caller.sendall(b"one")
    caller.sendall(b"two")
    answer = b""
    while len(answer) < 6:
        answer += caller.recv(100)
    assert answer == b"onetwo"
    assert time.monotonic() - began >= 0.3
    proxy.heal()


def test_a_black_hole_loses_nothing_once_it_is_healed(proxy: Proxy, caller: socket.socket) -> None:
    proxy.black_hole()
    caller.settimeout(0.2)
    with pytest.raises(TimeoutError):
        ask(caller)
    proxy.heal()
    caller.settimeout(60)
    assert caller.recv(100) == b"hello"
