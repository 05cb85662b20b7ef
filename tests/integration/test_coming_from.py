"""The pages for those who come from elsewhere: the small app runs as it stands there, before and after.

Before, it runs on the peer itself, in processes of its own: Celery's worker over RabbitMQ, Dramatiq's worker,
django-tasks-db's worker.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from pytest_django import Settings

from actors.task_backend import registering
from actors.task_backend.api import IS_DJANGOS
from core import pipelines, testing
from core.models import Job, JobProgress
from core.pipelines import registry
from tests.configuration import OwnConf
from tests.services.peers import folder_of
from tests.services.rabbitmq import GivenRabbit

DOCS = Path(__file__).resolve().parents[2] / "docs"
PEERS = ["celery", "dramatiq", "django-tasks-db"]
#: The work of the shop. The first time that a price is asked for, nobody answers.
WORK = """
from pathlib import Path

HERE = Path(__file__).parent


def price(sku):
    asked = HERE / f"{sku}.asked"
    if not asked.exists():
        asked.touch()
        raise ConnectionError("nobody answers")
    return {"tea": 300, "cake": 450, "jam": 250}[sku]


def count(shelf):
    (HERE / f"shelf-{shelf}").touch()


def clean_carts():
    (HERE / "cleaned").touch()
    return 1
"""
#: What each prints: the sum of the prices, and the shelves that were counted.
PRINTED = "1000 3"


def blocks_of(peer: str, section: str) -> dict[str, str]:
    """Return the code of a section by the title in its first line."""
    page = (DOCS / f"from-{peer}.md").read_text()
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = {}
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        if not IS_DJANGOS:
            code = code.replace("from django.tasks", "from django_tasks")
        blocks[code.partition("\n")[0].removeprefix("# ")] = code
    return blocks


class Shop:
    """A folder with the package `shop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside = folder / "shop"
        self.inside.mkdir(parents=True)
        (self.inside / "__init__.py").touch()
        (self.inside / "work.py").write_text(WORK)

    def write(self, blocks: dict[str, str]) -> list[str]:
        """Write the files among the blocks, and return the others in their order."""
        others = []
        for title, code in blocks.items():
            if title.endswith(".py"):
                (self.folder / title).write_text(code)
            else:
                others.append(code)
        return others

    @property
    def has_done_all(self) -> bool:
        names = {path.name for path in self.inside.iterdir()}
        return {"tea.asked", "cake.asked", "jam.asked", "shelf-0", "shelf-1", "shelf-2", "cleaned"} <= names

    def run(self, *arguments: str, path: Path | None = None, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(path, environment),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-4000:]
        return done.stdout

    def environment(self, path: Path | None, more: dict[str, str]) -> dict[str, str]:
        paths = [str(self.folder), *([str(path)] if path else [])]
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": ":".join(paths), **more}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "site")


# -- before ---------------------------------------------------------------------------------------------


def test_the_app_runs_on_celery(shop: Shop, rabbitmq: GivenRabbit, tmp_path: Path) -> None:
    (caller,) = shop.write(blocks_of("celery", "Before"))
    # As Celery's own page for Django has it.
    (shop.inside / "__init__.py").write_text("from shop.celery import app as celery_app\n")
    # What beat would send at night.
    caller += """
from shop.celery import app

app.send_task(app.conf.beat_schedule["clean-carts"]["task"]).get(timeout=60)
"""
    (tmp_path / "results").mkdir()
    where = {"BROKER_URL": rabbitmq.create_vhost("from-celery"), "RESULT_BACKEND": f"file://{tmp_path}/results"}
    path = folder_of("celery")
    command = [sys.executable, "-m", "celery", "-A", "shop.celery", "worker", "--pool", "solo", "--loglevel", "WARNING"]
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        environment = {**shop.environment(path, where), "C_FORCE_ROOT": "1"}
        worker = subprocess.Popen(command, cwd=shop.folder, env=environment, stdout=output, stderr=output)
        try:
            printed = shop.run("-W", "ignore", "-c", caller, path=path, **where)
        finally:
            worker.terminate()
            worker.wait(30)
    assert printed.strip() == PRINTED, log.read_text()[-2000:]
    assert shop.has_done_all


def test_the_app_runs_on_dramatiq(shop: Shop) -> None:
    (caller,) = shop.write(blocks_of("dramatiq", "Before"))
    script = f"""
import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend
from periodiq import PeriodiqMiddleware

broker = StubBroker()
broker.add_middleware(Results(backend=StubBackend()))
broker.add_middleware(PeriodiqMiddleware())
dramatiq.set_broker(broker)

from shop import tasks

worker = dramatiq.Worker(broker, worker_timeout=100)
worker.start()
{caller}
# What periodiq would send at night.
assert tasks.clean_carts.options["periodic"]
tasks.clean_carts.send()
broker.join("default")
assert tasks.progress["stock"] == (3, 3)
worker.stop()
"""
    assert shop.run("-c", script).strip() == PRINTED
    assert shop.has_done_all


DB_SETTINGS = """
import django

SECRET_KEY = "a key of the test's"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_tasks_db"]
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
USE_TZ = True
"""
DB_WORKER = "db_worker --batch --no-startup-delay --no-reload -v0"


def test_the_app_runs_on_django_tasks_db(shop: Shop) -> None:
    enqueues, looks = shop.write(blocks_of("django-tasks-db", "Before"))
    (shop.folder / "db_settings.py").write_text(DB_SETTINGS)
    path, django = folder_of("django-tasks-db"), {"DJANGO_SETTINGS_MODULE": "db_settings"}
    shop.run("-m", "django", "migrate", "-v0", path=path, **django)
    script = f"""
import subprocess
import sys

import django

django.setup()
from shop import tasks
{enqueues}
# What cron would start at night.
tasks.clean_carts.enqueue()
subprocess.run([sys.executable, "-m", "django", *{DB_WORKER!r}.split()], check=True)
{looks}
"""
    assert shop.run("-c", script, path=path, **django).strip() == PRINTED
    assert shop.has_done_all


# -- after ----------------------------------------------------------------------------------------------


@pytest.fixture
def headway(
    shop: Shop,
    transactional_db: None,
    settings: Settings,
    conf: OwnConf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], Any]]:
    """`headway("shop.tasks")` imports a module of the shop on this site, whose worker is at hand."""
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    settings.TASKS = {"default": {"BACKEND": "actors.task_backend.HeadwayBackend"}}
    monkeypatch.setattr(registry._registry, "more_queues", set())
    monkeypatch.syspath_prepend(shop.folder)
    monkeypatch.setattr("core.jobs.time.sleep", lambda _: testing.drain())
    before = {spec.name for spec in pipelines.every()}
    yield importlib.import_module
    for name in {spec.name for spec in pipelines.every()} - before | set(registering._tasks):
        pipelines.forget(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]
    cache.clear()


def execute(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, "docs", "exec"), names)  # noqa: S102 - the page is ours


def has_run_by_itself(name: str) -> bool:
    """Whether the pipeline has the schedule of the page; run it as at that time."""
    assert pipelines.get(name).every == "0 3 * * *"
    return testing.run(name, owner=User.objects.create_user("robot")).state == "succeeded"


@pytest.mark.parametrize("peer", ["celery", "dramatiq"])
def test_the_app_runs_on_headway(
    peer: str, shop: Shop, headway: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (caller,) = shop.write(blocks_of(peer, "After"))
    headway("shop.pipelines")
    execute(caller, {"user": User.objects.create_user("alice")})
    assert capsys.readouterr().out.strip() == PRINTED
    assert has_run_by_itself("clean_carts")
    assert shop.has_done_all
    assert JobProgress.objects.get(job__pipeline="count_stock").unit == "shelves"


def test_the_tasks_run_on_headway(
    shop: Shop, headway: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    enqueues, looks = shop.write(blocks_of("django-tasks-db", "After"))
    headway("shop.tasks")
    names: dict[str, Any] = {}
    execute(enqueues, names)
    testing.drain()
    execute(looks, names)
    assert capsys.readouterr().out.strip() == PRINTED
    assert has_run_by_itself("shop_tasks_clean_carts")
    assert shop.has_done_all
    assert JobProgress.objects.get(job__pipeline="shop_tasks_count_stock").unit == "shelves"


def test_the_tasks_of_django_tasks_db_run_on_headway_unchanged(
    shop: Shop, headway: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    enqueues, looks = shop.write(blocks_of("django-tasks-db", "Before"))
    headway("shop.tasks").clean_carts.enqueue()
    names: dict[str, Any] = {}
    execute(enqueues, names)
    testing.drain()
    execute(looks, names)
    assert capsys.readouterr().out.strip() == PRINTED
    assert shop.has_done_all
    assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}


BOTH_SETTINGS = """
from core.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db"]
import django

if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
"""


def test_what_was_enqueued_before_the_move_is_worked_off(shop: Shop, tmp_path: Path) -> None:
    page = (DOCS / "from-django-tasks-db.md").read_text().partition("## Moving over")[2]
    (moved,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (rename,) = re.findall(r"`(DBTaskResult\.objects\.[^`]*)`", page)
    shop.write(blocks_of("django-tasks-db", "Before"))
    settings = shop.folder / "both_settings.py"
    settings.write_text(BOTH_SETTINGS + 'TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}\n')
    path = folder_of("django-tasks-db")
    where: dict[str, Any] = {"DJANGO_SETTINGS_MODULE": "both_settings", "HEADWAY_HOME": str(tmp_path / "home")}
    where["PYTHONPATH"] = ":".join([str(shop.folder), str(path), str(DOCS.parent)])
    (tmp_path / "home" / "static").mkdir(parents=True)
    begin = """
import django
django.setup()
from django.core.management import call_command
from shop.tasks import count_stock
"""
    enqueue = f"{begin}call_command('migrate', verbosity=0)\nprint(count_stock.enqueue(3).id)"
    task_id = shop.run("-c", enqueue, **where).strip()
    settings.write_text(BOTH_SETTINGS + moved)
    finish = f"""{begin}
from django_tasks_db.models import DBTaskResult
{rename}
call_command(*{[*DB_WORKER.split(), "--backend", "old"]!r})
print(count_stock.using(backend="old").get_result({task_id!r}).return_value)
"""
    assert shop.run("-c", finish, **where).strip() == "3"


@pytest.mark.parametrize("peer", PEERS)
def test_each_page_says_what_has_no_equal_on_either_side(peer: str) -> None:
    page = (DOCS / f"from-{peer}.md").read_text()
    for heading in ("Before", "After", "Word for word", "What has no equal here", "What has none there"):
        assert f"\n## {heading}\n" in page
