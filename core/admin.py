"""Django's admin for operators: everything can be looked at, and what is changed goes through the same transitions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core import pipelines
from core.conf import conf
from core.errors import Refused
from core.forms.words import in_words, parameters_in_words
from core.life import requests
from core.models import (
    Artifact,
    AuditEntry,
    Dataset,
    DatasetColumn,
    Job,
    JobEvent,
    JobProgress,
    JobStep,
    Mail,
    Schedule,
)
from core.people.users import owner_lookup


class ReadOnly(admin.options.BaseModelAdmin):
    """A read-only page: saving a row from it would overwrite what a worker wrote meanwhile."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Never by itself: with its owner, on that one's pages, where the site says so.
        page = (request.resolver_match and request.resolver_match.url_name) or ""
        return conf.OWNER_DELETED == "delete" and page != "" and not page.startswith(f"{self.opts.app_label}_")


class EventInline(ReadOnly, admin.TabularInline):
    model = JobEvent
    fields = ("at", "kind", "attempt", "worker", "text", "detail")
    extra = 0


class StepInline(ReadOnly, admin.TabularInline):
    model = JobStep
    fields = ("key", "title", "attempt", "seconds", "children", "completed_at", "result")
    extra = 0


class ArtifactInline(ReadOnly, admin.TabularInline):
    model = Artifact
    fields = ("kind", "name", "size", "sha256", "path", "created_at")
    extra = 0


class ProgressInline(ReadOnly, admin.StackedInline):
    model = JobProgress
    fields = ("done", "total", "unit", "note", "rate", "updated_at", "stages", "step")
    extra = 0


def _params_in_words(row: Job | Schedule) -> str:
    """Return a row's parameters as its page shows them, one a line; staff sees all of them but the secrets."""
    spec = pipelines.find(row.pipeline)
    params = row.params.get("item", {}) if isinstance(row, Job) and row.task else row.params
    if not isinstance(params, dict):
        return in_words(params)
    pairs = parameters_in_words(spec, params, viewer=User(is_staff=True))
    return "\n".join(f"{label}: {text}" for label, text in pairs)


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin):
    """Jobs, with cancel, retry and discard for the selected ones."""

    list_display = ("id", "pipeline", "title", "owner", "outcome", "attempt", "created_at", "finished_at", "error")
    list_filter = ("state", "pipeline", "queue", "depth")
    list_select_related = ("owner",)
    search_fields = ("id", "parent__id", "label", owner_lookup(), "error")
    # Counting millions of rows for a page of a hundred is not worth the wait.
    show_full_result_count = False
    ordering = ("-id",)
    inlines = (ProgressInline, StepInline, ArtifactInline, EventInline)
    exclude = ("params",)
    readonly_fields = ("parameters",)
    actions = ("cancel_selected", "retry_selected", "restart_selected", "discard_selected")

    @admin.display(description="parameters")
    def parameters(self, job: Job) -> str:
        return _params_in_words(job)

    @admin.display(description="state", ordering="state")
    def outcome(self, job: Job) -> str:
        return job.outcome_words

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the person may act on jobs: the right to change jobs, which no form here uses."""
        return request.user.has_perm("core.change_job")

    @admin.action(description="Cancel the selected jobs", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, requests.cancel, done="will end")

    @admin.action(description="Retry the selected jobs from their last completed step", permissions=["act"])
    def retry_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, requests.retry, done="queued again")

    @admin.action(description="Retry the selected jobs from the start", permissions=["act"])
    def restart_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, partial(requests.retry, from_start=True), done="queued again")

    @admin.action(description="Discard the selected failed jobs", permissions=["act"])
    def discard_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, requests.discard_failed, done="discarded")

    def _act(self, request: HttpRequest, jobs: QuerySet[Job], act: Callable[..., Any], *, done: str) -> None:
        accepted, refused = 0, []
        user: AbstractBaseUser | Any = request.user
        for job in jobs:
            try:
                act(job, by=user.get_username())
                accepted += 1
            except Refused as error:
                refused.append(str(error))
        if accepted:
            self.message_user(request, f"{accepted} {'job' if accepted == 1 else 'jobs'} {done}.", messages.SUCCESS)
        for sentence in refused[:5]:
            self.message_user(request, sentence, messages.WARNING)
        if len(refused) > 5:
            self.message_user(request, f"… and {len(refused) - 5} more were refused.", messages.WARNING)


class ColumnInline(ReadOnly, admin.TabularInline):
    model = DatasetColumn
    fields = ("position", "name", "type", "nulls", "distinct")
    extra = 0
    max_num = 200


@admin.register(Dataset)
class DatasetAdmin(ReadOnly, admin.ModelAdmin):
    """Datasets, to look at."""

    list_display = ("id", "name", "owner", "rows", "rejected", "duplicates", "column_count", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", owner_lookup(), "source_name")
    show_full_result_count = False
    ordering = ("-id",)
    inlines = (ColumnInline,)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):
    """The audit trail, to look at."""

    list_display = ("id", "at", "who", "act", "job_id", "pipeline", "before", "after")
    list_filter = ("act",)
    search_fields = ("who", "job_id", "pipeline")
    show_full_result_count = False
    ordering = ("-id",)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly, admin.ModelAdmin):
    """Schedules, to look at; they are changed on their own pages."""

    list_display = ("id", "pipeline", "label", "owner", "cron", "zone", "is_on", "next_at", "note")
    list_filter = ("is_on", "pipeline")
    list_select_related = ("owner",)
    search_fields = ("label", "pipeline", owner_lookup(), "code_name")
    show_full_result_count = False
    ordering = ("-id",)
    exclude = ("params",)
    readonly_fields = ("parameters",)

    @admin.display(description="parameters")
    def parameters(self, schedule: Schedule) -> str:
        return _params_in_words(schedule)


@admin.register(Mail)
class MailAdmin(ReadOnly, admin.ModelAdmin):
    """Mails, to look at."""

    list_display = ("id", "kind", "to", "subject", "state", "answer", "job", "created_at", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("job",)
    search_fields = ("to", "subject", "message_id", "job__id")
    show_full_result_count = False
    ordering = ("-id",)
    fields = ("job", "kind", "to", "subject", "text", "attachments", "message_id", "state", "answer")
