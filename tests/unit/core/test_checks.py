"""What `manage.py check` says of a policy that can't be used."""

from __future__ import annotations

import pytest

from core.checks import check_policy
from tests.configuration import OwnConf


def test_the_policy_that_comes_with_headway_is_right() -> None:
    assert check_policy() == []


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("shop.rules.Colleagues", "which can't be imported: No module named 'shop'"),
        ("core.policy.Polcy", 'which can\'t be imported: Module "core.policy" does not define a "Polcy"'),
        ("core.policy.visible", "which is no subclass of core.policy.Policy."),
        ("core.models.Job", "which is no subclass of core.policy.Policy."),
    ],
)
def test_a_policy_that_cannot_be_used_is_named(conf: OwnConf, policy: str, reason: str) -> None:
    conf.POLICY = policy
    (fault,) = check_policy()
    assert fault.id == "headway.E001"
    assert fault.msg.startswith(f"POLICY is {policy!r}, {reason}")
