"""TEMPORARY: pictures of the pages of schedules."""
import datetime as dt, sys
import pytest
from django.utils import timezone
from django.contrib.auth.models import User
from core.models import Schedule, ScheduledRun, Job
from core.limits import changes as limits
from core.schedules import cron
OUT = "/tmp/hw/B"
STATES = ["succeeded"]*9+["failed","succeeded","skipped","missed","missed","cancelled","refused","expired","held","running","retrying","queued","succeeded","succeeded","succeeded","succeeded","failed","succeeded","succeeded","succeeded","succeeded"]

def make(owner, make_job, label="letters.txt", n=30, states=STATES, **f):
    f = {"cron": "0 7 * * 1", "zone": "Europe/Paris", "pipeline": "letters", "params": {"title": "Greek", "alphabet": "greek"}, **f}
    if f.get("is_on", True): f.setdefault("next_at", cron.next_times(f["cron"], f["zone"], after=timezone.now(), count=1)[0])
    s = Schedule.objects.create(owner=owner, label=label, files={"text": {"path":"uploads/aa/x","name":"letters.txt","size":4,"sha256":"0","content_type":"text/plain"}}, **f)
    now = timezone.now().replace(microsecond=0)
    for i in range(n):
        st = states[i % len(states)]
        due = now - dt.timedelta(days=n-i)
        job = None
        outcome = {"skipped":"skipped","missed":"missed","refused":"refused","held":"waiting"}.get(st,"submitted")
        if outcome=="submitted" and st!="expired":
            job = make_job(owner, state=st, started_at=due, finished_at=due+dt.timedelta(seconds=61) if st in("succeeded","failed") else None, error="The file has no letters." if st=="failed" else "")
        ScheduledRun.objects.create(schedule=s, due_at=due, outcome=outcome, job=job, text="Two hundred jobs are waiting already; try again later." if st=="refused" else "", is_manual=i==3)
    return s

def test_shots(open_page, alice, staff, make_job):
    a = make(alice, make_job)
    make(alice, make_job, n=8, states=["succeeded"], label="Weekly sales of all shops in the north, the south, the east and the west with a very long name that goes on and on.csv", cron="*/5 9-17 1,8,15 * MON-FRI", zone="America/Argentina/ComodRivadavia")
    make(alice, make_job, n=0, label="", cron="0 * * * *", zone="UTC")
    make(alice, make_job, n=5, states=["failed"], is_on=False, note="It was refused ten times in a row: the dataset is gone.", label="stopped.csv", zone="Asia/Tokyo")
    make(alice, make_job, n=30, states=["succeeded"], is_on=False, label="off.csv", zone="Asia/Tokyo")
    system = User.objects.create_user("headway")
    make(system, make_job, n=30, states=["succeeded"], code_name="sweep", label="Sweep the files", cron="30 3 * * *", zone="UTC")
    limits.pause("letters", by="staff", note="No ink.")
    only = sys.argv
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            if width == 390 and scheme == "dark": continue
            page = open_page("/schedules/", width=width, color_scheme=scheme)
            page.screenshot(path=f"{OUT}/list-{width}-{scheme}.png", full_page=True)
            page.goto(f"/schedules/{a.pk}/")
            page.screenshot(path=f"{OUT}/detail-{width}-{scheme}.png", full_page=True)
            page.goto("/pipelines/letters/")
            page.locator("#repeat summary").click()
            page.get_by_role("button", name="Every Monday 07:00").click()
            page.locator("#repeat-preview time").first.wait_for()
            page.screenshot(path=f"{OUT}/form-{width}-{scheme}.png", full_page=True)
            page.context.close()
    page = open_page("/schedules/", person=staff)
    page.screenshot(path=f"{OUT}/list-staff.png", full_page=True)
    page.goto(f"/schedules/{a.pk}/form/"); page.screenshot(path=f"{OUT}/edit.png", full_page=True); page.goto(f"/schedules/{a.pk}/deletion/")
    page.screenshot(path=f"{OUT}/deletion.png", full_page=True)
    Schedule.objects.filter(code_name=None).delete()
    User.objects.create_user("eve")
    page = open_page("/schedules/", width=1280)
    page.screenshot(path=f"{OUT}/list-empty.png", full_page=True)
