"""supervisord as our child."""

import subprocess
import sys
import xmlrpc.client
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport


class Supervisor:
    """Starts supervisord on a written plan and ends it with all its parts.

    Each process ends with its parent: the kernel signals our end to supervisord, supervisord's to the parts, and the
    web's to its workers; in a worker the keeper watches for it. So a part that was killed leaves no process behind
    that holds its port or its jobs.
    """

    def __init__(self, plan: Path, *, checkout: Path, lock: int, control: Path | None = None) -> None:
        self._control = control
        self._plan = plan
        self._checkout = checkout
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        tethered = (sys.executable, "-m", "core.operation.supervision.tethered")
        self._process = subprocess.Popen(
            [*tethered, sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self._plan)],
            cwd=self._checkout,
            stdin=subprocess.DEVNULL,
            pass_fds=[self._lock],
            # Signals of the terminal come to us alone; we pass on the one that means stop.
            start_new_session=True,
        )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Ask all parts to stop; supervisord starts each again as soon as it has."""
        transport = SupervisorTransport(None, None, f"unix://{self._control}")
        server = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport)
        server.supervisor.signalAllProcesses("TERM")

    def stop(self, seconds: float) -> None:
        """Stop all parts in order, within `seconds`; then kill the supervisor, with which they end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
