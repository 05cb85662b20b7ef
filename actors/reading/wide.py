"""UTF-16 and UTF-32 in a file that does not begin with their mark."""

from __future__ import annotations

import codecs

#: Signs of every table: in UTF-16 nearly all of them have a zero byte beside them.
_SIGNS = (b"\n", b"\r", b",", b";", b"\t")


def wide_encoding(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: text that is mostly Latin has its zero bytes on one side."""
    head = sample[: 65536 if len(sample) > 65536 else len(sample) // 2 * 2]
    if b"\0" not in head or len(head) < 4:
        return None
    pairs = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if min(even, odd) > pairs * 0.3:
        quarter = len(head) // 4
        zeros = [head[place::4].count(0) for place in range(4)]
        if sum(zeros[:3]) > 2.5 * quarter:
            return _if_text(head, "utf-32-be")
        if sum(zeros[1:]) > 2.5 * quarter:
            return _if_text(head, "utf-32-le")
        return None
    if odd > max(pairs * 0.3, 1) and even < pairs * 0.05:
        return _if_text(head, "utf-16-le")
    if even > max(pairs * 0.3, 1) and odd < pairs * 0.05:
        return _if_text(head, "utf-16-be")
    return _of_another_script(head, even + odd)


def _if_text(head: bytes, encoding: str) -> str | None:
    return encoding if _strange(head.decode(encoding, "replace")) <= 0.01 else None


def _strange(text: str) -> float:
    """The share of characters that text does not have."""
    odd = sum(mark == "\ufffd" or not (mark.isprintable() or mark in "\r\n\t\f\ufeff\u2028") for mark in text)
    # One at the end may be cut.
    return max(0, odd - 1) / max(1, len(text))


def _of_another_script(head: bytes, zeros: int) -> str | None:
    """UTF-16 of text that is not Latin: its line ends and delimiters still are two bytes, one of them zero."""
    controls = sum(head.count(bytes([code])) for code in range(1, 32) if code not in (9, 10, 13))
    if zeros < len(head) * 0.1 and controls < len(head) * 0.05 and _is_utf8(head):
        # As it stands it is text; a few zero bytes in it are damage.
        return None
    signs = sum(head.count(sign) for sign in _SIGNS)
    for name in ("utf-16-le", "utf-16-be"):
        text = head.decode(name, "replace")
        whole = sum(text.count(sign.decode()) for sign in _SIGNS)
        if whole and whole >= signs * 0.8 and _strange(text) <= 0.001:
            return name
    return None


def _is_utf8(text: bytes) -> bool:
    try:
        codecs.utf_8_decode(text, "strict", False)
    except UnicodeDecodeError:
        return False
    return True
