"""Headway in another company's site: pip-installed, under a prefix, with the host's users, log-in, pages and errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.policy import Policy
from tests.services.processes import free_port
from tests.services.waiting import wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
HOST = Path(__file__).parent / "site"
SETTINGS_MARK = "# -- Headway "
#: Lines that a host's settings need at most.
MOST_LINES = 12
USERS = ("people.Person", "members.Member")
#: Addresses that answer with something else than a page.
NO_PAGES = re.compile(r"api/v1/|files/|healthz|readyz|metrics|favicon|watched|count/|preview/|/log/|shared/")

pytestmark = pytest.mark.main_way


class HostSite:
    """A copy of the host, with an installed Headway and no checkout on its path."""

    def __init__(self, folder: Path, installed: Path, user_model: str) -> None:
        self.folder, self.user_model = folder, user_model
        shutil.copytree(HOST, folder, dirs_exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{installed}:{folder}",
            "DJANGO_SETTINGS_MODULE": "host_settings",
            "HOST_HOME": str(folder),
            "HOST_USER": user_model,
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def prepare(self) -> None:
        self.run("manage.py", "makemigrations", self.user_model.partition(".")[0], "-v0")
        self.run("manage.py", "migrate", "-v0")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=USERS)
def host(request: pytest.FixtureRequest, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> HostSite:
    site = HostSite(tmp_path_factory.mktemp("host"), installed, request.param)
    site.prepare()
    return site


@pytest.fixture(scope="module")
def report(host: HostSite) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(host.run("crawl.py").splitlines()[-1])
    return answer


def test_a_host_needs_few_lines_of_settings() -> None:
    lines = (HOST / "host_settings.py").read_text().partition(SETTINGS_MARK)[2].splitlines()[1:]
    assert 0 < len([line for line in lines if line.strip()]) <= MOST_LINES


def test_the_how_to_shows_what_this_host_has() -> None:
    page = (CHECKOUT / "docs/host.md").read_text()
    settings, base = (HOST / "host_settings.py").read_text(), (HOST / "shop/templates/headway/base.html").read_text()
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL))
    shown = [line.strip() for line in re.search(r"```python\n(.*?)```", page, re.DOTALL)[1].splitlines()]  # type: ignore[index]
    assert [line for line in shown if line.strip() and not line.startswith("HEADWAY")] == [
        line for line in settings.partition(SETTINGS_MARK)[2].splitlines()[1:] if not line.startswith("HEADWAY")
    ]
    assert blocks["html"] == base


def test_the_policy_of_the_how_to_is_one() -> None:
    page = (CHECKOUT / "docs/host.md").read_text()
    (code,) = re.findall(r"```python\n(from core\.policy.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/host.md", "exec"), names)  # noqa: S102 - the page is ours
    assert issubclass(names["Colleagues"], Policy)


def test_the_hosts_checks_and_migrations_are_clean(host: HostSite) -> None:
    assert "no issues" in host.run("manage.py", "check")
    host.run("manage.py", "makemigrations", "--check", "--dry-run")


def test_who_is_not_logged_in_is_sent_to_the_hosts_log_in(report: dict[str, Any]) -> None:
    assert report["anonymous"] == {"status": 302, "location": "/log-in/?next=/jobs-desk/"}


def test_work_is_taken_and_done(report: dict[str, Any]) -> None:
    assert [answer["status"] for answer in report["submits"]] == [302, 302]
    assert report["submits"][0]["location"] == "/jobs-desk/jobs/1/"
    assert report["jobs"] == [["count_orders", "succeeded", ""], ["csv_import", "succeeded", ""]]
    assert report["rows"] == 50


def test_a_task_of_the_hosts_is_done_and_has_its_page(report: dict[str, Any]) -> None:
    assert report["task"] == {"status": "SUCCESSFUL", "value": 3, "attempts": 1}
    assert report["async task"] == [2, 1]
    assert "Counts what is on the shelves." in report["task page"]


@pytest.mark.parametrize("who", ["staff", "member"])
def test_every_page_opens(report: dict[str, Any], who: str) -> None:
    pages = report["pages"][who]
    assert len(pages) > 40
    assert {page: status for page, status in pages.items() if status >= 500} == {}
    named = ("", "jobs/", "jobs/1/", "datasets/", "schedules/", "failed/", "notices/", "settings/", "healthz", "readyz")
    assert {name: pages[f"jobs-desk/{name}"] for name in named} == dict.fromkeys(named, 200)
    for_operators = ("limits/", "workers/", "mails/", "audit/")
    expected = 200 if who == "staff" else 403
    assert {name: pages[f"jobs-desk/{name}"] for name in for_operators} == dict.fromkeys(for_operators, expected)


def test_programs_come_in_under_the_hosts_prefix(report: dict[str, Any]) -> None:
    api = report["api"]
    assert api["name"] == api["owner"] == "ben@shop.example"
    assert api["made"]["status"] == 201
    assert api["made"]["location"].startswith("http://testserver/jobs-desk/api/v1/jobs/")
    assert api["jobs"] >= 3
    assert api["nowhere"] == [404, "application/problem+json"]
    assert api["nobody"] == 401
    assert api["servers"] == [{"url": "/jobs-desk/api/v1"}]


def test_accounts_of_headways_own_are_not_there(report: dict[str, Any]) -> None:
    assert not [
        page for page in report["pages"]["staff"] if "sign-up" in page or "password" in page or "logout" in page
    ]


def test_pages_are_inside_the_hosts(report: dict[str, Any]) -> None:
    text = report["job page"]["text"]
    assert "The shop</title>" in text
    assert 'id="shop-header"' in text
    assert "Count orders" in text


def test_the_hosts_own_pages_and_errors_stay_as_they_are(report: dict[str, Any]) -> None:
    assert report["home"]["status"] == 200
    assert not {"Content-Security-Policy", "Server-Timing"} & set(report["home"]["headers"])
    assert "headway" not in report["home"]["text"]
    assert report["nowhere"]["status"] == 404
    assert 'id="shop-404"' in report["nowhere"]["text"]
    assert report["admin"]["status"] == 200


@pytest.fixture
def address(host: HostSite, report: dict[str, Any]) -> Iterator[str]:
    """The host's web server; `report` has made its people."""
    port = free_port()
    log = host.folder / "web.log"
    with log.open("w") as output:
        command = [sys.executable, "manage.py", "web", "--port", str(port), "--threads", "4"]
        environment = {**host.environment, "HOST_DEBUG": "1"}
        web = subprocess.Popen(command, cwd=host.folder, env=environment, stdout=output, stderr=output)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            web.terminate()
            web.wait(30)


@contextmanager
def browsing(chromium: Path) -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def logged_in(browser: Browser, address: str, path: str, faults: list[str]) -> Page:
    """Open a page of the host's that needs a log-in, as a member."""
    page = browser.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)

    def opens() -> bool:
        try:
            page.goto(f"{address}/log-in/?next=/{path}")
        except Exception:  # noqa: BLE001 - not listening yet
            return False
        return True

    wait_until(opens, 60, "the host's web server")
    page.fill("input[name=username]", "ben@shop.example")
    page.fill("input[name=password]", "a password")
    page.get_by_role("button", name="Log in").click()
    faults.clear()
    return page


@pytest.fixture
def worker(host: HostSite, report: dict[str, Any]) -> Iterator[None]:
    command = [sys.executable, "manage.py", "worker", "--threads", "2"]
    with (host.folder / "worker.log").open("w") as output:
        running = subprocess.Popen(command, cwd=host.folder, env=host.environment, stdout=output, stderr=output)
        try:
            yield
        finally:
            running.terminate()
            running.wait(60)


def test_jobs_live_on_a_page_of_the_hosts_own(address: str, chromium: Path, worker: None) -> None:
    faults: list[str] = []
    with browsing(chromium) as browser:
        page = logged_in(browser, address, "orders/", faults)
        page.get_by_role("button", name="Count them twice").click()
        parts = page.locator(".headway-embedded > .headway-job")
        expect(parts).to_have_count(2)
        page.evaluate("window.sameDocument = true")
        for part in (parts.nth(0), parts.nth(1)):
            expect(part.locator("progress")).to_be_visible(timeout=60_000)
        assert page.title() == "The shop"
        colours = {}
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            colours[scheme] = parts.first.evaluate("part => getComputedStyle(part).backgroundColor")
        assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 26, 32)"}
        for part in (parts.nth(0), parts.nth(1)):
            expect(part).to_contain_text("Counted 1000", timeout=60_000)
            expect(part).not_to_have_attribute("hx-get", "")
        expect(page.locator(".headway-jobs")).not_to_have_attribute("data-poll", "", timeout=60_000)
        expect(page.locator(".headway-jobs .headway-job").first).to_contain_text("Succeeded")
        # Nothing of it came by loading the page again.
        assert page.evaluate("window.sameDocument") is True
        assert page.title() == "The shop"
        without_scripts = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
        plain = without_scripts.new_page()
        plain.goto(f"{address}/orders/")
        plain.locator(".headway-name").first.click()
        expect(plain.locator("#shop-header")).to_be_visible()
        expect(plain.locator(".job-progress")).to_contain_text("Counted 1000")
        stranger = browser.new_context().new_page()
        stranger.goto(f"{address}/orders/")
        expect(stranger.locator(".headway-embedded")).to_have_count(0)
        assert faults == []
        # Who is logged out is told so in place: what they have typed on the page stays.
        page.get_by_role("button", name="Count them twice").click()
        expect(parts.first).to_have_attribute("data-poll", "")
        page.evaluate("window.sameDocument = true")
        page.context.clear_cookies()
        expect(page.locator(".headway-embedded").first).to_contain_text("You are logged out.", timeout=60_000)
        assert page.evaluate("window.sameDocument") is True
    assert [fault for fault in faults if "401" not in fault] == []


def test_every_page_lives_in_a_browser(address: str, chromium: Path, report: dict[str, Any]) -> None:
    faults: list[str] = []
    with browsing(chromium) as browser:
        page = logged_in(browser, address, "jobs-desk/pipelines/count_orders/", faults)
        page.fill("input[name=upto]", "7")
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#shop-header")).to_be_visible()
        expect(page.locator(".job-progress")).to_contain_text("Queued")
        page.get_by_role("button", name="Cancel").first.click()
        page.get_by_role("button", name="Cancel job").click()
        expect(page.locator(".job-progress")).to_contain_text("Cancelled")
        expect(page).to_have_title(re.compile(r"^Cancelled · .* · The shop$"))
        page.goto(f"{address}/jobs-desk/datasets/")
        expect(page.locator(".row-link").first).to_be_visible()
        for path, status in report["pages"]["member"].items():
            if status == 200 and not NO_PAGES.search(path):
                page.goto(f"{address}/{path}")
                expect(page.locator("#shop-header")).to_be_visible()
    assert faults == []
