"""What `manage.py check`, `migrate` and `up` find wrong with how a site has set Headway up."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from core.conf import conf
from core.policy import Policy


def check_policy(**_: Any) -> list[CheckMessage]:
    """The setting POLICY names a policy that can be imported."""
    try:
        policy = import_string(conf.POLICY)
    except ImportError as error:
        return [Error(f"POLICY is {conf.POLICY!r}, which can't be imported: {error}", id="headway.E001")]
    if not (isinstance(policy, type) and issubclass(policy, Policy)):
        return [Error(f"POLICY is {conf.POLICY!r}, which is no subclass of core.policy.Policy.", id="headway.E001")]
    return []
