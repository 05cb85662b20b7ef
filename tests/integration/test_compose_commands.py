"""What compose starts, started without containers: the same commands with the same settings and users."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT, Site
from tests.services.waiting import wait_until

COMPOSE = CHECKOUT / "compose/compose.yaml"
SECRETS = {
    "SECRET_KEY": "a key for compose's commands " * 3,
    "POSTGRES_PASSWORD": "database-secret",
    "RABBITMQ_WEB_PASSWORD": "web-secret",
    "RABBITMQ_WORKER_PASSWORD": "worker-secret",
    "METRICS_TOKEN": "metrics-secret",
}


class ComposeSite(Site):
    """A site whose processes have the commands and the environment of compose's services."""

    def __init__(self, home: Path, *, database_url: str, broker_address: str) -> None:
        super().__init__("rabbitmq", home)
        self._services: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
        self._places = {
            "postgres://headway:database-secret@postgres:5432/headway": database_url,
            "@rabbitmq:5672/": f"@{broker_address}/",
            "file:///var/lib/headway/files": f"file://{home}/files",
        }
        self._plain = {
            name: value for name, value in self.environment.items() if name in ("PATH", "HOME", "LANG", "HEADWAY_HOME")
        }

    def as_service(self, name: str) -> list[str]:
        """Take on the service's environment; return its `manage.py` arguments."""
        service = self._services[name]
        given = {key: self._filled(str(value)) for key, value in service["environment"].items()}
        # The address is this test's; all else is compose's.
        self.environment = {**self._plain, **given, "HOST": "127.0.0.1", "PORT": str(self.port)}
        assert service["command"][:2] == ["python", "manage.py"]
        return [str(word) for word in service["command"][2:]]

    def _filled(self, text: str) -> str:
        filled = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: SECRETS.get(found[1], found[2] or ""), text)
        for place, ours in self._places.items():
            filled = filled.replace(place, ours)
        return filled


@pytest.fixture
def compose_site(services_folder: Path, postgres: GivenPostgres, compose_broker: RabbitNode) -> Iterator[ComposeSite]:
    database_url = postgres.create_database("compose_commands")
    address = compose_broker.url.split("@")[1].split("/")[0]
    site = ComposeSite(services_folder / "compose-site", database_url=database_url, broker_address=address)
    try:
        yield site
    finally:
        site.remove()
        postgres.drop_database("compose_commands")


def test_the_services_of_compose_run_a_job_together(compose_site: ComposeSite, tmp_path: Path) -> None:
    site = compose_site
    site.run(*site.as_service("migrate"), timeout=180)
    site.add_user("alice")
    for name in ("worker-io", "worker-cpu", "scheduler"):
        site._start(name, *site.as_service(name))
    site.as_service("web")
    site.start_web()
    table = tmp_path / "table.csv"
    table.write_text("name,amount\nLamp,3\nDesk,4\n")
    alice = site.person("alice")

    answer = alice.post("/pipelines/csv_import/", {"idempotency-key": "once"}, files={"file": table}, follow=False)

    assert answer.status == 302
    wait_until(lambda: site.run_json("job", "list")[0]["state"] == "succeeded", what="the import to succeed")
    assert alice.get("/datasets/").text.count("table") >= 1
    figures = alice.get("/metrics", headers={"Authorization": "Bearer metrics-secret"})
    assert 'headway_jobs{pipeline="csv_import",state="succeeded"} 1.0' in figures.text
    assert alice.get("/metrics").status in (401, 403)
    for process in site.processes:
        process.expect_running()
