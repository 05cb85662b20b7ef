"""A mail server on loopback that keeps what it accepts, and that hangs up wherever a test tells it to."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Literal, Self

#: Where it may hang up. `body` is in the midst of the message; before `answered` it has accepted it without a word.
Place = Literal["greeting", "hello", "mail", "rcpt", "data", "body", "answer", "answered"]
PLACES: tuple[Place, ...] = ("greeting", "hello", "mail", "rcpt", "data", "body", "answer", "answered")
#: Places at which the sender has to know that the mail was not taken, and those after which it can't know.
CERTAIN: tuple[Place, ...] = ("greeting", "hello", "mail", "rcpt", "data")
OPEN: tuple[Place, ...] = ("body", "answer")


@dataclass(frozen=True)
class Accepted:
    """A mail that the server has taken: whether its sender was told or not."""

    message: EmailMessage
    sender: str
    recipient: str
    at: float


class HangUp(Exception):
    """Raised where a connection is to end without a word."""


@dataclass
class MailSink:
    """A server in threads: `with MailSink() as sink: … sink.accepted`.

    `plan(number)` names the place at which the connection of this number, from 0, is cut off; none for a whole one.
    `replies` are lines in place of its own, by place: `{"rcpt": "550 no such user"}`.
    """

    plan: Callable[[int], Place | None] = lambda _: None
    replies: Mapping[str, str] = field(default_factory=dict)
    #: Given to the greeting: lines that never end, each after so many seconds.
    drip_seconds: float = 0.0
    #: With a context it offers STARTTLS, or TLS from the first byte.
    tls: ssl.SSLContext | None = None
    is_tls_at_once: bool = False
    accepted: list[Accepted] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)
    _ends: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._guard:
            left = list(self._open)
        for line in left:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """What EMAIL_URL names it by."""
        return f"smtp://127.0.0.1:{self.port}"

    def ids(self) -> Counter[str]:
        """How often each Message-ID was accepted."""
        with self._guard:
            return Counter(str(each.message["Message-ID"]) for each in self.accepted)

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with self._guard:
                number, self.connections = self.connections, self.connections + 1
                self._open.add(line)
            self._start(self._serve, line, number)

    def _serve(self, line: socket.socket, number: int) -> None:
        line.settimeout(120)
        place = self.plan(number)
        talk = _Talk(self, line, place)
        try:
            talk.run()
        except HangUp:
            with self._guard:
                self.cut[str(place)] += 1
        except (OSError, ssl.SSLError, EOFError):
            pass
        finally:
            with self._guard:
                self._open.discard(line)
            talk.close()

    def keep(self, body: bytes, sender: str, recipient: str) -> None:
        message = message_from_bytes(body, policy=default)
        assert isinstance(message, EmailMessage)
        with self._guard:
            self.accepted.append(Accepted(message, sender, recipient, time.monotonic()))


class _Talk:
    """One connection."""

    def __init__(self, sink: MailSink, line: socket.socket, place: Place | None) -> None:
        self._sink, self._line, self._place = sink, line, place
        self._sender = self._recipient = ""

    def run(self) -> None:
        if self._sink.is_tls_at_once and self._sink.tls:
            self._encrypt()
        self._file = self._line.makefile("rb")
        self._pass("greeting")
        while self._sink.drip_seconds and not self._sink._ends.wait(self._sink.drip_seconds):
            self._say("220-a moment")
        self._say(self._sink.replies.get("greeting", "220 sink ESMTP"))
        while self._answer(self._read().decode().strip()):
            pass

    def close(self) -> None:
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        if hasattr(self, "_file"):
            self._file.close()
        self._line.close()

    def _encrypt(self) -> None:
        assert self._sink.tls is not None
        plain, self._line = (
            self._line,
            self._sink.tls.wrap_socket(self._line, server_side=True, do_handshake_on_connect=False),
        )
        with self._sink._guard:
            self._sink._open.discard(plain)
            self._sink._open.add(self._line)
        self._line.do_handshake()

    def _answer(self, command: str) -> bool:
        word = command.partition(" ")[0].upper()
        if word in ("EHLO", "HELO"):
            self._pass("hello")
            offers = ["sink", *(["STARTTLS"] if self._sink.tls and not self._sink.is_tls_at_once else []), "AUTH PLAIN"]
            self._say("\r\n".join(f"250-{offer}" for offer in offers) + "\r\n250 SIZE 20000000")
        elif word == "STARTTLS":
            self._say("220 go on")
            self._file.close()
            self._encrypt()
            self._file = self._line.makefile("rb")
        elif word == "AUTH":
            self._say(self._sink.replies.get("auth", "235 welcome"))
        elif word == "MAIL":
            self._pass("mail")
            self._sender = command.partition("<")[2].partition(">")[0]
            self._say(self._sink.replies.get("mail", "250 ok"))
        elif word == "RCPT":
            self._pass("rcpt")
            self._recipient = command.partition("<")[2].partition(">")[0]
            self._say(self._sink.replies.get("rcpt", "250 ok"))
        elif word == "DATA":
            self._take()
        elif word == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _take(self) -> None:
        self._pass("data")
        asked = self._sink.replies.get("data", "354 go on")
        self._say(asked)
        if not asked.startswith("354"):
            return
        lines: list[bytes] = []
        while (text := self._read()) != b".\r\n":
            lines.append(text[1:] if text.startswith(b".") else text)
            if len(lines) == 5:
                self._pass("body")
        said = self._sink.replies.get("answer", "250 taken")
        if said.startswith("250"):
            self._sink.keep(b"".join(lines), self._sender, self._recipient)
        self._pass("answer")
        self._say(said)
        self._pass("answered")

    def _pass(self, place: Place) -> None:
        if self._place == place:
            raise HangUp

    def _read(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line

    def _say(self, text: str) -> None:
        self._line.sendall(text.encode() + b"\r\n")


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the context of a server whose certificate nobody has signed."""
    import subprocess

    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
