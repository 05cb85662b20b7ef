"""The page of comparison: its figures are of what the bench runs."""

import re
from pathlib import Path

from tests.bench.peers import PEERS

PAGE = (Path(__file__).resolve().parents[2] / "docs/compare.md").read_text()


def first_cells(section: str) -> list[str]:
    """Return the first cells of the rows of a section's table, without its head."""
    text = PAGE.partition(f"\n### {section}\n")[2].partition("\n#")[0]
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def test_each_figure_has_a_row_for_every_peer_that_the_bench_measures() -> None:
    measured = [peer.title for peer in PEERS if not peer.is_for_kills]
    assert first_cells("Tasks a second, and until one starts") == measured


def test_what_became_of_killed_tasks_has_a_row_for_every_peer() -> None:
    assert first_cells("When a worker is killed") == [peer.title for peer in PEERS]


def test_the_columns_are_the_peers() -> None:
    head = re.search(r"^\| \| (.+) \|$", PAGE, re.MULTILINE)
    assert head is not None
    assert set(head[1].split(" | ")) == {peer.title.removesuffix(", set") for peer in PEERS}
