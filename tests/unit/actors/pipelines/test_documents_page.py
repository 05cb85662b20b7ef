"""docs/documents.md: its example is a template, and what it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from actors.pipelines.documents.pipeline import KIT
from tests.configuration import OwnConf

from .documenting import make_dataset, make_documents, output, texts_of
from .test_documents_pipeline import alice, same_process, store  # noqa: F401  fixtures

PAGE = (Path(__file__).parents[4] / "docs" / "documents.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


@pytest.mark.django_db
def test_the_example_makes_documents(alice: User, conf: OwnConf) -> None:  # noqa: F811
    folder = Path(str(conf.TEMPLATE_FOLDER)) / "documents" / "certificate"
    folder.mkdir(parents=True)
    (folder / "template.toml").write_text(block("toml"), encoding="utf-8")
    (folder / "main.typ").write_text(block("typst"), encoding="utf-8")
    rows = [("Ada Lovelace", "2025-05-04", None), ("Grace Hopper", None, 12)]
    dataset = make_dataset(alice, [("name", "text"), ("day", "date"), ("hours", "integer")], rows)
    mapping = json.dumps({"course": {"text": "Engines"}})
    job = make_documents(dataset, template="certificate", mapping=mapping)
    assert job.error == ""
    first, second = (" ".join(text.split()) for text in texts_of(output(job, "documents")))
    assert first == "Ada Lovelace took part in Engines on 4 May 2025 for 8 hours."
    assert second == "Grace Hopper took part in Engines for 12 hours."


def test_each_name_of_the_kit_is_told_and_there() -> None:
    there = set(re.findall(r"^#let ([a-z-]+)", KIT.read_text(encoding="utf-8"), re.MULTILINE))
    table = PAGE[PAGE.index("`headway.typ` is put beside") : PAGE.index("All values are text")]
    told = {
        name for cell in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([a-z-]+)", cell)
    }
    assert told == there - {"data", "place-in-document"}
