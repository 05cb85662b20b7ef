"""What the core does for owners whose keys are UUIDs; run by test_uuid_owners.py in a process of its own."""

from __future__ import annotations

import os
import uuid
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.integration.uuid_people.settings"
django.setup()

import json  # noqa: E402  Django comes first

from django.core.management import call_command  # noqa: E402
from django.db.models import ProtectedError  # noqa: E402

import tests.pipelines  # noqa: E402, F401  registers them
from core import jobs, mails  # noqa: E402
from core.attempt.attempts import Attempts  # noqa: E402
from core.attempt.context import JobContext  # noqa: E402
from core.conf import conf  # noqa: E402
from core.errors import RetryAfter, TooMuch  # noqa: E402
from core.files.uploads import StoredUpload  # noqa: E402
from core.life import dead_letters, end_signals, outbox, requests  # noqa: E402
from core.limits import Concurrent, Rate, changes, gate, projection  # noqa: E402
from core.models import Dataset, Gate, Job, LimitBucket, Preferences, Schedule  # noqa: E402
from core.people.users import system_user  # noqa: E402
from core.pipelines import pipeline  # noqa: E402
from core.schedules import changes as schedules  # noqa: E402
from core.schedules import static  # noqa: E402
from core.signals import job_ended  # noqa: E402
from tests.integration.uuid_people.models import Person  # noqa: E402


@pipeline(title="Paced", name="paced_people", limits=[Rate("1/h", key="owner"), Concurrent(3, key="owner")])
def paced_people(ctx: JobContext) -> None:
    """Start once an hour for each owner."""
    if ctx.attempt == 1 and ctx.job_id % 2:
        raise RetryAfter(60, key="owner")


@pipeline(title="Run another")
def run_count(ctx: JobContext) -> list[str]:
    """Return the owner's key, and what another pipeline says."""
    assert isinstance(ctx.owner_id, uuid.UUID)
    return [str(ctx.owner_id), ctx.run("count", {"count": 1})["headline"]]


# People are Any below: the type checker has read the settings of a site with another user model.


def main() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    alice, bob = (Person.objects.create(address=f"{name}@example.org") for name in ("alice", "bob"))
    ends: list[tuple[int, Any]] = []
    job_ended.connect(lambda job, **_: ends.append((job.pk, job.owner)), weak=False)
    submits(alice, bob)
    limits(alice, bob)
    people(alice)
    end_signals.send_due()
    assert ends, "signals are sent"
    assert {type(owner) for _, owner in ends} == {Person}
    owned(alice, bob)
    print("done")


def run(job: Job) -> Job:
    Attempts(worker="here:1").run(job.pk)
    return jobs.get(job.pk)


def submits(alice: Any, bob: Any) -> None:
    job = jobs.submit("count", owner=alice, params={"count": 1}, key="once", subject=bob)
    assert jobs.submit("count", owner=alice, params={"count": 1}, key="once") == job
    assert list(Job.objects.about(bob)) == [job]
    assert job.subject == bob
    other = jobs.submit("noop", owner=bob)
    due = outbox.take_due()
    assert {message.job_id for message in due} == {job.pk, other.pk}
    assert len({message.owner_id for message in due}) == 2
    done = run(job)
    assert (done.state, done.owner) == ("succeeded", alice)
    run(other)

    outer = jobs.submit("run_count", owner=alice)
    assert run(outer).state == "waiting"
    child = Job.objects.get(parent=outer)
    assert child.owner == alice
    run(child)
    # What a function sees as its owner is a key of the model.
    assert run(outer).result == [str(alice.pk), "Counted to 1"]

    failed = run(jobs.submit("fail", owner=alice, params={"count": 0}))
    assert list(dead_letters.find(staff(), dead_letters.Search(owner="ALICE@example.org"))) == [failed]
    requests.retry(failed, by=alice.get_username())
    requests.cancel(jobs.get(failed.pk), by=alice.get_username())
    assert list(Job.objects.for_user(bob)) == [jobs.get(other.pk)]

    object.__setattr__(conf, "_values", {**conf.values(), "OWNER_QUEUED_LIMIT": 1})
    try:
        jobs.submit("noop", owner=bob, delay=3600, key="later")
        jobs.submit("noop", owner=bob)
        raise AssertionError("bob has one queued")
    except TooMuch:
        pass
    finally:
        object.__setattr__(conf, "_values", None)


def staff() -> Any:
    return Person.objects.get_or_create(address="olga@example.org", is_staff=True)[0]


def limits(alice: Any, bob: Any) -> None:
    for owner in (alice, bob, alice, bob, alice):
        jobs.submit("paced_people", owner=owner)
    passed = gate.let_go()
    assert passed.count == 2, passed
    assert Gate.objects.get(pk="paced_people").last_owner in {str(alice.pk), str(bob.pk)}
    assert set(LimitBucket.objects.values_list("value", flat=True)) == {str(alice.pk), str(bob.pk)}
    held = Job.objects.filter(pipeline="paced_people", is_held=True)
    forecast = projection.forecast(held.order_by("pk")[1])
    assert forecast is not None
    assert forecast.at is not None
    assert gate.let_go().count == 0, "from the last owner on"
    changes.pause("paced_people", by="olga")
    changes.resume("paced_people", by="olga")
    changes.change("paced_people", "rate:owner", amount=1000, per_seconds=1.0, by="olga")
    assert gate.let_go().count > 0
    assert not held.exists()
    for job in Job.objects.filter(pipeline="paced_people"):
        run(job)
    blocked = LimitBucket.objects.filter(limit="rate:owner", blocked_until__gt=0).values_list("value", flat=True)
    assert set(blocked) <= {str(alice.pk), str(bob.pk)}
    assert blocked, "a remote asked to wait"


def people(alice: Any) -> None:
    system = system_user()
    assert not system.has_usable_password()
    assert system_user() == system
    static.follow()
    Preferences.objects.create(user=alice, mail_when_done=True)
    mails.order_end_mails()
    run(jobs.submit("noop", owner=alice))
    mails.order_end_mails()

    schedule = schedules.create("noop", owner_id=alice.pk, by="alice", cron="0 3 * * *", zone="UTC")
    submission = schedules.run_now(schedule, by="alice")
    assert jobs.get(submission.job_id).owner == alice

    job = jobs.submit("copy_file", owner=alice, files={"file": ("notes.txt", b"hello")})
    file = job.artifacts.get()
    stored = StoredUpload(path=file.path, name=file.name, size=file.size, sha256=file.sha256)
    token = stored.sign(owner_id=alice.pk)
    assert StoredUpload.from_token(token, owner_id=alice.pk) is not None
    assert StoredUpload.from_token(token, owner_id=staff().pk) is None
    call_command("job", "submit", "noop", "--owner", alice.address, "--json", stdout=(printed := Printed()))
    assert json.loads(printed.text)["state"] == "queued"


class Printed:
    """What a command prints."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


def owned(alice: Any, bob: Any) -> None:
    try:
        alice.delete()
        raise AssertionError("alice owns jobs")
    except ProtectedError as error:
        assert "alice@example.org can't be deleted" in str(error)  # noqa: PT017  no pytest here
    object.__setattr__(conf, "_values", {**conf.values(), "OWNER_DELETED": "hand over to bob@example.org"})
    count = Job.objects.filter(owner=alice).count() + Job.objects.filter(owner=bob).count()
    alice.delete()
    assert Job.objects.filter(owner=bob).count() == count
    assert Schedule.objects.filter(owner=bob).exists()
    object.__setattr__(conf, "_values", {**conf.values(), "OWNER_DELETED": "delete"})
    bob.delete()
    assert not Job.objects.exclude(owner=system_user()).exists()
    assert not Dataset.objects.exists()


main()
