"""A logo that somebody uploaded: looked at before anything else reads it."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from core import formatting
from core.errors import PermanentError

MOST_BYTES = 5 * 1024**2
MOST_PIXELS = 25_000_000
_BEGINS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


def take_in(path: Path, folder: Path, name: str) -> str:
    """Copy a logo into the folder and return its file name; raise PermanentError when it cannot be used."""
    if path.stat().st_size > MOST_BYTES:
        raise PermanentError(f"The logo {name} is larger than {formatting.size(MOST_BYTES)}. Upload a smaller one.")
    with path.open("rb") as file:
        start = file.read(16)
    ending = next((kind for begin, kind in _BEGINS.items() if start.startswith(begin)), "")
    if not ending:
        raise PermanentError(f"The logo {name} is neither a PNG nor a JPEG. Upload one of these.")
    try:
        with warnings.catch_warnings():
            # Its own cap on pixels only warns; the one here raises an error with advice.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["PNG", "JPEG"]) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise PermanentError(
                        f"The logo {name} has {width:,} × {height:,} pixels. Upload one with less than "
                        f"{MOST_PIXELS // 1_000_000} million."
                    )
                image.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PermanentError(f"The logo {name} cannot be read: the file is damaged. Upload it again.") from error
    shutil.copyfile(path, folder / f"logo.{ending}")
    return f"logo.{ending}"
