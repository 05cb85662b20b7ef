"""Small parts of pages that templates ask for by name: icons, badges, the bell, addresses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.forms import BoundField
from django.http import QueryDict
from django.shortcuts import resolve_url
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import policy
from core.conf import conf
from core.models import Job
from frontend.accounts.theme import theme_of
from frontend.jobs.pages import notices as notice_list
from frontend.jobs.pages.job import BADGES, ICONS
from frontend.operate.pages.failed import COUNTED, failed_count
from frontend.site import zones
from frontend.site.icons import ICON_NAMES
from frontend.webhooks.pages import webhooks

register = template.Library()

#: The entry of the main navigation by the beginning of a URL name; all other pages belong to the desk.
_AREAS = (
    ("dataset_", "datasets"),
    ("schedule_", "schedules"),
    ("failed_", "failed"),
    ("limit", "limits"),
    ("workers", "workers"),
    ("mails", "mails"),
    ("audit_", "audit"),
    ("preferences", "preferences"),
    ("webhook_", "preferences"),
    ("password_change", "preferences"),
    ("token", "preferences"),
    ("api", "preferences"),
    ("notices", "notices"),
)


@register.simple_tag
def icon(name: str, css_class: str = "") -> SafeString:
    """Return the icon of this name, or `play`. It is decoration: text stands beside it."""
    symbol = name if name in ICON_NAMES else "play"
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="#icon-{}"></use></svg>',
        f" {css_class}" if css_class else "",
        symbol,
    )


@register.simple_tag
def state_icon(state: str) -> SafeString:
    """Return the icon of a state, of a stage's state or of a kind of event."""
    return icon(ICONS.get(state, "circle"))


@register.inclusion_tag("headway/_job_state.html")
def job_state(job: Job, *, is_in_list: bool = False) -> dict[str, Any]:
    """Show the state of the job: text, icon and colour; in a list with short words."""
    text = BADGES.get(job.outcome, job.outcome_words) if is_in_list else job.outcome_words
    return {"state": job.outcome, "text": text, "words": job.outcome_words}


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """Return the theme this person chose; `auto` follows the system."""
    request = context.get("request")
    return theme_of(request) if request else "auto"


@register.inclusion_tag("headway/_bell.html", takes_context=True)
def bell(context: Context) -> dict[str, Any]:
    """Show how many notices are unread; a page that has just counted them passes `unread_notices`."""
    unread = context.get("unread_notices")
    return {"unread": notice_list.unread_count(context["user"]) if unread is None else unread}


@register.inclusion_tag("headway/_webhooks.html", takes_context=True)
def own_webhooks(context: Context) -> dict[str, Any]:
    """Show the person's webhooks as a section of their settings."""
    return {"rows": webhooks.rows_of(context["user"])}


@register.simple_tag(takes_context=True)
def notifies_by_browser(context: Context) -> bool:
    """Return whether the person wishes notifications of the browser when watched jobs end."""
    return zones.preferences_of(context.get("user")).browser_notices


@register.simple_tag
def has_accounts() -> bool:
    """Return whether this site has Headway's own pages of accounts."""
    return conf.ACCOUNTS


@register.simple_tag
def login_address(after: str = "") -> str:
    """Return the site's page for logging in, which leads back to this one."""
    address = resolve_url(settings.LOGIN_URL)
    return f"{address}?{urlencode({'next': after}, safe='/')}" if after else address


@register.simple_tag
def account_control(field: BoundField) -> SafeString:
    """Return a field's control, tied to its help and to the place of its errors."""
    described = [f"{field.auto_id}_error", *([f"{field.auto_id}_help"] if field.help_text else [])]
    attrs: dict[str, str | bool] = {"aria-describedby": " ".join(described)}
    if field.errors:
        attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.simple_tag(takes_context=True)
def query_with(context: Context, **changes: Any) -> str:
    """Return the page's query with these changes; an empty value takes a name away."""
    query: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.filter
def operates(user: Any) -> bool:
    """Return whether this person looks after the site."""
    return policy.operates(user)


@register.filter
def changeable_by(thing: Any, user: Any) -> bool:
    """Return whether this person may act on a job, dataset or schedule that they see."""
    return policy.may_change(user, thing)


@register.filter
def is_required(field: BoundField) -> bool:
    return field.field.required


@register.filter
def unlocalised(number: float) -> str:
    """Return a number as an SVG attribute takes it, whatever the language."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


@register.simple_tag(takes_context=True)
def area(context: Context) -> str:
    """Return the entry of the main navigation that the page belongs to; empty for pages of no part."""
    request = context.get("request")
    match = request.resolver_match if request else None
    if match is None or not match.url_name:
        return ""
    return next((area for begin, area in _AREAS if match.url_name.startswith(begin)), "desk")


@register.simple_tag(takes_context=True)
def failed_jobs(context: Context) -> str:
    """Return how many failed jobs this person may see, for the main navigation; empty for none."""
    user = context.get("user")
    count = failed_count(user) if user is not None else 0
    return f"{COUNTED - 1:,}+" if count >= COUNTED else f"{count:,}" if count else ""
