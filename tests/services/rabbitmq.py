"""A private RabbitMQ node as an ordinary process: own ports, folder, cookie and epmd, gone when tests end."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.services.packages import RABBITMQ, program
from tests.services.processes import Process, accepts, free_port
from tests.services.waiting import wait_until

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 50MB
log.console.level = warning
"""


class GivenRabbit:
    """A broker that runs already, named by RABBITMQ_URL. It cannot be killed or wiped."""

    def __init__(self, url: str) -> None:
        self.url = url

    def create_vhost(self, name: str) -> str:
        """The URL to use for `name`: the given one, as we may not administer somebody's broker."""
        return self.url

    def stop(self) -> None:
        """Leaves it running: it is not ours."""


class RabbitNode(GivenRabbit):
    """`start` it, then use `url`; `kill9`, `wipe_data` and `set_memory_alarm` are what chaos is made of.

    `config` is added to the node's own configuration file, in its syntax.
    """

    def __init__(self, folder: Path, *, config: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.management_port = free_port()
        self.user = "headway"
        self.password = secrets.token_hex(12)
        self.name = f"headway-{secrets.token_hex(4)}@localhost"
        super().__init__(self._url_of("/"))
        self._program = program(RABBITMQ)
        self._config = config
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._epmd: Process | None = None
        self._server: Process | None = None
        self._vhosts: set[str] = set()

    def start(self, timeout: float = 180.0) -> None:
        """Start, or start again with the data that is there, and wait until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_files()
        environment = self._environment()
        epmd = shutil.which("epmd") or "epmd"
        if self._epmd is None or not self._epmd.is_running:
            command = [epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = Process("epmd", command, log=self.folder / "epmd.log", environment=environment)
            wait_until(lambda: accepts(self._epmd_port), what="epmd to listen")
        log = self.folder / "node.log"
        self._server = Process("RabbitMQ", [self._program], log=log, environment=environment)
        wait_until(self._is_ready, timeout, "RabbitMQ to serve", every=0.1)
        for vhost in self._vhosts:
            self._make_vhost(vhost)

    def stop(self) -> None:
        """End the node cleanly, and its epmd."""
        if self._server is not None:
            self._server.stop(timeout=40)
        if self._epmd is not None:
            self._epmd.stop()
        self._server = self._epmd = None

    def discard(self) -> None:
        """End the node and its epmd at once: nobody needs what it holds."""
        self.kill9()
        self.stop()

    def kill9(self) -> None:
        """End the node as a power cut does; `start` brings it back with what it had written."""
        if self._server is not None:
            self._server.kill9()
            self._server = None

    def wipe_data(self) -> None:
        """Delete all that a node that is down had stored: queues, messages, users, virtual hosts."""
        if self._server is not None:
            raise RuntimeError("stop or kill the node before its data is deleted")
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def create_vhost(self, name: str) -> str:
        """Make a virtual host of that name, also after a wipe, and return its URL."""
        self._make_vhost(name)
        self._vhosts.add(name)
        return self._url_of(name)

    def set_memory_alarm(self, is_on: bool) -> None:
        """Raise or end the alarm that blocks every publisher."""
        self.control("set_vm_memory_high_watermark", "0.00001" if is_on else "0.6")
        wait_until(lambda: self._alarms() == is_on, what=f"the memory alarm to be {is_on}")

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on the node and return what it printed."""
        command = [str(self._program.parent / "rabbitmqctl"), "--node", self.name, "--quiet", *arguments]
        answer = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=120, check=False
        )
        if answer.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {answer.stdout}{answer.stderr}")
        return answer.stdout

    def api(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """Ask the management API, as in `api("queues/%2F")`; None for an answer without a body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management_port}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
            return json.loads(answer.read() or "null")

    def queue_depths(self, url: str) -> dict[str, int]:
        """Messages ready and unacked by queue, for the virtual host of `url`."""
        vhost = unquote(urlsplit(url).path[1:]) or "/"
        queues = self.api(f"queues/{quote(vhost, safe='')}?disable_stats=true&enable_queue_totals=true")
        return {queue["name"]: queue.get("messages", 0) for queue in queues}

    def _is_ready(self) -> bool:
        assert self._server is not None
        self._server.expect_running()
        try:
            return accepts(self.port) and bool(self.api("overview"))
        except OSError:  # not listening yet, or still refusing the login
            return False

    def _alarms(self) -> bool:
        try:
            self.api("health/checks/local-alarms")
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return True
            raise
        return False

    def _make_vhost(self, name: str) -> None:
        self.api(f"vhosts/{quote(name, safe='')}", method="PUT", body={})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.api(f"permissions/{quote(name, safe='')}/{self.user}", method="PUT", body=everything)

    def _url_of(self, vhost: str) -> str:
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def _write_files(self) -> None:
        config = CONFIG.format(
            port=self.port, management_port=self.management_port, user=self.user, password=self.password
        )
        (self.folder / "rabbitmq.conf").write_text(config + self._config)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq-env.conf").write_text("")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # holds the cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_PID_FILE": str(self.folder / "node.pid"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            # Waiting in a loop for work would take the cores from what is tested.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
            # The script then becomes the Erlang machine itself: one process id to signal and to kill.
            "RUNNING_UNDER_SYSTEMD": "1",
        }
