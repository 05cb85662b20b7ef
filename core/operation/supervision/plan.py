"""The supervisor's configuration: which parts run, and how each is started and stopped."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from core import pipelines
from core.conf import conf
from core.operation.metrics import SHARED_FOLDER, figures_folder

_FOLDER = Path(__file__).parent


def parts_of(rabbitmq_url: str) -> dict[str, tuple[str, ...]]:
    """The commands of `manage.py`, by their part's name, that make up a whole Headway on the runtime chosen."""
    heavy = pipelines.heavy_queues()
    parts: dict[str, tuple[str, ...]] = {"web": ("web",), "worker": ("worker",)}
    if heavy:
        # Short jobs never wait behind what takes the processor for a thread.
        threads = str(conf.CPU_THREADS)
        parts["worker"] = ("worker", "--not-queues", *heavy)
        parts["worker-cpu"] = ("worker", "--queues", *heavy, "--processes", "1", "--threads", threads)
    # Embedded, the workers fire the schedules themselves.
    return {**parts, "scheduler": ("scheduler",)} if rabbitmq_url else parts


#: Lets `Supervisor.restart` in.
_CONTROL = """\
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def render_plan(
    parts: Mapping[str, tuple[str, ...]], *, home: Path, checkout: Path, stop_seconds: int, control: Path | None = None
) -> str:
    """The text of supervisord's configuration file; `control` is a socket by which its parts can be restarted."""
    logs = _escape(home / "logs")
    tethered = (sys.executable, "-m", "core.operation.supervision.tethered")
    program = Template((_FOLDER / "program.conf").read_text())
    programs = [
        program.substitute(
            name=name,
            command=_escape(shlex.join([*tethered, sys.executable, str(checkout / "manage.py"), *command])),
            folder=_escape(checkout),
            # So that it need not start again once it knows the folder.
            environment=f'{SHARED_FOLDER}="{_escape(figures_folder(home, conf.PORT))}"' if name == "web" else "",
            logs=logs,
            stop_seconds=stop_seconds,
        )
        for name, command in parts.items()
    ]
    return Template((_FOLDER / "supervisord.conf").read_text()).substitute(
        logs=logs,
        run=_escape(home / "run"),
        # Without it supervisord complains about root at each start; nothing is lowered or raised by it.
        user="user = root" if os.geteuid() == 0 else "",
        control=_CONTROL.format(socket=_escape(control)) if control else "",
        names=",".join(parts),
        programs="\n".join(programs),
    )


def _escape(value: Path | str) -> str:
    return str(value).replace("%", "%%")
