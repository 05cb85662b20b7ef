"""The container files are valid, and say only what the code knows."""

import base64
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import get_commands
from ruamel.yaml import YAML

from actors.runtime.broker import JobRabbitmqBroker
from core import pipelines

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "compose"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(FOLDER / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
DOCUMENTED = set(re.findall(r"^\| `([A-Z_]+)`", (CHECKOUT / "docs/settings.md").read_text(), re.MULTILINE))
PASSWORDS = ("WEB", "WORKER", "OPERATOR", "MONITOR")


@pytest.fixture(scope="module")
def definitions_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("definitions", FOLDER / "rabbitmq/definitions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def definitions(definitions_script: ModuleType) -> dict[str, Any]:
    rendered: dict[str, Any] = definitions_script.render_definitions(
        {f"RABBITMQ_{name}_PASSWORD": f"{name.lower()}-secret" for name in PASSWORDS}
    )
    return rendered


def test_the_compose_file_follows_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, FOLDER / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_that_exists(name: str) -> None:
    python, script, *arguments = SERVICES[name]["command"]
    assert python == "python"
    assert (CHECKOUT / script).is_file()
    if script == "manage.py":
        assert arguments[0] in get_commands()


def test_the_workers_take_just_the_queues_that_pipelines_use() -> None:
    taken: set[str] = set()
    for service in SERVICES.values():
        command = [str(word) for word in service.get("command", [])]
        if "--queues" in command:
            rest = command[command.index("--queues") + 1 :]
            taken |= set(rest[: next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))])
    assert taken == {"default", "io", "cpu"}
    assert set(pipelines.queues()) <= taken


@pytest.mark.parametrize("name", OURS)
def test_every_environment_name_is_a_documented_setting(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= DOCUMENTED


def test_every_variable_is_documented_and_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (FOLDER / "compose.yaml").read_text()))
    example = (FOLDER / ".env.example").read_text()
    assert used == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert used <= DOCUMENTED


def test_no_secret_has_an_example_value_or_a_default() -> None:
    example = (FOLDER / ".env.example").read_text()
    secrets = re.findall(r"^(\w*(?:PASSWORD|KEY|TOKEN))=(.*)$", example, re.MULTILINE)
    assert len(secrets) == 7
    assert {value for _, value in secrets} == {""}
    needed = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET_KEY))(:.)", (FOLDER / "compose.yaml").read_text())
    assert needed
    assert {mark for _, mark in needed} == {":?"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_pinned_image_restarts_and_limits(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":[^:/]*\d", service["image"])
    assert "latest" not in service["image"]
    assert service["restart"] in ("unless-stopped", "no")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_what_depends_on_a_healthy_service_can_learn_its_health() -> None:
    for service in SERVICES.values():
        for name, terms in service.get("depends_on", {}).items():
            if terms["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] == "no"


def test_the_servers_are_of_the_versions_that_the_documents_name() -> None:
    page = (CHECKOUT / "docs/development.md").read_text()
    for name, pattern in (("rabbitmq", r"rabbitmq:(\d+\.\d+)-management"), ("postgres", r"postgres:(\d+)-bookworm")):
        version = re.fullmatch(pattern, SERVICES[name]["image"])
        assert version is not None
        assert re.search(rf"{version[1]}\b.{{0,5}} by compose|by the tests\) and {version[1]} \(by compose", page)


def test_the_databases_volume_is_where_its_image_keeps_the_data() -> None:
    """Since 18 in a folder of each version below this one; what is mounted at the old place is refused at the start."""
    assert SERVICES["postgres"]["volumes"] == ["database:/var/lib/postgresql"]


def test_named_volumes_are_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }
    assert used == set(COMPOSE["volumes"])


def test_the_image_is_fixed_runs_as_a_user_and_checks_hashes() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.11-slim-bookworm$", text, re.MULTILINE)
    assert "--require-hashes" in text
    assert text.index("USER headway") < text.index("CMD [")


def test_definitions_hold_salted_hashes_and_no_password(definitions: dict[str, Any]) -> None:
    assert "secret" not in json.dumps(definitions)
    for user in definitions["users"]:
        raw = base64.b64decode(user["password_hash"])
        password = user["name"].removeprefix("headway_") + "-secret"
        assert raw[4:] == hashlib.sha256(raw[:4] + password.encode()).digest()


def test_definitions_are_refused_without_a_password(definitions_script: ModuleType) -> None:
    with pytest.raises(KeyError, match="RABBITMQ_WEB_PASSWORD"):
        definitions_script.render_definitions({})


def test_users_of_the_site_may_neither_configure_nor_administer(definitions: dict[str, Any]) -> None:
    permissions = {entry["user"]: entry for entry in definitions["permissions"]}
    tags = {user["name"]: user["tags"] for user in definitions["users"]}
    queues = [queue["name"] for queue in definitions["queues"]]
    for user in ("headway_web", "headway_worker"):
        assert tags[user] == []
        assert not [queue for queue in queues if re.search(permissions[user]["configure"], queue)]
    may_read = [queue for queue in queues if re.search(permissions["headway_worker"]["read"], queue)]
    assert sorted(may_read) == ["cpu", "default", "io"]


def test_work_queues_never_drop_a_message_by_time_or_length(definitions: dict[str, Any]) -> None:
    for queue in ("default", "io", "cpu"):
        matching = [policy for policy in definitions["policies"] if re.search(policy["pattern"], queue)]
        assert matching == []
        arguments = next(each["arguments"] for each in definitions["queues"] if each["name"] == queue)
        assert not {"x-message-ttl", "x-max-length", "x-max-length-bytes", "x-expires"} & set(arguments)


#: What RabbitMQ 4.3 takes of a classic queue's arguments; others, as x-consumer-timeout and x-queue-mode, it refuses.
TAKEN_OF_CLASSIC = {"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-priority", "x-message-ttl"}


def test_queues_are_such_as_rabbitmq_43_declares(definitions: dict[str, Any]) -> None:
    for queue in definitions["queues"]:
        # A queue that is neither durable nor exclusive is refused, too.
        assert (queue["durable"], queue["auto_delete"]) == (True, False)
        assert set(queue["arguments"]) <= TAKEN_OF_CLASSIC


def test_work_queues_are_what_headway_would_declare_itself(definitions: dict[str, Any]) -> None:
    broker = JobRabbitmqBroker("amqp://127.0.0.1:1/", middleware=[])
    for queue in ("default", "io", "cpu"):
        arguments = next(each["arguments"] for each in definitions["queues"] if each["name"] == queue)
        assert arguments == broker._build_queue_arguments(queue)
