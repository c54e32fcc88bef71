"""Containers: their images, their rights, and the secrets in their definitions."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pulumi_policy import Policy

from rules.rule import Resource, rule
from rules.secrets import is_secret, secrets_of_command
from rules.values import inside, is_known, is_or_may_be, objects, texts

_TYPES = ("aws:ecs/taskDefinition:TaskDefinition",)
_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

# A number above 0, or a name. Other forms that a runtime may read as 0 (00, +0) are neither.
_USER = re.compile(r"(?!root$|toor$)(?:[1-9][0-9]{0,9}|[a-z_][a-z0-9_.-]*)", re.IGNORECASE | re.ASCII)
_HARMLESS_SECURITY_OPTION = re.compile(r"no-new-privileges([:=]true)?|credentialspec.*")

Container = Mapping[str, Any]


def _rule_for_containers(name: str, why: str, check: Callable[[Container], Iterable[str]]) -> Policy:
    def each(resource: Resource) -> Iterator[str]:
        for number, container in enumerate(_containers(resource.inputs.get("containerDefinitions")), start=1):
            label = container.get("name")
            label = label if isinstance(label, str) else f"number {number}"
            yield from (f"container {label} {violation}" for violation in check(container))

    return rule(name, why, each, types=_TYPES)


def _containers(definitions: Any) -> list[dict[str, Any]]:
    """The containers; none if the definitions are not known yet, or not JSON, which the provider refuses."""
    if isinstance(definitions, str):
        try:
            definitions = json.loads(definitions)
        except ValueError:
            return []
    return [_in_lower_case(container) for container in objects(definitions)]


def _in_lower_case(keyed: Mapping[str, Any]) -> dict[str, Any]:
    """`keyed` with lower-case keys, since the provider decodes them with Go's encoding/json, which ignores case.

    Go folds case by Unicode's rules, so that the long s, U+017F, is an s.
    """
    return {key.casefold(): value for key, value in keyed.items()}


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
    if is_known(user) and not _USER.fullmatch(str(user or "root").partition(":")[0]):
        user_here = f"root (user {user})" if user else "the user of its image, which may be root"
        yield f"runs as {user_here}: set user to a number above 0, such as 10001"
    for linux in map(_in_lower_case, objects(container.get("linuxparameters"))):
        for capabilities in map(_in_lower_case, objects(linux.get("capabilities"))):
            if texts(capabilities.get("add")):
                yield f"is given {', '.join(texts(capabilities['add']))}: remove these capabilities"
        if objects(linux.get("devices")):
            yield "reaches devices of its host: remove devices"
    for option in texts(container.get("dockersecurityoptions")):
        if not _HARMLESS_SECURITY_OPTION.fullmatch(option):
            yield f"weakens its isolation by {option}: remove it from dockerSecurityOptions"


def _part_of_host(resource: Resource) -> Iterator[str]:
    for key in ("pidMode", "ipcMode", "networkMode"):
        if resource.inputs.get(key) == "host":
            yield f"shares its host's {key.removesuffix('Mode')} namespace: remove {key}, or for networkMode set awsvpc"
    for volume in objects(resource.inputs.get("volumes")):
        paths = [volume.get("hostPath"), inside(volume, "dockerVolumeConfiguration", "driverOpts", "device")]
        for path in texts(paths):
            if path:
                yield f"mounts {path} of its host: use a volume without a path, or EFS"


def _plain_text_secrets(container: Container) -> Iterator[str]:
    for where, name in _secrets(container):
        yield (
            f"is given {name} in plain text in {where}, which the console and everybody who may describe the task"
            " definition see: put it into Secrets Manager or Parameter Store and name it under secrets, with valueFrom;"
            " if the variable holds only the name of a secret, let its own name end in _NAME"
        )


def _secrets(container: Container) -> Iterator[tuple[str, str]]:
    """The place and the name of each secret, never its value."""
    for variable in map(_in_lower_case, objects(container.get("environment"))):
        name, value = variable.get("name"), variable.get("value")
        if isinstance(name, str) and isinstance(value, str) and is_secret(name, value):
            yield "environment", name
    commands = [(key, container.get(key.lower())) for key in ("entryPoint", "command")]
    for health_check in map(_in_lower_case, objects(container.get("healthcheck"))):
        commands.append(("healthCheck", health_check.get("command")))
    for where, command in commands:
        yield from ((where, name) for name in secrets_of_command(texts(command)))
    labels = [("dockerLabels", objects(container.get("dockerlabels")))]
    for key in ("logConfiguration", "firelensConfiguration"):
        held = map(_in_lower_case, objects(container.get(key.lower())))
        labels.append((key, [options for each in held for options in objects(each.get("options"))]))
    for where, dictionaries in labels:
        for dictionary in dictionaries:
            for name, value in dictionary.items():
                if isinstance(value, str) and is_secret(name, value):
                    yield where, name


POLICIES = [
    _rule_for_containers(
        "containers-run-images-by-digest",
        "A tag can be moved: another image would run without an update, and a rollback would not restore the old one.",
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
        "containers-have-no-plain-secrets",
        "A task definition's environment is neither encrypted nor ever deleted.",
        _plain_text_secrets,
    ),
    rule(
        "tasks-are-isolated-from-hosts",
        "A task that shares its host's processes, network or files reaches all the other tasks there.",
        _part_of_host,
        types=_TYPES,
    ),
]
