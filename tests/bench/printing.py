"""What the PDF benchmarks compare with: a table set by Typst in plain chunks, and by WeasyPrint."""

# ruff: noqa: S608 - the statements are built of names and paths of this file

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import pikepdf
import typst

from actors.typesetting import fonts

CHUNK_ROWS = 1_000
#: Runs after which a process of the bare side is replaced, as the pool of a worker replaces its own.
RUNS_A_PROCESS = 10
PROCESSES = 2
NAMES = ("number", "customer", "product", "day", "amount", "units", "state", "share")
_WORDS = ("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod")
_PLAIN = """
#set page(paper: "a4", margin: (x: 40pt, y: 50pt), footer: context [
  Page #(int(sys.inputs.first) + counter(page).get().first()) of #sys.inputs.total])
#set text(font: "Noto Sans", size: 8pt)
#let data = json(bytes(sys.inputs.data))
#table(columns: data.names.len(), stroke: none, inset: (x: 3pt, y: 2pt),
  align: (x, y) => if x in (0, 4, 5, 7) { right } else { left },
  fill: (x, y) => if calc.odd(y) { luma(245) },
  table.header(..data.names.map(name => strong(name))), ..data.rows.flatten())
"""


def write_table(path: Path, rows: int) -> None:
    """Write a CSV of 8 mixed columns, the same each time."""
    chance = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(NAMES) + "\n")
        for number in range(rows):
            words = chance.choices(_WORDS, k=3)
            file.write(
                f"{number + 1},Customer {number % 977} {words[0]},{words[1]} {words[2]},2026-03-{number % 28 + 1:02},"
                f"{chance.random() * 10_000:.2f},{chance.randint(0, 100_000)},"
                f"{chance.choice(('open', 'paid', 'late'))},{chance.random() * 100:.1f}\n"
            )


def plain_chunks(parquet: Path, folder: Path, *, font_folder: Path) -> float:
    """Set the table in chunks with Typst's own table in two recycled processes, and merge; return the seconds."""
    began = time.perf_counter()
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT count(*) FROM '{parquet}'").fetchall()[0][0]
    tasks = [
        (str(parquet), start, str(folder / f"{start:09}.pdf"), str(font_folder)) for start in range(0, rows, CHUNK_ROWS)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, maxtasksperchild=RUNS_A_PROCESS) as pool:
        pool.map(_plain_chunk, tasks, chunksize=1)
    merge([Path(task[2]) for task in tasks], folder / "plain.pdf")
    return time.perf_counter() - began


def font_folder(folder: Path) -> Path:
    """Make a folder with the one family that the plain side asks for."""
    folder.mkdir()
    for path in fonts.files():
        if path.name in ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"):
            (folder / path.name).symlink_to(path)
    return folder


def merge(parts: Iterable[Path], out: Path) -> int:
    """Join PDF files; return the pages."""
    with pikepdf.new() as pdf:
        for part in parts:
            pdf.pages.extend(pikepdf.open(part).pages)
        pages = len(pdf.pages)
        pdf.save(out)
    return pages


_fonts: dict[str, typst.Fonts] = {}


def _plain_chunk(task: tuple[str, int, str, str]) -> None:
    parquet, start, out, folder = task
    if folder not in _fonts:
        _fonts[folder] = typst.Fonts(include_system_fonts=False, font_paths=[folder])
    with duckdb.connect() as con:
        listed = ", ".join(f"{name}::VARCHAR" for name in NAMES)
        source = f"read_parquet('{parquet}', file_row_number = true)"
        where = f"file_row_number >= {start} AND file_row_number < {start + CHUNK_ROWS}"
        rows = con.execute(f"SELECT {listed} FROM {source} WHERE {where} ORDER BY file_row_number").fetchall()
    data = json.dumps({"names": NAMES, "rows": rows})
    made = typst.Compiler(_PLAIN.encode(), font_paths=_fonts[folder], ignore_system_fonts=True).compile(
        format="pdf", sys_inputs={"data": data, "first": str(start // 55), "total": "1"}, timestamp=0
    )
    assert isinstance(made, bytes)
    Path(out).write_bytes(made)


def weasyprint_seconds(parquet: Path, out: Path) -> float:
    """Set the table with WeasyPrint; return the seconds."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        seconds: float = pool.apply(_weasyprint, (str(parquet), str(out)))
    return seconds


def _weasyprint(parquet: str, out: str) -> float:
    import weasyprint

    began = time.perf_counter()
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT {', '.join(NAMES)} FROM '{parquet}'").fetchall()
    head = "".join(f"<th>{name}</th>" for name in NAMES)
    style = """
        @page { size: A4; margin: 17mm 14mm; @bottom-center { content: "Page " counter(page) " of " counter(pages) } }
        body { font: 8pt "Noto Sans" } table { border-collapse: collapse; width: 100% } td, th { padding: 2pt 3pt }
        thead { display: table-header-group } tr:nth-child(even) { background: #f5f5f5 }
        td:nth-child(1), td:nth-child(5), td:nth-child(6), td:nth-child(8) { text-align: right }
    """
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    page = f"<style>{style}</style><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    weasyprint.HTML(string=page).write_pdf(out)
    return time.perf_counter() - began


def peak_of(pids: Iterable[int]) -> dict[int, int]:
    """Return the most resident megabytes that each of these processes ever had."""
    peaks: dict[int, int] = {}
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        lines: dict[str, Any] = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if "VmHWM" in lines:
            peaks[pid] = int(lines["VmHWM"].split()[0]) // 1024
    return peaks
