"""What the tests' pipelines run in child processes: in a module that needs no Django."""

from __future__ import annotations

import time
from collections.abc import Callable

Report = Callable[..., None]


def sum_slowly(report: Report, count: int, seconds: float) -> int:
    total = 0
    for number in range(count):
        time.sleep(seconds)
        total += number
        report(number + 1, count)
    return total


def sleep_deeply(report: Report, seconds: float) -> None:
    time.sleep(seconds)


def eat(report: Report, bytes_wanted: int) -> int:
    eaten: list[bytes] = []
    while len(eaten) * 1024**2 < bytes_wanted:
        eaten.append(b"x" * 1024**2)
        time.sleep(0.002)
    return len(eaten)
