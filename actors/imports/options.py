"""The options of an import, read from the form's parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from actors.reading.rules import Rule

from .profiling import reading_of

if TYPE_CHECKING:
    from core.models import Dataset

#: Changes when the same file with the same options would make another dataset.
VERSION = 2

_DIALECT = ("encoding", "delimiter", "quote", "escape", "comment", "line_end", "header", "preamble_lines")
#: Words of the form for signs without letters, and for none at all, which is an empty text.
_SPELLED = {"delimiter": {"tab": "\t", "space": " ", "none": ""}, "comment": {"none": ""}}
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
    #: The id of a dataset that this one is to be like: read by its dialect and types, nothing guessed anew.
    model: int | None = None
    #: The encoding that the model's file had: believed before any guess.
    encoding_before: str = ""

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Options:
        dialect = {key: params[key] for key in _DIALECT if params.get(key) not in (None, "")}
        dialect = {key: _SPELLED.get(key, {}).get(value, value) for key, value in dialect.items()}
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
            model=params.get("model"),
        )

    def like_dataset(self, dataset_id: int | None) -> Options:
        """Return the options of an import that is to be like a dataset, or the same where there is none."""
        return replace(self, model=dataset_id)

    def like(self, model: Dataset | None, *, most_rejected_percent: float) -> Options:
        """Return the options with what the person left open taken from a dataset, and the site's limit on rejects."""
        checks = {"max_rejected_percent": most_rejected_percent, **self.checks}
        if model is None:
            return replace(self, checks=checks)
        before: dict[str, Any] = model.dialect or {}
        dialect: dict[str, Any] = {key: before[key] for key in ("delimiter", "quote", "escape") if key in before}
        if dialect.get("delimiter") == "\x1f":
            dialect["delimiter"] = ""
        dialect["quote"] = dialect.get("quote") or "none"
        dialect["header"] = str(before.get("header_lines") or "no")
        if before.get("blanks"):
            # Runs of blanks are no sign that could be set.
            dialect = {"header": dialect["header"]}
        columns = {
            column.name: reading_of(column)
            for column in model.columns.order_by("position")
            if "reading" in column.stats
        }
        return replace(
            self,
            dialect={**dialect, **self.dialect},
            checks={**checks, "model": columns},
            encoding_before=str(before.get("encoding") or ""),
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
            self.model,
        ]
        return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def entry_of(rule: Rule) -> dict[str, Any]:
    """Return a rule as a person writes it: as JSON without its empty parts."""
    return {key: value for key, value in msgspec.to_builtins(rule).items() if value}
