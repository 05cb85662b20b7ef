"""The supervisor's configuration: which parts run, and how each is started and stopped."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from django.conf import settings

_FOLDER = Path(__file__).parent


def parts_of(rabbitmq_url: str) -> dict[str, tuple[str, ...]]:
    """The commands of `manage.py`, by their part's name, that make up a whole Headway on the runtime chosen."""
    cpu = settings.CPU_QUEUES
    parts: dict[str, tuple[str, ...]] = {
        "web": ("web",),
        # What takes the processor has a worker of its own: short jobs never wait behind it for a thread.
        "worker": ("worker", "--not-queues", *cpu),
        "worker-cpu": (
            "worker",
            "--queues",
            *cpu,
            "--processes",
            "1",
            "--threads",
            str(settings.CPU_THREADS),
        ),
    }
    # Embedded, the workers fire the schedules themselves.
    return {**parts, "scheduler": ("scheduler",)} if rabbitmq_url else parts


def render_plan(parts: Mapping[str, tuple[str, ...]], *, home: Path, checkout: Path, stop_seconds: int) -> str:
    """The text of supervisord's configuration file."""
    logs = _escape(home / "logs")
    tethered = (sys.executable, "-m", "core.operation.supervision.tethered")
    program = Template((_FOLDER / "program.conf").read_text())
    programs = [
        program.substitute(
            name=name,
            command=_escape(shlex.join([*tethered, sys.executable, str(checkout / "manage.py"), *command])),
            folder=_escape(checkout),
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
        names=",".join(parts),
        programs="\n".join(programs),
    )


def _escape(value: Path | str) -> str:
    return str(value).replace("%", "%%")
