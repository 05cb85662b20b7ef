"""Links to files: signed, for some days."""

import pytest

from core.files.links import BadLink, ExpiredLink, artifact_of, link_to
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def token_of(link: str) -> str:
    assert link.startswith("http://127.0.0.1:8000/shared/")
    return link.removesuffix("/").rpartition("/")[2]


def test_a_link_names_its_file_until_its_days_are_over(clock: Clock) -> None:
    token = token_of(link_to(7))
    assert artifact_of(token) == 7
    clock.advance(14 * 86_400 - 5)
    assert artifact_of(token) == 7
    clock.advance(10)
    with pytest.raises(ExpiredLink):
        artifact_of(token)


def test_a_link_may_have_days_of_its_own(clock: Clock) -> None:
    token = token_of(link_to(7, days=1))
    clock.advance(86_401)
    with pytest.raises(ExpiredLink):
        artifact_of(token)


def test_no_character_of_a_link_can_be_changed(clock: Clock) -> None:
    token = token_of(link_to(7))
    for place, mark in enumerate(token):
        other = "8" if mark == "7" else "7"
        with pytest.raises(BadLink):
            artifact_of(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "token", ["", ".", "7", "7-99999999999", "7-99999999999.", "é.é", "../../etc/passwd", "7-" * 99]
)
def test_what_is_no_link_is_none(token: str) -> None:
    with pytest.raises(BadLink):
        artifact_of(token)


def test_another_signature_of_the_site_is_no_link() -> None:
    from django.core.signing import Signer

    with pytest.raises(BadLink):
        artifact_of(Signer(sep=".", salt="headway.upload").sign("7-99999999999"))
