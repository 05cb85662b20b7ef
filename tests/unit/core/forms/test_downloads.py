"""Which files a pipeline may offer of any dataset; its page and `test_dataset_download` show what becomes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import pipelines
from core.forms import DatasetField, PipelineForm
from core.pipelines import Download


class ExportForm(PipelineForm):
    dataset = DatasetField()


CLEAN = Download(name="clean_enough", title="Clean enough", values=lambda _: {})


def test_a_pipeline_that_takes_a_dataset_may_offer_files_of_it(define: Callable[..., str]) -> None:
    def export(ctx: object, dataset: int) -> None: ...

    name = define(export, form=ExportForm, takes="dataset", downloads=[CLEAN])
    assert pipelines.get(name).downloads == (CLEAN,)
    # The same module, imported again.
    assert define(export, form=ExportForm, takes="dataset", downloads=[CLEAN]) == name


def test_one_that_takes_none_may_not(define: Callable[..., str]) -> None:
    def export(ctx: object) -> None: ...

    with pytest.raises(ValueError, match="downloads are made of a dataset; write takes='dataset' as well"):
        define(export, downloads=[CLEAN])


def test_two_pipelines_do_not_offer_files_of_one_name(define: Callable[..., str]) -> None:
    def one(ctx: object, dataset: int) -> None: ...
    def other(ctx: object, dataset: int) -> None: ...

    name = define(one, form=ExportForm, takes="dataset", downloads=[CLEAN])
    with pytest.raises(ValueError, match=f"the download 'clean_enough' is one of '{name}' already"):
        define(other, form=ExportForm, takes="dataset", downloads=[CLEAN])
