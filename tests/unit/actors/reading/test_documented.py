"""docs/reading.md: what it shows is what is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from actors.reading.__main__ import main

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "reading.md").read_text()
FILE, PRINTED = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
(SNIPPET,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders.csv").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_the_command_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert "`python -m actors.reading orders.csv`" in PAGE
    assert main(["orders.csv"]) == 0
    assert capsys.readouterr().out == PRINTED


def test_the_snippet_runs_as_it_stands() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SNIPPET], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines()[0] == "1 2024-05-02 1250.00 Kiel"
    assert run.stdout.splitlines()[-1] == "['integer', 'date', 'decimal', 'text'] True"


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert {option for option in options if option not in PAGE} == set()


def test_every_module_of_the_map_is_there() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE[PAGE.index("## The modules") :], re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(listed) > 40
    assert [name for name in listed if not (ROOT / "actors" / "reading" / f"{name}.py").is_file()] == []


@pytest.mark.parametrize("module", re.findall(r"python -m (tests\.[\w.]+)", PAGE))
def test_the_measuring_commands_exist(module: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    used = re.search(rf"python -m {re.escape(module)}(.*)", PAGE)
    assert used
    assert all(option in run.stdout for option in re.findall(r"--\w+", used.group(1)))
