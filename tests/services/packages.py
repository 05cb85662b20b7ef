"""What the tests need from the system, and how it gets there: `python -m tests.services.packages [bench]`.

As root on Debian and its like, what is missing is installed with apt-get, and the services that the packages
would start are kept from starting. Otherwise the command says what to install, and ends with 2.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

POLICY = Path("/usr/sbin/policy-rc.d")


class Missing(AssertionError):
    """Raised when a component is not on this machine. A test that needs it fails; none is skipped."""


class Component(NamedTuple):
    title: str
    #: One package, or several with spaces between them.
    package: str
    find: Callable[[], Path | None]
    #: An environment variable that names a running server to use instead.
    instead: str = ""


def _first(*candidates: str | Path | None) -> Path | None:
    return next((Path(found) for found in candidates if found and Path(found).exists()), None)


def _rabbitmq() -> Path | None:
    # The plain script first: Debian's wrapper on the path runs for root and rabbitmq only, as rabbitmq.
    return _first("/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server"))


def _postgres() -> Path | None:
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = sorted(versions, key=lambda path: float(path.parts[-3]))[-1:]
    return _first(*newest, shutil.which("postgres"))


def _chromium() -> Path | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return _first(os.environ.get("CHROMIUM"), *map(shutil.which, names))


def _fonts() -> Path | None:
    plain = _first("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf")
    return plain and _first("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def _pango() -> Path | None:
    return _first(*Path("/usr/lib").glob("*/libpangoft2-1.0.so.0"))


def _datefudge() -> Path | None:
    return _first(*Path("/usr/lib").glob("*/datefudge/datefudge.so"))


RABBITMQ = Component("RabbitMQ", "rabbitmq-server", _rabbitmq, "RABBITMQ_URL")
POSTGRESQL = Component("PostgreSQL", "postgresql", _postgres, "DATABASE_URL")
CHROMIUM = Component("Chromium", "chromium", _chromium)
FONTS = Component("the Noto fonts", "fonts-noto-core fonts-noto-cjk", _fonts)
#: What WeasyPrint, which the benchmarks compare with, is made on.
PANGO = Component("Pango", "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0", _pango)
#: A library that shifts the clock of a process. Debian's libfaketime 0.9.10 breaks Python's sleep (EINVAL).
DATEFUDGE = Component("datefudge", "datefudge", _datefudge)
ALL = (RABBITMQ, POSTGRESQL, CHROMIUM, FONTS, DATEFUDGE)


def program(component: Component) -> Path:
    """The path of the component's program; raises Missing with what to do."""
    found = component.find()
    if found is None:
        raise Missing(how_to_get([component]))
    return found


def how_to_get(components: list[Component]) -> str:
    titles = ", ".join(component.title for component in components)
    command = "apt-get install --no-install-recommends " + " ".join(each.package for each in components)
    given = " and ".join(each.instead for each in components if each.instead)
    other = f", or set {given} to a server that runs" if given else ""
    return f"The tests need {titles}, not found here. Install it: sudo {command}{other}."


@contextmanager
def no_services() -> Iterator[None]:
    """While this lasts, installing a package starts none of its services."""
    if POLICY.exists():  # somebody's own policy stands
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def install(components: list[Component]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # PostgreSQL's package makes and starts a cluster of its own unless told not to.
    common = Path("/etc/postgresql-common/createcluster.conf")
    if POSTGRESQL in components and not common.exists():
        common.parent.mkdir(parents=True, exist_ok=True)
        common.write_text("create_main_cluster = false\n")
    packages = [name for component in components for name in component.package.split()]
    # A machine's own upgrade may hold the lock for a while.
    apt = ["apt-get", "-y", "-qq", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Options::=--force-confold"]
    with no_services():
        for step in (["update"], ["install", "--no-install-recommends", *packages]):
            subprocess.run([*apt, *step], env=environment, stdin=subprocess.DEVNULL, check=True, timeout=1800)


def main(*wanted: str) -> int:
    needed = (*ALL, PANGO) if "bench" in wanted else ALL
    missing = [each for each in needed if each.find() is None and not os.environ.get(each.instead or "-")]
    if not missing:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(
            f"Installing {', '.join(each.title for each in missing)} from the system's packages ...",
            flush=True,
        )
        try:
            install(missing)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"apt-get did not install them: {error}", file=sys.stderr)
        missing = [each for each in missing if each.find() is None]
    if missing:
        print(how_to_get(missing), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
