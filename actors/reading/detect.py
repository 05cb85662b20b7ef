"""The step that reads the beginning of the file and says how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .dialect import detect_dialect, with_names
from .encoding import named_encoding, sample_text


def detect(report: Callable[..., None], *, path: str, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the Dialect as JSON. `options` are the person's own settings; what is absent is detected."""
    size = Path(path).stat().st_size
    report(0, size)
    encoding = named_encoding(options["encoding"]) if options.get("encoding") else None
    text, chosen, complete = sample_text(Path(path), encoding)
    dialect = detect_dialect(text, encoding=chosen, complete=complete, options=options)
    if options.get("names"):
        dialect = with_names(dialect, options["names"])
    report(size, size)
    return dialect.as_json()
