"""Compares the cron of the core with the independent one, instant by instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import takewhile

import numpy as np

from core.pipelines import cron
from tests.unit.core.pipelines.independent import Zone

#: Zones with the years that are looked at: two of the usual kind, one that goes half an hour, one that left out a day.
YEARS: tuple[tuple[str, int, int], ...] = (
    ("Europe/Paris", 2020, 2029),
    ("America/New_York", 2020, 2029),
    ("Australia/Lord_Howe", 2020, 2029),
    ("Pacific/Apia", 2006, 2015),
)


def compare(zone: Zone, expressions: Iterable[str]) -> tuple[int, list[str]]:
    """Return how many instants were compared, and sentences about those that differ."""
    compared, differing = 0, []
    begin = dt.datetime.fromtimestamp(zone.first_day * 86400, dt.UTC)
    end = dt.datetime.fromtimestamp(zone.last_day * 86400, dt.UTC)
    for expression in expressions:
        expected = zone.instants(expression)
        times = takewhile(lambda at: at < end, cron.times(cron.read(expression), zone.name, after=begin))
        found = np.fromiter((round(at.timestamp()) // 60 for at in times), dtype=np.int64)
        compared += len(expected)
        if not np.array_equal(found, expected):
            odd = np.setxor1d(found, expected)
            first = dt.datetime.fromtimestamp(int(odd[0]) * 60, dt.UTC) if len(odd) else "their order"
            differing.append(f"{expression} in {zone.name}: {len(odd)} differ, the first at {first}")
    return compared, differing
