"""The commands a developer types, and the documents that promise them."""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from tests.services.processes import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
MAKEFILE = (CHECKOUT / "Makefile").read_text()
TARGETS = ("up", "test", "check", "bench", "chaos", "lock", "help", "clean")


def test_every_setting_in_the_code_is_documented_and_no_other() -> None:
    read = set(re.findall(r'\benv(?:\.\w+)?\(\s*"([A-Z_]+)"', (CHECKOUT / "core/settings.py").read_text()))
    page = (CHECKOUT / "docs/settings.md").read_text().split("## For compose only")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
    assert documented - {"CHROMIUM"} == read


@pytest.mark.parametrize("target", TARGETS)
def test_help_lists_every_target(target: str) -> None:
    helped = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^  make {target}\b", helped, re.MULTILINE)


def test_variables_on_makes_command_line_reach_the_command() -> None:
    makefile = "probe:\n\t@echo $$PORT $$HEADWAY_HOME\n"
    done = subprocess.run(
        ["make", "-s", "-f", "Makefile", "-f", "-", "probe", "PORT=9000", "HEADWAY_HOME=/srv/here"],
        cwd=CHECKOUT,
        input=makefile,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["9000", "/srv/here"]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_every_package_with_hashes_and_name_no_index(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    packages = re.findall(r"^[a-z][^\n]*", text, re.MULTILINE)
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(packages) > 10
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==", entry)
        assert "--hash=sha256:" in entry


def test_the_development_lock_pins_what_runs_at_the_same_versions() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", (CHECKOUT / lock).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_continuous_integration_is_one_command_that_stops_at_the_first_failure() -> None:
    script = CHECKOUT / ".ci/run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "set -euo pipefail" in text
    assert "make check" in text
    assert "make test" in text


def test_secrets_and_the_home_are_ignored_by_git() -> None:
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"/var/", "/compose/.env", "/.venv/"} <= set(ignored)


def test_a_port_is_given_once_also_to_who_seeds_chance_alike() -> None:
    """The tests run in several processes, each with the same seed: the same draws would be the same ports."""
    given: list[int] = []
    for _ in range(2):
        random.seed(7)
        given += [free_port() for _ in range(20)]
    assert len(set(given)) == 40
