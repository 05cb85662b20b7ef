"""The judgement when it is quiet: what was promised against what the database and the file store hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby, pairwise

from core.models.states import TERMINAL, TRANSITIONS, State
from tests.chaos.expected import STEPS, oracle
from tests.chaos.runs import Outcome
from tests.chaos.stage import World
from tests.services.waiting import wait_until

#: Writes of attempts that the witness saw; each has to be made under the fence and state of that moment.
_STALE = """
SELECT seen.what, seen.job_id, seen.fence, seen.current_fence, seen.state, seen.application
FROM chaos_witness seen LEFT JOIN chaos_witness claim
    ON claim.job_id = seen.job_id AND claim.what = 'claimed' AND claim.fence = seen.current_fence
WHERE seen.what IN ('effect', 'step', 'artifact', 'note', 'progress')
    AND (seen.fence IS DISTINCT FROM seen.current_fence OR seen.state <> 'running')
   -- Only a success names its fence; every end has to come from the process that made the claim.
   OR seen.what = 'ended'
    AND (seen.fence <> seen.current_fence OR seen.application IS DISTINCT FROM claim.application)
ORDER BY seen.id
"""
_EVENT_STATES = {
    "submitted": State.QUEUED,
    "claimed": State.RUNNING,
    "released": State.QUEUED,
    "deferred": State.SCHEDULED,
    "waiting": State.WAITING,
    "resumed": State.QUEUED,
    "discarded": State.CANCELLED,
    "requeued": State.QUEUED,
    **{state.value: state for state in (State.RETRYING, *TERMINAL)},
}


def judge(
    stage: World,
    outcome: Outcome,
    *,
    steps: tuple[str, ...] = STEPS,
    ends: Mapping[int, State] | None = None,
    bad_messages: int = 0,
) -> None:
    """Write what is wrong, and what was counted, on the outcome.

    `ends` names the jobs that have to end otherwise than succeeded. `steps` are what every job that succeeded has to
    have done. `bad_messages` may lie in the queues of dead letters.
    """
    outcome.jobs = stage.ask("SELECT count(*) FROM core_job")[0][0]
    _judge_promises(stage, outcome, ends or {})
    _judge_effects(stage, outcome, steps)
    _judge_writes(stage, outcome, with_effects=bool(steps))
    _judge_attempts(stage, outcome)
    _judge_transitions(stage, outcome)
    _judge_files(stage, outcome)
    if stage.rabbit is not None:
        _judge_queues(stage, outcome, bad_messages)
    errors = stage.database_errors()
    outcome.violate("deadlocks in the database", [text for text in errors if "deadlock" in text])
    outcome.figures["errors in the database's log"] = _counted(errors)
    outcome.figures["warnings and errors in the site's logs"] = _counted(stage.log_events())


def _judge_promises(stage: World, outcome: Outcome, ends: Mapping[int, State]) -> None:
    """The ledger is within the jobs, and every job has ended as it had to."""
    jobs = {row[0]: row[1:] for row in stage.ask("SELECT id, idempotency_key, state, error FROM core_job")}
    unknown = []
    for key, job_id in stage.ledger.accepted.items():
        known_key, state, _ = jobs.get(job_id, ("", "gone", ""))
        if known_key != key:
            unknown.append(f"{job_id}: {known_key or state}")
        if known_key != key or state != ends.get(job_id, State.SUCCEEDED):
            outcome.lost += 1
    outcome.violate("accepted submits whose job is not there under their key", unknown)
    other = {job_id: row for job_id, row in jobs.items() if row[1] != ends.get(job_id, State.SUCCEEDED)}
    not_well = {job_id: row for job_id, row in other.items() if job_id not in ends}
    outcome.violate("jobs that have not succeeded", [f"{job}: {row[1:]}" for job, row in not_well.items()])
    wrong = [f"{job}: {row[1:]} instead of {ends[job]}" for job, row in other.items() if job in ends]
    outcome.violate("jobs that have ended otherwise than they had to", wrong)
    outcome.violate("submits that were not accepted", stage.ledger.refusals)
    outcome.figures["submits accepted"] = len(stage.ledger.accepted)
    if stage.ledger.seconds:
        outcome.figures["submit over HTTP, median / p95 / longest"] = stage.ledger.latency()


def _judge_effects(stage: World, outcome: Outcome, steps: tuple[str, ...]) -> None:
    """Each step's effect is there once."""
    rows = stage.ask("SELECT job_id, step, count(*) FROM test_effect GROUP BY 1, 2")
    counted = {(job_id, step): count for job_id, step, count in rows}
    ended = [job_id for (job_id,) in stage.ask("SELECT id FROM core_job WHERE state = 'succeeded'")]
    missing = [f"{job_id} {step}" for job_id in ended for step in steps if (job_id, step) not in counted]
    twice = [f"{job_id} {step}: {count}" for (job_id, step), count in counted.items() if count > 1]
    outcome.twice = len(twice)
    outcome.violate("effects applied more than once", twice)
    outcome.violate("effects missing of a job that has succeeded", missing)
    outcome.figures["effects"] = sum(counted.values())


def _judge_writes(stage: World, outcome: Outcome, *, with_effects: bool) -> None:
    """No write was accepted under a stale fence."""
    stale = stage.ask(_STALE)
    outcome.stale = len(stale)
    by_kind = Counter(row[0] for row in stale)
    outcome.violate(
        f"stale writes accepted ({', '.join(f'{kind} {count}' for kind, count in by_kind.items())})",
        [
            f"{what} of job {job} by fence {fence} at {now}, {state}, by {who}"
            for what, job, fence, now, state, who in stale
        ],
    )
    seen = stage.ask("SELECT what, count(*) FROM chaos_witness GROUP BY 1 ORDER BY 1")
    outcome.figures["writes witnessed"] = ", ".join(f"{what} {count:,}" for what, count in seen)
    # A witness that saw nothing proves nothing.
    wanted = {"claimed", "ended", *(("effect", "step") if with_effects else ())}
    blind = wanted - {what for what, _ in seen}
    outcome.violate("kinds of writes that the witness never saw", sorted(blind))


def _judge_attempts(stage: World, outcome: Outcome) -> None:
    """Attempts and crashes are what the timeline says, and within their bounds."""
    wrong = stage.ask("""
        SELECT job.id, job.attempt, job.fence, job.crashes, claims, released, crashed
        FROM core_job job JOIN (
            SELECT job_id, count(*) FILTER (WHERE kind = 'claimed') AS claims,
                count(*) FILTER (WHERE kind IN ('released', 'deferred', 'waiting')) AS released,
                count(*) FILTER (WHERE kind = 'crashed') AS crashed
            FROM core_jobevent GROUP BY job_id
        ) told ON told.job_id = job.id
        WHERE job.fence <> claims OR job.attempt <> claims - released OR job.crashes <> crashed
           OR job.attempt > job.max_attempts OR job.crashes > job.max_crashes
    """)
    outcome.violate("jobs whose attempts are out of bounds or miscounted", [str(row) for row in wrong])
    jumps = stage.ask("SELECT job_id FROM chaos_witness WHERE what = 'claimed' AND fence <> current_fence + 1")
    outcome.violate("claims that did not raise the fence by one", [str(row) for row in jumps])
    if not outcome.jobs:
        return
    most, crashes, retries, released = stage.ask("""
        SELECT (SELECT max(attempt) FROM core_job), (SELECT sum(crashes) FROM core_job),
            (SELECT count(*) FROM core_jobevent event WHERE kind = 'retrying' AND NOT EXISTS (
                SELECT 1 FROM core_jobevent WHERE job_id = event.job_id AND kind = 'crashed' AND id < event.id
                    AND attempt = event.attempt)),
            (SELECT count(*) FROM core_jobevent WHERE kind = 'released')
    """)[0]
    outcome.figures["attempts lost with their worker"] = crashes
    outcome.figures["attempts that raised and were retried / handed back"] = f"{retries} / {released}"
    outcome.figures["most attempts of one job"] = most


def _judge_transitions(stage: World, outcome: Outcome) -> None:
    """Only arrows of core.models.states were taken, by the rows themselves and by their timelines."""
    taken = stage.ask("""
        SELECT DISTINCT state, new_state FROM chaos_witness
        WHERE what IN ('claimed', 'ended', 'reaped', 'asked') AND state <> new_state
    """)
    illegal = [f"{old} -> {new}" for old, new in taken if State(new) not in TRANSITIONS[State(old)]]
    outcome.violate("illegal transitions", illegal)
    events = stage.ask("SELECT job_id, kind FROM core_jobevent ORDER BY job_id, id")
    wrong = []
    for job_id, rows in groupby(events, key=lambda row: row[0]):
        states = [_EVENT_STATES[kind] for _, kind in rows if kind in _EVENT_STATES]
        steps = pairwise(states)
        if states[:1] != [State.QUEUED] or any(new not in TRANSITIONS[old] for old, new in steps):
            wrong.append(f"{job_id}: {' '.join(states)}")
    outcome.violate("timelines that tell of an illegal transition", wrong)


def _judge_files(stage: World, outcome: Outcome) -> None:
    """What is published is whole and right; nothing temporary is left of a job that has ended."""
    root = stage.files
    wrong = []
    for job_id, path in stage.ask("SELECT job_id, path FROM core_artifact WHERE kind = 'output'"):
        file = root / path
        if not file.is_file() or file.read_text() != oracle(job_id):
            wrong.append(f"{job_id}: {path}")
    outcome.violate("published files that are missing or wrong", wrong)
    for name in ("scratch", "staging"):
        folder = root / name
        left = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        outcome.violate(f"temporary files left in {name}", left)


def _judge_queues(stage: World, outcome: Outcome, bad_messages: int) -> None:
    """Nothing is left in the queues; in those of dead letters there is what was bad."""
    rabbit = stage.rabbit
    assert rabbit is not None
    depths: dict[str, int] = {}

    def are_empty() -> bool:
        nonlocal depths
        depths = rabbit.queue_depths(stage.broker_url)
        return not any(count for name, count in depths.items() if not name.endswith(".XQ"))

    try:
        wait_until(are_empty, every=0.2)
    except TimeoutError:
        left = [f"{name}: {n}" for name, n in depths.items() if n and not name.endswith(".XQ")]
        outcome.violate("queues with messages left", left)
    except OSError as error:
        outcome.violations.append(f"the broker does not answer: {error}")
    dead = {name: count for name, count in depths.items() if count and name.endswith(".XQ")}
    if sum(dead.values()) > bad_messages:
        outcome.violate("queues with dead letters", [f"{name}: {n}" for name, n in dead.items()])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{text} ({count})" for text, count in counts.most_common(12)) or "none"
