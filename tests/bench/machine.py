"""What else the machine did while something was measured: its share of the processors' time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def watch() -> Callable[[], str]:
    """Begin to watch; the function returned says what there has been since (Linux)."""
    before = _times()

    def said() -> str:
        after = _times()
        total = max(1, sum(after) - sum(before))
        # user, nice, system, idle, iowait, irq, softirq, steal: the last are taken by other machines on the host.
        stolen = (after[7] - before[7]) / total
        idle = (after[3] + after[4] - before[3] - before[4]) / total
        return f"stolen {stolen:.1%}, idle {idle:.0%}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"

    return said


def _times() -> list[int]:
    first = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return [int(word) for word in first[1:9]]
