"""The measures of a template that the plan needs, read from its `template.toml`. docs/pdf.md explains each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from core.errors import PermanentError


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Lengths in points, or in em of the table's type size where the name ends in `_em`."""

    margin_top: float
    margin_bottom: float
    margin_side: float
    #: Type sizes of the table, the one to prefer first.
    sizes: list[float]
    line_em: float
    padding_x_em: float
    padding_y_em: float
    #: Lines of a cell and of a column's name at most.
    most_lines: int
    header_lines: int
    #: Height of a group's heading and of a line of totals.
    heading_em: float
    total_em: float
    #: On the pages of contents: the space that the heading takes, and a line's height.
    contents_top: float
    contents_line: float
    #: Charts on a page, and names on the page about the report.
    charts_on_page: int
    figures_on_page: int

    @classmethod
    def from_settings(cls, template: str, settings: dict[str, Any]) -> Measures:
        """Read `[measures]`; raise PermanentError that names what is missing or not a number."""
        declared = settings.get("measures")
        if not isinstance(declared, dict):
            raise PermanentError(f"The template {template!r} has no [measures] in its template.toml.")
        values: dict[str, Any] = {}
        for entry in fields(cls):
            value = declared.get(entry.name)
            listed = value if entry.name == "sizes" and isinstance(value, list) and value else [value]
            if not all(isinstance(each, (int, float)) and each > 0 for each in listed):
                raise PermanentError(
                    f"The template {template!r} needs {entry.name} under [measures] in its template.toml, above 0."
                )
            values[entry.name] = value
        return cls(**values)
