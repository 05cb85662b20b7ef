"""`manage.py up`, run as `make up` runs it: a folder of its own, real processes, signals."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services.processes import Process, children_of, is_alive
from tests.services.site import CHECKOUT, Person, Site
from tests.services.waiting import wait_until

#: A word of each part's command line that the others' do not have.
OWN_WORDS = {"web": b"web", "worker": b"--not-queues", "worker-cpu": b"--queues"}
COMMAND = [sys.executable, "manage.py", "up"]
_starts = itertools.count(1)


@pytest.fixture(scope="module")
def site(services_folder: Path, migrated_file: Path) -> Iterator[Site]:
    """A home that all tests share: the first start fills it, which takes long."""
    site = Site("embedded", services_folder / "up", settings={"SECRET_KEY": ""})
    shutil.copy(migrated_file, site.home / "db.sqlite3")
    yield site
    site.remove()


@pytest.fixture(scope="module")
def running() -> Iterator[list[Process]]:
    """What was started in this module; the last one may run still."""
    started: list[Process] = []
    yield started
    for process in started:
        process.stop()


@pytest.fixture
def up(site: Site, running: list[Process]) -> Process:
    """The one that runs on the home, started if there is none."""
    if not running or not running[-1].is_running:
        start_up(site, running)
    return running[-1]


def start_up(site: Site, running: list[Process]) -> Process:
    # Each start has a log of its own: what the one before said is no sign of this one.
    log = site.home / "logs" / f"up-{next(_starts)}.log"
    process = Process("up", COMMAND, log=log, environment=site.environment, folder=CHECKOUT)
    running.append(process)
    wait_until(lambda: process.expect_running() and "Ctrl-C" in process.tail(), 180, "up to say where it is")
    return process


def part(up: Process, name: str) -> int:
    """The process id of a part: of those with its command, the one that leads its group; 0 when there is none."""
    for pid in sorted(children_of([up.pid])):
        # One may end between the list and the look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if OWN_WORDS[name] in words and os.getpgid(pid) == pid:
                return pid
    return 0


def is_another(up: Process, name: str, old: int) -> bool:
    return part(up, name) not in (0, old)


def are_gone(pids: Iterable[int]) -> bool:
    return not any(map(is_alive, pids))


def answers(site: Site) -> bool:
    try:
        return Person(site).get("/readyz").status == 200
    except OSError:
        return False


def test_it_says_where_it_is_and_starts_a_killed_part_again(site: Site, up: Process) -> None:
    assert site.address in up.tail()
    assert answers(site)
    assert (site.home / "secret_key").stat().st_mode & 0o777 == 0o600
    for name in OWN_WORDS:
        # Never 0: a signal to process 0 goes to the whole group, this test run with it.
        killed = wait_until(partial(part, up, name), what=f"the {name}")
        family = {killed, *children_of([killed])}
        os.kill(killed, signal.SIGKILL)
        wait_until(partial(is_another, up, name, killed), what=f"another {name}")
        wait_until(partial(are_gone, family), what=f"the end of the old {name}")
    wait_until(lambda: answers(site), what="the web to answer again")


def test_any_end_leaves_no_process_and_the_data_intact(site: Site, running: list[Process], up: Process) -> None:
    key = (site.home / "secret_key").read_text()
    users = user_names(site)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if number != signal.SIGINT:
            up = start_up(site, running)
        family = children_of([up.pid])
        assert len(family) >= 3
        up.send(number)
        code = up.wait()
        assert code == (-9 if number == signal.SIGKILL else 0)
        wait_until(partial(are_gone, family), what="the end of all parts")
        assert (site.home / "secret_key").read_text() == key
        assert user_names(site) == users


def test_a_second_one_on_the_same_home_is_refused_in_a_sentence(site: Site, up: Process) -> None:
    refused = run_up(site, PORT="1")
    assert refused.returncode == 2
    assert "already runs on" in refused.stderr
    assert site.address in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_is_refused_with_advice(make_site: Callable[..., Site]) -> None:
    site = make_site("embedded", SECRET_KEY="")
    with socket.create_server(("127.0.0.1", site.port)):
        refused = run_up(site)
    assert refused.returncode == 2
    assert f"Port {site.port} is already taken" in refused.stderr
    assert "make up" in refused.stderr


def user_names(site: Site) -> str:
    names = "sorted(get_user_model().objects.values_list('username'))"
    code = f"from django.contrib.auth import get_user_model; print({names})"
    return site.run("shell", "--verbosity", "0", "--command", code).stdout


def run_up(site: Site, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND,
        env=site.environment | settings,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
