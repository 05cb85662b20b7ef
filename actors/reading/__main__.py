"""`python -m actors.reading FILE`: how the toolkit reads a file, before it is imported. See docs/reading.md."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import Unreadable
from .settings import Settings, as_options

#: Words for what has no letters, or is nothing.
_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " ", "none": ""}
ALL_READ, NOT_ALL_READ, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Report on the files; the exit code is 0 when all were read, 1 when not, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = _settings(options)
        as_options(settings)
    except Unreadable as error:
        parser.error(str(error))
    is_many = len(options.file) > 1 or options.file[0].is_dir()
    if is_many and (options.rejected or options.aside):
        parser.error("--rejected and --aside are for one file.")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        results = [_show(path, settings, options, is_json=options.json or is_many) for path in _files(options.file)]
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on, as after `| head`; at exit Python would try once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ALL_READ
    return ALL_READ if all(results) else NOT_ALL_READ


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m actors.reading",
        description="Say what is seen in a file with a table: how it is written, where each of its lines is, "
        "its columns and first rows, what is rejected and why.",
        epilog="What is not set is found out. Of a folder, or of several files, one JSON object a line is printed.",
    )
    parser.add_argument("file", type=Path, nargs="+", help="a file, packed or not, or a folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=_count, default=5, metavar="N", help="how many rows are shown (5)")
    parser.add_argument("--rejected", type=Path, metavar="FILE", help="save the rejected records, as CSV")
    parser.add_argument("--aside", type=Path, metavar="FILE", help="save the lines that are no records, as CSV")
    written = parser.add_argument_group("how the file is written")
    written.add_argument("--encoding", help="such as utf-8 or windows-1252")
    written.add_argument("--delimiter", help="one to four characters; tab, space, or none for one column")
    written.add_argument("--quote", help="\", ' or none")
    written.add_argument("--header", help="yes, no, or how many lines")
    written.add_argument("--preamble-lines", type=_count, metavar="N", help="lines before the table")
    written.add_argument("--comment", help="# or none")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"“{text}” is no number from 0 on")
    return int(text)


def _settings(options: argparse.Namespace) -> Settings:
    settings: Settings = {}
    if options.encoding is not None:
        settings["encoding"] = options.encoding
    if options.delimiter is not None:
        settings["delimiter"] = _DELIMITERS.get(options.delimiter, options.delimiter)
    if options.quote is not None:
        settings["quote"] = "" if options.quote == "none" else options.quote
    if options.header is not None:
        settings["header"] = options.header
    if options.preamble_lines is not None:
        settings["preamble_lines"] = options.preamble_lines
    if options.comment is not None:
        settings["comment"] = "" if options.comment == "none" else options.comment
    return settings


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and those of the folders, in order; hidden ones in folders are passed over."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _show(path: Path, settings: Settings, options: argparse.Namespace, *, is_json: bool) -> bool:
    """Print the report on one file, and return whether it could be read."""
    try:
        _report(path, settings, options, is_json=is_json)
    except BrokenPipeError:
        raise
    except Unreadable as error:
        message = str(error)
    except OSError as error:
        place = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
        message = f"{error.strerror or error}{place}."
    except Exception as error:
        message = f"This is a fault of the reader, not of the file; please report it: {type(error).__name__}: {error}"
    else:
        return True
    if is_json:
        _say(json.dumps({"file": str(path), "error": message}, ensure_ascii=False))
    else:
        sys.stdout.flush()
        sys.stderr.write(f"{path}: {message}\n")
    return False


def _report(path: Path, settings: Settings, options: argparse.Namespace, *, is_json: bool) -> None:
    # Imported only here, so that wrong usage is reported at once.
    from .saying import as_json, as_text
    from .seeing import look

    with look(path, **settings) as table:
        if options.rejected:
            table.save("rejected", options.rejected)
        if options.aside:
            table.save("aside", options.aside)
        if is_json:
            _say(json.dumps(as_json(str(path), table, rows=options.rows), ensure_ascii=False))
            return
        width = shutil.get_terminal_size((100, 24)).columns
        for line in as_text(str(path), table, rows=options.rows, width=width):
            _say(line)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
