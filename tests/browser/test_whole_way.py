"""A person's whole way, with real processes: log in, import a CSV, watch it, open the dataset, export it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.services.site import Site

ROWS = 20_000
SLOW = 180_000


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A semicolon CSV with a preamble, in Windows-1252, with one row that has too many values."""
    lines = ["Orders of the year", "", "number;customer;placed;amount"]
    lines += [f"{row};Müller & Söhne;2025-{row % 12 + 1:02d}-03;{row / 7:.2f}" for row in range(ROWS)]
    lines += ["20001;Odd;2025-01-03;1.00;and;more"]
    path = tmp_path / "orders.csv"
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    return path


def test_a_csv_becomes_a_dataset_before_ones_eyes(
    browser: Browser, make_site: Callable[..., Site], orders: Path, tmp_path: Path
) -> None:
    site = make_site("embedded")
    site.add_user("alice")
    site.start_web()
    site.start_worker()
    context = browser.new_context(base_url=site.address, accept_downloads=True)
    context.set_default_timeout(SLOW)
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: blocked.append(str(error)))

    page.goto("/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Import a CSV").click()
    page.locator("input[type=file]").set_input_files(orders)
    page.get_by_role("button", name="Start").click()

    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"), timeout=SLOW)
    expect(page.locator(".job-head .state")).to_have_text("Succeeded", timeout=SLOW)
    page.get_by_role("link", name="Open the dataset").click()
    expect(page.locator("h1")).to_have_text("orders")
    expect(page.locator(".summary-sentence")).to_contain_text("20,001 records in orders.csv = 20,000 rows + 1 rejected")
    page.get_by_role("link", name="First rows").click()
    expect(page.locator(".grid")).to_contain_text("Müller & Söhne")
    page.get_by_role("link", name="How it was read").click()
    expect(page.locator(".pairs")).to_contain_text("Semicolon")

    page.get_by_role("link", name="Export a dataset").click()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"), timeout=SLOW)
    expect(page.locator(".job-head .state")).to_have_text("Succeeded", timeout=SLOW)
    with page.expect_download() as started:
        page.locator(".file .button").first.click()
    saved = tmp_path / "export"
    started.value.save_as(saved)
    assert saved.stat().st_size > 1000
    context.close()
    assert blocked == []
