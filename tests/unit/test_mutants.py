"""Mutants apply to the product as it is: a cut that matches nothing, or two places, would try something else."""

from __future__ import annotations

import pytest

from tests.chaos.mutants import MUTANTS, Cut
from tests.services.site import CHECKOUT

CUTS = [pytest.param(cut, id=f"{mutant.name}-{cut.file}") for mutant in MUTANTS.values() for cut in mutant.cuts]


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_is_of_one_place(cut: Cut) -> None:
    assert (CHECKOUT / cut.file).read_text().count(cut.old) == 1
