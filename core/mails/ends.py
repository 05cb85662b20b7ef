"""Mails about jobs that have ended, for those who wish them.

Every few seconds the keeper of each worker looks for ended jobs of those people without a mail. A job gets one mail for
each time it ends: the key of the mail names the job and its fence. `mailed_until` only keeps the search short. A job
whose end is committed later than others is still found for as long as LATE.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from core import pipelines
from core.addresses import path_of, site_address
from core.database.clock import database_now
from core.mails import sending
from core.mails.orders import ended_key, is_address, order
from core.models import Artifact, Dataset, Job, Preferences
from core.models.states import State
from core.people.users import email_of

#: How long after its time an end that was committed late is still found.
LATE = dt.timedelta(minutes=5)
#: Seconds between two writes of `mailed_until`.
NOTED_SECONDS = 60.0
#: People that one query reads, and mails that are ordered for one person at a time.
GROUP, BATCH = 200, 100
_ERROR_LENGTH = 2000


def mailed_from() -> dt.datetime:
    """Return the `mailed_until` of a person who begins to want mails: no older end gets one."""
    return database_now() + LATE


def order_end_mails() -> int:
    """Order the mails about jobs that have ended; return how many. Also settles mails that lost workers left."""
    sending.settle_left()
    wanting = list(
        Preferences.objects.filter(Q(mail_when_done=True) | Q(mail_when_failed=True))
        .select_related("user")
        .order_by("pk")
    )
    if not wanting:
        return 0
    now = database_now()
    _begin([each for each in wanting if each.mailed_until is None], now)
    started = [each for each in wanting if each.mailed_until is not None]
    return sum(_order_for_group(started[start : start + GROUP], now) for start in range(0, len(started), GROUP))


def order_pending_mails(user_id: Any) -> None:
    """Order the mails that a person's present choices ask for before they change: new ones begin from now on."""
    person = Preferences.objects.select_related("user").get(pk=user_id)
    if person.mailed_until is not None:
        while _order_for(person, since=person.mailed_until - LATE) >= BATCH:
            continue


def _begin(people: Sequence[Preferences], now: dt.datetime) -> None:
    if people:
        ids = [each.pk for each in people]
        Preferences.objects.filter(pk__in=ids, mailed_until__isnull=True).update(mailed_until=now + LATE)


def _order_for_group(people: Sequence[Preferences], now: dt.datetime) -> int:
    since = {each.pk: each.mailed_until for each in people if each.mailed_until}
    ended = _ended(since=min(since.values()) - LATE).filter(owner_id__in=since)
    owners = set(ended.order_by().values_list("owner_id", flat=True).distinct())
    count, behind = 0, []
    for each in people:
        if each.pk in owners:
            ordered = _order_for(each, since=since[each.pk] - LATE)
            count += ordered
            if ordered >= BATCH:
                behind.append(each.pk)
    # The rest of theirs comes with the next call, so their `mailed_until` stays until then.
    late = now - dt.timedelta(seconds=NOTED_SECONDS)
    moved = [pk for pk, until in since.items() if pk not in behind and until < late]
    if moved:
        Preferences.objects.filter(pk__in=moved, mailed_until__lt=late).update(mailed_until=now)
    return count


def _order_for(person: Preferences, *, since: dt.datetime) -> int:
    if not is_address(email_of(person.user)) or not person.user.is_active:
        return 0
    states = [State.SUCCEEDED] * person.mail_when_done + [State.FAILED] * person.mail_when_failed
    key = Concat(Value("ended-"), _text_of("pk"), Value("-"), _text_of("fence"))
    existing = Job.objects.filter(owner_id=OuterRef("owner_id"), idempotency_key=OuterRef("mail_key"))
    jobs = (
        _ended(since=since)
        .filter(owner_id=person.pk, state__in=states)
        .annotate(mail_key=key)
        .filter(~Exists(existing))
        .order_by("finished_at", "pk")[:BATCH]
    )
    batch = list(jobs)
    for job in batch:
        kind = "job_done" if job.state == State.SUCCEEDED else "job_failed"
        order(
            kind,
            to=email_of(person.user),
            owner_id=person.pk,
            context=context_of(job),
            key=ended_key(job.pk, job.fence),
        )
    return len(batch)


def _ended(*, since: dt.datetime) -> Any:
    names = [spec.name for spec in pipelines.every() if spec.notifies_owner]
    return Job.objects.whole().filter(finished_at__gt=since, pipeline__in=names)


def _text_of(name: str) -> Cast:
    return Cast(F(name), CharField(max_length=20))


def context_of(job: Job) -> dict[str, Any]:
    """Return the context of a mail about an ended job, as the job is now."""
    spec = job.spec
    headline = job.result.get("headline") if isinstance(job.result, dict) else ""
    result, address = _result_of(job)
    return {
        "job": job.pk,
        "title": " ".join(job.title.split()),
        "pipeline": spec.title if spec else job.pipeline,
        "seconds": job.run_seconds,
        "headline": str(headline or ""),
        "warning": job.warning,
        "error": job.error[:_ERROR_LENGTH],
        "address": site_address(job.get_absolute_url()),
        "result": result,
        "result_address": address,
    }


def _result_of(job: Job) -> tuple[str, str]:
    """Return the name and the address of what the job made: its dataset, else its first file."""
    if job.state != State.SUCCEEDED:
        return "", ""
    named = job.result.get("dataset") if isinstance(job.result, dict) else None
    if isinstance(named, int):
        dataset = Dataset.objects.filter(pk=named, owner_id=job.owner_id).first()
        if dataset is not None:
            return str(dataset), site_address(dataset.get_absolute_url())
    file = Artifact.objects.filter(job=job, kind=Artifact.Kind.OUTPUT).first()
    if file is None:
        return "", ""
    return file.name, site_address(path_of("job_file", job.pk, file.pk))
