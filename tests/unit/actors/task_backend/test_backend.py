"""Django's tasks as jobs: enqueued, run, and their results read."""

from __future__ import annotations

import datetime as dt
import importlib
from types import ModuleType
from typing import Any

import django_tasks
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from actors.task_backend import HeadwayBackend, job_options, registering
from actors.task_backend.api import (
    IS_DJANGOS,
    InvalidTask,
    InvalidTaskBackend,
    TaskResultDoesNotExist,
    task_enqueued,
    task_finished,
    task_started,
)
from core import jobs, pipelines
from core.errors import TooMuch
from core.forms.words import parameters_in_words
from core.life import leases, requests
from core.models import Job, JobLog, JobProgress
from core.models.job import Priority
from core.people.users import system_user
from tests.configuration import OwnConf
from tests.unit.actors.task_backend.conftest import BACKEND, Worker

pytestmark = pytest.mark.django_db


def job_of(result: Any) -> Job:
    return Job.objects.get(pk=result.id)


# -- enqueue --------------------------------------------------------------------------------------------


def test_an_enqueued_task_is_a_job_of_its_own_pipeline(site_tasks: ModuleType) -> None:
    result = site_tasks.send_receipt.enqueue(7, language="de")
    job = job_of(result)
    assert (job.pipeline, job.state, job.owner) == ("tests_site_tasks_send_receipt", "queued", system_user())
    assert {name: job.params[name] for name in ("order", "language")} == {"order": 7, "language": "de"}
    assert (result.status, result.args, result.kwargs, result.attempts) == ("READY", [7], {"language": "de"}, 0)
    assert job.title == "Send receipt"
    assert parameters_in_words(job.spec, job.params, viewer=job.owner) == [("Order", "7"), ("Language", "de")]


def test_arguments_that_the_function_does_not_take_are_refused_at_once(site_tasks: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"send_receipt\(\) missing a required argument: 'order'"):
        site_tasks.send_receipt.enqueue()
    with pytest.raises(TypeError, match="Unsupported type"):
        site_tasks.send_receipt.enqueue(dt.date(2026, 1, 1))
    assert not Job.objects.exists()


def test_a_task_is_submitted_in_the_callers_transaction(site_tasks: ModuleType, transactional_db: None) -> None:
    with transaction.atomic():
        site_tasks.send_receipt.enqueue(7)
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    with transaction.atomic():
        result = site_tasks.send_receipt.enqueue(7)
    assert job_of(result).state == "queued"


def test_what_using_says_is_the_jobs(site_tasks: ModuleType) -> None:
    alice, order = User.objects.create_user("alice"), Group.objects.create(name="order 7")
    at = timezone.now() + dt.timedelta(hours=1)
    task = site_tasks.send_receipt.using(priority=40, queue_name="night", run_after=at)
    result = task.using(owner=alice, subject=order, key="once").enqueue(7)
    job = job_of(result)
    assert (job.priority, job.queue, job.state, job.owner) == (Priority.URGENT, "night", "scheduled", alice)
    assert abs(job.run_at - at) < dt.timedelta(seconds=1)
    assert job.subject == order
    assert task.using(owner=alice, key="once").enqueue(8).id == result.id
    again = site_tasks.send_receipt.get_result(result.id)
    assert (again.task.priority, again.task.queue_name, again.task.run_after) == (40, "night", at)
    assert site_tasks.send_receipt.owner is None


@pytest.mark.parametrize(
    ("number", "priority"), [(-100, "LOW"), (-1, "LOW"), (0, "NORMAL"), (1, "URGENT"), (100, "URGENT")]
)
def test_two_hundred_priorities_are_three(site_tasks: ModuleType, number: int, priority: str) -> None:
    result = site_tasks.send_receipt.using(priority=number).enqueue(7)
    assert job_of(result).priority == Priority[priority]


def test_a_queue_that_no_worker_listens_to_is_refused(site_tasks: ModuleType, settings: Settings) -> None:
    with pytest.raises(InvalidTask, match="Queue 'nowhere' is not valid"):
        site_tasks.send_receipt.using(queue_name="nowhere")
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": []}}
    task = site_tasks.send_receipt.using(queue_name="nowhere")
    with pytest.raises(InvalidTask, match="no worker listens"):
        task.enqueue(7)
    assert "night" in pipelines.queues()


def test_a_persons_task_counts_as_theirs_and_the_sites_own_is_never_refused(
    site_tasks: ModuleType, conf: OwnConf
) -> None:
    conf.OWNER_QUEUED_LIMIT = 1
    alice = User.objects.create_user("alice")
    for number in range(3):
        site_tasks.send_receipt.enqueue(number)
    site_tasks.send_receipt.using(owner=alice).enqueue(1)
    with pytest.raises(TooMuch):
        site_tasks.send_receipt.using(owner=alice).enqueue(2)


def test_the_owner_of_all_is_an_option(site_tasks: ModuleType, settings: Settings) -> None:
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"owner": "robot"}}}
    with pytest.raises(InvalidTask, match="no such account"):
        site_tasks.send_receipt.enqueue(7)
    robot = User.objects.create_user("robot")
    assert job_of(site_tasks.send_receipt.enqueue(7)).owner == robot


def test_async_code_enqueues_and_reads(site_tasks: ModuleType, worker: Worker) -> None:
    result = async_to_sync(site_tasks.send_receipt.aenqueue)(7)
    worker.run(result)
    again = async_to_sync(site_tasks.send_receipt.aget_result)(result.id)
    assert again.return_value == {"headline": "Receipt 7"}


# -- run ------------------------------------------------------------------------------------------------


def test_a_task_is_called_as_it_was_enqueued(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.send_receipt.enqueue(7, "de", is_copy=True))
    assert site_tasks.done == [(7, "de", True)]
    assert (result.status, result.return_value) == ("SUCCESSFUL", {"headline": "Receipt 7"})
    assert result.enqueued_at <= result.started_at <= result.last_attempted_at <= result.finished_at
    assert (result.worker_ids, result.errors, result.is_finished) == (["here:1"], [], True)
    result = worker.run(site_tasks.take_anything.enqueue(1, [2], parts=3))
    assert result.return_value == [[1, [2]], {"parts": 3}]
    assert (result.args, result.kwargs) == ([1, [2]], {"parts": 3})


def test_a_task_that_is_async_runs(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.wait_a_turn.enqueue(3))
    assert (result.return_value, site_tasks.done) == (3, [3])


@pytest.mark.parametrize("name", ["count_up", "count_up_async"])
def test_the_context_knows_its_attempt_and_its_job(site_tasks: ModuleType, worker: Worker, name: str) -> None:
    result = worker.run(getattr(site_tasks, name).enqueue(5))
    assert result.return_value == {"attempt": 1, "job": int(result.id)}
    assert JobProgress.objects.get(job_id=result.id).unit == "numbers"


def test_a_failed_attempt_is_tried_again_and_each_error_is_kept(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.fail_twice.enqueue("Not now"))
    assert (result.status, result.attempts, len(result.errors)) == ("READY", 1, 1)
    worker.run(result)
    assert (result.status, result.attempts, result.worker_ids) == ("FAILED", 2, ["here:1", "here:1"])
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value
    assert [each.exception_class_path for each in result.errors] == ["tests.site_tasks.Outer.NotToday"] * 2
    assert result.errors[0].traceback.endswith("NotToday: Not now\nand a second line: it\n")


def test_a_permanent_error_fails_a_task_at_once(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.fail_async.enqueue())
    assert (result.status, result.errors[0].exception_class.__name__) == ("FAILED", "PermanentError")


def test_a_result_that_is_no_json_fails_at_once_as_django_says(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.return_a_function.enqueue())
    assert (result.status, result.attempts) == ("FAILED", 1)
    assert result.errors[0].exception_class is TypeError
    assert "Unsupported type" in result.errors[0].traceback
    assert "can't be kept as JSON" in job_of(result).error


def test_a_cancelled_task_has_failed(site_tasks: ModuleType, worker: Worker) -> None:
    result = site_tasks.send_receipt.enqueue(7)
    requests.cancel(job_of(result), by="ben")
    result.refresh()
    assert (result.status, result.errors[0].exception_class.__name__) == ("FAILED", "JobCancelled")


def test_a_lost_worker_is_an_attempt_and_an_error(site_tasks: ModuleType, worker: Worker, conf: OwnConf) -> None:
    result = site_tasks.send_receipt.enqueue(7)
    worker.attempts.ledger.claim(int(result.id))
    Job.objects.filter(pk=result.id).update(lease_until="2000-01-01T00:00Z")
    leases.reap()
    result.refresh()
    assert (result.status, result.attempts) == ("READY", 1)
    assert result.errors[0].exception_class.__name__ == "LeaseLost"
    assert "worker was lost" in result.errors[0].traceback


def test_a_task_whose_code_is_gone_fails_with_a_sentence(site_tasks: ModuleType, worker: Worker) -> None:
    result = site_tasks.send_receipt.enqueue(7)
    pipelines.forget("tests_site_tasks_send_receipt")
    Job.objects.update(max_attempts=1)
    worker.attempts.run(int(result.id))
    assert job_of(result).error.startswith("There is no pipeline 'tests_site_tasks_send_receipt'")
    with pytest.raises(TaskResultDoesNotExist):
        HeadwayBackend("default", {}).get_result(result.id)


def test_arguments_from_before_a_deploy_fail_with_a_sentence(site_tasks: ModuleType, worker: Worker) -> None:
    result = site_tasks.send_receipt.enqueue(7)
    Job.objects.update(params={"order": 7, "colour": "red"})
    worker.attempts.run(int(result.id))
    assert "takes no 'colour' any more" in job_of(result).error
    Job.objects.update(params={"language": "de"}, state="queued")
    worker.attempts.run(int(result.id))
    assert "Order is a field of the form that was not there" in job_of(result).error


# -- results --------------------------------------------------------------------------------------------


def test_a_result_that_is_none_is_said_so(site_tasks: ModuleType, settings: Settings) -> None:
    result = site_tasks.send_receipt.enqueue(7)
    settings.TASKS = {"default": {"BACKEND": BACKEND}, "other": {"BACKEND": BACKEND}}
    for backend, wanted in (("default", "abc"), ("default", "99999999999999999999"), ("other", result.id)):
        with pytest.raises(TaskResultDoesNotExist):
            site_tasks.send_receipt.using(backend=backend).get_result(wanted)
    other = jobs.submit("housekeeping", owner=User.objects.create_user("alice"))
    with pytest.raises(TaskResultDoesNotExist):
        site_tasks.send_receipt.get_result(str(other.pk))


def test_a_job_that_a_person_has_started_has_a_result_too(site_tasks: ModuleType, worker: Worker) -> None:
    alice = User.objects.create_user("alice")
    job = jobs.submit("tests_site_tasks_send_receipt", owner=alice, params={"order": 7})
    worker.attempts.run(job.pk)
    result = site_tasks.send_receipt.get_result(str(job.pk))
    assert (result.args, result.kwargs) == ([], {"order": 7, "language": "en", "is_copy": False})
    assert result.return_value == {"headline": "Receipt 7"}


# -- signals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["send_receipt", "wait_a_turn"])
def test_djangos_signals_are_sent(site_tasks: ModuleType, worker: Worker, name: str) -> None:
    said: list[tuple[str, str, Any]] = []
    signals = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}
    receivers = []
    for event, signal in signals.items():

        def receive(sender: Any, task_result: Any, event: str = event, **_: Any) -> None:
            said.append((event, task_result.status, sender))

        receivers.append(receive)
        signal.connect(receive)
    try:
        worker.run(getattr(site_tasks, name).enqueue(7))
        assert said == [
            ("enqueued", "READY", HeadwayBackend),
            ("started", "RUNNING", HeadwayBackend),
            ("finished", "SUCCESSFUL", HeadwayBackend),
        ]
        said.clear()
        result = worker.run(site_tasks.fail_twice.enqueue("no"))
        assert [event for event, *_ in said] == ["enqueued", "started"]
        worker.run(result)
        assert [(event, status) for event, status, _ in said[2:]] == [("started", "RUNNING"), ("finished", "FAILED")]
    finally:
        for signal, receive in zip(signals.values(), receivers, strict=True):
            signal.disconnect(receive)


@pytest.mark.parametrize("name", ["send_receipt", "wait_a_turn"])
def test_what_django_logs_of_a_task_is_not_in_the_jobs_log(
    site_tasks: ModuleType, worker: Worker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    worker.run(getattr(site_tasks, name).enqueue(7))
    assert "state=SUCCESSFUL" in caplog.text
    assert not JobLog.objects.exists()


def test_a_receiver_that_raises_harms_no_task(site_tasks: ModuleType, worker: Worker) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no")

    task_started.connect(fail)
    try:
        assert worker.run(site_tasks.send_receipt.enqueue(7)).status == "SUCCESSFUL"
    finally:
        task_started.disconnect(fail)


def test_the_decorator_of_the_package_makes_the_same_tasks(site_tasks: ModuleType, worker: Worker) -> None:
    assert worker.run(django_tasks.task(site_tasks.double).enqueue(4)).return_value == 8


# -- options --------------------------------------------------------------------------------------------


def test_the_options_of_a_function_are_those_of_its_pipeline(site_tasks: ModuleType) -> None:
    spec = pipelines.get("night_shift")
    assert (spec.title, spec.icon, spec.max_attempts, spec.time_limit) == ("Night shift", "moon", 1, 60)
    assert (spec.retention_days, len(spec.limits), spec.is_for_staff) == (7, 1, False)
    usual = pipelines.get("tests_site_tasks_send_receipt")
    assert (usual.max_attempts, usual.is_for_staff, usual.description) == (5, True, "Write a receipt.")


def test_options_for_all_tasks_are_in_the_settings(site_tasks: ModuleType, settings: Settings) -> None:
    pipelines.forget("tests_site_tasks_send_receipt")
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"max_attempts": 1, "is_listed": False}}}
    site_tasks.send_receipt.enqueue(7)
    spec = pipelines.get("tests_site_tasks_send_receipt")
    assert (spec.max_attempts, spec.is_listed, spec.is_for_staff) == (1, False, True)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"OPTIONS": {"max_attemps": 1}}, "did you mean 'max_attempts'"),
        ({"QUEUES": ["a queue"]}, "'a queue' can't be one"),
    ],
)
def test_settings_that_can_not_be_are_refused(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidTaskBackend, match=sentence):
        HeadwayBackend("default", params)


def test_options_that_can_not_be_are_refused(site_tasks: ModuleType) -> None:
    with pytest.raises(TypeError, match="queue_name"):
        job_options(queue="night")
    with pytest.raises(ValueError, match="did you mean 'max_attempts'"):
        job_options(max_attemps=1)  # type: ignore[call-arg]
    backend = HeadwayBackend("default", {"OPTIONS": {"max_attempts": 0}})
    pipelines.forget("tests_site_tasks_send_receipt")
    with pytest.raises(InvalidTask, match=r"site_tasks\.py:\d+: .*max_attempts is 0"):
        backend.validate_task(site_tasks.send_receipt)


def test_two_tasks_of_one_name_are_refused(site_tasks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "name_of", lambda _: "one_name")
    backend = HeadwayBackend("default", {})
    backend.validate_task(site_tasks.send_receipt)
    with pytest.raises(InvalidTask, match="would both be the pipeline 'one_name'"):
        backend.validate_task(site_tasks.take_anything)


def test_a_long_path_has_a_name_all_the_same() -> None:
    def function() -> None: ...

    function.__module__ = "_a." + "very_" * 20 + "long.path"
    name = registering.name_of(function)
    assert (len(name) < 80, name[:5]) == (True, "task_")


def test_another_backend_runs_the_same_tasks(settings: Settings, site_tasks: ModuleType) -> None:
    package = "django.tasks" if IS_DJANGOS else "django_tasks"
    settings.TASKS = {"default": {"BACKEND": f"{package}.backends.immediate.ImmediateBackend"}}
    importlib.reload(site_tasks)
    try:
        assert site_tasks.with_options.enqueue().status == "SUCCESSFUL"
    finally:
        settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default", "night"]}}
        importlib.reload(site_tasks)


def test_the_check_finds_nothing_wrong_with_a_site_that_is_set_up(
    site_tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = HeadwayBackend("default", {})
    assert backend.check() == []
    monkeypatch.setattr("actors.task_backend.backend.apps.is_installed", lambda name: name == "django_tasks")
    monkeypatch.setattr("actors.task_backend.backend.IS_DJANGOS", True)
    assert len(backend.check()) == 2
