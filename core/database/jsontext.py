"""JSON that every supported database can store."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec
from django.core.serializers.json import DjangoJSONEncoder

from core.conf import conf
from core.errors import PermanentError, StepTooLarge

T = TypeVar("T")

#: JSON text that may hold what is not storable.
_SUSPECT = re.compile(r"\\u(?:0000|d[89a-f])")


def dumps(value: Any) -> str:
    """Return the value as JSON; dates and decimals as Django writes them, NaN refused.

    Characters that no database stores in JSON become U+FFFD, as a reader would show them: U+0000, and half of a
    surrogate pair, which Python makes of a file name that is not UTF-8.
    """
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    if _SUSPECT.search(text):
        text = json.dumps(_storable(json.loads(text)))
    return text


def storable(text: str) -> str:
    """Return the text as `dumps` would store it."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def dumps_limited(value: Any, *, what: str) -> str:
    """Return the value as JSON; raise StepTooLarge when it is too large for a row."""
    try:
        text = dumps(value)
    except (TypeError, ValueError) as error:
        raise StepTooLarge(f"{what} can't be kept as JSON: {error}") from error
    if len(text) > conf.JSON_LIMIT_BYTES:
        raise StepTooLarge(
            f"{what} is {len(text):,} bytes long, more than {conf.JSON_LIMIT_BYTES:,}; keep it in a file"
        )
    return text


def typed(value: Any, kind: type[T], *, what: str) -> T:
    """Return a JSON value as this type; raise PermanentError when it does not fit: another version has stored it."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise PermanentError(
            f"{what} is of another version of the site, which this one can't go on from ({error}). "
            "Run the job again from the start."
        ) from error


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(entry) for entry in value]
    if isinstance(value, dict):
        return {storable(key): _storable(entry) for key, entry in value.items()}
    return value
