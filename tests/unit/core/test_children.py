"""Work in a child process, and the hard stop for what can't be interrupted. No database here, only processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core import children
from core.children import ChildLost, Report
from core.errors import JobCancelled, PermanentError
from tests.services.processes import is_alive
from tests.services.waiting import wait_until


def add(report: Report, one: int, two: int) -> int:
    return one + two


def count(report: Report, number: int) -> str:
    for done in range(1, number + 1):
        report(done, number, f"line {done}")
    return "counted"


def tell_pid(report: Report) -> int:
    return os.getpid()


def raise_permanent(report: Report) -> None:
    raise PermanentError("line 7: this can't be read")


def raise_value(report: Report) -> None:
    raise ValueError("seven")


def die(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tell_pid_and_stay(report: Report, deaf: bool = False) -> None:
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report(os.getpid())
    time.sleep(600)


def hold_memory(report: Report, mebibytes: int) -> None:
    held = bytearray(os.urandom(1024)) * (mebibytes * 1024)
    report(len(held))
    time.sleep(600)


def run(function: Any, *, reports: list[Any] | None = None, check: Any = None, **options: Any) -> Any:
    kwargs = options.pop("kwargs", {})
    heard = reports if reports is not None else []
    with children.Child() as child:
        return child.run(
            function,
            kwargs,
            on_report=lambda *report: heard.append(report),
            check=check or (lambda: None),
            **options,
        )


def test_the_result_of_the_function_is_returned() -> None:
    assert run(add, kwargs={"one": 1, "two": 2}) == 3


def test_reports_are_throttled_and_the_last_one_is_never_lost() -> None:
    reports: list[Any] = []
    assert run(count, reports=reports, kwargs={"number": 20_000}) == "counted"
    assert reports[-1] == (20_000, 20_000, "line 20000")
    assert len(reports) < 100


def test_a_permanent_error_passes_through_with_its_sentence() -> None:
    with pytest.raises(PermanentError, match=r"^line 7: this can't be read$"):
        run(raise_permanent)


def test_any_other_error_passes_through_too() -> None:
    with pytest.raises(ValueError, match="seven"):
        run(raise_value)


def test_a_child_that_is_killed_is_lost() -> None:
    with pytest.raises(ChildLost, match="the child process died"):
        run(die)


@pytest.mark.parametrize("deaf", [False, True])
def test_the_child_is_killed_when_the_attempt_may_not_go_on_even_when_it_is_deaf(deaf: bool) -> None:
    reports: list[Any] = []

    def check() -> None:
        if reports:
            raise JobCancelled("now")

    # By itself it would stay for ten minutes.
    with pytest.raises(JobCancelled):
        run(tell_pid_and_stay, reports=reports, check=check, kwargs={"deaf": deaf})
    wait_until(lambda: not is_alive(reports[0][0]), what="the end of the child")


def test_a_child_that_takes_too_long_is_stopped_with_a_sentence() -> None:
    reports: list[Any] = []
    with pytest.raises(PermanentError, match="longer than the 2 seconds it may take"):
        run(tell_pid_and_stay, reports=reports, timeout_seconds=2)
    if reports:
        wait_until(lambda: not is_alive(reports[0][0]), what="the end of the child")


def test_a_child_that_needs_too_much_memory_is_stopped_with_a_sentence() -> None:
    with pytest.raises(PermanentError, match="more than the 256 MiB of memory it may use"):
        run(hold_memory, kwargs={"mebibytes": 400}, memory_bytes=256 * 1024**2, timeout_seconds=300)


def test_one_process_runs_one_function_after_the_other() -> None:
    with children.Child() as child:
        pids = [child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None) for _ in range(3)]
        assert len(set(pids)) == 1
    wait_until(lambda: not is_alive(pids[0]))


def test_after_a_failure_the_next_function_gets_a_fresh_process() -> None:
    with children.Child() as child:
        first = child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None)
        with pytest.raises(ValueError, match="seven"):
            child.run(raise_value, {}, on_report=lambda *_: None, check=lambda: None)
        assert child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None) != first


def test_a_process_that_has_grown_large_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "KEEP_BYTES", 1)
    with children.Child() as child:
        pids = [child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None) for _ in range(2)]
    assert pids[0] != pids[1]


# -- the pool ------------------------------------------------------------------------------------------


def use(child: children.Child) -> int:
    pid: int = child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None)
    return pid


def never() -> None:
    raise AssertionError("nobody has to wait")


@pytest.fixture
def pool() -> Iterator[children.Pool]:
    made = children.Pool(size=2)
    yield made
    made.close_idle(after_seconds=0)


def test_the_next_attempt_gets_the_process_of_the_last(pool: children.Pool) -> None:
    pids = []
    for _ in range(3):
        child = pool.borrow(never)
        pids.append(use(child))
        pool.give_back(child)
    assert len(set(pids)) == 1


def test_two_attempts_at_once_have_a_process_each(pool: children.Pool) -> None:
    one, two = pool.borrow(never), pool.borrow(never)
    assert use(one) != use(two)
    pool.give_back(one)
    pool.give_back(two)


def test_an_attempt_waits_for_a_free_process_and_can_be_stopped_meanwhile(pool: children.Pool) -> None:
    lent = [pool.borrow(never), pool.borrow(never)]

    def cancelled() -> None:
        raise JobCancelled("now")

    with pytest.raises(JobCancelled):
        pool.borrow(cancelled)
    for child in lent:
        pool.give_back(child)
    pool.give_back(pool.borrow(never))


def test_a_process_ends_after_so_many_uses(pool: children.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "USES", 2)
    child = pool.borrow(never)
    pids = [use(child), use(child)]
    pool.give_back(child)
    wait_until(lambda: not is_alive(pids[0]), what="the end of a process that was used up")
    child = pool.borrow(never)
    pids.append(use(child))
    pool.give_back(child)
    assert pids[0] == pids[1] != pids[2]


def test_a_process_that_nobody_uses_is_ended(pool: children.Pool) -> None:
    child = pool.borrow(never)
    pid = use(child)
    pool.give_back(child)
    pool.close_idle(after_seconds=3600)
    assert is_alive(pid)
    pool.close_idle(after_seconds=0)
    wait_until(lambda: not is_alive(pid), what="the end of an idle process")


def test_a_process_that_ends_does_not_wait_for_its_idle_children() -> None:
    code = (
        "import django; django.setup(); from core import children; from tests.unit.core.test_children import use; "
        "child = children.pool.borrow(lambda: None); print(use(child)); children.pool.give_back(child)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True)
    wait_until(lambda: not is_alive(int(done.stdout)), what="the end of the child")
