"""Headway as pip installs it: three packages with all that lies in them, and nothing else."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "actors", "frontend")


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel of this checkout installs, and nothing that it depends on."""
    folder = tmp_path_factory.mktemp("site-packages")
    # The build system is in this environment already: nothing is fetched.
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def files_of(folder: Path, package: str) -> set[str]:
    inside = (path for path in (folder / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in inside}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_installed_with_everything_in_it(site_packages: Path, package: str) -> None:
    files = files_of(site_packages, package)
    assert files == files_of(CHECKOUT, package)
    assert f"{package}/py.typed" in files


def test_the_files_that_are_no_code_are_there(site_packages: Path) -> None:
    suffixes = {Path(name).suffix for package in PACKAGES for name in files_of(site_packages, package)}
    assert {".html", ".txt", ".css", ".js", ".svg", ".sql", ".typ", ".toml", ".conf"} <= suffixes


def test_nothing_but_the_packages_is_installed(site_packages: Path) -> None:
    folders = {path.name for path in site_packages.iterdir()}
    (facts,) = site_packages.glob("*.dist-info")
    assert folders - {facts.name} == set(PACKAGES)
    assert facts.name.startswith("headway-")


def test_what_is_installed_asks_for_either_django(site_packages: Path) -> None:
    (headway,) = importlib.metadata.distributions(name="headway", path=[str(site_packages)])
    requires = headway.requires or []
    assert "django<6.2,>=5.2" in requires
    # What only tests and developers need is no part of it.
    assert not [line for line in requires if line.startswith(("pytest", "ruff", "hatchling"))]


def test_the_installed_packages_run_without_the_checkout(site_packages: Path, tmp_path: Path) -> None:
    code = (
        "import core, actors, frontend, django; django.setup(); "
        "from django.core.management import call_command; call_command('check'); "
        "from django.template.loader import get_template; get_template('headway/base.html'); "
        "print(core.__file__, actors.__file__, frontend.__file__)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(site_packages),
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "HEADWAY_HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    places = done.stdout.splitlines()[-1].split()
    assert places == [str(site_packages / package / "__init__.py") for package in PACKAGES]
