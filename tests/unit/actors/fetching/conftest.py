"""What the tests of fetching share."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.fetching import fetching
from actors.fetching.addresses import read_address
from actors.fetching.fetching import Fetched, Wanted
from actors.fetching.many import Failure, fetch_many
from actors.fetching.partial import Partial
from actors.fetching.policy import Policy
from core.errors import JobCancelled
from tests.configuration import OwnConf

from .serving import Answers, Canaries, Server, serving


class Attempt:
    """An attempt that nobody stops, unless a test does."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int | None]] = []
        self.is_cancelled: Callable[[], bool] = bool

    def check(self) -> None:
        if self.is_cancelled():
            raise JobCancelled("job 1")

    def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None:
        self.shown.append((done, total))


class Client:
    """Fetches as a job does, into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempt = Attempt()
        self.policy: dict[str, Any] = {}

    def many(self, *urls: str, **words: Any) -> tuple[dict[str, Fetched | None], dict[str, Failure]]:
        """Return what came and what failed, by the addresses."""
        policy = Policy(**{**Policy.from_settings().__dict__, **self.policy})
        files = [
            Wanted(
                key=url,
                address=(address := read_address(url, policy)),
                partial=Partial(self.folder, str(number), url=str(address)),
                **words,
            )
            for number, url in enumerate(urls)
        ]
        came: dict[str, Fetched | None] = {}
        failed = fetch_many(
            self.attempt, files, policy=policy, on_fetched=lambda file, fetched: came.update({file.key: fetched})
        )
        return came, failed

    def fetch(self, url: str, **words: str) -> Fetched | None:
        """Return the file, or raise why it was not fetched."""
        came, failed = self.many(url, **words)
        for error in failed.values():
            raise error
        return came[url]

    def content(self, url: str, **words: str) -> bytes:
        fetched = self.fetch(url, **words)
        assert fetched is not None
        return fetched.path.read_bytes()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before another try, and looks at the attempt, in milliseconds."""
    monkeypatch.setattr(fetching, "BACKOFF_SECONDS", 0.002)
    monkeypatch.setattr("actors.fetching.many.POLL_SECONDS", 0.02)


@pytest.fixture
def client(conf: OwnConf, tmp_path: Path) -> Client:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.FETCH_INSIDE = []
    return Client(tmp_path / "files" / "jobs" / "1" / "1" / "fetch")


@pytest.fixture
def serve(conf: OwnConf) -> Iterator[Callable[..., Server]]:
    """`serve(answers)`: a server on loopback that may be fetched from."""
    with ExitStack() as stack:

        def start(answers: Answers, *, names: tuple[str, ...] = ("127.0.0.1",), **options: Any) -> Server:
            server = stack.enter_context(serving(answers, **options))
            conf.FETCH_INSIDE = [*conf.FETCH_INSIDE, *(f"{name}:{server.port}" for name in names)]
            return server

        yield start


@pytest.fixture(scope="module")
def canaries() -> Iterator[Canaries]:
    found = Canaries()
    yield found
    found.close()


class Resolver:
    """Takes the place of the system's: names have the addresses that a test gives them, one list a question."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._system = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            return self._system(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (ip, port, 0, 0))
            if ":" in ip
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in answer
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    fake = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return fake


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that a socket was told to connect to; those outside are refused here, so that no packet leaves."""
    addresses: list[str] = []
    connect = socket.socket.connect

    def record(self: socket.socket, address: Any) -> None:
        addresses.append(address[0])
        if address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError(111, "refused by the test")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", record)
    return addresses
