"""Work in a child process, and the hard stop for what can't be interrupted. No database here, only processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.attempt import children
from core.attempt.children import ChildLost, Report
from core.attempt.forked import Forked, ForkServer
from core.errors import JobCancelled, PermanentError
from tests.services.processes import is_alive
from tests.services.waiting import wait_until
from tests.unit.core.attempt import plain_work


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


def tell_pid_and_wait(report: Report, seconds: float) -> None:
    report(os.getpid())
    wait_quietly(report, seconds)


def wait_quietly(report: Report, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)


class OddError(Exception):
    """One that can be pickled, and not be made again."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} of {two}")


def raise_odd(report: Report) -> None:
    raise OddError(3, 7)


def leave(report: Report) -> None:
    sys.exit(3)


def leave_at_once(report: Report) -> None:
    os._exit(7)


def return_lock(report: Report) -> Any:
    return threading.Lock()


def report_until(report: Report, heard: str) -> None:
    report(1)
    wait_until(Path(heard).exists, what="the report to be heard")


def leave_a_thread(report: Report) -> None:
    def go_on() -> None:
        while True:
            report(1)

    threading.Thread(target=go_on, daemon=True).start()


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


def test_an_error_says_where_in_the_child_it_was_raised() -> None:
    with pytest.raises(ValueError, match="seven") as caught:
        run(raise_value)
    assert "in raise_value" in str(caught.value.__cause__)


def test_an_unsendable_error_arrives_with_the_same_words() -> None:
    with pytest.raises(RuntimeError, match=r"^OddError: 3 of 7$"):
        run(raise_odd)


def test_a_function_that_exits_has_failed_and_the_worker_lives() -> None:
    with pytest.raises(RuntimeError, match=r"^SystemExit: 3$"):
        run(leave)


def test_a_result_that_cannot_be_sent_fails_with_a_sentence() -> None:
    with pytest.raises(TypeError, match=r"test_children.return_lock returned what can't be sent"):
        run(return_lock)


def test_a_function_that_no_child_can_import_is_refused() -> None:
    with pytest.raises(TypeError, match=r"lambda.* can't be handed to a child process"):
        run(lambda: None)


def test_a_child_that_is_killed_is_lost() -> None:
    with pytest.raises(ChildLost, match=r"^the child process died: SIGKILL$"):
        run(die)


def test_a_child_that_leaves_without_an_answer_is_lost() -> None:
    with pytest.raises(ChildLost, match=r"^the child process died: exit code 7$"):
        run(leave_at_once)


def test_reports_and_the_end_arrive_at_once_despite_rare_polls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(children, "POLL_SECONDS", 60.0)
    heard, began = tmp_path / "heard", time.monotonic()
    with children.Child() as child:
        child.run(report_until, {"heard": str(heard)}, on_report=lambda *_: heard.touch(), check=lambda: None)
    assert time.monotonic() - began < 60


def test_a_late_threads_report_is_not_the_next_functions() -> None:
    reports: list[Any] = []
    with children.Child() as child:
        use(child, leave_a_thread)
        child.run(wait_quietly, {"seconds": 0.5}, on_report=lambda *report: reports.append(report), check=lambda: None)
    assert reports == []


@pytest.mark.parametrize("deaf", [False, True])
def test_even_a_deaf_child_is_killed_when_its_attempt_must_end(deaf: bool) -> None:
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


def test_a_child_over_its_memory_is_stopped_with_a_sentence() -> None:
    with pytest.raises(PermanentError, match="more than the 256 MB of memory it may use"):
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


def test_an_idle_process_that_is_killed_fails_no_attempt() -> None:
    with children.Child() as child:
        os.kill(pid := use(child), signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        assert use(child) != pid


# -- Django ---------------------------------------------------------------------------------------------


def test_a_child_has_nothing_of_django() -> None:
    loaded = run(plain_work.loaded)
    assert [name for name in loaded if name.split(".")[0] == "django" or name == "core.settings"] == []


def test_a_function_has_django_before_its_module_is_imported() -> None:
    # Not above: children import this module as well.
    from tests.unit.core.attempt import model_work

    assert "django.contrib.auth" in run(model_work.loaded, needs_django=True)


@pytest.mark.parametrize("at_import", [True, False])
def test_an_undeclared_need_of_django_fails_with_a_sentence(at_import: bool) -> None:
    from tests.unit.core.attempt import model_work

    function = model_work.loaded if at_import else plain_work.read_models
    name = f"{function.__module__}.{function.__name__}"
    with pytest.raises(PermanentError, match=rf"^{name} needs Django, .*ctx.run_in_child\(…, needs_django=True\)"):
        run(function)


def test_a_process_with_django_is_only_for_those_who_need_it() -> None:
    with children.Child() as child:
        one, two = (
            child.run(tell_pid, {}, on_report=lambda *_: None, check=lambda: None, needs_django=True) for _ in range(2)
        )
        assert one == two != use(child)


# -- the pool ------------------------------------------------------------------------------------------


def use(child: children.Child, function: Any = tell_pid) -> int:
    pid: int = child.run(function, {}, on_report=lambda *_: None, check=lambda: None)
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


def test_an_attempt_waiting_for_a_process_can_be_stopped(pool: children.Pool) -> None:
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


# -- the one that waits for the first job --------------------------------------------------------------


@pytest.fixture
def rehearsed(server: ForkServer, pool: children.Pool) -> Iterator[children.Pool]:
    """A pool in which a process waits that has rehearsed."""
    pool.warm_up([], [plain_work.rehearse])
    wait_until(lambda: pool._idle and not pool._rehearsing, what="the rehearsal")
    yield pool
    pool.end()


def test_a_rehearsed_process_waits_for_the_first_attempt(rehearsed: children.Pool) -> None:
    rehearsed.close_idle(after_seconds=1e-9)
    child = rehearsed.borrow(never)
    assert use(child, plain_work.rehearsals) == 1
    rehearsed.give_back(child)
    rehearsed.close_idle(after_seconds=1e-9)
    assert not rehearsed._idle


def test_one_rehearses_while_another_works_but_not_while_all_do(rehearsed: children.Pool) -> None:
    busy = rehearsed.borrow(never)
    rehearsed.tend()
    wait_until(lambda: rehearsed._idle and not rehearsed._rehearsing, what="the second rehearsal")
    rehearsed.tend()
    assert len(rehearsed._idle) == 1
    also_busy = rehearsed.borrow(never)
    rehearsed.tend()
    assert not rehearsed._rehearsing
    assert use(busy) != use(also_busy)
    for child in (busy, also_busy):
        rehearsed.give_back(child)


def test_what_has_worked_is_used_before_what_has_rehearsed(rehearsed: children.Pool) -> None:
    child = rehearsed.borrow(never)
    pid = use(child)
    rehearsed.give_back(child)
    # One that began while all were at work.
    rehearsed._rehearse()
    assert len(rehearsed._idle) == 2
    assert use(rehearsed.borrow(never)) == pid


def test_a_failed_rehearsal_is_logged_once_and_jobs_go_on(
    server: ForkServer, pool: children.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.warm_up([], [raise_value])
    wait_until(lambda: "rehearsal_failed" in caplog.text and not pool._rehearsing, what="the failure to be told")
    assert "ValueError: seven" in caplog.text
    pool.tend()
    assert (pool._idle, pool._rehearsing) == ([], None)
    child = pool.borrow(never)
    assert use(child)
    pool.give_back(child)


def test_the_end_of_the_pool_ends_a_rehearsal(server: ForkServer, pool: children.Pool) -> None:
    pool.warm_up([], [tell_pid_and_stay])
    wait_until(lambda: server.pid, what="the server")
    pool.end()
    assert (server.pid, pool._idle, pool._rehearsing) == (0, [], None)


# -- the fork server, and the end of processes ---------------------------------------------------------


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """A server of this test's own."""
    made = ForkServer()
    monkeypatch.setattr(children, "server", made)
    yield made
    made.stop()


def test_preloads_are_imported_once_and_failures_logged(
    server: ForkServer, pool: children.Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    pool.warm_up(["colorsys", "tests.no_such_module", "tests.unit.core.attempt.model_work", "wave"])
    assert {"colorsys", "wave"} <= set(run(plain_work.loaded))
    told = capfd.readouterr().err
    assert "preload_failed module=tests.no_such_module" in told
    assert re.search(r"preload_failed module=tests.unit.core.attempt.model_work error=.AppRegistryNotReady", told)


def test_a_module_that_starts_threads_is_told_of(
    server: ForkServer, pool: children.Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    pool.warm_up(["tests.unit.core.attempt.threading_work"])
    assert run(add, kwargs={"one": 1, "two": 2}) == 3
    assert "preload_started_threads module=tests.unit.core.attempt.threading_work threads=1" in capfd.readouterr().err


def test_brothers_do_not_draw_the_same_numbers(server: ForkServer, pool: children.Pool) -> None:
    pool.warm_up(["random", "numpy.random"])
    one, two = run(plain_work.draw), run(plain_work.draw)
    assert not set(one) & set(two)


def test_an_ended_pool_leaves_nothing_and_can_begin_again(server: ForkServer, pool: children.Pool) -> None:
    idle, busy = pool.borrow(never), pool.borrow(never)
    pids = {use(idle), use(busy), server.pid}
    pool.give_back(idle)
    pool.end()
    assert not any(map(is_alive, pids))
    assert server.pid == 0
    pool.give_back(busy)
    child = pool.borrow(never)
    assert use(child) not in pids
    pool.give_back(child)


def test_children_end_with_their_server_and_the_next_get_another(server: ForkServer, pool: children.Pool) -> None:
    reports: list[Any] = []
    old: set[int] = set()

    def kill_server() -> None:
        if reports and not old:
            old.update((server.pid, reports[0][0]))
            os.kill(server.pid, signal.SIGKILL)

    with pytest.raises(ChildLost, match="its fork server is gone"):
        run(tell_pid_and_stay, reports=reports, check=kill_server)
    wait_until(lambda: not any(map(is_alive, old)), what="the end of the server and its child")
    with children.Child() as child:
        assert use(child) not in old
    assert server.pid not in old


def test_a_signal_to_the_whole_group_is_the_workers_to_decide(server: ForkServer) -> None:
    reports: list[Any] = []
    signalled: list[int] = []

    def signal_all() -> None:
        if reports and not signalled:
            signalled.extend((server.pid, reports[0][0]))
            for pid in signalled:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(pid, number)

    with children.Child() as child:
        child.run(
            tell_pid_and_wait,
            {"seconds": 1.0},
            on_report=lambda *report: reports.append(report),
            check=signal_all,
        )
        assert use(child) == reports[0][0]
    assert server.pid == signalled[0]


class Failing(ForkServer):
    """A server that takes orders and dies, so many times."""

    fails = 0

    def fork(self) -> Forked:
        if not self.fails:
            return super().fork()
        self.fails -= 1
        (ours, theirs), (told, tells) = multiprocessing.Pipe(), multiprocessing.Pipe(duplex=False)
        theirs.close()
        tells.close()
        return Forked(-1, ours, told)


def test_a_server_that_dies_before_forking_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "server", failing := Failing())
    failing.fails = 1
    assert run(add, kwargs={"one": 1, "two": 2}) == 3
    failing.fails = 2
    with pytest.raises(ChildLost, match="no child process could be started"):
        run(add, kwargs={"one": 1, "two": 2})
    failing.stop()


#: A worker with an idle child, and one that is deaf and at work; prints their process ids and the server's.
WORKER = """
import os, threading, time
from django.conf import settings
settings.configure(CPU_THREADS=2)
from core.attempt.children import pool, server
from tests.unit.core.attempt.test_children import tell_pid_and_stay, use
pool.warm_up(["numpy"])
idle, busy = pool.borrow(lambda: None), pool.borrow(lambda: None)
pids = [use(idle), server.pid]
pool.give_back(idle)
def work():
    def show(pid, *_):
        print(*pids, pid, flush=True)
    busy.run(tell_pid_and_stay, {"deaf": True}, on_report=show, check=lambda: None)
thread = threading.Thread(target=work, daemon=True)
thread.start()
"""


def started_worker(code: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a process that begins as WORKER; return it, and the process ids that it prints."""
    worker = subprocess.Popen([sys.executable, "-c", WORKER + code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    return worker, [int(word) for word in worker.stdout.readline().split()]


def test_a_killed_worker_takes_its_children_and_server_along() -> None:
    worker, pids = started_worker("thread.join()")
    assert len(pids) == 3
    assert all(map(is_alive, pids))
    began = time.monotonic()
    worker.kill()
    worker.communicate()
    wait_until(lambda: not any(map(is_alive, pids)), what="the end of the children and their server")
    assert time.monotonic() - began < 30


def test_a_process_that_ends_waits_for_none_of_its_children() -> None:
    worker, pids = started_worker("while busy._process is None or len(pool._idle) != 1: time.sleep(0.01)")
    worker.communicate(timeout=180)
    assert worker.returncode == 0
    wait_until(lambda: not any(map(is_alive, pids)), what="the end of the children and their server")


def test_a_forked_process_has_its_own_server_and_holds_no_other() -> None:
    code = """
while not thread.is_alive() or busy._process is None: time.sleep(0.01)
if not (quiet := os.fork()):
    time.sleep(600)
if not os.fork():
    child = pool.borrow(lambda: None)
    print(use(child), server.pid, os.getpid(), quiet, flush=True)
    time.sleep(600)
thread.join()
"""
    worker, pids = started_worker(code)
    assert worker.stdout is not None
    own_child, own_server, *forked = (int(word) for word in worker.stdout.readline().split())
    try:
        assert not {own_child, own_server} & set(pids)
        worker.kill()
        worker.wait()
        wait_until(lambda: not any(map(is_alive, pids)), what="the end of the children and their server")
        assert all(map(is_alive, (own_child, *forked)))
    finally:
        for pid in forked:
            os.kill(pid, signal.SIGKILL)
        worker.communicate()
    wait_until(lambda: not any(map(is_alive, (own_child, own_server))), what="the end of the forked process's own")
