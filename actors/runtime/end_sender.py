"""The thread of a worker that does what follows the ends of jobs: webhooks' calls are ordered, and signals are sent.

It is a thread of its own because receivers are the site's code, and may take time. A look is one probe of an index.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from django.db import close_old_connections, connection

from core.life import end_signals
from core.logs import log

#: Seconds between two looks for ends, and after a look that failed.
LOOK_SECONDS, RETRY_SECONDS = 1.0, 5.0


@dataclass
class EndSender:
    """Sends what is due, one end after the other."""

    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread: people may make webhooks at any time."""
        self._thread = threading.Thread(target=self._run, name="end-signals", daemon=True)
        self._thread.start()

    def stop(self, *, timeout: float) -> None:
        """End the thread after the receivers that are being called; an end it can't wait for is sent again later."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.wait(wait):
            try:
                close_old_connections()
                wait = 0.0 if end_signals.send_due() else LOOK_SECONDS
            except Exception as error:  # noqa: BLE001 - the thread must not end, whatever it is
                # The database is away for a moment, most likely; the ends are still there.
                log("end_signals_failed", level=logging.WARNING, error=f"{type(error).__name__}: {error}"[:300])
                connection.close()
                wait = RETRY_SECONDS
        connection.close()
