"""The numbers by which readings of a sample are weighed against one another.

Fitted by tests/bench/csv_fit.py on generated files (tests/bench/corpus), never on files of people; a number that the
fit left where it was has its reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Each is a factor or a share from 0 to 1 unless said otherwise."""

    #: What a line counts for when it is not a full row of the table: filled up with empty values, cut of empty ones,
    #: a title or a note outside, a line of another table. A line that would be rejected counts for nothing.
    padded: float = 0.6
    trimmed: float = 0.9
    outside: float = 0.45
    other_table: float = 0.3
    #: The power by which lines that do not fit cost more than their share.
    agreement_power: float = 1.5
    #: What the cells' looks are worth: the rest is given to any cell.
    cells: float = 0.7
    #: What a table gains by each further column: 1 - columns / width. A table of one column gets `one_column`.
    columns: float = 0.75
    one_column: float = 0.18
    #: What is left of a reading whose delimiter always stands inside dates, times, addresses and numbers.
    cut_values: float = 0.15
    #: What is left of a reading with quotes of which none stands at the edge of a value.
    stray_quotes: float = 0.25
    #: What is left of a reading in which quotes have to be repaired.
    damaged: float = 0.95
    #: What is left for a sign that seldom is a delimiter where no cell is a number, a date or the like.
    rare_sign: float = 0.35
    colon: float = 0.25
    space: float = 0.1
    #: A cell of a column whose cells all hold another delimiter equally often; and what is left of all cells when
    #: what such a column holds are values of several kinds.
    steady_cell: float = 0.6
    mixed_column: float = 0.5
    #: What is left where another sign comes evenly in all lines and this one does not.
    uneven: float = 0.75
    #: What is left where the only line above words in several columns would be a column's name.
    dropped_name: float = 0.2
    #: What is left of commas that stand as in sentences, where the lines do not agree.
    prose: float = 0.4
    #: What a sign of words is worth at least where it cuts many lines into as many values.
    even_sign: float = 0.6
    #: Two readings nearer than this to one another are a guess, nearer than the second likely, else certain.
    guess_ratio: float = 1.12
    likely_ratio: float = 1.5


WEIGHTS = Weights()
