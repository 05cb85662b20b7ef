"""How Headway connects."""

from __future__ import annotations

import pytest
from django.db import connection

from core.settings import _database


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("postgres://user@host/name", "-c jit=off"),
        ("postgres://user@host/name?options=-c%20lock_timeout%3D5s", "-c jit=off -c lock_timeout=5s"),
        ("postgres://user@host/name?options=-c%20jit%3Don", "-c jit=off -c jit=on"),
    ],
)
def test_postgresqls_jit_is_off_unless_the_address_sets_it(url: str, options: str) -> None:
    assert _database(url)["OPTIONS"]["options"] == options


@pytest.mark.django_db
def test_postgresql_compiles_nothing() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW jit")
            assert cursor.fetchone() == ("off",)
