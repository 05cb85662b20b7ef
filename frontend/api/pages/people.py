"""Who a request comes from."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field

from frontend.api.access import Access


class TokenBody(BaseModel):
    """The token of the request; its text is shown once, when it is made."""

    name: str
    ending: str = Field(description="The last characters of its text.")
    expires_at: dt.datetime | None


class Me(BaseModel):
    """Who asks, and how far the request reaches."""

    name: str
    scope: Literal["read", "submit", "operate"]
    operates: bool = Field(description="Whether it sees and touches what others own.")
    token: TokenBody | None = Field(description="None for a logged-in browser.")


def me(access: Access) -> Me:
    token = access.token
    return Me(
        name=access.name,
        scope=access.scope.value,  # type: ignore[arg-type]  # one of the three
        operates=access.operates,
        token=TokenBody(name=token.name, ending=token.ending, expires_at=token.expires_at) if token else None,
    )
