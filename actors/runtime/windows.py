"""How far ahead a relay publishes: as many messages as a queue's workers get through in a moment.

What waits in the broker has its order for good. What waits in the database still goes by priority, and by whose turn it
is: so one owner's ten thousand jobs do not stand before another's one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Messages that a queue holds at least before a relay publishes no more, and at most.
SMALLEST, LARGEST = 16, 4000
#: Seconds after which a window that stays full gets smaller.
SHRINK_SECONDS = 1.0


@dataclass
class Window:
    """The window of one queue: doubled when what was published is gone at the next poll, halved when it stays."""

    smallest: int = SMALLEST
    size: int = 0
    #: The most messages that may wait: those counted, and those published since.
    _guess: int = 0
    _is_known: bool = False
    _was_full: bool = False
    _steady_since: float = field(default_factory=time.monotonic)

    def room(self, count: Callable[[], int]) -> int:
        """Return how many messages may be published now; `count` asks the broker how many wait."""
        self.size = max(self.size, self.smallest)
        if not self._is_known or self._guess > self.size // 2:
            self._guess, self._is_known = count(), True
            self._adapt(self._guess)
        return max(0, self.size - self._guess)

    def note_published(self, jobs: int, *, room: int) -> None:
        """Note what was published of the room that there was."""
        self._guess += jobs
        self._was_full = jobs >= room

    def forget(self) -> None:
        """Count anew the next time: the broker was away."""
        self._is_known = False

    def _adapt(self, waiting: int) -> None:
        now = time.monotonic()
        if self._was_full and waiting <= self.size // 4:
            self.size, self._steady_since = min(2 * self.size, LARGEST), now
        elif waiting > self.size // 2 and now - self._steady_since > SHRINK_SECONDS:
            self.size, self._steady_since = max(self.size // 2, self.smallest), now
