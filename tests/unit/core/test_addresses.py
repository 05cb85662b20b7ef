"""The core leads to pages by what they are of, and knows no address."""

import pytest

from core import addresses
from tests.configuration import OwnConf


def test_a_page_that_the_pages_app_has_named_is_found() -> None:
    assert addresses.path_of("job", 7) == "/jobs/7/"


def test_a_site_without_such_a_page_is_led_to_its_front_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_names", {})
    assert addresses.path_of("job", 7) == "/"


def test_an_address_for_a_mail_is_whole(conf: OwnConf) -> None:
    conf.SITE_URL = "https://headway.example"
    assert addresses.site_address("/jobs/7/") == "https://headway.example/jobs/7/"
