"""The templates of controls that are made of several inputs. They need no JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.template import Context, Engine
from django.utils.safestring import SafeString, mark_safe

_SHARED = Path(__file__).parent / "form_templates"


class CompoundTemplates:
    """Templates beside a form, and those that forms share: `CompoundTemplates(folder).render("rows.html", …)`."""

    def __init__(self, *folders: Path) -> None:
        self._engine = Engine(dirs=[str(folder) for folder in (*folders, _SHARED)])

    def render(self, template: str, context: dict[str, Any]) -> SafeString:
        return mark_safe(self._engine.get_template(template).render(Context(context)))  # noqa: S308 - escaped by the template


def ids_of(name: str, attrs: dict[str, Any] | None) -> dict[str, str]:
    """Return what every control needs to name its inputs and to be tied to its help and errors."""
    attributes = attrs or {}
    return {
        "name": name,
        "id": attributes.get("id") or f"id_{name}",
        "described": attributes.get("aria-describedby", ""),
    }
