"""The fetching part of the job: each address is a step of its own, so that none is fetched twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actors.fetching.addresses import Address, read_address
from actors.fetching.errors import Unfetchable, WaitRequested
from actors.fetching.fetching import Fetched, Wanted
from actors.fetching.many import Failure, fetch_many
from actors.fetching.partial import Partial
from actors.fetching.policy import Policy
from actors.imports.options import Options
from core.attempt.context import JobContext
from core.database.jsontext import typed
from core.errors import RetryAfter
from core.files import storage
from core.models import JobStep

from . import sources
from .results import Collected, StoredFile, Unchanged

_STEP = "fetch-"
_FOLDER = "fetch"


def fingerprint_of(url: str, options: Options) -> str:
    """Return what makes a source: the address, and what is made of it."""
    return options.fingerprint(f"url:{url}")


def collected(job_id: int) -> dict[int, Collected]:
    """Return what a job has fetched already, by the number of its address."""
    steps = JobStep.objects.filter(job_id=job_id, key__startswith=_STEP).values_list("key", "result")
    return {int(key.removeprefix(_STEP)): typed(result, Collected, what="What was fetched") for key, result in steps}


def collect(
    ctx: JobContext, urls: Mapping[int, str], options: Options
) -> tuple[dict[int, Collected], dict[int, Failure]]:
    """Fetch the addresses not fetched yet. Return the collected files and, for the others, the failures.

    Raise RetryAfter, once the others are here, if a server asks for a long wait.
    """
    here = {number: result for number, result in collected(ctx.job_id).items() if number in urls}
    policy = Policy.from_settings()
    earlier = _earlier_folders(ctx)
    failures: dict[int, Failure] = {}
    wanted: list[Wanted] = []
    previous: dict[int, sources.PreviousFetch] = {}
    for number, url in sorted(urls.items()):
        if number in here:
            continue
        try:
            # Read anew: what may be fetched can have changed since the form was sent.
            address = read_address(url, policy)
        except Unfetchable as error:
            failures[number] = error
            continue
        source = None if options.import_again else sources.find(ctx, fingerprint_of(url, options))
        if source is not None:
            previous[number] = source
        wanted.append(_wanted(ctx, number, address, source, earlier))

    def keep(file: Wanted, fetched: Fetched | None) -> None:
        number = int(file.key)
        here[number] = ctx.step(
            f"{_STEP}{number}",
            _result,
            ctx,
            fingerprint_of(urls[number], options),
            previous.get(number),
            fetched,
            atomic=True,
            returns=Collected,
            title=f"Fetch {(fetched.name if fetched else file.address.file_name) or file.address.host}"[:200],
        )

    if wanted:
        failed = fetch_many(ctx, wanted, policy=policy, on_fetched=keep)
        failures |= {int(key): error for key, error in failed.items()}
    waits = [error for error in failures.values() if isinstance(error, WaitRequested)]
    if waits:
        longest = max(waits, key=lambda error: error.seconds)
        raise RetryAfter(longest.seconds, reason=str(longest))
    return here, failures


def _wanted(
    ctx: JobContext, number: int, address: Address, source: sources.PreviousFetch | None, earlier: list[Path]
) -> Wanted:
    partial = Partial(ctx.folder / _FOLDER, str(number), url=str(address))
    partial.take_over(earlier, ctx.check)
    return Wanted(
        key=str(number),
        address=address,
        partial=partial,
        etag=source.etag if source else "",
        last_modified=source.last_modified if source else "",
    )


def _result(
    ctx: JobContext, fingerprint: str, previous: sources.PreviousFetch | None, fetched: Fetched | None
) -> Collected:
    if previous is not None and (fetched is None or fetched.sha256 == previous.sha256):
        if fetched is not None:
            sources.confirm(ctx, fingerprint, etag=fetched.etag, last_modified=fetched.last_modified)
        return Collected(unchanged=Unchanged(dataset=previous.dataset, rows=previous.rows, since=previous.since))
    assert fetched is not None  # noqa: S101 - only a previous fetch can be unchanged
    return Collected(
        fetched=StoredFile(
            file=ctx.key(fetched.path),
            name=fetched.name,
            bytes=fetched.size,
            sha256=fetched.sha256,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            charset=fetched.charset,
        )
    )


def _earlier_folders(ctx: JobContext) -> list[Path]:
    """The folders of the attempts before this one, the newest first."""
    folder = storage.job_folder(ctx.job_id)
    fences = [int(each.name) for each in folder.iterdir() if each.name.isdigit()] if folder.is_dir() else []
    return [folder / str(fence) / _FOLDER for fence in sorted(fences, reverse=True) if fence < ctx.fence]
