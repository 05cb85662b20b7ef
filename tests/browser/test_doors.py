"""What a person gives to others: a link to a job's live page, a token to a program, and an address to be called."""

from __future__ import annotations

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from core.models import Job, JobProgress, ShareLink, Webhook
from core.people import shares, tokens
from core.webhooks import calls, keys
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import MakeJob

from .conftest import OpenPage


def stranger(page: Page, faults: list[str]) -> Page:
    """Return a page of a browser that has never been here."""
    assert page.context.browser is not None
    other = page.context.browser.new_context().new_page()
    other.on("pageerror", lambda error: faults.append(str(error)))
    return other


def test_a_shared_job_is_followed_without_an_account(
    open_page: OpenPage, alice: User, make_job: MakeJob, conf: OwnConf
) -> None:
    progress = {"stages": [], "done": 42, "total": 100, "unit": "rows"}
    job = make_job(alice, state="running", progress=progress)
    page = open_page(job.get_absolute_url())
    conf.SITE_URL = page.url.partition("/jobs/")[0]
    page.get_by_role("link", name="Share").click()
    page.get_by_label("It works for").select_option("1")
    page.get_by_role("button", name="Make a link").click()
    address = page.locator('input[type="url"]').input_value()
    faults: list[str] = []
    other = stranger(page, faults)
    other.goto(address)
    expect(other).to_have_title("42% · abc.txt · Headway")
    JobProgress.objects.filter(job=job).update(done=64, version=2)
    expect(other.locator(".meter-percent")).to_have_text("64%")
    expect(other).to_have_title("64% · abc.txt · Headway")
    Job.objects.filter(pk=job.pk).update(state="succeeded", result={"headline": "3 letters"})
    expect(other.locator(".outcome-headline")).to_have_text("3 letters")
    Job.objects.filter(pk=job.pk).update(state="running", result=None)
    other.reload()
    page.reload()
    expect(page.get_by_text("last opened")).to_be_visible()
    page.get_by_role("button", name="Revoke…").click()
    page.get_by_role("button", name="Revoke link").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()
    expect(other.get_by_role("heading", name="This link leads nowhere")).to_be_visible()
    assert ShareLink.objects.get().revoked_at is not None
    assert faults == []
    other.context.close()


def test_a_link_and_a_token_are_copied_at_a_click(open_page: OpenPage, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    link = shares.share(job, by=alice, days=7)
    page = open_page(f"{job.get_absolute_url()}links/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shares.address_of(link)
    page.goto("/settings/")
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    token = tokens.find(page.evaluate("navigator.clipboard.readText()"))
    assert token is not None
    assert token.owner == alice
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.get_by_text("is revoked.")).to_be_visible()


def test_a_webhook_is_made_and_its_calls_appear_by_themselves(open_page: OpenPage, alice: User) -> None:
    page = open_page("/settings/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Address").fill("https://hooks.example.com/in")
    page.get_by_label("A job was cancelled").uncheck()
    page.get_by_role("button", name="Make the webhook").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    hook = Webhook.objects.get()
    assert page.evaluate("navigator.clipboard.readText()") == keys.secret_of(hook)
    assert hook.states == ["succeeded", "failed"]
    page.get_by_role("link", name="To the webhook").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    # A worker would do this.
    delivery = Job.objects.get()
    Job.objects.filter(pk=delivery.pk).update(state="failed")
    calls.record(hook.pk, delivery.pk, event="webhook.test", seconds=0.2, status=500, answer="Odd.")
    expect(page.get_by_text("Odd.")).to_be_visible()
    expect(page.get_by_text("Failing")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("It is paused.")).to_be_visible()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the webhook").click()
    expect(page.get_by_text("The webhook is deleted.")).to_be_visible()
    assert not Webhook.objects.exists()
