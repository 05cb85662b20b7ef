"""The folders that documents are set from: found by kind and name, and copied so that one job sees one version."""

from __future__ import annotations

import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import formatting
from core.conf import conf
from core.errors import PermanentError

MAIN = "main.typ"
DESCRIPTION = "template.toml"
#: Files and bytes of a template: above these it is not a template but a mistake.
MOST_FILES = 200
MOST_BYTES = 32 * 1024**2
_PIPELINES = Path(__file__).resolve().parent.parent / "pipelines"


@dataclass(frozen=True)
class Template:
    """A folder with `template.toml` and `main.typ`; `settings` is all that the first says."""

    name: str
    kind: str
    title: str
    description: str
    folder: Path
    settings: dict[str, Any]


def find(kind: str) -> dict[str, Template]:
    """Return the templates of a pipeline by name; those in TEMPLATE_FOLDER win over those that come with it.

    A folder whose `template.toml` cannot be read is left out: it must not take the others along.
    """
    templates: dict[str, Template] = {}
    for place in (_PIPELINES / kind / "templates", Path(conf.TEMPLATE_FOLDER) / kind):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            if (folder / DESCRIPTION).is_file() and (folder / MAIN).is_file():
                try:
                    templates[folder.name] = load(kind, folder)
                except PermanentError:
                    continue
    return dict(sorted(templates.items()))


def get(kind: str, name: str) -> Template:
    """Return one template; raise PermanentError that names those there are, or what is wrong with it."""
    templates = find(kind)
    if name in templates:
        return templates[name]
    own = Path(conf.TEMPLATE_FOLDER) / kind / name
    if name == own.name and (own / DESCRIPTION).is_file() and (own / MAIN).is_file():
        return load(kind, own)
    raise PermanentError(f"There is no template {name!r}. There are: {', '.join(templates) or 'none'}.")


def load(kind: str, folder: Path) -> Template:
    """Read a template's description; raise PermanentError when it cannot be read."""
    try:
        values = tomllib.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"The template {folder.name!r} has a {DESCRIPTION} that cannot be read: {error}."
        ) from error
    return Template(
        name=folder.name,
        kind=kind,
        title=str(values.get("title") or folder.name),
        description=str(values.get("description") or ""),
        folder=folder,
        settings=values,
    )


def copy_to(template: Template, folder: Path) -> None:
    """Copy the template's files; links are refused, as they could lead out of the folder that a job may read."""
    count = size = 0
    for path in sorted(template.folder.rglob("*")):
        if path.is_symlink():
            raise PermanentError(
                f"The template {template.name!r} holds a link, {path.name}; put a copy of the file in its place."
            )
        if path.is_dir():
            continue
        count, size = count + 1, size + path.stat().st_size
        if count > MOST_FILES or size > MOST_BYTES:
            raise PermanentError(
                f"The template {template.name!r} is too large: "
                f"at most {MOST_FILES} files with {formatting.size(MOST_BYTES)} together."
            )
        target = folder / path.relative_to(template.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        # The same bytes wherever and whenever it was unpacked; Typst sees no times, but people who look do.
        os.utime(target, (0, 0))
