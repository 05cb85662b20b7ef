"""Mutants: the product with one rule taken out. A scenario that stays green on its mutant guards nothing."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.services.site import CHECKOUT

#: What a copy of the product needs to run.
_PARTS = ("core", "actors", "frontend", "tests", "manage.py", "pyproject.toml")
#: Seconds that a scenario may take on a mutant, which may make it wait for what never comes.
_LONGEST_SECONDS = 900.0
#: Seconds in which a scenario that took longer has stopped what it had started.
_END_SECONDS = 90.0


@dataclass(frozen=True)
class Cut:
    """Text of a file that is replaced; it has to be there exactly once."""

    file: str
    old: str
    new: str = ""


@dataclass(frozen=True)
class Mutant:
    name: str
    #: The rule that is taken out.
    rule: str
    scenario: str
    #: The size of the scenario's run, as its command line has it: the smallest that shows it for sure.
    arguments: tuple[str, ...]
    cuts: tuple[Cut, ...]
    #: Patterns that the violations of the red run have to show, each of them.
    shown_by: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    mutant: Mutant
    is_seen: bool
    seconds: float
    #: The violations that show it, or what is missing.
    evidence: str
    printed: str


_SQL = "core/database/sql"
_QUICK = ("--quiet-seconds", "12")
MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            name="no-fence",
            rule="what steps, progress and ends write names the fence",
            scenario="zombies",
            arguments=("--zombies", "4", *_QUICK),
            cuts=(
                Cut(f"{_SQL}/hold_fence.sql", " AND j.fence = %(fence)s"),
                Cut(f"{_SQL}/finish.sql", " AND w.fence = j.fence"),
                Cut(f"{_SQL}/progress.sql", " AND l.fence = w.fence"),
            ),
            # At least one for each cut: what a step writes, the end, progress.
            shown_by=tuple(
                rf"stale writes accepted \(.*\b{what} \d"
                for what in ("effect", "step", "artifact", "ended", "progress")
            ),
        ),
        Mutant(
            name="app-clock",
            rule="leases go by the database's clock",
            scenario="clocks",
            arguments=("--clock-jobs", "12", *_QUICK),
            cuts=(
                Cut(f"{_SQL}/claim.sql", "{later:%(lease)s}", "{time:%(lease)s}"),
                Cut("core/life/ledger.py", '"lease": conf.', '"lease": time.time() + conf.'),
                Cut(f"{_SQL}/renew.sql", "{later:%(lease)s}", "{time:%(lease)s}"),
                Cut("core/life/leases.py", '"lease": conf.', '"lease": __import__("time").time() + conf.'),
            ),
            # The clock that is ahead makes leases last, the one that is behind ends them at once.
            shown_by=(r"a lease of 4 s was to last 3\d\d\d", r"workers whose leases ran out while they lived"),
        ),
        Mutant(
            name="publish-before-commit",
            rule="a message is published when its job is committed",
            scenario="hand_over",
            arguments=_QUICK,
            cuts=(
                Cut(
                    "core/life/submission.py",
                    "        ids = _insert(spec, keyed, owner_id=owner_id, priority=priority)\n",
                    "        ids = _insert(spec, keyed, owner_id=owner_id, priority=priority)\n"
                    '        __import__("tests.chaos.sabotage", fromlist=["it"]).publish_now(ids)\n',
                ),
            ),
            shown_by=(r"5 messages of jobs that were not committed",),
        ),
        Mutant(
            name="no-confirm",
            rule="the broker confirms what is published",
            scenario="hand_over",
            arguments=_QUICK,
            cuts=(
                Cut("actors/runtime/broker.py", "        channel.tx_commit()\n"),
                Cut("actors/runtime/broker.py", "            channel.tx_select()\n"),
            ),
            shown_by=(r"5 jobs marked as published while the broker took nothing",),
        ),
        Mutant(
            name="mark-before-confirm",
            rule="a job is marked as published when its message is confirmed",
            scenario="hand_over",
            arguments=_QUICK,
            cuts=(
                Cut(
                    "actors/runtime/relay.py",
                    'failpoint("publish")',
                    'outbox.mark_published(job.job_id for job in jobs); failpoint("publish")',
                ),
            ),
            shown_by=(
                r"5 jobs marked as published while the broker took nothing",
                r"5 jobs marked as published before publish was over",
            ),
        ),
        Mutant(
            name="attempts-on-failure",
            rule="an attempt is counted when it is claimed",
            scenario="poison",
            arguments=("--poison", "1", "--poison-jobs", "10", *_QUICK),
            cuts=(
                Cut(f"{_SQL}/claim.sql", " attempt = j.attempt + 1,"),
                Cut(
                    f"{_SQL}/finish.sql",
                    "WHEN p.state IN {uncounted} THEN j.attempt - 1",
                    "WHEN p.state IN ('retrying', 'failed') THEN j.attempt + 1",
                ),
            ),
            shown_by=(r"1\d jobs whose attempts are out of bounds or miscounted",),
        ),
        Mutant(
            name="cancel-without-compare",
            rule="a cancel is one compare-and-set with completion",
            scenario="cancel_race",
            arguments=("--cancels", "40", *_QUICK),
            cuts=(Cut(f"{_SQL}/cancel.sql", " AND {can_be_cancelled}"),),
            shown_by=(
                r"cancels that were accepted and something appeared all the same",
                r"illegal transitions: .*succeeded -> cancelled",
            ),
        ),
        Mutant(
            name="result-outside-fence",
            rule="a file is written under its attempt's own fence",
            scenario="zombies",
            arguments=("--zombies", "4", *_QUICK),
            cuts=(
                Cut(
                    "core/files/storage.py", "return job_folder(job_id) / str(fence)", 'return job_folder(job_id) / "1"'
                ),
            ),
            shown_by=(r"published files that are missing or wrong",),
        ),
        Mutant(
            name="no-rename",
            rule="a file gets its final name when it is whole",
            scenario="disk_full",
            arguments=("--disk-rounds", "3", *_QUICK),
            cuts=(Cut("core/files/storage.py", "staged.replace(final)", "shutil.copyfile(staged, final)"),),
            shown_by=(r"uploads that arrived otherwise than they were sent",),
        ),
        Mutant(
            name="no-key",
            rule="a key is one job",
            scenario="hand_over",
            arguments=_QUICK,
            cuts=(
                Cut("core/life/submission.py", "return storable(text) or uuid.uuid4().hex", "return uuid.uuid4().hex"),
            ),
            shown_by=(r"one key was answered with jobs", r"accepted submits whose job is not there under their key"),
        ),
        Mutant(
            name="no-reaper",
            rule="leases that ran out are looked for",
            scenario="workers_and_broker",
            # A kill may come just as its victim's job ends: one of six finds it at work.
            arguments=("--jobs", "40", "--worker-kills", "6", "--broker-kills", "0", *_QUICK),
            cuts=(Cut(f"{_SQL}/reap.sql", "WHERE j.state = 'running'", "WHERE false AND j.state = 'running'"),),
            shown_by=("jobs that have not succeeded: .*'running'",),
        ),
        Mutant(
            name="no-write-off",
            rule="a thread that does not listen is written off",
            scenario="hung",
            arguments=("--hung", "3", "--hung-jobs", "10", "--workers", "2", *_QUICK),
            cuts=(
                Cut("core/attempt/attempts.py", "                self.write_off(attempt)\n", "                pass\n"),
            ),
            shown_by=(r"jobs that hang had not ended after 20 s", r"only \d+ of 24 threads took a job"),
        ),
        Mutant(
            name="done-before-claim",
            rule="an async job's message is done with when the job is claimed",
            scenario="async_jobs",
            arguments=("--async-jobs", "60", "--async-kills", "1", "--workers", "2", *_QUICK),
            cuts=(
                Cut(
                    "actors/runtime/run_job.py",
                    "        attempts().run(job_id)\n",
                    '        __import__("threading").Thread(target=attempts().run, args=[job_id]).start()\n',
                ),
            ),
            shown_by=(r"\d+ jobs were published and not claimed, with \d+ messages",),
        ),
        Mutant(
            name="no-gate-lock",
            rule="one process at a time lets jobs go",
            scenario="limits",
            arguments=("--limit-seconds", "4", *_QUICK),
            cuts=(Cut("core/limits/gate.py", ".select_for_update(skip_locked=True)"),),
            shown_by=(r"two starts were planned \d\.\d\d ms apart",),
        ),
        Mutant(
            name="no-recovery",
            rule="what the broker has lost is published again",
            scenario="brokers",
            arguments=("--broker-kills", "1", "--broker-jobs", "40", *_QUICK),
            cuts=(Cut(f"{_SQL}/unpublish.sql", "WHERE j.queue =", "WHERE false AND j.queue ="),),
            shown_by=("jobs that have not succeeded: .*'queued'",),
        ),
    )
}


def main(names: Sequence[str], *, seed: int, at_once: int) -> int:
    """Run these mutants, or all; print what was seen of each. Exit 0 when each was seen for what it is."""
    wanted = [MUTANTS[name] for name in names or MUTANTS]
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        verdicts = []
        for verdict in pool.map(lambda mutant: kill(mutant, seed=seed), wanted):
            verdicts.append(verdict)
            word = "red, as it must be" if verdict.is_seen else "NOT SEEN"
            print(f"{verdict.mutant.name}: {word} ({verdict.seconds:.0f} s)", flush=True)
            if not verdict.is_seen:
                print(verdict.printed, flush=True)
    print("\n| mutant | rule taken out | scenario | seconds | what was seen |")
    print("|---|---|---|---|---|")
    for verdict in verdicts:
        mutant = verdict.mutant
        seen = verdict.evidence if verdict.is_seen else f"NOT SEEN: {verdict.evidence}"
        print(f"| {mutant.name} | {mutant.rule} | {mutant.scenario} | {verdict.seconds:.0f} | {seen} |", flush=True)
    return 0 if all(verdict.is_seen for verdict in verdicts) else 1


def kill(mutant: Mutant, *, seed: int) -> Verdict:
    """Run the mutant's scenario on a copy with the cuts; return whether it was seen for what it is."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headway-mutant-") as folder:
        copy = Path(folder) / "product"
        copy.mkdir()
        for part in _PARTS:
            _copy(CHECKOUT / part, copy / part)
        for cut in mutant.cuts:
            _apply(cut, copy)
        command = [sys.executable, "-m", "tests.chaos", mutant.scenario, *mutant.arguments, "--seed", str(seed)]
        # As Ctrl-C does, the second word lets it stop its servers first.
        words = ((None, _LONGEST_SECONDS), (signal.SIGINT, _END_SECONDS), (signal.SIGKILL, None))
        with subprocess.Popen(
            command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as scenario:
            printed = ""
            for word, patience in words:
                if word is not None:
                    scenario.send_signal(word)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    printed, _ = scenario.communicate(timeout=patience)
                    break
            code = scenario.returncode
    violations = [line.strip().removeprefix("VIOLATED: ") for line in printed.splitlines() if "VIOLATED" in line]
    unseen = [pattern for pattern in mutant.shown_by if not any(re.search(pattern, line) for line in violations)]
    shown = [line for line in violations if any(re.search(pattern, line) for pattern in mutant.shown_by)]
    return Verdict(
        mutant=mutant,
        is_seen=code == 1 and not unseen,
        seconds=time.monotonic() - began,
        evidence="; ".join(line.partition(": ")[0] for line in shown) if not unseen else f"exit {code}, no {unseen}",
        printed=printed,
    )


def _apply(cut: Cut, copy: Path) -> None:
    file = copy / cut.file
    text = file.read_text()
    if text.count(cut.old) != 1:
        raise ValueError(f"{cut.file} has {cut.old!r} {text.count(cut.old)} times, not once: mend the mutant")
    file.write_text(text.replace(cut.old, cut.new))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
