"""What the tests of the API share: clients that come in with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core import pipelines
from core.attempt.context import JobContext
from core.people import tokens
from core.pipelines import pipeline

MakeApi = Callable[..., "Api"]
ROOT = "/api/v1"


class Api(Client):
    """A client that sends JSON, or nothing, where no other type is named."""

    def post(self, path: str, data: Any = b"", content_type: str = "application/json", **more: Any) -> Any:  # type: ignore[override]
        return super().post(path, data, content_type, **more)

    def post_parts(self, path: str, data: Any) -> Any:
        return super().post(path, data)


@pytest.fixture
def make_api(db: None) -> MakeApi:
    """`make_api(alice, "read")`: a client with a token of hers; its scope is `submit` unless another is named."""

    def make(owner: User, scope: str = "submit") -> Api:
        _, text = tokens.make(owner, name="tests", scope=scope, days=1)
        return Api(headers={"Authorization": f"Bearer {text}"})

    return make


@pytest.fixture
def alices(alice: User, make_api: MakeApi) -> Api:
    return make_api(alice)


@pytest.fixture
def bobs(bob: User, make_api: MakeApi) -> Api:
    return make_api(bob)


@pytest.fixture
def operators(staff: User, make_api: MakeApi) -> Api:
    return make_api(staff, "operate")


@pytest.fixture
def plain() -> Iterator[None]:
    """A pipeline, `plain`, that asks for nothing."""

    def plain(ctx: JobContext, **params: Any) -> None: ...

    pipeline(title="Plain")(plain)
    yield
    pipelines.forget("plain")
