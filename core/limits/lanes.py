"""Which bucket of a limit a lane belongs to."""

from __future__ import annotations

import json
from typing import Any

from core.limits.effective import EffectiveLimit
from core.pipelines.declared import value_of


def bucket_key(limit: EffectiveLimit, owner_id: Any, lane: str) -> tuple[str, str]:
    """Return name and value of the bucket that counts the jobs of this owner and lane."""
    return limit.name, value_of(limit.declared, owner_id=owner_id, params=json.loads(lane or "{}"))
