"""A whole Headway for one test: its own home, database and processes, on either runtime."""

import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urljoin

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.services.nursery import Nursery
from tests.services.processes import Process, free_port
from tests.services.waiting import wait_until

Runtime = Literal["embedded", "rabbitmq"]
CHECKOUT = Path(__file__).resolve().parents[2]


class Site:
    """`start_web()`, `start_worker()`, then act as people (`person("alice")`) and operators (`run(…)`) do.

    On the rabbitmq runtime `database_url` and `rabbitmq_url` name servers that run. `settings` are further
    environment variables. Most times are short by default: a test sees in seconds what takes minutes in life.
    """

    def __init__(
        self,
        runtime: Runtime,
        home: Path,
        *,
        database_url: str = "",
        rabbitmq_url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.runtime = runtime
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.processes: list[Process] = []
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
            "HEADWAY_HOME": str(home),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SECRET_KEY": secrets.token_urlsafe(50),
            # Not short: a machine that stands still for seconds must not cost anybody an attempt. What a killed worker
            # held is let go when another starts on its machine.
            "LEASE_SECONDS": "30",
            "REAP_SECONDS": "1",
            "REPUBLISH_SECONDS": "3",
            "RETRY_BASE_SECONDS": "0.2",
            "STOP_GRACE_SECONDS": "3",
        }
        if runtime == "rabbitmq":
            self.environment |= {"DATABASE_URL": database_url, "RABBITMQ_URL": rabbitmq_url}
        self.environment |= settings or {}
        (home / "logs").mkdir(parents=True, exist_ok=True)
        #: Given to the nursery: values of modules that take the place of the product's.
        self.constants: dict[str, float] = {}
        self._nursery: Nursery | None = None

    # -- as an operator ----------------------------------------------------------------------------

    def run(self, *arguments: str, check: bool = True, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with these arguments; a failure shows what it printed."""
        done = subprocess.run(
            self._manage(*arguments),
            env=self.environment,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            command = " ".join(arguments)
            raise AssertionError(f"manage.py {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def run_json(self, *arguments: str, check: bool = True, timeout: float = 180) -> Any:
        """Run `manage.py` with these arguments and --json, and return the object it printed."""
        return json.loads(self.run(*arguments, "--json", check=check, timeout=timeout).stdout)

    def migrate(self) -> None:
        self.run("migrate", "--no-input", "--verbosity", "0", timeout=180)

    def add_user(self, name: str, *, is_admin: bool = False) -> None:
        """Make a user whose password is the name."""
        make = "create_superuser" if is_admin else "create_user"
        code = (
            "from django.contrib.auth import get_user_model as model; "
            f"model().objects.{make}({name!r}, '{name}@example.org', {name!r})"
        )
        self.run("shell", "--command", code)

    # -- its processes -----------------------------------------------------------------------------

    def start_web(self, timeout: float = 180) -> Process:
        """Start the web server and wait until it says that it is ready."""
        web = self._start("web", "web")

        def is_ready() -> bool:
            web.expect_running()
            try:
                return Person(self).get("/readyz").status == 200
            except OSError:  # not listening yet
                return False

        wait_until(is_ready, timeout, "the web server to be ready")
        return web

    def start_worker(self, count: int = 1, *arguments: str) -> list[Process]:
        """Start `count` workers, which may take a moment until they consume."""
        return [self._start("worker", "worker", *arguments) for _ in range(count)]

    def fork_web(self, *, port: int, name: str = "web", environment: Mapping[str, str] | None = None) -> Process:
        """Start a further web server, on this port, from the nursery; it may take a moment until it listens."""
        # Else it would begin again, to have prometheus-client find the folder, and not as a fork.
        figures = {"PROMETHEUS_MULTIPROC_DIR": f"{self.home}/run/metrics-{port}"}
        return self._fork(name, ["web", "--port", str(port)], {**figures, **(environment or {})})

    def fork_worker(
        self, *arguments: str, name: str = "worker", environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a worker from the nursery. `environment` is added to the site's, but see `Nursery` for settings."""
        return self._fork(name, ["worker", *arguments], environment)

    def fork_command(self, *arguments: str, name: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start any other command from the nursery."""
        return self._fork(name, list(arguments), environment)

    def start_scheduler(self) -> Process:
        return self._start("scheduler", "scheduler")

    def kill(self, process: Process) -> None:
        """kill -9, with all its children."""
        process.kill9()

    def stop(self) -> None:
        """End all that was started; what does not end by itself is killed."""
        for process in reversed(self.processes):
            process.send(signal.SIGTERM)
        for process in self.processes:
            process.stop()
        self.processes.clear()
        if self._nursery is not None:
            self._nursery.stop()
            self._nursery = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def log_tails(self, lines: int = 60) -> str:
        """The end of every process's log, for the report of a failed test."""
        logs = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(
            f"-- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) for log in logs
        )

    # -- as a person -------------------------------------------------------------------------------

    def person(self, name: str) -> "Person":
        """That user, logged in."""
        person = Person(self)
        person.log_in(name, name)
        return person

    def _start(self, name: str, *arguments: str) -> Process:
        number = sum(1 for process in self.processes if process.name.startswith(name)) + 1
        process = Process(
            f"{name}-{number}",
            self._manage(*arguments),
            log=self.home / "logs" / f"{name}-{number}.log",
            environment=self.environment,
            folder=CHECKOUT,
        )
        self.processes.append(process)
        return process

    def _fork(self, name: str, arguments: list[str], environment: Mapping[str, str] | None) -> Process:
        if self._nursery is None:
            log = self.home / "logs" / "nursery.log"
            self._nursery = Nursery(log=log, environment=self.environment, constants=self.constants)
        process = self._nursery.start(
            name,
            arguments,
            log=self.home / "logs" / f"{name}.log",
            environment={**self.environment, **(environment or {})},
        )
        self.processes.append(process)
        return process

    @staticmethod
    def _manage(*arguments: str) -> list[str]:
        return [sys.executable, str(CHECKOUT / "manage.py"), *arguments]


@dataclass(frozen=True)
class Answer:
    """What a page answered; an error status is an answer too."""

    status: int
    url: str
    #: By names in lower case.
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Person:
    """A browser without a screen: cookies, CSRF token, forms with files; follows redirects by default."""

    def __init__(self, site: Site, address: str = "") -> None:
        self._site = site
        #: Of the web server that is asked, when it is not the site's first.
        self.address = address or site.address
        self._cookies = CookieJar()
        cookies = urllib.request.HTTPCookieProcessor(self._cookies)
        # No proxy: the environment may name one, and this is a loopback address.
        direct = urllib.request.ProxyHandler({})
        self._following = urllib.request.build_opener(direct, cookies)
        self._staying = urllib.request.build_opener(direct, cookies, _NoRedirect)

    def log_in(self, name: str, password: str) -> None:
        page = "/login/"
        self.get(page)  # brings the CSRF cookie
        answer = self.post(page, {"username": name, "password": password}, follow=False)
        assert answer.status == 302, f"{name} could not log in: {answer.status}"

    def twin(self, address: str = "") -> "Person":
        """The same person at another browser, logged in already; to log in costs a third of a second."""
        twin = Person(self._site, address or self.address)
        for cookie in self._cookies:
            twin._cookies.set_cookie(cookie)
        return twin

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, follow: bool = True, timeout: float = 90
    ) -> Answer:
        return self._ask(urllib.request.Request(self._url(path)), headers, follow, timeout)  # noqa: S310

    def post(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, Path] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
        timeout: float = 90,
    ) -> Answer:
        request = urllib.request.Request(self._url(path), method="POST")  # noqa: S310
        request.add_header("X-CSRFToken", self.cookie("csrftoken"))
        request.add_header("Referer", self.address + "/")
        opened = {name: each.open("rb") for name, each in (files or {}).items()}
        try:
            if opened:
                request.data = encode_multipart(BOUNDARY, {**(fields or {}), **opened})
                request.add_header("Content-Type", MULTIPART_CONTENT)
            else:
                request.data = urlencode(fields or {}, doseq=True).encode()
        finally:
            for each in opened.values():
                each.close()
        return self._ask(request, headers, follow, timeout)

    def cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")

    def _url(self, path: str) -> str:
        return urljoin(self.address, path)

    def _ask(
        self, request: urllib.request.Request, headers: Mapping[str, str] | None, follow: bool, timeout: float
    ) -> Answer:
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        opener = self._following if follow else self._staying
        try:
            with opener.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.url, _lowered(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.url or "", _lowered(error.headers), error.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{request.full_url}: {error!r}") from error


def _lowered(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
