"""The commands a developer types, and the documents that promise them."""

import os
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.conf import SETTINGS
from tests import matrix
from tests.services.processes import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
MAKEFILE = (CHECKOUT / "Makefile").read_text()
TARGETS = ("up", "test", "matrix", "check", "bench", "chaos", "lock", "help", "clean")


def test_every_setting_in_the_code_is_documented_and_no_other() -> None:
    settings = (CHECKOUT / "core/settings.py").read_text()
    read = set(re.findall(r'(?:_env|environ\.get)\(\s*"([A-Z_]+)"', settings)) | set(SETTINGS) - {"HOME"}
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


def test_the_development_lock_pins_the_runtimes_versions() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", (CHECKOUT / lock).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_ci_is_one_command_that_stops_at_the_first_failure() -> None:
    script = CHECKOUT / ".ci/run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "set -euo pipefail" in text
    assert "make check" in text
    assert "make test" in text
    assert text.index("make test") < text.index("make matrix ARGS=--others")


def test_secrets_and_the_home_are_ignored_by_git() -> None:
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"/var/", "/compose/.env", "/.venv", "/.venv-*"} <= set(ignored)


# -- several Pythons --------------------------------------------------------------------------------


@pytest.fixture
def pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pyenv with a Python 9.9 that is not switched on: its command on the path only says so."""
    make_python(tmp_path / "shims/python9.9", "exit 127")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "shims"), prepend=os.pathsep)
    return make_python(tmp_path / "versions/9.9.1/bin/python", "echo 9.9")


def make_python(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def dry_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--dry-run", "test", *arguments]
    # These tests may run below a make that was told its Python: what it passes on is not asked of this one.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))
    }
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("by", ["name", "path"])
def test_another_python_gets_an_environment_of_its_own(pyenv: Path, by: str) -> None:
    done = dry_run(f"PYTHON={'python9.9' if by == 'name' else pyenv}")
    assert f'"{pyenv}" -m venv --clear .venv-9.9' in done.stdout
    assert ".venv-9.9/bin/python -m pytest" in done.stdout
    assert ".venv/bin/python" not in done.stdout


def test_without_a_name_it_is_the_environment_that_was_there() -> None:
    assert ".venv/bin/python -m pytest" in dry_run().stdout


def test_a_python_that_is_not_here_is_refused_by_its_name(pyenv: Path) -> None:
    done = dry_run("PYTHON=python9.8")
    assert done.returncode == 2
    assert "PYTHON=python9.8 is no Python that runs here" in done.stderr


def test_the_matrix_runs_each_python_and_names_missing_ones(
    pyenv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []
    real = subprocess.run

    def noted(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[0] != "make":
            return real(command, **options)
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=3)

    monkeypatch.setattr(subprocess, "run", noted)
    assert matrix.run(["9.8", "9.9"]) == 1
    (command,) = commands
    assert command[-2:] == ["main-way", f"PYTHON={pyenv}"]
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "make matrix: Python 9.8: not found on this machine",
        "make matrix: Python 9.9: FAILED, see above",
    ]


def test_both_djangos_and_their_pythons_are_supported_and_locked() -> None:
    assert {"3.11", "3.13"} <= set(matrix.supported())
    for lock in ("requirements.lock", "requirements-dev.lock"):
        pins = re.findall(r"^django==(\d+\.\d+)\.\d+ ; ([^\\\n]+?) \\$", (CHECKOUT / lock).read_text(), re.MULTILINE)
        assert pins == [("5.2", "python_full_version < '3.12'"), ("6.1", "python_full_version >= '3.12'")]


def test_a_port_is_given_once_also_to_who_seeds_chance_alike() -> None:
    """The tests run in several processes, each with the same seed: the same draws would be the same ports."""
    given: list[int] = []
    for _ in range(2):
        random.seed(7)
        given += [free_port() for _ in range(20)]
    assert len(set(given)) == 40
