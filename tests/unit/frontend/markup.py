"""What a page's markup must not have: what the policy would block, and what nobody could use."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Faults(HTMLParser):
    """Collects what the policy would block and what nobody could use."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.found += [f"{tag} has {name}" for name in known if name == "style" or re.match(r"on[a-z]+$", name)]
        self.found += [f"{tag} has {name}" for name in known if name.startswith("hx-on") or name == "hx-vals"]
        if tag == "style":
            self.found.append("a style element")
        if tag == "script" and "src" not in known:
            self.found.append("a script without src")
        if tag == "a" and not known.get("href"):
            self.found.append(f"a link without href: {known}")
        if tag == "form" and not (known.get("method") and known.get("action")):
            self.found.append(f"a form without method or action: {known}")
        if tag == "img" and not {"alt", "width", "height"} <= set(known):
            self.found.append("an image without alt, width or height")
        if tag == "iframe" and not known.get("title"):
            self.found.append("a frame without a title")
        if tag == "a" and known.get("target") == "_blank" and "noopener" not in str(known.get("rel")):
            self.found.append(f"a new tab that may reach this one: {known}")
        if tag == "button" and "type" not in known:
            self.found.append(f"a button without type: {known}")
        if str(known.get("hx-trigger") or "").count("["):
            self.found.append(f"a trigger that needs eval: {known['hx-trigger']}")
        if known.get("id"):
            self.ids.append(str(known["id"]))


def faults(html: str) -> list[str]:
    parser = Faults()
    parser.feed(html)
    twice = {each for each in parser.ids if parser.ids.count(each) > 1}
    return parser.found + [f"the id {each} twice" for each in sorted(twice)]
