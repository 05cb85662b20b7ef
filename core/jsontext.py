"""JSON that every database here can hold."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import StepTooLarge


def dumps(value: Any) -> str:
    """Return the value as JSON; dates and decimals as Django writes them, NaN refused.

    PostgreSQL stores no U+0000 in JSON: it becomes U+FFFD, which is what a reader would show for it.
    """
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    if "\\u0000" in text:
        text = json.dumps(_without_nul(json.loads(text)))
    return text


def dumps_limited(value: Any, *, what: str) -> str:
    """Return the value as JSON; raise StepTooLarge when it does not belong in a row."""
    try:
        text = dumps(value)
    except (TypeError, ValueError) as error:
        raise StepTooLarge(f"{what} can't be kept as JSON: {error}") from error
    if len(text) > settings.JSON_LIMIT_BYTES:
        raise StepTooLarge(
            f"{what} is {len(text):,} bytes of JSON, more than {settings.JSON_LIMIT_BYTES:,}; keep it in a file"
        )
    return text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(entry) for entry in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(entry) for key, entry in value.items()}
    return value
