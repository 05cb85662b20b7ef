"""Which changes restart the parts, and what is advised: the whole command runs in tests/integration/test_up.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchfiles import Change

from core.files import storage
from core.management.commands.up import CodeFilter
from core.operation.supervision.advice import setting_of
from tests.configuration import OwnConf


@pytest.mark.parametrize(
    ("path", "restarts"),
    [
        ("shop/pipelines.py", True),
        ("shop/templates/shop/order.html", True),
        ("shop/orders.csv", False),
        ("venv/lib/python3.13/site-packages/pip/__init__.py", False),
        ("var/files/jobs/7/1/report.html", False),
        ("var/files_of_ours.py", True),
    ],
)
def test_code_restarts_the_parts_and_nothing_else_does(
    tmp_path: Path, conf: OwnConf, path: str, restarts: bool
) -> None:
    conf.STORAGE_URL = (tmp_path / "var" / "files").as_uri()
    assert storage.root() == tmp_path / "var" / "files"
    assert CodeFilter()(Change.modified, str(tmp_path / path)) is restarts


def test_what_to_set_is_said_as_the_site_sets_it(conf: OwnConf) -> None:
    conf.ACCOUNTS = True
    assert setting_of("PORT", 8001) == "PORT=8001 make up"
    assert setting_of("HOME", "/path") == "HEADWAY_HOME=/path make up"
    conf.ACCOUNTS = False
    assert setting_of("PORT", 8001) == 'HEADWAY = {"PORT": 8001} in the settings'
    assert setting_of("HOME", "/path") == 'HEADWAY = {"HOME": "/path"} in the settings'
