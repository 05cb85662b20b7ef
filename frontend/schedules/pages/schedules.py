"""Schedules as their pages show them: when each comes next, in words and in its own zone, and its runs."""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from core import pipelines, policy
from core.database.clock import database_now
from core.files import slots, storage
from core.models import Job, PeriodicRun, Schedule, ScheduledRun
from core.models.states import LIVE, OUTCOMES, WARNED
from core.pipelines import Pipeline, cron
from core.pipelines.cron import CronError
from core.schedules import periodic, static
from frontend.forms.pages.times import TIMES_LENGTH, Moment, moment
from frontend.jobs.pages import job as job_pages
from frontend.jobs.pages.job import BADGES, ICONS
from frontend.site.listing import Listing, Text
from frontend.site.security import PersonRequest

#: The most runs that a strip shows.
STRIP_LENGTH = 30
#: Schedules and runs of one page.
PAGE_LENGTH = 25
RUNS_LENGTH = 50

#: The states of a run in the order in which a summary counts them, with the words.
_COUNTED: tuple[tuple[str, str], ...] = (
    ("succeeded", "succeeded"),
    (WARNED, "with warnings"),
    ("failed", "failed"),
    ("running", "running"),
    ("waiting", "in parts"),
    ("retrying", "to be tried again"),
    ("queued", "queued"),
    ("scheduled", "scheduled"),
    ("cancelling", "being cancelled"),
    ("cancelled", "cancelled"),
    ("held", "waiting"),
    ("skipped", "left out"),
    ("missed", "missed"),
    ("refused", "refused"),
    ("expired", "no longer kept"),
)
#: The words for the state of a run, in a square and in the table.
_STATE_WORDS = {
    **{state: words.capitalize() for state, words in _COUNTED},
    WARNED: OUTCOMES[WARNED],
    "held": "Waits for the run before it",
    "waiting": "It runs in parts, or waits for them",
    "skipped": "Left out, as the run before it had not ended",
    "missed": "Missed, as nobody looked at that time",
    "expired": "Its job is no longer kept",
}
#: The icons of states that jobs do not have.
_ICONS = {
    "held": "hourglass",
    "skipped": "arrow-right",
    "missed": "alert",
    "refused": "x-circle",
    "expired": "archive",
}
#: Short words for badges, which have little room.
_BADGES = {
    "held": "Waiting",
    "waiting": "In parts",
    "retrying": "Retrying",
    "cancelling": "Cancelling",
    "skipped": "Left out",
    "missed": "Missed",
    "expired": "Not kept",
    **BADGES,
}


@dataclass(frozen=True)
class Run:
    """One run of a schedule as a square of its strip, and as a line of its table."""

    run: ScheduledRun
    zone: str
    #: Whether this person may open its job, and read its text.
    opens: bool

    @property
    def state(self) -> str:
        """The state of its job, or its outcome without one."""
        if self.run.job is not None:
            return self.run.job.outcome
        if self.run.outcome == ScheduledRun.Outcome.SUBMITTED:
            return "expired"
        return "held" if self.run.outcome == ScheduledRun.Outcome.WAITING else self.run.outcome

    @property
    def badge(self) -> str:
        return _BADGES.get(self.state, self.words)

    @property
    def words(self) -> str:
        if self.state == "held" and self.run.text:
            return "Waits until less is in hand"
        return _STATE_WORDS[self.state]

    @property
    def icon(self) -> str:
        return _ICONS.get(self.state) or ICONS.get(self.state, "circle")

    @property
    def title(self) -> str:
        """The full words, when the badge has shorter ones."""
        return self.words if self.words != self.badge else ""

    @property
    def due(self) -> Moment:
        return moment(self.run.due_at, self.zone)

    @property
    def address(self) -> str:
        return self.run.job.get_absolute_url() if self.opens and self.run.job is not None else ""

    @property
    def text(self) -> str:
        """Why it was refused, or is held."""
        return self.run.text if self.opens else ""

    @property
    def sentence(self) -> str:
        """The text of a square, as its tooltip and for screen readers."""
        by_hand = ", by hand" if self.run.is_manual else ""
        why = f": {self.text}" if self.text and self.run.job is None else ""
        return f"{self.due}{by_hand}: {self.words}{why}"


@dataclass(frozen=True)
class Row:
    """A schedule as its line in the list shows it."""

    schedule: Schedule
    user: User
    #: Its last runs, the newest last.
    strip: list[Run] = field(default_factory=list)

    @property
    def spec(self) -> Pipeline | None:
        return pipelines.find(self.schedule.pipeline)

    @property
    def name(self) -> str:
        return self.schedule.label or (self.spec.title if self.spec else self.schedule.pipeline)

    @property
    def kind(self) -> str:
        """The pipeline's title, or that it is gone."""
        return self.spec.title if self.spec else f"{self.schedule.pipeline} (no longer installed)"

    @property
    def words(self) -> str:
        return in_words(self.schedule.cron)

    @property
    def zone(self) -> str:
        return self.schedule.zone.replace("_", " ")

    @property
    def next(self) -> Moment | None:
        at = self.schedule.next_at
        return moment(at, self.schedule.zone) if at and self.schedule.is_on else None

    @property
    def begins(self) -> Moment | None:
        at = self.schedule.starts_at
        return moment(at, self.schedule.zone) if at else None

    @property
    def ends(self) -> Moment | None:
        at = self.schedule.ends_at
        return moment(at, self.schedule.zone) if at else None

    @property
    def last(self) -> Run | None:
        return self.strip[-1] if self.strip else None

    @property
    def summary(self) -> str:
        """The strip in words: `28 succeeded, 2 failed`."""
        counts = Counter(run.state for run in self.strip)
        return ", ".join(f"{counts[state]} {words}" for state, words in _COUNTED if counts[state])

    @property
    def anchor(self) -> str:
        """The name of its line in the list."""
        return f"#schedule-{self.schedule.pk}"

    @property
    def is_of_code(self) -> bool:
        return self.schedule.code_name is not None

    @property
    def can_change(self) -> bool:
        """Whether this person may switch, edit and delete it."""
        return not self.is_of_code and policy.may_change(self.user, self.schedule)

    @property
    def has_form(self) -> bool:
        """Whether a person can fill in the pipeline's form."""
        return job_pages.has_form(as_job(self.schedule))

    @property
    def can_run(self) -> bool:
        return self.spec is not None and (policy.operates(self.user) if self.is_of_code else self.can_change)

    @property
    def has_live_run(self) -> bool:
        return any(run.state in (*LIVE, "cancelling", "held") for run in self.strip)


@dataclass(frozen=True)
class ScheduleFile:
    """A file that each job of a schedule gets."""

    label: str
    name: str
    size: int
    is_kept: bool


@dataclass(frozen=True)
class TickRun:
    """The last time of something that the code runs periodically."""

    words: str
    #: The state of a job whose colour it has.
    state: str
    icon: str
    at: dt.datetime | None
    #: Why it failed; for staff.
    error: str = ""


@dataclass(frozen=True)
class TickRow:
    """Something that the code runs periodically without a job."""

    title: str
    name: str
    words: str
    zone: str
    next: Moment | None
    #: What came of its last time; None when there was none, or nobody writes that down.
    last: TickRun | None = None
    is_recorded: bool = False


class ScheduleList(Listing[Schedule]):
    """The schedules that people made and that this person may see, the newest first."""

    length = PAGE_LENGTH
    search = Text("q")

    def __init__(self, request: PersonRequest) -> None:
        super().__init__(request.GET, reverse("headway:schedule_list"))
        self.user = request.user

    def rows(self) -> QuerySet[Schedule]:
        schedules = Schedule.objects.for_user(self.user).filter(code_name__isnull=True)
        if search := self.search:
            named = [spec.name for spec in pipelines.every() if search.casefold() in spec.title.casefold()]
            schedules = schedules.filter(
                Q(label__icontains=search) | Q(pipeline__icontains=search) | Q(pipeline__in=named)
            )
        return schedules

    def whole(self, rows: QuerySet[Schedule]) -> QuerySet[Schedule]:
        return _with_strip_begin(rows.select_related("owner").defer("params", "files"))


class RunList(Listing[ScheduledRun]):
    """The runs of a schedule, the newest first."""

    order = ("-due_at", "-pk")
    length = RUNS_LENGTH

    def __init__(self, request: PersonRequest, schedule: Schedule) -> None:
        super().__init__(request.GET, schedule.get_absolute_url())
        self.user, self.schedule = request.user, schedule

    def rows(self) -> QuerySet[ScheduledRun]:
        return ScheduledRun.objects.filter(schedule=self.schedule)

    def whole(self, rows: QuerySet[ScheduledRun]) -> QuerySet[ScheduledRun]:
        return _runs(rows)

    @cached_property
    def lines(self) -> list[Run]:
        """The runs of this page as the table shows them."""
        return [_run(run, self.schedule, self.user) for run in self.page]


def visible_to(user: User) -> QuerySet[Schedule]:
    """Return the schedules that this person may see: those that the policy says, and those of the code."""
    return Schedule.objects.filter(Q(pk__in=Schedule.objects.for_user(user).values("pk")) | Q(code_name__isnull=False))


def of_code() -> QuerySet[Schedule]:
    """Return the schedules that the code declares."""
    schedules = Schedule.objects.filter(code_name__isnull=False).order_by("code_name")
    return _with_strip_begin(schedules.defer("params", "files"))


def one(user: User) -> QuerySet[Schedule]:
    """Return the schedules among which a schedule's own page looks for it."""
    return _with_strip_begin(visible_to(user).select_related("owner"))


def ticks(user: User) -> list[TickRow]:
    """Return what the code runs periodically without a job, and what came of the last time of each."""
    now, last_runs = database_now(), periodic.last_runs()
    tick_rows = []
    for tick in static.declared():
        times = tick.next_times(after=now, count=1)
        at = moment(times[0], static.ZONE) if times else None
        run = last_runs.get(tick.name)
        last = _last_of(run, user) if run else None
        words = in_words(tick.cron)
        tick_rows.append(TickRow(tick.title, tick.name, words, static.ZONE, at, last, is_recorded=bool(tick.queue)))
    return tick_rows


def _last_of(run: PeriodicRun, user: User) -> TickRun:
    if run.began_at is None:
        return TickRun("Waits for a worker", "queued", "queue", run.due_at)
    if run.ended_at is None:
        return TickRun("Running", "running", "running", run.began_at)
    if run.error:
        return TickRun("Failed", "failed", "x-circle", run.ended_at, run.error if user.is_staff else "")
    return TickRun("Ran", "succeeded", "check-circle", run.ended_at)


def rows(schedules: Iterable[Schedule], user: User) -> list[Row]:
    """Return the schedules of a queryset of this module with their strips: one query for all of them."""
    listed = list(schedules)
    strips: dict[int, list[Run]] = {schedule.pk: [] for schedule in listed}
    by_id = {schedule.pk: schedule for schedule in listed}
    in_strips = Q()
    for schedule in listed:
        begin: dt.datetime | None = schedule.strip_begin  # type: ignore[attr-defined]  # annotated
        # A second earlier: a moment that was read differs in its last digits from the text that SQLite stores.
        since = Q(due_at__gt=begin - dt.timedelta(seconds=1)) if begin else Q()
        in_strips |= Q(schedule_id=schedule.pk) & since
    if listed:
        for run in _runs(ScheduledRun.objects.filter(in_strips)).order_by("-due_at", "-pk"):
            strips[run.schedule_id].append(_run(run, by_id[run.schedule_id], user))
    return [Row(schedule, user, strip=strips[schedule.pk][:STRIP_LENGTH][::-1]) for schedule in listed]


def version_of(rows: Iterable[Row]) -> str:
    """Return the version that a page compares: it changes with a schedule or a run of its strip."""
    values = [
        (
            row.schedule.pk,
            row.schedule.is_on,
            row.schedule.next_at,
            row.schedule.changed_at,
            [(run.run.pk, run.state) for run in row.strip],
        )
        for row in rows
    ]
    return format(zlib.crc32(repr(values).encode()), "08x")


def in_words(expression: str) -> str:
    """Return a stored cron in words; the cron itself when it can't be read any more."""
    try:
        return cron.in_words(expression)
    except CronError:
        return expression


def times_of(schedule: Schedule) -> list[Moment]:
    """Return the next times of a schedule that is on: its `next_at` and those after it."""
    first = schedule.next_at
    if not schedule.is_on or first is None:
        return []
    try:
        more = cron.next_times(
            schedule.cron, schedule.zone, after=first, count=TIMES_LENGTH - 1, until=schedule.ends_at
        )
    except CronError:
        more = []
    return [moment(at, schedule.zone) for at in (first, *more)]


def files_of(schedule: Schedule) -> list[ScheduleFile]:
    """Return the files that each job of the schedule gets, in their form's words."""
    spec = pipelines.find(schedule.pipeline)
    fields = spec.form.base_fields if spec else {}
    files = []
    for slot, file in schedule.files.items():
        name = slots.field_of(slot)
        label = fields[name].label if name in fields else None
        files.append(
            ScheduleFile(
                label=str(label or name.replace("_", " ").capitalize()),
                name=str(file.get("name", "")),
                size=int(file.get("size") or 0),
                is_kept=storage.resolve(str(file["path"])).is_file() if file.get("path") else False,
            )
        )
    return files


def as_job(schedule: Schedule) -> Job:
    """Return an unsaved job with the schedule's parameters, to show them as those of a job."""
    return Job(pipeline=schedule.pipeline, params=schedule.params)


def _with_strip_begin(schedules: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """Add when the oldest run of each strip was due, so that the query of the runs stays bounded."""
    oldest = ScheduledRun.objects.filter(schedule=OuterRef("pk")).order_by("-due_at").values("due_at")
    return schedules.annotate(strip_begin=Subquery(oldest[STRIP_LENGTH - 1 : STRIP_LENGTH]))


def _runs(runs: QuerySet[ScheduledRun]) -> QuerySet[ScheduledRun]:
    job_fields = ("pipeline", "label", "state", "cancel_requested_at", "started_at", "finished_at")
    run_fields = ("schedule_id", "due_at", "outcome", "text", "is_manual")
    rows = runs.select_related("job").only(*run_fields, *(f"job__{name}" for name in job_fields))
    return rows.annotate(warning_text=F("job__result__warning"))


def _run(run: ScheduledRun, schedule: Schedule, user: User) -> Run:
    if run.job is not None:
        # Annotated to the runs, as their jobs come without results.
        run.job.warning_text = run.warning_text  # type: ignore[attr-defined]  # annotated
    # A schedule's jobs belong to its owner.
    return Run(run, schedule.zone, opens=policy.operates(user) or schedule.owner_id == user.pk)
