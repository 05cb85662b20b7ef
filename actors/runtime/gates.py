"""When a relay polls the gates of limited pipelines: after a change, and no more often than they bear."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.limits import gate

#: Seconds between two polls when no change is noted.
GATE_SECONDS = 1.0


@dataclass
class GatePoll:
    """When one relay polls, by the process's monotonic clock."""

    _due_at: float = 0.0
    #: A poll that takes long, as many lanes are waiting, is not repeated before this.
    _rested_at: float = 0.0
    _has_next: bool = False

    def note_change(self) -> None:
        """Somebody submitted, or a place has become free: poll as soon as may be."""
        self._due_at = self._rested_at

    def poll(self) -> float | None:
        """Let go what may go, if it is time; return the seconds until a rate allows more, or None."""
        began = time.monotonic()
        if began >= self._due_at:
            seconds = gate.let_go().next_seconds
            ended = time.monotonic()
            self._has_next = seconds is not None
            self._rested_at = ended + 2 * (ended - began)
            self._due_at = max(self._rested_at, ended + min(GATE_SECONDS, GATE_SECONDS if seconds is None else seconds))
        return max(0.0, self._due_at - time.monotonic()) if self._has_next else None
