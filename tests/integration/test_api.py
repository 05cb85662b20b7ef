"""The lines of docs/api.md, run by curl as they are written, against a site that works."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.site import CHECKOUT, Runtime, Site
from tests.services.waiting import wait_until

LINES = re.findall(r"```sh\n(.*?)```", (CHECKOUT / "docs/api.md").read_text(), flags=re.DOTALL)
MAKE_TOKEN = """
from django.contrib.auth import get_user_model
from core.people import tokens
print(tokens.make(get_user_model().objects.get(username="alice"), name="curl", scope="submit", days=1)[1])
"""


class Shell:
    """A shell with the variables that the page's lines use."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.variables = folder, variables

    def run(self, line: str) -> Any:
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", **self.variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    def follow(self, job: int) -> Any:
        """Ask as the page says until the job has ended; return what was answered last."""
        self.variables |= {"JOB": str(job), "LAST": "0"}
        follow = line_with("events?after=")

        def is_finished() -> Any:
            answer = self.run(follow)
            self.variables["LAST"] = str(answer["last"])
            return answer if answer["is_finished"] else None

        return wait_until(is_finished, 180, "the job's end")


def line_with(text: str) -> str:
    lines: list[str] = [line for line in LINES if text in line]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.main_way
def test_the_lines_of_the_page_do_what_it_says(
    make_site: Callable[..., Site], runtime: Runtime, tmp_path: Path
) -> None:
    site = make_site(runtime, WORKER_PROCESSES="1")
    site.add_user("alice")
    token = site.run("shell", "--command", MAKE_TOKEN).stdout.strip().splitlines()[-1]
    site.start_web()
    site.start_worker()
    (tmp_path / "orders.csv").write_text("id,name\n" + "".join(f"{number},n{number}\n" for number in range(100)))
    assert LINES[0].startswith("export TOKEN=hw_… SITE=")
    shell = Shell(tmp_path, TOKEN=token, SITE=f"http://127.0.0.1:{site.port}")

    job = shell.run(line_with("-F file=@orders.csv"))
    shell.variables["JOB"] = str(job["id"])
    assert shell.run(line_with("/events?wait=25"))["items"]
    ended = shell.follow(job["id"])
    assert (ended["state"], ended["items"][-1]["kind"]) == ("succeeded", "succeeded")

    whole = shell.run('curl -H "Authorization: Bearer $TOKEN" "$SITE/api/v1/jobs/$JOB"')
    made = [each for each in whole["files"] if each["kind"] == "output"]
    shell.variables["FILE"] = str(made[0]["id"])
    shell.run(line_with("/files/$FILE"))
    assert (tmp_path / made[0]["name"]).stat().st_size == made[0]["size"]

    (dataset,) = whole["datasets"]
    shell.variables["DATASET"] = str(dataset)
    rows = shell.run('curl -H "Authorization: Bearer $TOKEN" "$SITE/api/v1/datasets/$DATASET/rows?offset=98"')
    assert (rows["items"], rows["total"]) == ([[98, "n98"], [99, "n99"]], 100)
    exported = shell.run(line_with("--json"))
    assert shell.follow(exported["id"])["state"] == "succeeded"


def test_each_line_of_the_page_is_tried() -> None:
    tried = ("export TOKEN", "-F file=@", "/events?wait=25", "/files/$FILE", "--json", "events?after=")
    assert [sum(text in line for line in LINES) for text in tried] == [1] * len(tried)
    assert len(LINES) == len(tried)
