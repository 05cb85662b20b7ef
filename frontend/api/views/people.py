"""Who asks."""

from __future__ import annotations

from ninja import Router

from frontend.api.access import ApiRequest, Scope, needs
from frontend.api.pages import people

router = Router(tags=["You"])


@router.get("/me", response=people.Me, auth=needs(Scope.READ), url_name="api_me", summary="Get your identity and scope")
def me(request: ApiRequest) -> people.Me:
    """Say who the request acts for, and what its scope allows."""
    return people.me(request.auth)
