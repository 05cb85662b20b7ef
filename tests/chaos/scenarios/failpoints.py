"""At each failpoint the process that passes it is killed, again and again: web servers and workers, all at once.

A web server or worker is armed for one place, is killed there (its end by signal 9 is asserted), and the next one is
armed in its stead. Every failpoint has such a post of its own, and all of them work at the same jobs meanwhile.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.clients import Crowd
from tests.chaos.collecting import Collector
from tests.chaos.posts import CONSTANTS, Post, WebPost, WorkerPost
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import BulkSubmitter
from tests.chaos.ticking import TickerPost, judge_due, make_due
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode

_MESSAGE_ID = re.compile(r"^Message-ID: (\S+)$", re.MULTILINE)
#: Who passes each place. What both pass is killed in either, half of the times each. Those of webhooks are killed in
#: tests/integration/test_webhooks.py.
PLACES: dict[str, tuple[type[Post], ...]] = {
    "schedule-insert": (TickerPost,),
    "schedule-inserted": (TickerPost,),
    "file-rename": (WebPost,),
    "job-commit": (WebPost,),
    "publish": (WebPost, WorkerPost),
    "confirm": (WebPost, WorkerPost),
    "mark-published": (WebPost, WorkerPost),
    "claim": (WorkerPost,),
    "effect-commit": (WorkerPost,),
    "checkpoint": (WorkerPost,),
    "result-pointer": (WorkerPost,),
    "mail": (WorkerPost,),
    "complete": (WorkerPost,),
    "ack": (WorkerPost,),
}
#: Jobs that are on their way at least, so that every worker has something to be killed at.
AHEAD = 40
#: Schedules that come due at each look.
DUE = 4
#: Seconds that one step of a job takes at most.
LONGEST_STEP_SECONDS = 0.03
#: Seconds in which every post has to be done.
KILL_SECONDS = 300.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("failpoints", folder, rabbit, postgres, threads=size.threads) as stage:
        stage.site.constants = CONSTANTS
        return _Play(stage, size).run()


@dataclass
class _Play:
    stage: Stage
    size: Size
    posts: list[Post] = field(default_factory=list)
    crowds: list[tuple[WebPost, Crowd]] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="failpoints")
        self.rng = random.Random(size.seed)
        self.set_posts(outcome)
        scripts = stage.script("chaos_steps"), stage.script("chaos_mail")
        began = time.monotonic()
        try:
            self.kill_all(scripts, outcome)
            stage.finish_submits()
            for _, crowd in self.crowds:
                crowd.finish()
            wait_until_quiet(stage, size, outcome, began=began)
            self.tell(outcome)
            Collector(stage).collect(
                outcome, kills=sum(post.killed for post in self.posts if isinstance(post, WebPost))
            )
            judge(stage, outcome)
            judge_mails(stage, outcome)
            judge_due(stage, outcome)
        finally:
            for post in self.posts:
                post.stop()
            for _, crowd in self.crowds:
                crowd.finish()
        return outcome

    def set_posts(self, outcome: Outcome) -> None:
        for name in PLACES:
            owners = PLACES.get(name, ())
            if not owners:
                outcome.violations.append(f"nobody is killed at the failpoint {name}")
            for number, owner in enumerate(owners):
                kills = (self.size.failpoint_kills + number) // len(owners)
                if kills:
                    # A relay passes its places once for many jobs.
                    latest = 1 if len(owners) > 1 else 3
                    self.posts.append(owner(self.stage, name, kills=kills, seed=self.size.seed, latest=latest))
        for post in self.posts:
            if isinstance(post, WebPost):
                # One submit may be met by all the kills of its post.
                crowd = Crowd(
                    self.stage, "chaos_upload", people=2, addresses=[post.address], patience=KILL_SECONDS + 60
                )
                self.crowds.append((post, crowd))

    def kill_all(self, scripts: tuple[BulkSubmitter, ...], outcome: Outcome) -> None:
        deadline = time.monotonic() + KILL_SECONDS
        look_at = 0.0
        while any(not post.is_done for post in self.posts):
            for post in self.posts:
                post.tend()
            for web, crowd in self.crowds:
                if not web.is_done and crowd.waiting < 2:
                    crowd.submit({"seconds": self.step_seconds()}, has_file=True)
            if time.monotonic() > look_at:
                look_at = time.monotonic() + 0.25
                if any(isinstance(post, TickerPost) and not post.is_done for post in self.posts):
                    make_due(self.stage, "chaos_steps", {"seconds": self.step_seconds()}, count=DUE)
                missing = AHEAD - self.stage.left()
                if missing > 0:
                    script = self.rng.choice(scripts)
                    script.submit([{"seconds": self.step_seconds()} for _ in range(missing)])
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        for post in self.posts:
            # The last one of each is not armed: what was begun is ended.
            post.tend()
            outcome.violations += post.violations
            if not post.is_done:
                outcome.violations.append(f"at {post} only {post.killed} of {post.kills} were killed")

    def step_seconds(self) -> float:
        return round(self.rng.uniform(0.001, LONGEST_STEP_SECONDS), 3)

    def tell(self, outcome: Outcome) -> None:
        kills = {name: sum(post.killed for post in self.posts if post.failpoint == name) for name in PLACES}
        outcome.kills = f"{sum(kills.values())} at {sum(1 for count in kills.values() if count)} places"
        outcome.figures["kills at each failpoint"] = ", ".join(f"{name} {count}" for name, count in kills.items())
        unanswered = sum(sum(crowd.unanswered.values()) for _, crowd in self.crowds)
        stored = sum(crowd.unanswered_but_stored for _, crowd in self.crowds)
        outcome.figures["submits without an answer, sent again / of them stored already"] = f"{unanswered} / {stored}"


def judge_mails(stage: Stage, outcome: Outcome) -> None:
    """Each mail was written down once, or at most once and marked; none is left in between."""
    copies: Counter[str] = Counter()
    for file in (stage.site.home / "mail").glob("*.log"):
        copies.update(_MESSAGE_ID.findall(file.read_text()))
    mails = stage.ask("SELECT state, message_id FROM core_mail")
    # A site without a mail server writes them into files, and says so: they count as sent here.
    sent = [name for state, name in mails if state == "unsent"]
    unknown = [name for state, name in mails if state == "unknown"]
    outcome.violate("mails left half done", [name for state, name in mails if state not in ("unsent", "unknown")])
    outcome.violate("mails called written that are there not once", [name for name in sent if copies[name] != 1])
    outcome.violate("mails that are there twice", [name for name, count in copies.items() if count > 1])
    outcome.violate("mails that nobody wrote", sorted(set(copies) - set(sent) - set(unknown)))
    arrived = sum(copies[name] for name in unknown)
    outcome.figures["mails written / unknown, of them arrived"] = f"{len(sent)} / {len(unknown)}, {arrived}"
