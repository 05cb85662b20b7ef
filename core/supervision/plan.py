"""The supervisor's configuration: which parts run, and how each is started and stopped."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


def parts_of(rabbitmq_url: str) -> tuple[str, ...]:
    """The commands of `manage.py` that make up a whole Headway on the runtime chosen."""
    # Embedded, the one worker fires the schedules itself.
    return ("web", "worker", "scheduler") if rabbitmq_url else ("web", "worker")


def render_plan(parts: Sequence[str], *, home: Path, checkout: Path, stop_seconds: int) -> str:
    """The text of supervisord's configuration file."""
    logs = _escape(home / "logs")
    program = Template((_FOLDER / "program.conf").read_text())
    programs = [
        program.substitute(
            name=name,
            command=_escape(shlex.join([sys.executable, str(checkout / "manage.py"), name])),
            folder=_escape(checkout),
            logs=logs,
            stop_seconds=stop_seconds,
        )
        for name in parts
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
