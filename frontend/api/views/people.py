"""Who asks."""

from __future__ import annotations

from ninja import Router

from frontend.api.access import ApiRequest, Scope, needs
from frontend.api.pages import people

router = Router(tags=["Who asks"])


@router.get("/me", response=people.Me, auth=needs(Scope.READ), url_name="api_me", summary="Who asks")
def me(request: ApiRequest) -> people.Me:
    """Return who the request comes from, and how far it reaches."""
    return people.me(request.auth)
