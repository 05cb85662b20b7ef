"""Other task queues that a Django site may have, and Headway: the same tiny task on each, in one run.

Each peer comes from the package registry into an environment of its own and is set up as its own documentation has it
(`peer_site`); its processes run beside the same private RabbitMQ and PostgreSQL. Two processes do the work everywhere.
What became of tasks whose worker was killed is read from the lines that the tasks themselves wrote.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg

from tests.bench import machine
from tests.services.postgres import PostgresNode
from tests.services.processes import Process, children_of, is_alive
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT
from tests.services.waiting import wait_until

REQUIREMENTS = (
    "django~=5.2.0", "psycopg[binary]~=3.2", "celery~=5.7.0", "django-celery-results~=2.6",
    "procrastinate[django]~=3.10",
    "dramatiq[rabbitmq]~=2.2.0", "django-tasks~=0.12", "django-tasks-db~=0.13", "django-q2~=1.11",
)  # fmt: skip
SITE = Path(__file__).with_name("peer_site")
#: Seconds of the whole bench; a further round is not begun when it would not fit.
BUDGET = 700.0
#: Seconds of one run of a backlog, at most: then what has ended until then is counted.
RUN_SECONDS = 20.0
#: Threads of a process, where a peer has any. Of the tasks that a worker is killed over, it has one in hand a process.
THREADS = 8
#: Tasks that a worker is killed over, seconds of each, and for how long they may come back.
KILLED_OVER, KILLED_SECONDS, PATIENCE = 40, 1.0, 120.0
#: Tasks at one a second, and at fifty.
SLOWLY, QUICKLY = 31, 301

_CELERY = "SELECT status, count(*) FROM django_celery_results_taskresult GROUP BY 1"
_PROCRASTINATE = "SELECT status::text, count(*) FROM procrastinate_jobs WHERE task_name = 'stamp' GROUP BY 1"
_TASKS_DB = "SELECT status, count(*) FROM django_tasks_database_dbtaskresult GROUP BY 1"
_DJANGO_Q = "SELECT CASE WHEN success THEN 'success' ELSE 'failed' END, count(*) FROM django_q_task GROUP BY 1"
_HEADWAY = "SELECT state, count(*) FROM core_job WHERE pipeline = 'stamp' GROUP BY 1"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How one is run. Each command is one process to start; `{threads}` in it is filled in."""

    title: str
    module: str
    commands: Sequence[str]
    #: What a person can ask of a task by default, in words.
    tracked: str
    #: Counts tasks by state, and the state of a task that is done; empty without states.
    states: str = ""
    done: str = ""
    #: Tasks of one run: some seconds' worth.
    tasks: int
    #: Not as installed, but with the settings that its documentation has against lost tasks.
    is_set: bool = False
    #: Whether only what becomes of killed tasks is looked at: the rest is as for the one before it.
    is_for_kills: bool = False

    @property
    def is_headway(self) -> bool:
        return self.module == "with_headway"


PEERS = (
    Peer(
        title="Celery",
        module="with_celery",
        commands=["-m celery -A peer_site.with_celery worker --pool prefork --concurrency 2 --loglevel WARNING"],
        tracked="a row when it starts, updated at its end",
        states=_CELERY,
        done="SUCCESS",
        tasks=600,
    ),
    Peer(
        title="Celery, set",
        module="with_celery",
        commands=["-m celery -A peer_site.with_celery worker --pool prefork --concurrency 2 --loglevel WARNING"],
        tracked="the same; late acks, lost workers' tasks rejected, connections kept",
        states=_CELERY,
        done="SUCCESS",
        tasks=2000,
        is_set=True,
    ),
    Peer(
        title="django-q2",
        module="with_django_q",
        commands=["-m django qcluster"],
        tracked="a row at its end",
        states=_DJANGO_Q,
        done="success",
        tasks=1000,
    ),
    Peer(
        title="Procrastinate",
        module="with_procrastinate",
        commands=["-m django procrastinate worker --concurrency {threads}"] * 2,
        tracked="a row from the enqueue on, events of each change",
        states=_PROCRASTINATE,
        done="succeeded",
        tasks=3000,
    ),
    Peer(
        title="Procrastinate, set",
        module="with_procrastinate",
        commands=["-m django procrastinate worker --concurrency {threads}"] * 2,
        tracked="the same; a periodic task retries stalled jobs each minute",
        states=_PROCRASTINATE,
        done="succeeded",
        tasks=3000,
        is_set=True,
        is_for_kills=True,
    ),
    Peer(
        title="django-tasks-db",
        module="with_django_tasks_db",
        commands=["-m django db_worker -v 0"] * 2,
        tracked="a row from the enqueue on",
        states=_TASKS_DB,
        done="SUCCESSFUL",
        tasks=2000,
    ),
    Peer(
        title="Dramatiq",
        module="with_dramatiq",
        commands=["-m dramatiq peer_site.with_dramatiq --processes 2 --threads {threads} --skip-logging"],
        tracked="nothing",
        tasks=15000,
    ),
    Peer(
        title="Headway",
        module="with_headway",
        commands=["manage.py worker --processes 2 --threads {threads}"],
        tracked="a row from the submit on, events, attempts, progress",
        states=_HEADWAY,
        done="succeeded",
        tasks=6000,
    ),
)


@dataclass
class Line:
    """What a task wrote."""

    kind: str
    number: int
    pid: int
    at: float
    enqueued: float


@dataclass
class Lab:
    """The two servers, the peers' environment, and a migrated database of each to copy."""

    folder: Path
    rabbit: RabbitNode
    postgres: PostgresNode
    python: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def prepare(self, peer: Peer) -> None:
        """Migrate the database that the runs of this peer are copies of."""
        run = Run(self, peer, name=_template(peer), url=self.postgres.create_database(_template(peer)))
        if peer.module != "with_dramatiq":
            run.once(["manage.py" if peer.is_headway else "-m django", "migrate", "-v", "0"])

    def run_of(self, peer: Peer) -> Run:
        """A run with a database and a virtual host of its own."""
        name = f"peer_{next(self._numbers)}"
        return Run(self, peer, name=name, url=self.postgres.create_database(name, template=_template(peer)))


class Run:
    """One peer at work: enqueue, start its worker, read what its tasks wrote and what its table says."""

    def __init__(self, lab: Lab, peer: Peer, *, name: str, url: str) -> None:
        self.peer = peer
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.log = self.folder / "tasks.log"
        self._url = url
        self._python = Path(sys.executable) if peer.is_headway else lab.python
        self._workers: list[Process] = []
        # A copy: beside the original are modules with names of Python's own.
        path = lab.folder / "path"
        shutil.copytree(SITE, path / SITE.name, dirs_exist_ok=True)
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
            "PYTHONPATH": f"{path}:{CHECKOUT}" if peer.is_headway else str(path),
            "DJANGO_SETTINGS_MODULE": "core.settings" if peer.is_headway else "peer_site.settings",
            "DATABASE_URL": url,
            "RABBITMQ_URL": lab.rabbit.create_vhost(name),
            "PEER": peer.module,
            "PEER_IS_SET": "1" if peer.is_set else "",
            "PEER_LOG": str(self.log),
            # Celery warns of root, and of its own settings.
            "C_FORCE_ROOT": "1",
            "PYTHONWARNINGS": "ignore",
            "HEADWAY_HOME": str(self.folder / "home"),
            "EXTRA_PIPELINES": "peer_site.with_headway",
            "LOG_LEVEL": "WARNING",
            "SECRET_KEY": secrets.token_urlsafe(50),
        }

    def once(self, words: Sequence[str]) -> None:
        done = subprocess.run(self._command(" ".join(words)), capture_output=True, text=True, timeout=180, check=False,
                              env=self._environment, cwd=CHECKOUT)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self.peer.title}: {done.stdout[-2000:]}{done.stderr[-4000:]}")

    def enqueue(self, first: int, count: int, *, per_second: float = 0, seconds: float = 0.0) -> None:
        self.once(["-m", "peer_site.enqueue", str(first), str(count), str(per_second), str(seconds)])

    def start(self, *, threads: int = THREADS) -> None:
        for number, command in enumerate(self.peer.commands):
            self._start(number, command.format(threads=threads))

    def keep_started(self, *, threads: int) -> None:
        """Start again what has ended, as a supervisor does."""
        for number, command in enumerate(self.peer.commands):
            if not self._workers[number].is_running:
                self._start(number, command.format(threads=threads))

    def stop(self) -> None:
        # At once: nobody needs what is left.
        for worker in self._workers:
            worker.kill9()
        self._workers.clear()

    def kill(self, victim: Victim) -> None:
        """Kill, with -9, all processes of the worker, or the one that is at the task begun last."""
        if victim == "all":
            for worker in self._workers:
                worker.kill9()
            return
        ended = {line.number for line in self.lines() if line.kind == "end"}
        busy = [line.pid for line in self.lines() if line.number not in ended and is_alive(line.pid)]
        with suppress(ProcessLookupError):
            os.kill(busy[-1], 9)

    def lines(self) -> list[Line]:
        try:
            rows = [row.split() for row in self.log.read_text().splitlines()]
        except FileNotFoundError:
            return []
        return [Line(row[0], int(row[1]), int(row[2]), float(row[3]), float(row[4])) for row in rows]

    def states(self) -> Counter[str]:
        if not self.peer.states:
            return Counter()
        with psycopg.connect(self._url, connect_timeout=60) as connection:
            # The statements are ours.
            return Counter(dict(connection.execute(self.peer.states).fetchall()))

    def is_done(self, count: int) -> bool:
        """Whether `count` tasks have run, and their table says so."""
        if not self.log.exists() or self.log.read_bytes().count(b"begin") < count:
            return False
        return not self.peer.states or self.states()[self.peer.done] >= count

    def megabytes(self) -> float:
        """The memory of all processes of the worker, what they share counted once (Linux)."""
        family = children_of(worker.pid for worker in self._workers) | {worker.pid for worker in self._workers}
        total = 0
        for pid in family:
            with suppress(OSError):  # it has ended
                rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
        return total / 1024

    def log_tails(self) -> str:
        return "\n".join(worker.tail(20) for worker in self._workers)

    def _start(self, number: int, command: str) -> None:
        log = self.folder / f"worker-{number}.log"
        name = f"{self.peer.title} {number}"
        worker = Process(name, self._command(command), log=log, environment=self._environment, folder=CHECKOUT)
        self._workers[number : number + 1] = [worker]

    def _command(self, words: str) -> list[str]:
        return [str(self._python), *words.split()]


Victim = Literal["one", "all"]


def environment() -> Path:
    """Return the Python of the peers' own environment; make it first if need be."""
    mark = hashlib.sha256(" ".join(REQUIREMENTS).encode()).hexdigest()[:12]
    home = Path(sys.prefix) / "peers" / f"bench-{mark}"
    if not home.is_dir():
        part = home.with_name(f"{home.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--relocatable", "--python", sys.executable, str(part)], check=True, timeout=120)
        install = ["pip", "install", "--python", str(part / "bin/python"), *REQUIREMENTS]
        subprocess.run([*uv, *install], check=True, timeout=600)
        part.rename(home)
    return home / "bin/python"


def report(*, runs: int, only: Sequence[str] = ()) -> None:
    """Print the three tables."""
    began = time.monotonic()
    said = machine.watch()
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    peers = [peer for peer in PEERS if not only or peer.title in only]
    lab = Lab(folder, RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres"), environment())
    try:
        lab.rabbit.start()
        lab.postgres.start()
        for peer in {peer.module: peer for peer in peers}.values():
            lab.prepare(peer)
        full = [peer for peer in peers if not peer.is_for_kills]
        report_kills(lab, peers)
        report_latency(lab, full)
        report_rates(lab, full, runs=runs, until=began + BUDGET)
    finally:
        lab.rabbit.stop()
        lab.postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"  {time.monotonic() - began:.0f} s; {said()}")


# -- jobs a second --------------------------------------------------------------------------------------


def report_rates(lab: Lab, peers: Sequence[Peer], *, runs: int, until: float) -> None:
    rates: dict[str, list[float]] = {peer.title: [] for peer in peers}
    took = 0.0
    for _ in range(runs):
        if time.monotonic() + took > until:
            break
        began = time.monotonic()
        for peer in peers:
            rates[peer.title].append(rate_of(lab, peer))
        took = time.monotonic() - began
    rounds = len(next(iter(rates.values())))
    headway = statistics.median(rates.get("Headway") or [0.0])
    print(f"  Tasks a second of a backlog until the last is recorded, medians of {rounds} runs")
    for peer in peers:
        row = rates[peer.title]
        each = statistics.median(row)
        ratio = f"{each / headway:5.2f}" if headway else "    –"
        runs_of = ", ".join(f"{rate:,.0f}" for rate in row)
        print(f"    {peer.title:<19}{each:>7,.0f}   ÷ Headway {ratio}   ({runs_of}; tracked: {peer.tracked})")


def rate_of(lab: Lab, peer: Peer) -> float:
    """Return the tasks a second of a backlog, from a tenth of it on until the last is recorded."""
    run = lab.run_of(peer)
    try:
        run.enqueue(0, peer.tasks)
        run.start()
        deadline = time.monotonic() + RUN_SECONDS
        while not (is_done := run.is_done(peer.tasks)) and time.monotonic() < deadline:
            time.sleep(0.05)
        ended = time.time()
        lines = run.lines()
        if not lines:
            raise TimeoutError(f"{peer.title} began none of its tasks:\n{run.log_tails()}")
        begun = sorted(line.at for line in lines if line.kind == "begin")
        count = peer.tasks if is_done else run.states()[peer.done] if peer.states else len(begun)
        # The first tenth runs while other processes of the worker still start.
        return (count - count // 10) / (ended - begun[count // 10])
    finally:
        run.stop()


# -- from the enqueue to the start ----------------------------------------------------------------------


def report_latency(lab: Lab, peers: Sequence[Peer]) -> None:
    runs = [lab.run_of(peer) for peer in peers]
    try:
        for run in runs:
            run.enqueue(0, 1)
            run.start()
        for run in runs:
            wait_until(lambda run=run: run.is_done(1), 90, f"{run.peer.title}'s first task", every=0.2)  # type: ignore[misc]
        # One a second is next to nothing: all side by side.
        with ThreadPoolExecutor(len(runs)) as threads:
            list(threads.map(lambda run: run.enqueue(1000, SLOWLY, per_second=1), runs))
        for run in runs:
            run.enqueue(2000, QUICKLY, per_second=50)
        print("  Milliseconds from the enqueue to the start, p50 / p95")
        for run in runs:
            with suppress(TimeoutError):
                wait_until(lambda run=run: run.is_done(1 + SLOWLY + QUICKLY), 30, every=0.2)  # type: ignore[misc]
            print(
                f"    {run.peer.title:<19}1 a second {_waited(run, 1000, SLOWLY)}, "
                f"50 a second {_waited(run, 2000, QUICKLY)}; then {run.megabytes():.0f} MB in all its processes"
            )
    finally:
        for run in runs:
            run.stop()


def _waited(run: Run, first: int, count: int) -> str:
    # Not the first one, which opens connections.
    mine = [line for line in run.lines() if line.kind == "begin" and first < line.number < first + count]
    waited = sorted(1000 * (line.at - line.enqueued) for line in mine)
    if len(waited) < 2:
        return "none"
    return f"{statistics.median(waited):6.1f} / {waited[int(0.95 * (len(waited) - 1))]:6.1f}"


# -- killed ---------------------------------------------------------------------------------------------


def report_kills(lab: Lab, peers: Sequence[Peer]) -> None:
    victims: dict[Victim, str] = {
        "one": "the process at the task begun last",
        "all": "all processes of the worker at once, started again a second later",
    }
    cases = [(lab.run_of(peer), victim) for victim in victims for peer in peers]
    # All side by side: nearly all of it is waiting.
    with ThreadPoolExecutor(len(cases)) as threads:
        fates = list(threads.map(lambda case: fate(*case), cases))
    for victim, words in victims.items():
        print(f"  {KILLED_OVER} tasks of {KILLED_SECONDS:g} s, killed with -9 in the middle: {words}")
        for (run, each), words_of in zip(cases, fates, strict=True):
            if each == victim:
                print(f"    {run.peer.title:<19}{words_of}")


def fate(run: Run, victim: Victim) -> str:
    """Kill while a third of the tasks have begun; return in words what became of all."""
    try:
        run.enqueue(0, KILLED_OVER, seconds=KILLED_SECONDS)
        run.start(threads=1)
        return _killed(run, victim)
    finally:
        # Here: the main process goes with the thread that started it, and its children would stay.
        run.stop()


def _killed(run: Run, victim: Victim) -> str:
    third = KILLED_OVER // 3

    def begun() -> bool:
        return sum(line.kind == "begin" for line in run.lines()) >= third

    try:
        wait_until(begun, 120, f"{run.peer.title}'s tasks to begin", every=0.2)
    except TimeoutError:
        return f"did not begin: {run.log_tails()[-600:]}"
    run.kill(victim)
    killed = time.time()
    deadline = time.monotonic() + PATIENCE
    time.sleep(1)
    while time.monotonic() < deadline:
        run.keep_started(threads=1)
        if len(_ended(run)) == KILLED_OVER and not run.states().keys() - {run.peer.done}:
            break
        time.sleep(0.5)
    return _summary(run, killed)


def _ended(run: Run) -> set[int]:
    return {line.number for line in run.lines() if line.kind == "end"}


def _summary(run: Run, killed: float) -> str:
    lines = run.lines()
    ended = _ended(run)
    begun = Counter(line.number for line in lines if line.kind == "begin")
    lost = KILLED_OVER - len(ended)
    again = [number for number, times in begun.items() if times > 1]
    words = [f"{len(ended)} ended"]
    if lost:
        words.append(f"{lost} never did")
    if again:
        last = max(line.at for line in lines if line.number in again and line.kind == "begin")
        words.append(f"{len(again)} run again by themselves, begun {last - killed:.0f} s after the kill")
    others = {state: count for state, count in run.states().items() if state != run.peer.done}
    words.append("left as " + ", ".join(f"{count} {state}" for state, count in others.items()) if others else "")
    return "; ".join(filter(None, words))


def _template(peer: Peer) -> str:
    return f"peers_{peer.module}"
