"""A receiver of webhooks on loopback: it keeps what it is sent, and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request: its headers by names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.guard:
            self.server.received.append(Received(self.path, headers, body))
            number = len(self.server.received)
        try:
            self.server.answer(self, number)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def say(self, status: int = 200, text: str = "Taken.", **headers: str) -> None:
        """Answer; `retry_after="5"` is the header Retry-After."""
        content = text.encode()
        self.send_response(status)
        for name, value in {"content_length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-").title(), value)
        self.end_headers()
        self.wfile.write(content)


#: How a request is answered, with its number.
Answers = Callable[[Handler, int], None]


@dataclass(eq=False)
class Receiver(ThreadingHTTPServer):
    """The server; `received` is what it was sent."""

    answer: Answers = lambda handler, _: handler.say()
    received: list[Received] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    daemon_threads = True

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=secret"

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error here."""


@contextmanager
def receiver(answer: Answers | None = None) -> Iterator[Receiver]:
    server = Receiver()
    if answer is not None:
        server.answer = answer
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
