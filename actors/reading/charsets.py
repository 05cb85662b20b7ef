"""The encodings that are known here: their names, and the names that people and servers use for them."""

from __future__ import annotations

import codecs

from .errors import Unreadable

#: Encodings a person may choose, with the name that is shown.
ENCODINGS = (
    ("utf-8", "UTF-8"),
    ("utf-16-le", "UTF-16, little-endian"),
    ("utf-16-be", "UTF-16, big-endian"),
    ("cp1252", "Windows-1252 (Western)"),
    ("latin-1", "ISO-8859-1 (Latin-1)"),
    ("iso8859-15", "ISO-8859-15 (Latin-9)"),
    ("cp1250", "Windows-1250 (Central European)"),
    ("iso8859-2", "ISO-8859-2 (Central European)"),
    ("cp1251", "Windows-1251 (Cyrillic)"),
    ("koi8-r", "KOI8-R (Cyrillic)"),
    ("koi8-u", "KOI8-U (Ukrainian)"),
    ("iso8859-5", "ISO-8859-5 (Cyrillic)"),
    ("cp1253", "Windows-1253 (Greek)"),
    ("iso8859-7", "ISO-8859-7 (Greek)"),
    ("cp1254", "Windows-1254 (Turkish)"),
    ("cp1255", "Windows-1255 (Hebrew)"),
    ("cp1256", "Windows-1256 (Arabic)"),
    ("cp1257", "Windows-1257 (Baltic)"),
    ("iso8859-13", "ISO-8859-13 (Baltic)"),
    ("cp1258", "Windows-1258 (Vietnamese)"),
    ("cp874", "Windows-874 (Thai)"),
    ("mac-roman", "Mac OS Roman"),
    ("mac-latin2", "Mac OS Central European"),
    ("mac-cyrillic", "Mac OS Cyrillic"),
    ("cp437", "DOS (437)"),
    ("cp850", "DOS Western (850)"),
    ("cp852", "DOS Central European (852)"),
    ("cp866", "DOS Cyrillic (866)"),
    ("cp737", "DOS Greek (737)"),
    ("cp857", "DOS Turkish (857)"),
    ("shift_jis", "Shift JIS (Japanese)"),
    ("euc_jp", "EUC-JP (Japanese)"),
    ("iso2022_jp", "ISO-2022-JP (Japanese)"),
    ("gb18030", "GB 18030 (Chinese)"),
    ("big5", "Big5 (Chinese)"),
    ("euc_kr", "EUC-KR (Korean)"),
)
_TITLES = dict(ENCODINGS)
#: Other names of an encoding, in Python's spelling, that stand for one of the list.
_SAME = {
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
    "utf-8-sig": "utf-8",
    "iso8859-1": "latin-1",
    "iso8859-9": "cp1254",
    "iso8859-8": "cp1255",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "cp932": "shift_jis",
    "cp949": "euc_kr",
    "cp950": "big5",
    "big5hkscs": "big5",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}
#: Names that the web uses and Python does not have.
_WEB_NAMES = {
    "x-sjis": "shift_jis",
    "windows-31j": "shift_jis",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "iso-8859-8-i": "cp1255",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "unicode": "utf-16-le",
}
_NO_CHARACTERS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"))


def title_of(encoding: str) -> str:
    """The name of an encoding that is shown."""
    return _TITLES.get(encoding, encoding)


def named_encoding(name: str) -> str:
    """The encoding that a person wrote, in the name it has here. Raises Unreadable for what is none."""
    try:
        codec = codecs.lookup(_WEB_NAMES.get(name.strip().lower(), name.strip()))
    except (LookupError, ValueError) as error:
        raise Unreadable(f"There is no encoding called {name!r}.") from error
    spelled = codec.name.replace("_", "-") if codec.name.startswith("mac") else codec.name
    if spelled in _NO_CHARACTERS or not getattr(codec, "_is_text_encoding", True):
        raise Unreadable(f"{name!r} is not an encoding of text.")
    return _SAME.get(spelled, spelled)
