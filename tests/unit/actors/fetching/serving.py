"""Servers on loopback for the tests of fetching: one that is told how to answer, and canaries that only count."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: How a test answers: it is given the handler, whose `path`, `headers` and `wfile` are those of the request.
Answers = Callable[["Handler"], None]


@dataclass
class Seen:
    """What the server has seen."""

    connections: int = 0
    #: Of each request: path, and the headers by names in lower case.
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        seen = self.server.seen
        with self.server.guard:
            seen.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        try:
            self.server.answers(self)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def head(self, status: int = 200, **headers: Any) -> None:
        """Send the head; `content_length=5` is the header Content-Length."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-").title(), str(value))
        self.end_headers()

    def send(self, body: bytes, status: int = 200, **headers: Any) -> None:
        self.head(status, content_length=len(body), **headers)
        self.wfile.write(body)

    def drop(self, *, resets: bool = False) -> None:
        """Break the line; with a reset, what was sent and not yet read may be lost."""
        self.wfile.flush()
        if resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answers: Answers, certificate: Path | None) -> None:
        self.answers = answers
        self.seen = Seen()
        self.guard = threading.Lock()
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        super().__init__(address, Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def host(self) -> str:
        return str(self.server_address[0])

    def url(self, path: str = "/table.csv", *, host: str = "127.0.0.1") -> str:
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def get_request(self) -> tuple[Any, Any]:
        line, address = super().get_request()
        with self.guard:
            self.seen.connections += 1
        if self._context is not None:
            # The handshake is made at the first read, in the thread of the request.
            line = self._context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        return line, address

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error here."""


@contextmanager
def serving(answers: Answers, *, host: str = "127.0.0.1", certificate: Path | None = None) -> Iterator[Server]:
    server = Server((host, 0), answers, certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def ranged(
    content: bytes, handler: Handler, *, etag: str = '"one"', drop_after: int | None = None, resets: bool = False
) -> None:
    """Answer as a server does that takes ranges; the line breaks after so many bytes of the body."""
    first, status = 0, 200
    requested = handler.headers.get("Range", "")
    if requested.startswith("bytes=") and handler.headers.get("If-Range", etag) == etag:
        first, status = int(requested.removeprefix("bytes=").partition("-")[0]), 206
    headers: dict[str, Any] = {"accept_ranges": "bytes", "etag": etag, "content_length": len(content) - first}
    if status == 206:
        headers["content_range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
    handler.head(status, **headers)
    body = content[first:]
    if drop_after is None or drop_after >= len(body):
        handler.wfile.write(body)
        return
    handler.wfile.write(body[:drop_after])
    handler.drop(resets=resets)


def slowly(handler: Handler, blocks: Iterator[bytes] | list[bytes], *, seconds: float) -> None:
    for block in blocks:
        handler.wfile.write(block)
        handler.wfile.flush()
        time.sleep(seconds)


class Canaries:
    """Listening sockets that count who comes, on loopback, both families."""

    def __init__(self, count: int = 3) -> None:
        self.connections = 0
        self._sockets: list[socket.socket] = []
        for _ in range(count):
            first = socket.create_server(("127.0.0.1", 0), backlog=16)
            self._sockets.append(first)
            if socket.has_ipv6:
                port = first.getsockname()[1]
                self._sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=16))
        for each in self._sockets:
            each.setblocking(False)

    @property
    def ports(self) -> list[int]:
        return sorted({each.getsockname()[1] for each in self._sockets})

    def count(self) -> int:
        """Return how many have come. The kernel takes connections by itself: they are all in the queue by now."""
        for each in self._sockets:
            while True:
                try:
                    line, _ = each.accept()
                except BlockingIOError:
                    break
                line.close()
                self.connections += 1
        return self.connections

    def close(self) -> None:
        for each in self._sockets:
            each.close()
