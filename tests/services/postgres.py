"""A private PostgreSQL server as an ordinary process on a free loopback port."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.services.packages import POSTGRESQL, program
from tests.services.processes import Process, free_port
from tests.services.waiting import wait_until


class GivenPostgres:
    """A server that runs already, named by DATABASE_URL. It cannot be killed; its user needs CREATEDB."""

    def __init__(self, url: str) -> None:
        self.url = url

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database like `template` (an old one of that name is dropped) and return its URL."""
        self.drop_database(name)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url, autocommit=True, connect_timeout=60) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=60) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """Leaves it running: it is not ours."""


class PostgresNode(GivenPostgres):
    """`start` it, then use `url` or `create_database(name)`. fsync is on: a commit must outlive `kill9`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._bin = program(POSTGRESQL).parent
        self._data = folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._server: Process | None = None
        super().__init__(f"postgres://headway@127.0.0.1:{self.port}/postgres")

    def start(self, timeout: float = 180.0) -> None:
        """Start, or start again with the data that is there, and wait until it serves."""
        if not self._data.exists():
            self._make_cluster()
        command: list[str | Path] = [
            self._bin / "postgres",
            *("-D", self._data, "-k", self.folder, "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"),
        ]
        log = self.folder / "node.log"
        self._server = Process(
            "PostgreSQL",
            command,
            log=log,
            environment=self._environment(),
            user=self._user,
            folder=self.folder,
        )
        wait_until(self._is_ready, timeout, "PostgreSQL to serve")

    def stop(self) -> None:
        """End it cleanly; open connections are closed."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)
            self._server = None

    def kill9(self) -> None:
        """End the server and all its backends as a power cut does."""
        if self._server is not None:
            self._server.kill9()
            self._server = None

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def _is_ready(self) -> bool:
        assert self._server is not None
        self._server.expect_running()
        try:
            with psycopg.connect(self.url, connect_timeout=60):
                return True
        except psycopg.OperationalError:  # not listening yet, or recovering
            return False

    def _make_cluster(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.folder.chmod(0o700)
        made = subprocess.run(
            [
                *(self._bin / "initdb", "--pgdata", self._data, "--username", "headway", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            env=self._environment(),
            cwd=self.folder,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if made.returncode:
            shutil.rmtree(self._data, ignore_errors=True)
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder), "TZ": "UTC"}
