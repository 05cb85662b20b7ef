"""What every test may ask for: servers, a running site, Chromium. Started when asked for, always ended."""

import datetime as dt
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from pytest_django import Settings

from tests.configuration import OwnConf
from tests.services.packages import CHROMIUM, program
from tests.services.postgres import GivenPostgres, PostgresNode
from tests.services.rabbitmq import GivenRabbit, RabbitNode
from tests.services.site import Runtime, Site
from tests.settings import GIVEN

#: The time of day, in UTC, at which every site begins its housekeeping by itself; seconds that a test's site may live.
HOUSEKEEPING, SITE_SECONDS = dt.time(3, 15), 120.0
# Shared machines stand still for a second now and then: how long an example takes proves nothing.
hypothesis.settings.register_profile("headway", deadline=None)
hypothesis.settings.load_profile("headway")

_numbers = itertools.count(1)
_failed = pytest.StashKey[bool]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """A polite kill ends the session as Ctrl-C does: with every server stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def asks_the_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole sites first: of two processes that share the tests, none ends long after the other."""
    unit = Path(__file__).parent / "unit"
    if "UNIT_DATABASE_URL" in os.environ:
        # Once more on another database: what asks none has been proved.
        items[:] = [item for item in items if asks_the_database(item)]
    items.sort(key=lambda item: item.path.is_relative_to(unit))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No site begins just before its housekeeping: a job more would confuse those who count them."""
    if item.path.is_relative_to(Path(__file__).parent / "unit"):
        return
    now = dt.datetime.now(dt.UTC)
    left = (dt.datetime.combine(now, HOUSEKEEPING, dt.UTC) - now).total_seconds()
    if 0 <= left < SITE_SECONDS:
        time.sleep(left + 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """A short-named folder that other users may pass through: PostgreSQL runs as its own user."""
    folder = Path(tempfile.mkdtemp(prefix="headway-nodes-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq(services_folder: Path) -> Iterator[GivenRabbit]:
    """The broker of this run: the one RABBITMQ_URL names, else a private node."""
    if GIVEN["RABBITMQ_URL"]:
        yield GivenRabbit(GIVEN["RABBITMQ_URL"])
        return
    node = RabbitNode(services_folder / "rabbitmq")
    try:
        node.start()
        yield node
    finally:
        node.discard()


@pytest.fixture(scope="session")
def postgres(services_folder: Path) -> Iterator[GivenPostgres]:
    """The database server of this run: the one DATABASE_URL names, else a private node."""
    if GIVEN["DATABASE_URL"]:
        yield GivenPostgres(GIVEN["DATABASE_URL"])
        return
    node = PostgresNode(services_folder / "postgres")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def own_rabbitmq(services_folder: Path) -> Iterator[RabbitNode]:
    """A node for this test alone, to kill and wipe."""
    node = RabbitNode(services_folder / f"rabbitmq-{next(_numbers)}")
    try:
        node.start()
        yield node
    finally:
        node.discard()


@pytest.fixture
def own_postgres(services_folder: Path) -> Iterator[PostgresNode]:
    """A server for this test alone, to kill."""
    node = PostgresNode(services_folder / f"postgres-{next(_numbers)}")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of the system's Chromium, for `playwright.chromium.launch(executable_path=…)`."""
    return program(CHROMIUM)


@pytest.fixture(params=["embedded", "rabbitmq"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Both runtimes, one after the other; mark a test with `parametrize("runtime", [...])` for one only."""
    name: Runtime = request.param
    return name


@pytest.fixture(scope="session")
def migrated_file(services_folder: Path) -> Path:
    """A migrated SQLite database, to copy: migrating takes seconds, a copy none."""
    template = Site("embedded", services_folder / "template")
    template.migrate()
    return template.home / "db.sqlite3"


@pytest.fixture(scope="session")
def migrated_database(postgres: GivenPostgres, services_folder: Path) -> Iterator[str]:
    """The name of a migrated PostgreSQL database, to copy."""
    name = f"headway_template_{services_folder.name[-8:]}"
    url = postgres.create_database(name)
    # The broker is not asked by a migration: any address chooses the runtime.
    site = Site("rabbitmq", services_folder / name, database_url=url, rabbitmq_url="amqp://127.0.0.1:1/")
    site.migrate()
    yield name
    postgres.drop_database(name)


@pytest.fixture
def make_site(request: pytest.FixtureRequest, services_folder: Path) -> Iterator[Callable[..., Site]]:
    """`make_site("rabbitmq", LEASE_SECONDS="3")`: a migrated site with settings of its own."""
    sites: list[Site] = []
    databases: list[str] = []

    def make(runtime: Runtime, **settings: str) -> Site:
        number = next(_numbers)
        home = services_folder / f"site-{number}"
        if runtime == "embedded":
            template: Path = request.getfixturevalue("migrated_file")
            site = Site(runtime, home, settings=settings)
            shutil.copy(template, home / "db.sqlite3")
        else:
            server: GivenPostgres = request.getfixturevalue("postgres")
            broker: GivenRabbit = request.getfixturevalue("rabbitmq")
            name = f"headway_{services_folder.name[-8:]}_{number}"
            site = Site(
                runtime,
                home,
                database_url=server.create_database(name, template=request.getfixturevalue("migrated_database")),
                rabbitmq_url=broker.create_vhost(f"site-{number}"),
                settings=settings,
            )
            databases.append(name)
        sites.append(site)
        return site

    try:
        yield make
    finally:
        for site in sites:
            site.stop()
            if request.node.stash.get(_failed, False):
                request.node.add_report_section("teardown", "logs", site.log_tails())
            site.remove()
        for name in databases:
            request.getfixturevalue("postgres").drop_database(name)


@pytest.fixture
def site(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A migrated site on each runtime, with nothing started yet."""
    return make_site(runtime)


@pytest.fixture
def conf(settings: Settings) -> OwnConf:
    """Headway's settings, to be set for this test."""
    return OwnConf(settings)
