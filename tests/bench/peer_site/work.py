"""The task, and the line that it leaves: who began which number when, and that it came to its end."""

import os
import time

_log = os.open(os.environ["PEER_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def stamp(number: int, enqueued: float, seconds: float) -> None:
    """Write that `number` has begun; with `seconds`, wait them out, and write that it has ended."""
    os.write(_log, f"begin {number} {os.getpid()} {time.time()} {enqueued}\n".encode())
    if seconds:
        time.sleep(seconds)
        os.write(_log, f"end {number} {os.getpid()} {time.time()} {enqueued}\n".encode())
