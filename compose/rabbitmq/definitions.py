"""RabbitMQ's definitions with the passwords of the environment as hashes: `python definitions.py OUTPUT`.

Uses the standard library only. The file written holds salted hashes, no password.
"""

import base64
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("definitions.template.json")


def hash_password(password: str, *, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256: base64 of the four salt bytes and of the digest of salt and password."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def render_definitions(environment: Mapping[str, str]) -> dict[str, Any]:
    """The definitions to load. Raises KeyError with the name of a password that is not set."""
    definitions: dict[str, Any] = json.loads(TEMPLATE.read_text())
    for user in definitions["users"]:
        name = user.pop("password_from")
        if not environment.get(name):
            raise KeyError(name)
        user["password_hash"] = hash_password(environment[name], salt=os.urandom(4))
        user["hashing_algorithm"] = "rabbit_password_hashing_sha256"
    return definitions


def main(output: Path) -> int:
    try:
        definitions = render_definitions(os.environ)
    except KeyError as missing:
        sys.stderr.write(f"{missing.args[0]} is not set: RabbitMQ's users cannot be made. See compose/.env.example\n")
        return 2
    draft = output.with_suffix(".draft")
    draft.write_text(json.dumps(definitions, indent=2))
    # RabbitMQ runs as another user; what it reads are hashes.
    draft.chmod(0o644)
    draft.replace(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
