"""Servers that only integration tests ask for."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.rabbitmq import RabbitNode

FOLDER = Path(__file__).resolve().parents[2] / "compose/rabbitmq"
NAMES = ("web", "worker", "operator", "monitor")


@pytest.fixture(scope="module")
def compose_broker(services_folder: Path) -> Iterator[RabbitNode]:
    """A node with compose's rabbitmq.conf; the definitions, loaded at the start by compose, are imported."""
    lines = (FOLDER / "rabbitmq.conf").read_text().splitlines()
    config = "\n".join(line for line in lines if not line.startswith("load_definitions"))
    node = RabbitNode(services_folder / "compose-broker", config=config)
    try:
        node.start()
        node.api("definitions", method="POST", body=_definitions())
        yield node
    finally:
        node.discard()


def _definitions() -> Any:
    spec = importlib.util.spec_from_file_location("definitions", FOLDER / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.render_definitions({f"RABBITMQ_{name.upper()}_PASSWORD": f"{name}-secret" for name in NAMES})
