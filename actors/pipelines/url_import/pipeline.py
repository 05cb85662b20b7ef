"""The life of an import from the web, told once.

1. fetch: all addresses at once, a few for each host; each that has come is a step. For an address fetched
   before, the server is asked whether it has changed.
2. import: each file that is new becomes a dataset, in a child job, by the steps of every import. A file that could not
   be fetched, while others could, has its child too: it fails with the reason, and fetches anew when a person tries
   the job again.
3. What did not change leads to the dataset that exists. Failures are reported once the others are there.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from actors.fetching.addresses import read_address
from actors.fetching.errors import Unreachable
from actors.fetching.many import Failure
from actors.fetching.policy import Policy
from actors.imports.options import Options
from actors.imports.steps import import_table, name_of
from core import formatting, pipelines
from core.attempt.context import InputFile, JobContext
from core.database.jsontext import typed
from core.errors import PermanentError
from core.life.fan_out import Results
from core.models import Dataset, Job
from core.pipelines import pipeline

from . import sources
from .collect import collect, collected, fingerprint_of
from .forms import UrlImportForm
from .results import Collected, Part, Unchanged

_FAN_OUT = "import"
#: Reasons that the sentence about failed addresses names.
_NAMED = 3


@pipeline(
    title="Import from the web",
    description="Fetches CSV or text tables by their addresses, checks them, and makes datasets of them.",
    form=UrlImportForm,
    icon="globe",
    stages=(("fetch", "Fetch"), ("import", "Import")),
)
def url_import(ctx: JobContext, **params: Any) -> dict[str, Any]:
    urls = dict(enumerate(params["urls"], 1))
    options = Options.from_params(params)
    failures: dict[int, Failure] = {}
    if Job.objects.filter(parent_id=ctx.job_id, fan_key=_FAN_OUT).exists():
        # Every address was fetched already, or has its child.
        here = collected(ctx.job_id)
    else:
        ctx.stage("fetch")
        here, failures = collect(ctx, urls, options)
        _give_up(ctx, urls, here, failures)
        _show_files(ctx, here)
    ctx.stage("import")
    parts = _parts(urls, here, failures)
    results = ctx.fan_out(
        _FAN_OUT,
        import_one,
        # Without a file to import there are no children: the failures are in the answer below.
        [msgspec.to_builtins(part) for part in parts] if any(part.file for part in parts) else [],
        title="Import",
        queue="cpu",
    )
    reasons = {number: _in_words(error) for number, error in failures.items()}
    reasons |= {child.item["number"]: child.error or f"It was {child.state}." for child in results.failed}
    return _answer(urls, here, results, reasons, go_on=bool(params.get("go_on")))


def import_one(ctx: JobContext, item: dict[str, Any]) -> dict[str, Any]:
    """Make a dataset of one file: the child's part."""
    parent = Job.objects.only("params").get(children=ctx.job_id)
    options = Options.from_params(parent.params)
    part = typed(item, Part, what="What the part was given")
    if part.file:
        result = collected(parent.pk)[part.number]
    else:
        # Fetched in vain by its parent; a person's retry is worth another try.
        if ctx.attempt == 1:
            raise PermanentError(part.error)
        here, failures = collect(ctx, {part.number: part.url}, options)
        for error in failures.values():
            raise error
        result = here[part.number]
        if result.unchanged:
            return _unchanged(result.unchanged)
    fetched = result.fetched
    assert fetched is not None  # noqa: S101 - what is not unchanged was fetched
    path = ctx.resolve(fetched.file)
    if not path.is_file():
        raise PermanentError(f"The file {fetched.name} is no longer kept; run the job again from the start.")
    source = InputFile(path=path, name=fetched.name, size=fetched.bytes, sha256=fetched.sha256)
    fingerprint = fingerprint_of(part.url, options)
    if options.model is None:
        options = options.like_dataset(sources.model_for(ctx, fingerprint, parent.pk))
    if options.name and len(parent.params["urls"]) > 1:
        # The given name is the same for all; each file's own name distinguishes them.
        options = options.named(f"{options.name} · {name_of(source.name)}")
    made = import_table(
        ctx,
        source,
        options,
        also=partial(sources.remember, ctx, fingerprint, part.url, fetched),
        unpacked_limit_bytes=Policy.from_settings().limit_bytes,
        charset=fetched.charset,
    )
    is_new = Dataset.objects.filter(pk=made["dataset"], job_id=ctx.job_id).exists()
    return made if is_new else {**made, "unchanged": True}


def _give_up(ctx: JobContext, urls: dict[int, str], here: dict[int, Collected], failures: dict[int, Failure]) -> None:
    """Raise when the job has nothing to go on with, or when trying again is worth it."""
    for error in failures.values():
        is_worth_it = isinstance(error, Unreachable) and ctx.attempt < pipelines.get("url_import").max_attempts
        if len(urls) == 1 or is_worth_it:
            raise error
    if failures and not here:
        raise PermanentError(_failures_in_words(urls, {number: str(error) for number, error in failures.items()}))


def _parts(urls: dict[int, str], here: dict[int, Collected], failures: dict[int, Failure]) -> list[Part]:
    """What the children are given; the rest is in the steps of their parent."""
    parts = []
    for number, url in urls.items():
        if fetched := here.get(number, Collected()).fetched:
            parts.append(Part(number=number, url=url, file=fetched.file, name=fetched.name))
        elif number in failures:
            parts.append(Part(number=number, url=url, error=_in_words(failures[number])))
    return parts


def _show_files(ctx: JobContext, here: dict[int, Collected]) -> None:
    """Put the files as they were fetched on the job's page."""
    for number, result in sorted(here.items()):
        if fetched := result.fetched:
            path = ctx.resolve(fetched.file)
            if path.is_file():
                ctx.add_artifact(path, name=fetched.name, title="As it was fetched", field=f"fetched-{number}")


def _answer(
    urls: dict[int, str],
    here: dict[int, Collected],
    results: Results,
    reasons: dict[int, str],
    *,
    go_on: bool,
) -> dict[str, Any]:
    made = {child.item["number"]: child.result for child in results if child.succeeded}
    made |= {number: _unchanged(each.unchanged) for number, each in here.items() if each.unchanged}
    if reasons and len(urls) == 1:
        raise PermanentError(next(iter(reasons.values())))
    if reasons and not (go_on and made):
        left = f" The other {len(made)} are in your datasets." if made else ""
        raise PermanentError(_failures_in_words(urls, reasons) + left)
    if len(urls) == 1:
        answer: dict[str, Any] = next(iter(made.values()))
        if fetched := here.get(1, Collected()).fetched:
            answer = {**answer, "facts": [["Fetched", formatting.size(fetched.bytes)], *answer["facts"]]}
        return answer
    datasets = list(dict.fromkeys(made[number]["dataset"] for number in sorted(made)))
    unchanged = sum(1 for each in made.values() if each.get("unchanged"))
    headline = f"{len(made) - unchanged} of {len(urls)} files imported"
    if unchanged:
        headline += f", {unchanged} unchanged"
    size = sum(each.fetched.bytes for each in here.values() if each.fetched)
    facts: list[list[Any]] = [
        ["Fetched", formatting.size(size)],
        ["Rows", sum(Dataset.objects.filter(pk__in=datasets).values_list("rows", flat=True))],
        ["Rejected", sum(Dataset.objects.filter(pk__in=datasets).values_list("rejected", flat=True))],
    ]
    if reasons:
        headline += f", {len(reasons)} failed"
        facts.append(["Failed", _failures_in_words(urls, reasons)])
    answer = {"headline": headline, "facts": facts, "datasets": datasets}
    warned = [each["warning"] for each in made.values() if each.get("warning")]
    if reasons or warned:
        failed = [f"{len(reasons)} of {len(urls)} addresses failed."] if reasons else []
        more = [f"And {len(warned) - _NAMED} more with warnings."] if len(warned) > _NAMED else []
        answer["warning"] = " ".join([*failed, *warned[:_NAMED], *more])
    return answer


def _unchanged(previous: Unchanged) -> dict[str, Any]:
    return {
        "headline": f"Unchanged since {previous.since}",
        "facts": [["Rows", previous.rows]],
        "dataset": previous.dataset,
        "unchanged": True,
    }


def _failures_in_words(urls: dict[int, str], reasons: dict[int, str]) -> str:
    """Name what failed: the first few with their reasons."""
    policy = Policy.from_settings()
    named = []
    for number, reason in sorted(reasons.items())[:_NAMED]:
        try:
            address = read_address(urls[number], policy).label
        except PermanentError:
            address = f"Address {number}"
        named.append(reason if address in reason else f"{address}: {reason}")
    more = f" And {len(reasons) - _NAMED} more." if len(reasons) > _NAMED else ""
    verb = "was" if len(reasons) == 1 else "were"
    return f"{len(reasons)} of {len(urls)} addresses {verb} not imported. " + " ".join(named) + more


def _in_words(error: Failure) -> str:
    return str(error)
