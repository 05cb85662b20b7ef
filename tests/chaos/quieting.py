"""The end of a scenario: everything was submitted and broken, now every job has to end by itself."""

from __future__ import annotations

import time

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage


def wait_until_quiet(stage: Stage, size: Size, outcome: Outcome, *, began: float) -> None:
    """Wait until every job has ended, and write on the outcome how long that and the whole took."""
    try:
        outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
    except TimeoutError as error:
        outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after the last fault: {error}")
        outcome.recovered_seconds = size.quiet_seconds
    outcome.seconds = time.monotonic() - began
