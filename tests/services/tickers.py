"""Tickers: processes that do nothing but fire schedules, as each keeper does, by a clock that may go faster."""

from __future__ import annotations

import time

from tests.services.processes import Process
from tests.services.site import Site

#: Seconds between two looks of a ticker; a keeper takes two.
LOOK_SECONDS = 0.01
#: What a ticker says when it has looked once.
LOOKED = "has looked"
_CODE = "from tests.services.tickers import tick_on; tick_on({began}, speed={speed})"


def start_ticker(site: Site, name: str, *, began: float = 0.0, speed: float = 1.0, failpoint: str = "") -> Process:
    """Start a ticker; `failpoint` arms it, as `name:kill:3`."""
    environment = {"PGAPPNAME": name, **({"FAILPOINT": failpoint} if failpoint else {})}
    command = ("shell", "--no-imports", "--command", _CODE.format(began=began, speed=speed))
    return site.fork_command(*command, name=name, environment=environment)


def tick_on(began: float, *, speed: float) -> None:
    """Fire what is due, until killed; since `began` the clock has gone `speed` times as fast as the real one."""
    from core.database import statements
    from core.schedules.fire import fire_due

    said = LOOKED
    while True:
        statements.clock_offset_seconds = max(0.0, time.time() - began) * (speed - 1)
        fire_due()
        if said:
            print(said, flush=True)
            said = ""
        time.sleep(LOOK_SECONDS)
