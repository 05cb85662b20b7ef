"""The life of a regular report, told once.

1. fetch: the address is fetched and imported as a dataset, by the rules and options of its model dataset.
2. check: the new dataset's columns, rows and rejects are compared with what is expected.
3. pdf: it is set as a PDF.
4. mail: each person gets a mail with the PDF and a link to it.

Each is a pipeline of its own, or a step, so that a crash repeats none that is done, and a failure names its step.
"""

from __future__ import annotations

from typing import Any

from core import pipelines
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.life.fan_out import ChildResult
from core.models import Artifact, Dataset, Job
from core.models.states import State
from core.pipelines import pipeline

from .forms import ReportForm

#: What of a form the fetch takes from this job and not from the job that made the dataset.
_OWN = frozenset(("urls", "name", "file", "import_again", "fetch_again"))
#: What the PDF takes over from this form.
_PDF = ("filters", "sort", "row_limit", "group_by")
#: A type that holds whatever another one does.
_WIDER = {("integer", "decimal"), ("integer", "float"), ("decimal", "float")}
#: Columns that one sentence names.
_NAMED = 5


@pipeline(
    title="Regular report",
    description="Fetches fresh data, checks it, makes a PDF of it, and mails that to people.",
    form=ReportForm,
    icon="mail",
    takes="dataset",
)
def report(ctx: JobContext, *, dataset: int, url: str, recipients: list[str], **params: Any) -> dict[str, Any]:
    model = Dataset.objects.filter(pk=dataset, owner_id=ctx.owner_id).first()
    if model is None:
        raise PermanentError("Fetch the data: the dataset that it is to be like is no longer there. Choose another.")
    title = params.get("title") or model.name
    fetched = _run(ctx, "fetch", "Fetch the data", "url_import", _import_params(model, url))
    facts: list[list[Any]] = [["Fetched from", url]]
    if params.get("only_changed") and _was_reported(ctx, fetched.result, url, recipients):
        headline = "The data has not changed since the last report: no mail was sent"
        return {"headline": headline, "facts": facts, "dataset": fetched.result["dataset"]}
    checked = ctx.step("check", _check, fetched.result.get("dataset"), model, params, title="Check it")
    chosen = {name: params[name] for name in _PDF if params.get(name)}
    made = _run(ctx, "pdf", "Make the PDF", "pdf_export", {"dataset": checked["dataset"], "title": title, **chosen})
    artifact = _show(ctx, made.job_id)
    facts += [["Rows", checked["rows"]], *made.result["facts"][:1]]
    context = {
        "title": title,
        "facts": facts[1:],
        "message": params.get("message") or "",
        "url": url,
        "dataset": checked["dataset"],
        "job": ctx.job_id,
    }
    items = [{"kind": "report", "to": to, "context": context, "attachments": [artifact]} for to in recipients]
    mailed = ctx.fan_out("mail", pipelines.get("mail").run, items, title="Mail it", unit="mails").values()
    return {**_mailed(mailed), "facts": facts, "dataset": checked["dataset"]}


def _mailed(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the results of the mails mean for the report: a mail that was not sent warns."""
    people = "1 person" if len(results) == 1 else f"{len(results)} people"
    warnings = [result["warning"] for result in results if result.get("warning")]
    if warnings:
        return {"headline": f"Made, but not mailed to {people}", "warning": warnings[0]}
    return {"headline": f"Mailed to {people}"}


def _run(ctx: JobContext, key: str, title: str, name: str, params: dict[str, Any]) -> ChildResult:
    """Run a whole pipeline as the one part of this step; raise PermanentError, with the step's name, when it fails."""
    parts = ctx.fan_out(key, pipelines.get(name).run, [params], title=title)
    if not parts[0].succeeded:
        raise PermanentError(f"{title}: {parts[0].error or f'it was {parts[0].state}'}")
    return parts[0]


def _was_reported(ctx: JobContext, fetched: dict[str, Any], url: str, recipients: list[str]) -> bool:
    """Whether these people have this data already: a report that failed, or an import by hand, brought it to nobody."""
    if not fetched.get("unchanged"):
        return False
    before = Job.objects.filter(owner_id=ctx.owner_id, pipeline="report", state=State.SUCCEEDED)
    before = before.filter(params__url=url, result__dataset=fetched["dataset"])
    return any(set(recipients) <= set(job.params["recipients"]) for job in before.only("params"))


def _import_params(model: Dataset, url: str) -> dict[str, Any]:
    """Return the parameters of the fetch: read as the job read that made the dataset."""
    job = model.job.parent or model.job
    form_fields = set(pipelines.get("url_import").form.base_fields) - _OWN
    options = {name: value for name, value in job.params.items() if name in form_fields}
    # Read as that dataset was, by its types too: on the first days of a month no date says which part is the day.
    return {**options, "urls": [url], "name": model.name, "model": model.pk}


def _check(dataset: int | None, model: Dataset, params: dict[str, Any]) -> dict[str, Any]:
    imported = Dataset.objects.filter(pk=dataset or 0).first()
    if imported is None:
        raise PermanentError("Check it: the fetch made no dataset.")
    expected = params.get("expected") or "same"
    if expected != "any":
        _check_columns(imported, model, is_strict=expected == "same")
    least = params.get("least_rows")
    if least is not None and imported.rows < least:
        raise PermanentError(f"Check it: {imported.rows:,} rows came, and at least {least:,} are asked for.")
    most = params.get("most_rejected_percent")
    share = 100 * imported.rejected / imported.records if imported.records else 0.0
    if most is not None and share > most:
        raise PermanentError(
            f"Check it: {imported.rejected:,} of {imported.records:,} rows were rejected ({share:.1f} %), and at most "
            f"{most:g} % are allowed. The rejected rows are on the dataset's page."
        )
    return {"dataset": imported.pk, "rows": imported.rows}


def _check_columns(imported: Dataset, model: Dataset, *, is_strict: bool) -> None:
    wanted, came = _types(model), _types(imported)
    missing = [name for name in wanted if name not in came]
    extra = [name for name in came if name not in wanted] if is_strict else []
    # Without a row nothing says of which type a column is.
    has_types = is_strict and imported.rows > 0
    other = [
        f"{name} (now {came[name]}, was {kind})"
        for name, kind in wanted.items()
        if has_types and name in came and came[name] != kind and (came[name], kind) not in _WIDER
    ]
    differences = [
        f"{what} {', '.join(names[:_NAMED])}{' …' if len(names) > _NAMED else ''}"
        for what, names in (("missing:", missing), ("not expected:", extra), ("of another type:", other))
        if names
    ]
    if differences:
        raise PermanentError(f"Check it: the columns are not those of {model.name}; {'; '.join(differences)}.")


def _types(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.columns.order_by("position").values_list("name", "type"))


def _show(ctx: JobContext, job_id: int) -> int:
    """Put the PDF on this job's page and return its artifact."""
    made = Artifact.objects.get(job_id=job_id, kind=Artifact.Kind.OUTPUT, field="pdf")
    return ctx.add_artifact(
        made.local_path,
        name=made.name,
        title=made.title,
        content_type=made.content_type,
        field="pdf",
        preview=ctx.resolve(made.preview_path) if made.preview_path else None,
    )
