"""Submits in bulk: a line of JSON in, {key: parameters}; a line out, the jobs' ids in that order."""

import json
import os
import sys

import django


def main(pipeline: str, owner: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    django.setup()
    from django.contrib.auth import get_user_model

    from core.life.submission import Order, submit_many

    owner_id = get_user_model()._default_manager.get_by_natural_key(owner).pk
    for line in sys.stdin:
        orders = [Order(params=params, key=key) for key, params in json.loads(line).items()]
        print(json.dumps(submit_many(pipeline, orders, owner_id=owner_id)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
