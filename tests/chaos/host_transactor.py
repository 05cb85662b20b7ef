"""A host's code: each transaction writes a row of its own and submits a job about it. Some are taken back, or killed.

A line in, `key fate`; a line out when it is over, `key job-id`, or `key -` when it was taken back. The fate `die` ends
the process between the submit and the commit, without an answer.
"""

import os
import signal
import sys

import django


def main(pipeline: str, owner: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    django.setup()
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.db import transaction

    from core.jobs import submit

    user = get_user_model()._default_manager.get_by_natural_key(owner)
    for line in sys.stdin:
        key, fate = line.split()
        answer = "-"
        with transaction.atomic():
            group = Group.objects.create(name=key)
            job = submit(pipeline, owner=user, params={"seconds": 0.01}, key=key, subject=group)
            if fate == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif fate == "back":
                transaction.set_rollback(True)
            else:
                answer = str(job.pk)
        print(key, answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
