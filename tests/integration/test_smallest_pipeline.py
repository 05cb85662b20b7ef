"""The pipeline that docs/pipelines.md shows is added to a running site as one file, and works."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.test_life import location_of, submit_form, watch_to_the_end
from tests.services import site as site_module
from tests.services.site import CHECKOUT, Runtime, Site

pytestmark = pytest.mark.main_way

DOCUMENT = CHECKOUT / "docs" / "pipelines.md"


def documented_pipeline() -> str:
    found = re.search(r"<!-- the smallest pipeline.*?-->\n```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code, which a site of this test runs; adding a file to it touches nobody else's."""
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("core", "actors", "frontend"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=ignored)
    shutil.copy(CHECKOUT / "manage.py", copy / "manage.py")
    monkeypatch.setattr(site_module, "CHECKOUT", copy)
    return copy


def test_the_documented_pipeline_is_under_thirty_lines() -> None:
    assert len(documented_pipeline().splitlines()) < 30


@pytest.mark.parametrize("runtime", ["embedded"])
def test_one_file_is_a_pipeline_with_its_pages_and_its_command(
    runtime: Runtime, make_site: Callable[..., Site], checkout: Path, tmp_path: Path
) -> None:
    site = make_site(runtime)
    site.add_user("alice")
    web = site.start_web()
    alice = site.person("alice")
    assert alice.get("/pipelines/count_words/").status == 404

    (checkout / "actors" / "pipelines" / "count_words.py").write_text(documented_pipeline())
    web.stop()
    site.start_web()
    site.start_worker()

    notes = tmp_path / "notes.txt"
    notes.write_text("one two three\nfour\n")
    assert "Count words" in alice.get("/").text
    refused = submit_form(alice, "count_words", {"shortest": "0"}, files={"file": notes})
    assert refused.status == 422
    assert "greater than or equal to 1" in refused.text
    answer = submit_form(alice, "count_words", {"shortest": "4"}, files={"file": notes})
    page = watch_to_the_end(alice, location_of(answer))
    assert "2 words in notes.txt" in page

    done = site.run_json("job", "submit", "count_words", "--owner", "alice", "--file", f"file={notes}", "--wait", "120")
    assert (done["state"], done["result"]) == ("succeeded", {"headline": "4 words in notes.txt"})
    assert 'headway_jobs{pipeline="count_words",state="succeeded"} 2.0' in alice.get("/metrics").text
