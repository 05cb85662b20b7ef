"""Sizes as people read them. The toolkit imports nothing of the site, whose words (`core.formatting`) these are too."""

from __future__ import annotations

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def size(amount: int) -> str:
    """Return bytes as `812 bytes`, `12.4 KB` or `1.2 GB` (1 KB = 1,024 bytes)."""
    rest, power = float(amount), 0
    # 1023.96 KB would round to 1024.0 KB.
    while rest >= (1023.95 if power else 1024) and power < len(_UNITS) - 1:
        rest, power = rest / 1024, power + 1
    if not power:
        return f"{amount:,} byte{'' if amount == 1 else 's'}"
    return f"{rest:,.{0 if rest >= 100 else 1}f} {_UNITS[power]}"
