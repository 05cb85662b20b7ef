"""How values are written for people, on pages, in mails and in sentences."""

from __future__ import annotations

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def seconds(amount: float) -> str:
    """Return a time as `0.5 seconds`, `1 second`, `90 seconds`, `5 minutes` or `2 hours`: in the unit that is whole."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if amount >= length and amount % length == 0:
            count = int(amount // length)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{amount:,.10g} second{'' if amount == 1 else 's'}"


def size(amount: float | None) -> str:
    """Return bytes as `812 bytes`, `12.4 KB` or `1.2 GB` (1 KB = 1,024 bytes); None as nothing."""
    if amount is None:
        return ""
    rest = float(amount)
    for unit in _UNITS[:-1]:
        # 1023.96 KB would round to 1024.0 KB.
        if abs(rest) < (1024 if unit == "bytes" else 1023.95):
            break
        rest /= 1024
    else:
        unit = _UNITS[-1]
    if unit == "bytes":
        return f"{rest:,.0f} byte" if rest == 1 else f"{rest:,.0f} bytes"
    return f"{rest:,.0f} {unit}" if rest >= 100 else f"{rest:,.1f} {unit}"
