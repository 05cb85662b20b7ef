"""Pipelines are found in every installed app."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.test import override_settings

from core import pipelines
from core.pipelines import InvalidPipeline

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
    with override_settings(INSTALLED_APPS=["core", "actors", "shop_of_a_test"]):
        apps.get_app_config("actors").ready()


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
