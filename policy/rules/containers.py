"""Containers: which image runs, what it may do to its host and itself, and what it is told."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pulumi_policy import Policy

from rules.rule import Resource, rule
from rules.values import is_known, is_or_may_be, objects

_TYPES = ("aws:ecs/taskDefinition:TaskDefinition",)
_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

# The last words of a name say what it holds: DB_PASSWORD is one, PASSWORD_FILE and TOKEN_URL only lead to one.
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PWD|PASSPHRASE|SECRETS?|TOKEN|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|AUTH)_?KEY(?:_ID)?)$"
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
# An access key, a private key, or a URL with a password in it, whatever the variable's name is.
_SECRET_VALUE = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@")
# Where a secret is, or whether there is one.
_NOT_SECRET_VALUE = re.compile(r"|arn:.*|/.*|true|false|yes|no|on|off|none", re.IGNORECASE | re.DOTALL)

Container = Mapping[str, Any]


def _rule_for_containers(name: str, why: str, check: Callable[[Container], Iterable[str]]) -> Policy:
    def each(resource: Resource) -> Iterator[str]:
        for number, container in enumerate(_containers(resource.inputs.get("containerDefinitions")), start=1):
            label = container.get("name")
            label = label if isinstance(label, str) else f"number {number}"
            yield from (f"container {label} {violation}" for violation in check(container))

    return rule(name, why, each, types=_TYPES)


def _containers(definitions: Any) -> list[dict[str, Any]]:
    """There are none in what is not known yet, or not JSON; the provider refuses the latter."""
    if isinstance(definitions, str):
        try:
            definitions = json.loads(definitions)
        except ValueError:
            return []
    return [_in_lower_case(container) for container in objects(definitions)]


def _in_lower_case(keyed: Mapping[str, Any]) -> dict[str, Any]:
    """Its keys, since the provider decodes them with Go's encoding/json, which takes them in any case."""
    return {key.lower(): value for key, value in keyed.items()}


def _moving_image(container: Container) -> Iterator[str]:
    image = container.get("image")
    if is_known(image) and not _DIGEST.fullmatch(str(image)):
        yield f"runs {image}: give its digest, as repository@sha256:..., such as a docker.Image's repo_digest"


def _writable_root(container: Container) -> Iterator[str]:
    if not is_or_may_be(container.get("readonlyrootfilesystem"), True):
        yield "can write to its root file system: set readonlyRootFilesystem, and mount a volume where it must write"


def _powerful(container: Container) -> Iterator[str]:
    if not is_or_may_be(container.get("privileged"), None, False):
        yield "is privileged, which makes it root on its host: remove privileged"
    user = container.get("user")
    if is_known(user) and str(user or "root").partition(":")[0] in ("root", "0"):
        user_here = f"root (user {user})" if user else "the user of its image, which may be root"
        yield f"runs as {user_here}: set user to a number above 0, such as 10001"


def _spelled_out_secrets(container: Container) -> Iterator[str]:
    for variable in map(_in_lower_case, objects(container.get("environment"))):
        name, value = variable.get("name"), variable.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or _NOT_SECRET_VALUE.fullmatch(value):
            continue
        if _SECRET_NAME.search("_".join(_WORDS.split(name)).upper()) or _SECRET_VALUE.search(value):
            yield (
                f"is given {name} in plain text, which the console and all that may describe the task definition"
                " see: put it into Secrets Manager or Parameter Store and name it under secrets, with valueFrom"
            )


POLICIES = [
    _rule_for_containers(
        "containers-run-images-by-digest",
        "A tag can be moved: another image would run without an update, and a rollback would not bring the old one.",
        _moving_image,
    ),
    _rule_for_containers(
        "containers-have-read-only-root",
        "An attacker in a program should not be able to change it or leave anything behind.",
        _writable_root,
    ),
    _rule_for_containers(
        "containers-run-without-privileges",
        "An attacker in a program should not become root.",
        _powerful,
    ),
    _rule_for_containers(
        "containers-are-told-no-secrets",
        "A task definition's environment is neither encrypted nor ever deleted.",
        _spelled_out_secrets,
    ),
]
