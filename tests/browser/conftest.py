"""A browser before a running site, whose jobs the tests move by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

# The pages under test are those of the unit tests, with the same people, pipelines and jobs.
from tests.unit.frontend.conftest import (  # noqa: F401
    alice,
    home,
    letters,
    make_dataset,
    make_job,
    make_parts,
    make_report,
    staff,
)

OpenPage = Callable[..., Page]
#: Milliseconds that anything on a page may take: a machine that others use stands still for many seconds at a time.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, which Django would take for asynchronous code. It is gone
    # with the last test of this package, as other tests are to notice real mistakes.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=2 * PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _static_folder() -> None:
    # WhiteNoise warns of a missing folder, and warnings are errors here.
    Path(str(settings.STATIC_ROOT)).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def open_page(
    browser: Browser,
    live_server: LiveServer,
    alice: User,  # noqa: F811  the fixture imported above
) -> Iterator[OpenPage]:
    """`open_page("/", width=390)`: a page of alice, or of `person`. A blocked or broken script fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_it(
        path: str, *, width: int = 1280, height: int = 900, person: User | None = None, **options: object
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        session = Client()
        session.force_login(person or alice)
        context.add_cookies(
            [{"name": "sessionid", "value": session.cookies["sessionid"].value, "url": live_server.url}]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if _is_fault(message.text) else None)
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(text: str) -> bool:
    return "Content Security Policy" in text or "Uncaught" in text
