"""The tables: a job and what belongs to it."""

from core.models.alarm import AlarmCount
from core.models.artifact import Artifact
from core.models.audit import AuditEntry
from core.models.dataset import Dataset, DatasetColumn
from core.models.end_signal import EndSignal
from core.models.event import JobEvent
from core.models.job import Job
from core.models.limits import Gate, LimitBucket, LimitChange
from core.models.log import JobLog
from core.models.mail import Mail
from core.models.periodic import PeriodicRun
from core.models.preferences import Preferences
from core.models.progress import JobProgress
from core.models.runs import RunSeconds
from core.models.schedule import Schedule, ScheduledRun
from core.models.share import ShareLink
from core.models.source import Source
from core.models.step import JobStep
from core.models.token import ApiToken
from core.models.webhook import Webhook, WebhookCall
from core.models.worker import Worker

__all__ = [
    "AlarmCount",
    "ApiToken",
    "Artifact",
    "AuditEntry",
    "Dataset",
    "DatasetColumn",
    "EndSignal",
    "Gate",
    "Job",
    "JobEvent",
    "JobLog",
    "JobProgress",
    "JobStep",
    "LimitBucket",
    "LimitChange",
    "Mail",
    "PeriodicRun",
    "Preferences",
    "RunSeconds",
    "Schedule",
    "ScheduledRun",
    "ShareLink",
    "Source",
    "Webhook",
    "WebhookCall",
    "Worker",
]
