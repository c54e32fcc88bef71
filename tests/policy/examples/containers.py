"""Examples for rules/containers.py."""

import json
from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_DIGEST = "repository@sha256:" + "0123456789abcdef" * 4
_CONTAINER = {
    "name": "api",
    "image": _DIGEST,
    "user": "10001:10001",
    "readonlyRootFilesystem": True,
    "environment": [{"name": "AWS_REGION", "value": "us-east-1"}],
}


def _definition(**changes: Any) -> Given:
    """Two containers, of which the second differs; a change to None takes the key out."""
    second = {key: value for key, value in {**_CONTAINER, "name": "sidecar", **changes}.items() if value is not None}
    return Given(
        type="aws:ecs/taskDefinition:TaskDefinition",
        inputs={"family": "orders", "containerDefinitions": json.dumps([_CONTAINER, second])},
        name="orders",
    )


def _told(name: str, value: str) -> Given:
    return _definition(environment=[{"name": "PORT", "value": "8080"}, {"name": name, "value": value}])


def _partly_known(**container: Any) -> Given:
    """As a list, which alone can be known in part; the SDK makes JSON of it, and that is known or not."""
    return Given(
        type="aws:ecs/taskDefinition:TaskDefinition",
        inputs={"family": "orders", "containerDefinitions": [UNKNOWN, {"name": "sidecar", **container}]},
        name="orders",
    )


_IMAGES = "containers-run-images-by-digest"
_IMAGE_EXAMPLES = [
    Example(
        rule=_IMAGES,
        case="not JSON, which the provider refuses",
        given=Given(
            type="aws:ecs/taskDefinition:TaskDefinition", inputs={"family": "orders", "containerDefinitions": "[{"}
        ),
    ),
    Example(rule=_IMAGES, case="a digest", given=_definition()),
    Example(
        rule=_IMAGES,
        case="a tag and a digest",
        given=_definition(image=_DIGEST.replace("@", ":v1@")),
    ),
    *(
        Example(
            rule=_IMAGES,
            case=image or "none",
            given=_definition(image=image),
            says=("orders", "container sidecar", str(image), "digest"),
        )
        for image in (None, "nginx", "repository:latest", "repository@sha256:0123", f"{_DIGEST}ff")
    ),
    Example(rule=_IMAGES, case="a tag, in part", given=_partly_known(image="nginx"), says=("nginx",)),
]

_ROOT = "containers-have-read-only-root"
_ROOT_EXAMPLES = [
    Example(rule=_ROOT, case="read-only", given=_definition()),
    Example(
        rule=_ROOT,
        case="read-only, written as the provider takes it too",
        given=_definition(readonlyRootFilesystem=None, ReadonlyRootFilesystem=True),
    ),
    *(
        Example(
            rule=_ROOT,
            case=f"readonlyRootFilesystem {value}",
            given=_definition(readonlyRootFilesystem=value),
            says=("orders", "container sidecar", "set readonlyRootFilesystem"),
        )
        for value in (None, False)
    ),
    Example(
        rule=_ROOT,
        case="writable, in part",
        given=_partly_known(readonlyRootFilesystem=False, image=UNKNOWN),
        says=("sidecar",),
    ),
]

_PRIVILEGES = "containers-run-without-privileges"
_PRIVILEGE_EXAMPLES = [
    Example(rule=_PRIVILEGES, case="a number", given=_definition(privileged=False)),
    Example(rule=_PRIVILEGES, case="a name", given=_definition(user="nobody")),
    *(
        Example(
            rule=_PRIVILEGES,
            case=f"user {user}",
            given=_definition(user=user),
            says=("orders", "container sidecar", "root", "set user"),
        )
        for user in (None, "", "root", "0", "0:0", "root:10001")
    ),
    Example(
        rule=_PRIVILEGES,
        case="privileged",
        given=_definition(privileged=True),
        says=("orders", "container sidecar", "is privileged", "remove privileged"),
    ),
    Example(
        rule=_PRIVILEGES,
        case="privileged, in part",
        given=_partly_known(privileged=True, user=UNKNOWN),
        says=("is privileged",),
    ),
]

_SECRETS = "containers-are-told-no-secrets"
_SECRET_EXAMPLES = [
    *(
        Example(rule=_SECRETS, case=f"{name}={value}", given=_told(name, value))
        for name, value in {
            "KEYSPACES_TABLE_TOKENS": "tokens",
            "TOKEN_URL": "https://example.com/token",
            "PASSWORD_FILE": "/run/secrets/password",
            "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a",
            "DB_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a",
            "TLS_PRIVATE_KEY": "/etc/key.pem",
            "REQUIRE_PASSWORD": "true",
            "PARTITION_KEY": "id",
            "MAX_TOKENS": "100",
            "SECRETARY": "Ann",
            "KEYSPACES_ENDPOINT": "cassandra.us-east-1.amazonaws.com:9142",
            "CALLBACK": "https://user@example.com/a:b",
        }.items()
    ),
    *(
        Example(
            rule=_SECRETS,
            case=f"{name}={value}",
            given=_told(name, value),
            says=("orders", "container sidecar", f"given {name} ", "valueFrom"),
        )
        for name, value in {
            "DB_PASSWORD": "hunter2",
            "password": "hunter2",
            "apiKey": "abc",
            "STRIPE_API_KEY": "abc",
            "AWS_SECRET_ACCESS_KEY": "abc",
            "AWS_ACCESS_KEY_ID": "abc",
            "GITHUB_TOKEN": "abc",
            "client-secret": "abc",
            "WHO": "AKIAIOSFODNN7EXAMPLE",
            "DATABASE_URL": "postgres://app:hunter2@db/orders",
            "PEM": "-----BEGIN RSA PRIVATE KEY-----\nabc",
        }.items()
    ),
    Example(
        rule=_SECRETS,
        case="keys written as the provider takes them too",
        given=_definition(environment=None, Environment=[{"Name": "DB_PASSWORD", "Value": "hunter2"}]),
        says=("DB_PASSWORD",),
    ),
    Example(
        rule=_SECRETS,
        case="one beside what is not yet known",
        given=_partly_known(environment=[UNKNOWN, {"name": "DB_PASSWORD", "value": "hunter2"}]),
        says=("DB_PASSWORD",),
    ),
]

_PARTLY_KNOWN_EXAMPLES = [
    Example(rule=rule, case="what is known is right", given=_partly_known(**_CONTAINER))
    for rule in (_IMAGES, _ROOT, _PRIVILEGES, _SECRETS)
]

EXAMPLES = [*_PARTLY_KNOWN_EXAMPLES, *_IMAGE_EXAMPLES, *_ROOT_EXAMPLES, *_PRIVILEGE_EXAMPLES, *_SECRET_EXAMPLES]
