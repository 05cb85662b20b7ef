"""What `manage.py check`, `migrate` and `up` find wrong with where a site has put the pages' middleware."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

OURS = "frontend.middleware.HeadwayMiddleware"
#: Reads forms, before a page could say how its uploads are taken.
READS_FORMS = "django.middleware.csrf.CsrfViewMiddleware"


def check_middleware(**_: Any) -> list[CheckMessage]:
    """Headway's middleware is there, and stands before what reads forms."""
    order = list(settings.MIDDLEWARE)
    if OURS not in order:
        return [Error(f"MIDDLEWARE has no {OURS!r}. Put it first.", id="headway.E002")]
    if READS_FORMS in order and order.index(OURS) > order.index(READS_FORMS):
        return [Error(f"In MIDDLEWARE {OURS!r} has to stand before {READS_FORMS!r}. Put it first.", id="headway.E002")]
    return []
