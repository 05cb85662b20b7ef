"""Pipelines are found in every installed app, and a broker that could not carry jobs ends the start."""

from __future__ import annotations

import sys
from pathlib import Path

import dramatiq
import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries

from actors.apps import DRAMATIQ, check_broker
from core import pipelines
from core.pipelines import InvalidPipeline, registry

SHOP = """
from django import forms
from core.pipelines import pipeline


class OrderForm(forms.Form):
    number = forms.IntegerField()


@pipeline(title="Pack an order", form=OrderForm)
def pack_order(ctx, {parameter}): ...
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app of a host site, `shop_of_a_test`, without pipelines so far."""
    package = tmp_path / "shop_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("shop_of_a_test", "shop_of_a_test.pipelines"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return package


def find_again() -> None:
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "shop_of_a_test"]):
        apps.get_app_config("actors").ready()


def test_workers_listen_to_all_queues_that_tasks_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry._registry, "more_queues", set())
    backend = {"BACKEND": "actors.task_backend.HeadwayBackend"}
    others = {"BACKEND": "nowhere.at.all", "QUEUES": ["day"]}
    with override_settings(TASKS={"default": backend, "late": {**backend, "QUEUES": ["night"]}, "other": others}):
        apps.get_app_config("actors").ready()
    assert {"default", "night"} <= set(pipelines.queues())
    assert "day" not in pipelines.queues()


def test_pipelines_of_an_app_are_found_in_its_module(shop: Path) -> None:
    (shop / "pipelines.py").write_text(SHOP.format(parameter="number"))
    try:
        find_again()
        assert pipelines.get("pack_order").title == "Pack an order"
    finally:
        pipelines.forget("pack_order")


def test_one_that_does_not_fit_its_form_stops_the_start(shop: Path) -> None:
    (shop / "pipelines.py").write_text(SHOP.format(parameter="numbr"))
    with pytest.raises(InvalidPipeline, match=rf"{shop}/pipelines\.py:10: pipeline 'pack_order': its form has a field"):
        find_again()
    assert pipelines.find("pack_order") is None


def test_an_app_without_pipelines_is_passed_over(shop: Path) -> None:
    find_again()


def test_the_broker_that_comes_with_headway_is_right() -> None:
    check_broker(dramatiq.get_broker())


def test_another_broker_is_refused_with_what_to_write() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        check_broker(StubBroker(middleware=list(dramatiq.get_broker().middleware)))
    needed = DRAMATIQ["DRAMATIQ_BROKER"]
    assert str(refused.value).startswith("DRAMATIQ_BROKER can't carry Headway's jobs. Leave it out, or write in it")
    assert all(repr(path) in str(refused.value) for path in (needed["BROKER"], *needed["MIDDLEWARE"]))


@pytest.mark.parametrize("left_out", range(3))
def test_a_middleware_that_is_left_out_is_refused(left_out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = dramatiq.get_broker()
    path = DRAMATIQ["DRAMATIQ_BROKER"]["MIDDLEWARE"][left_out]
    kept = [each for each in broker.middleware if type(each).__name__ != path.rpartition(".")[2]]
    monkeypatch.setattr(broker, "middleware", [*kept, Retries()])
    with pytest.raises(ImproperlyConfigured, match="DRAMATIQ_BROKER"):
        check_broker(broker)
