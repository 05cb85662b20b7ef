"""What the person asked for, out of the form's parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

#: Changes when the same file with the same options would make another dataset.
VERSION = 1

_DIALECT = ("encoding", "delimiter", "quote", "escape", "comment", "line_end", "header", "preamble_lines")
#: Words of the form for what has no letters, or is nothing: an empty text says that there is none.
_SAID = {"delimiter": {"tab": "\t", "space": " ", "none": ""}, "comment": {"none": ""}}
_CHECKS = ("null_words", "decimal_mark", "date_order", "max_rejected", "max_rejected_percent")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The form's values by the step that uses them.

    Absent keys of `dialect` are detected; an empty delimiter is a table of one column, an empty comment that no line
    is one.
    """

    name: str = ""
    dialect: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, Any] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    ragged: str = "pad"
    quotes: str = "repair"
    keep_formulas: bool = False
    import_again: bool = False

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Options:
        dialect = {key: params[key] for key in _DIALECT if params.get(key) not in (None, "")}
        dialect = {key: _SAID.get(key, {}).get(value, value) for key, value in dialect.items()}
        if dialect.get("delimiter") == "other":
            # As it was typed, though it be the word of another choice.
            del dialect["delimiter"]
            if other := params.get("other_delimiter"):
                dialect["delimiter"] = other
        return cls(
            name=(params.get("name") or "").strip(),
            dialect=dialect,
            checks={key: params[key] for key in _CHECKS if params.get(key) not in (None, "", [])},
            rules=params.get("rules") or [],
            keys=params.get("keys") or [],
            ragged=params.get("ragged") or "pad",
            quotes=params.get("quotes") or "repair",
            keep_formulas=bool(params.get("keep_formulas")),
            import_again=bool(params.get("import_again")),
        )

    def named(self, name: str) -> Options:
        """Return the same options with another name for the dataset."""
        return replace(self, name=name)

    def fingerprint(self, content_sha256: str) -> str:
        """The sha256 that is the same for the same content with the same options; a name makes no difference."""
        value = [
            VERSION,
            content_sha256,
            self.dialect,
            self.checks,
            self.rules,
            self.keys,
            self.ragged,
            self.quotes,
            self.keep_formulas,
        ]
        return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
